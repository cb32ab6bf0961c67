"""Factorisations, inverses and functions of matrices, over LAPACK as NumPy gives it, with reports instead of exceptions
where one matrix of a stack fails."""

from __future__ import annotations

import numpy as np

from ...errors import LinAlgError
from .triangular import lu_factor

__all__ = [
    "cholesky",
    "det",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "exp_of_matrix",
    "householder_qr",
    "inverse",
    "inverse_with_info",
    "least_squares",
    "pseudo_inverse",
    "qr",
    "solve_matrix",
    "solve_with_info",
    "svd",
    "svdvals",
]


def _one_by_one(function, a, *others):
    """What `function` gives for each matrix of a stack, and its info; the results of failures are not numbers."""
    lead = np.broadcast_shapes(a.shape[:-2], *(b.shape[:-2] for b in others))
    stacks = [np.broadcast_to(b, (*lead, *b.shape[-2:])) for b in (a, *others)]
    out = np.full((*lead, *stacks[-1].shape[-2:]), np.nan, a.dtype)
    info = np.zeros(lead, np.int32)
    for i in np.ndindex(*lead):
        try:
            out[i] = function(*(stack[i] for stack in stacks))
        except np.linalg.LinAlgError:
            info[i] = 1
    return out, info


def _no_failure(lead):
    return np.zeros(lead, np.int32)


def inverse_with_info(a):
    """(inverse, info): info is the first i, counted from 1, with U[i, i] = 0 in a's LU factors, else 0."""
    try:
        return np.linalg.inv(a), _no_failure(a.shape[:-2])
    except np.linalg.LinAlgError:
        out, failed = _one_by_one(np.linalg.inv, a)
        return out, np.where(failed, np.maximum(lu_factor(a)[3], 1), 0).astype(np.int32)


def det(a):
    """The determinant."""
    return np.linalg.det(a)


def inverse(a):
    """The inverse; of a singular matrix, no numbers."""
    return inverse_with_info(a)[0]


def solve_with_info(a, b):
    """(x, info) with a x = b for stacks of matrices that broadcast."""
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    try:
        return np.linalg.solve(a, b), _no_failure(lead)
    except np.linalg.LinAlgError:
        out, failed = _one_by_one(np.linalg.solve, a, b)
        pivot = np.broadcast_to(np.maximum(lu_factor(a)[3], 1), lead)
        return out, np.where(failed, pivot, 0).astype(np.int32)


def solve_matrix(a, b):
    """x with a x = b for stacks of matrices that broadcast."""
    return solve_with_info(a, b)[0]


def cholesky(a):
    """(L, info) with a = L L^H; info is the order of the first leading minor that is not positive, else 0."""
    try:
        out, info = np.linalg.cholesky(a), _no_failure(a.shape[:-2])
    except np.linalg.LinAlgError:
        out, info = _one_by_one(np.linalg.cholesky, a)
        for i in np.argwhere(info):
            info[tuple(i)] = _first_bad_minor(a[tuple(i)])
    # LAPACK passes over what is not a number; its diagonal shows where it began.
    odd = np.isnan(np.diagonal(out, axis1=-2, axis2=-1)) & (info == 0)[..., None]
    if odd.any():
        info = np.where(odd.any(-1), odd.argmax(-1) + 1, info).astype(np.int32)
    return out, info


def _first_bad_minor(a) -> int:
    for n in range(1, a.shape[-1] + 1):
        try:
            np.linalg.cholesky(a[:n, :n])
        except np.linalg.LinAlgError:
            return n
    return a.shape[-1]


def _converged(name: str, function, a, *args, **named):
    """NumPy's result, or LinAlgError where LAPACK's iteration did not converge."""
    try:
        return function(a, *args, **named)
    except np.linalg.LinAlgError as error:
        odd = np.flatnonzero(~np.isfinite(a).all((-2, -1))) if a.ndim > 2 else ()
        element = f"(Batch element {odd[0]}): " if len(odd) else ""
        raise LinAlgError(
            f"linalg.{name}: {element}The algorithm failed to converge because the input matrix contains non-finite values, is "
            f"ill-conditioned or has too many repeated eigenvalues ({error})."
        ) from None


def eigh(a, lower: bool):
    """(eigenvalues, eigenvectors) of Hermitian matrices of which one triangle is read."""
    return tuple(_converged("eigh", np.linalg.eigh, a, "L" if lower else "U"))


def eigvalsh(a, lower: bool):
    """The eigenvalues of Hermitian matrices of which one triangle is read, in ascending order."""
    return _converged("eigh", np.linalg.eigvalsh, a, "L" if lower else "U")


def _finite(name: str, a) -> None:
    if not np.isfinite(a).all():
        raise RuntimeError(f"torch.linalg.{name}: input tensor should not contain infs or NaNs.")


def eig(a):
    """(eigenvalues, eigenvectors), complex, of square matrices."""
    kind = np.result_type(a.dtype, np.complex64)
    _finite("eig", a)
    w, v = _converged("eig", np.linalg.eig, a)
    return w.astype(kind, copy=False), v.astype(kind, copy=False)


def eigvals(a):
    """The eigenvalues, complex, of square matrices."""
    _finite("eigvals", a)
    return _converged("eigvals", np.linalg.eigvals, a).astype(np.result_type(a.dtype, np.complex64), copy=False)


def svd(a, full: bool):
    """(U, S, V^H) with a = U S V^H; U and V^H square if full."""
    return tuple(_converged("svd", np.linalg.svd, a, full))


def svdvals(a):
    """The singular values in descending order."""
    return _converged("svd", np.linalg.svd, a, compute_uv=False)


def qr(a, mode: str):
    """(Q, R); mode "reduced", "complete", or "r", which leaves Q empty."""
    if mode == "r":
        return np.empty(0, a.dtype), np.linalg.qr(a, "r")
    return tuple(np.linalg.qr(a, mode))


def householder_qr(a):
    """(a, tau): R on and above the diagonal, below it the vectors of the reflections, whose factors are tau."""
    h, tau = np.linalg.qr(a, "raw")
    return h.swapaxes(-1, -2), tau


def pseudo_inverse(a, cutoff, hermitian: bool):
    """The pseudo-inverse; with cutoff (atol, rtol), singular values up to max(atol, rtol * the largest) count as 0."""
    if hermitian:
        w, v = eigh(a, True)
        return (v * _reciprocal(w, np.abs(w), cutoff)[..., None, :]) @ v.conj().swapaxes(-1, -2)
    u, s, vh = svd(a, False)
    return (vh.conj().swapaxes(-1, -2) * _reciprocal(s, s, cutoff)[..., None, :]) @ u.conj().swapaxes(-1, -2)


def _reciprocal(s, size, cutoff):
    atol, rtol = cutoff
    largest = np.maximum.reduce(size, axis=-1, keepdims=True, initial=0)
    keep = size > np.maximum(np.asarray(atol)[..., None], np.asarray(rtol)[..., None] * largest)
    return np.where(keep, 1 / np.where(keep, s, 1), 0).astype(s.dtype)


def least_squares(a, b, rcond: float):
    """(x, rank, singular values): the shortest x for which |a x - b| is smallest."""
    u, s, vh = svd(a, False)
    keep = s > rcond * np.maximum.reduce(s, axis=-1, keepdims=True, initial=0)
    inverted = np.where(keep, 1 / np.where(keep, s, 1), 0).astype(s.dtype)
    x = vh.conj().swapaxes(-1, -2) @ (inverted[..., None] * (u.conj().swapaxes(-1, -2) @ b))
    return x, keep.sum(axis=-1), s


# Coefficients and the norm up to which the approximant of degree 13 is exact to double precision: Higham 2005,
# "The scaling and squaring method for the matrix exponential revisited", table 2.3 and equation 2.9.
_PADE = (
    *(64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600),
    *(670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1),
)
_RADIUS = 5.371920351148152


def exp_of_matrix(a):
    """The exponential of square matrices."""
    n = a.shape[-1]
    size = np.maximum.reduce(np.abs(a).sum(axis=-2), axis=-1, initial=0)
    halvings = np.ceil(np.log2(np.maximum(size / _RADIUS, 1)))
    halvings = np.where(np.isfinite(halvings), halvings, 0).astype(np.int64)[..., None, None]
    a = a / (2.0**halvings).astype(a.real.dtype)
    b, unit = _PADE, np.eye(n, dtype=a.dtype)
    a2 = a @ a
    a4 = a2 @ a2
    a6 = a4 @ a2
    odd = a @ (a6 @ (b[13] * a6 + b[11] * a4 + b[9] * a2) + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * unit)
    even = a6 @ (b[12] * a6 + b[10] * a4 + b[8] * a2) + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * unit
    out = solve_matrix(even - odd, even + odd)
    for k in range(int(np.maximum.reduce(halvings, axis=None, initial=0))):
        out = np.where(halvings > k, out @ out, out)
    return out

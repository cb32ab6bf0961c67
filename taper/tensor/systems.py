"""Determinants, inverses and systems of linear equations."""

from __future__ import annotations

import math

import numpy as np

from ..autograd.casting import in_float32
from ..autograd.dispatch import apply
from ..autograd.inplace import legacy_name
from ..autograd.outputs import into
from ..autograd.places import beside
from ..errors import warn_once
from ..ops import linalg as ops
from . import return_types
from .factory import on_host
from .matrix_checks import (
    SINGULAR,
    UNSOLVABLE,
    check_info,
    check_matrices,
    check_one_dtype,
    check_sides,
    check_square,
    check_tensor,
    check_two_dims,
    leading_shapes,
    outs,
)
from .products import matmul
from .reduction import sum
from .selection import where
from .shape import expand, permute, reshape, unsqueeze

__all__ = ["det", "logdet", "inverse", "pinverse", "triangular_solve", "cholesky_solve", "cholesky_inverse"]


def det(A, *, out=None):
    """The determinants of square matrices (..., n, n). RuntimeError for others, and for integers."""
    check_square("linalg.det", A)
    result = apply(ops.det, A)
    return result if out is None else into(out, result)


def slogdet(A, *, out=None):
    """(sign, logabsdet): the determinants are sign * exp(logabsdet); 0 and -inf for singular matrices."""
    check_square("linalg.slogdet", A)
    result = apply(ops.slogdet, A)
    return return_types.linalg_slogdet(outs(out, result))


def logdet(input):
    """The logarithms of the determinants of square matrices: NaN where one is negative, -inf where it is 0."""
    check_square("logdet", input)
    sign, size = apply(ops.slogdet, input)
    if input._array.dtype.kind == "c":
        return size + sign.log()
    return where(sign == -1, beside(size, np.asarray(np.nan, size._array.dtype)), size)


@in_float32
def inv(A, *, out=None):
    """The inverses of square matrices (..., n, n).

    LinAlgError for a singular one; RuntimeError for other shapes and types.
    """
    check_square("linalg.inv", A)
    result, info = apply(ops.inv, A)
    check_info("linalg.inv", info, SINGULAR)
    return result if out is None else into(out, result)


def inverse(input, *, out=None):
    """`linalg.inv`: the inverses of square matrices."""
    return inv(input, out=out)


@in_float32
def inv_ex(A, *, check_errors=False, out=None):
    """(inverse, info): info is 0, or for a singular matrix the number from 1 of the pivot that is zero."""
    check_square("linalg.inv", A, function="linalg_inv_ex")
    result, info = apply(ops.inv, A)
    if check_errors:
        check_info("linalg.inv_ex", info, SINGULAR)
    return return_types.linalg_inv_ex(outs(out, (result, info)))


def _right_sides(name: str, A, B, left: bool):
    """(matrices B, whether they were vectors), after checking that A and B fit."""
    check_tensor(name.replace(".", "_"), "B", B, 2)
    check_one_dtype(name, A, B)
    a, b = A._array.shape, B._array.shape
    vector = left and (len(b) == 1 or (len(a) - 1 == len(b) and a[:-1] == b))
    if vector:
        B = unsqueeze(B, -1)
    check_two_dims(name, B, "B")
    b = B._array.shape
    if b[-2 if left else -1] != a[-1]:
        equation = "AX = B" if left else "XA = B"
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {equation} ({a[-2]}x{a[-1]} and {b[-2]}x{b[-1]})"
        )
    leading_shapes(name, a, b)
    return B, vector


def _solved(name: str, A, B, left: bool):
    check_square("linalg.solve", A, function=name)
    B, vector = _right_sides("linalg.solve", A, B, left)
    if left:
        x, info = apply(ops.solve, A, B)
        return (x.squeeze(-1) if vector else x), info
    x, info = apply(ops.solve, A.mT, B.mT)
    return x.mT, info


@in_float32
def solve(A, B, *, left: bool = True, out=None):
    """X with A X = B, or X A = B if not left. B: vectors (n) or (..., n), or matrices (..., n, k); stacks broadcast.

    LinAlgError for a singular A; RuntimeError for shapes and types that do not fit.
    """
    x, info = _solved("linalg_solve", A, B, left)
    check_info("torch.linalg.solve", info, UNSOLVABLE)
    return x if out is None else into(out, x)


@in_float32
def solve_ex(A, B, *, left: bool = True, check_errors: bool = False, out=None):
    """(result, info): as `solve`, but a singular matrix is reported in info unless check_errors."""
    x, info = _solved("linalg_solve_ex", A, B, left)
    if check_errors:
        check_info("torch.linalg.solve_ex", info, UNSOLVABLE)
    return return_types.linalg_solve_ex(outs(out, (x, info)))


def solve_triangular(A, B, *, upper: bool, left: bool = True, unitriangular: bool = False, out=None):
    """X with A X = B, or X A = B if not left, where only A's upper or lower triangle counts. Stacks broadcast.

    unitriangular: A's diagonal counts as ones. A singular A gives infinities and NaNs.
    RuntimeError for shapes and types that do not fit.
    """
    check_square("linalg.solve_triangular", A)
    check_tensor("linalg_solve_triangular", "B", B, 2)
    check_two_dims("linalg.solve_triangular", B, "B")
    check_one_dtype("linalg.solve_triangular", A, B)
    a, b = A._array.shape, B._array.shape
    if b[-2 if left else -1] != a[-1]:
        raise RuntimeError(
            "linalg.solve_triangular: Incompatible shapes of A and B for the equation "
            f"{'AX = B' if left else 'XA = B'} ({a[-2]}x{a[-1]} and {b[-2]}x{b[-1]})"
        )
    leading_shapes("linalg.solve_triangular", a, b)
    result = apply(ops.solve_triangular, A, B, upper=bool(upper), left=bool(left), unit=bool(unitriangular))
    return result if out is None else into(out, result)


def triangular_solve(input, A, upper: bool = True, transpose: bool = False, unitriangular: bool = False, *, out=None):
    """(solution, cloned_coefficient): X with A X = input, or A^T X = input. Older than `linalg.solve_triangular`."""
    warn_once(
        "torch.triangular_solve is deprecated in favor of torch.linalg.solve_triangular and will be removed in a future "
        "PyTorch release."
    )
    T, high = (A.mT, not upper) if transpose else (A, upper)
    x = solve_triangular(T, input, upper=high, unitriangular=unitriangular)
    copy = expand(A, *x._array.shape[:-2], *A._array.shape[-2:]).clone()
    return return_types.triangular_solve(outs(out, (x, copy)))


def _cutoff(A, atol, rtol):
    """The tolerances as NumPy arrays: without either, the longer side * eps, relative to the largest value."""
    m, n = A._array.shape[-2:]
    atol, rtol = on_host(atol), on_host(rtol)
    if rtol is None:
        default = max(m, n) * float(np.finfo(A._array.dtype).eps)
        rtol = default if atol is None else np.where(np.asarray(atol) > 0, 0.0, default)
    return np.asarray(0.0 if atol is None else atol), np.asarray(rtol)


def pinv(A, *, atol=None, rtol=None, hermitian: bool = False, out=None):
    """The Moore-Penrose inverses of matrices (..., m, n), by singular values (eigenvalues if hermitian).

    Values up to max(atol, rtol * the largest) count as zero; rtol is max(m, n) * eps unless atol is given.
    """
    check_tensor("linalg_pinv", "A", A)
    array = A._array
    if array.ndim < 2 or array.dtype.kind in "biuV" or array.dtype == np.float16:
        raise RuntimeError(
            f"linalg.pinv({legacy_name(array.dtype)}{{{list(array.shape)}}}): expected a tensor with 2 or more "
            "dimensions of float, double, cfloat or cdouble types"
        )
    if hermitian:
        check_sides("linalg.pinv", A)
    result = apply(ops.pinv, A, cutoff=_cutoff(A, atol, rtol), hermitian=bool(hermitian))
    return result if out is None else into(out, result)


def pinverse(input, rcond: float = 1e-15):
    """`linalg.pinv` with rtol=rcond."""
    return pinv(input, rtol=rcond)


_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


@in_float32
def lstsq(A, B, rcond=None, *, driver: str | None = None, out=None):
    """(solution, residuals, rank, singular_values): the shortest X for which the norm of A X - B is smallest.

    rcond: singular values up to rcond * the largest count as zero (eps * max(m, n) by default). driver: which of
    LAPACK's algorithms PyTorch would use; Taper always takes singular values, and fills in what the driver has:
    residuals where A has full rank and more rows than columns (all but "gelsy", the default), rank (all but "gels"),
    singular_values ("gelsd", "gelss").
    """
    name = "torch.linalg.lstsq"
    check_tensor("linalg_lstsq", "input", A)
    check_tensor("linalg_lstsq", "B", B, 2)
    if A._array.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if B._array.ndim < 1:
        raise RuntimeError(f"{name}: other must have at least 1 dimension.")
    check_matrices(name, A, "input", "linalg_lstsq")
    if A._array.dtype != B._array.dtype:
        raise RuntimeError(
            f"{name}: Expected input and other to have the same dtype, but got input's dtype "
            f"{legacy_name(A._array.dtype)} and other's dtype {legacy_name(B._array.dtype)}"
        )
    if not 0 <= A._array.ndim - B._array.ndim <= 1:
        raise RuntimeError(
            f"{name}: input.dim() must be greater or equal to other.dim() and (input.dim() - other.dim()) <= 1, but got "
            f"{A._array.ndim} and {B._array.ndim}"
        )
    driver = "gelsy" if driver is None else driver
    if driver not in _DRIVERS:
        raise RuntimeError(f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), got {driver!r}")
    a, b = A._array.shape, B._array.shape
    vector = len(a) - 1 == len(b) and a[:-2] == b[:-1]
    B = unsqueeze(B, -1) if vector else B
    b = B._array.shape
    if len(b) < 2 or a[-2] != b[-2]:
        raise RuntimeError(
            f"{name}: input.size(-2) should match other.size({'-1' if vector else '-2'}), got {a} and {b}"
        )
    leading_shapes(name, a, b)
    if rcond is None:
        rcond = max(a[-2:]) * float(np.finfo(A._array.dtype).eps)
    x, rank, values = apply(ops.lstsq, A, B, rcond=float(rcond))
    residuals = x.reshape(-1)[:0].abs()  # none, with x's history
    if driver != "gelsy" and a[-2] > a[-1] and (driver == "gels" or bool((rank == a[-1]).all())):
        left_over = (matmul(A, x) - B).abs()
        residuals = sum(left_over * left_over, -2)
    rank = beside(A, np.empty(0, np.int64)) if driver == "gels" else rank
    if driver not in ("gelsd", "gelss"):
        values = beside(A, np.empty(0, values._array.dtype))
    return return_types.linalg_lstsq(outs(out, (x.squeeze(-1) if vector else x, residuals, rank, values)))


@in_float32
def cholesky_solve(input, L, upper: bool = False, *, out=None):
    """X with A X = input, where A = L L^H, or L^H L if upper."""
    name = "cholesky_solve"
    for t, argument in ((input, "b"), (L, "u")):
        if t._array.ndim < 2:
            raise RuntimeError(
                f"{argument} should have at least 2 dimensions, but has {t._array.ndim} dimensions instead"
            )
    check_square(name, L)
    a, b = L._array.shape, input._array.shape
    if a[-1] != b[-2]:
        raise RuntimeError(
            f"Incompatible matrix sizes for cholesky_solve: each A matrix is {a[-1]} by {a[-1]} but each b matrix is "
            f"{b[-2]} by {b[-1]}"
        )
    check_one_dtype(name, L, input)
    leading_shapes(name, a, b)
    result = apply(ops.cholesky_solve, input, L, upper=bool(upper))
    return result if out is None else into(out, result)


@in_float32
def cholesky_inverse(input, upper: bool = False, *, out=None):
    """The inverse of A = L L^H, or L^H L if upper, from its factor. LinAlgError for a zero on the factor's diagonal."""
    check_square("cholesky_inverse", input)
    zero = input.diagonal(0, -2, -1) == 0
    if zero._array.size:
        check_info("cholesky_inverse", zero.any(-1) * (zero.int().argmax(-1) + 1), SINGULAR)
    result = apply(ops.cholesky_inverse, input, upper=bool(upper))
    return result if out is None else into(out, result)


@in_float32
def tensorinv(A, ind: int = 2, *, out=None):
    """The inverse of A as a map from its last dimensions to its first `ind`, whose sizes have the same product."""
    shape = A._array.shape
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', got {ind}")
    rows, columns = shape[:ind], shape[ind:]
    if math.prod(rows) != math.prod(columns):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{math.prod(columns)} != {math.prod(rows)}"
        )
    result = reshape(inv(reshape(A, (math.prod(rows), math.prod(columns)))), (*columns, *rows))
    return result if out is None else into(out, result)


@in_float32
def tensorsolve(A, B, dims=None, *, out=None):
    """X with tensordot(A, X, X.ndim) = B. dims: dimensions of A that are moved to its end first."""
    if dims is not None:
        moved = [d % A._array.ndim for d in dims]
        A = permute(A, (*[d for d in range(A._array.ndim) if d not in moved], *moved))
    inner = A._array.shape[B._array.ndim :]
    if math.prod(inner) != B._array.size:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), "
            f"but got {math.prod(inner)} != {B._array.size}"
        )
    result = reshape(solve(reshape(A, (B._array.size, B._array.size)), reshape(B, (-1,))), inner)
    return result if out is None else into(out, result)

"""Singular values and principal components of large matrices, by random projection.

Halko, Martinsson and Tropp 2009, "Finding structure with randomness", algorithms 4.4 and 5.1.
"""

from __future__ import annotations

from .factorizations import qr, svd
from .products import matmul
from .random import randn
from .reduction import mean
from .shape import adjoint

__all__ = ["svd_lowrank", "pca_lowrank"]


def _basis(A, q: int, niter: int, M):
    """Orthonormal columns that span about what the first q left singular vectors of A - M span."""
    x = randn(A._array.shape[-1], q, dtype=A.dtype)

    def times(B, N, x):
        return matmul(B, x) if N is None else matmul(B, x) - matmul(N, x)

    AH, MH = adjoint(A), None if M is None else adjoint(M)
    Q = qr(times(A, M, x))[0]
    for _ in range(niter):
        Q = qr(times(AH, MH, Q))[0]
        Q = qr(times(A, M, Q))[0]
    return Q


def _whole(M, shape):
    return M.expand(shape) if M is not None else None


def svd_lowrank(A, q: int | None = 6, niter: int | None = 2, M=None):
    """(U, S, V) with U diag(S) V^H about A, or A - M: the q largest singular values of matrices (..., m, n).

    q may be a little more than the rank that is wanted. niter: how often the projection is refined. M broadcasts to A.
    The random projection follows `manual_seed`.
    """
    q = 6 if q is None else q
    M = _whole(M, A._array.shape)
    m, n = A._array.shape[-2:]
    if m < n:
        U, S, V = svd_lowrank(adjoint(A), q, niter, None if M is None else adjoint(M))
        return V, S, U
    Q = _basis(A, q, niter or 0, M)
    B = matmul(adjoint(Q), A)
    if M is not None:
        B = B - matmul(adjoint(Q), M)
    U, S, Vh = svd(B, False)
    return matmul(Q, U), S, adjoint(Vh)


def pca_lowrank(A, q: int | None = None, center: bool = True, niter: int = 2):
    """(U, S, V) of the rows of A, first centred if `center`: V's columns are the q principal directions.

    q is min(6, m, n) by default. ValueError for q or niter out of range.
    """
    m, n = A._array.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - mean(A, -2, True) if center else A, q, niter)

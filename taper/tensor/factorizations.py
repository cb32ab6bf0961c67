"""Factorisations of matrices: Cholesky, LU, QR, eigenvalues, singular values, under the names of `linalg`."""

from __future__ import annotations

import numpy as np

from ..autograd.casting import in_float32
from ..autograd.dispatch import apply
from ..autograd.inplace import legacy_name
from ..autograd.naming import shown_as
from ..autograd.outputs import into
from ..autograd.places import beside
from ..backends import namespace_of
from ..dtypes import HALF
from ..ops import linalg as ops
from . import return_types
from .arrangement import tril, triu
from .matrix_checks import (
    NOT_POSITIVE,
    check_info,
    check_matrices,
    check_sides,
    check_square,
    check_tensor,
    check_two_dims,
    not_implemented,
    outs,
)
from .products import matmul
from .shape import adjoint
from .systems import solve_triangular

__all__ = ["householder_product", "orgqr", "ormqr", "geqrf", "lu_unpack"]


def _factor(A, upper: bool):
    """(L, info), or (L^H, info) if upper: then only A's upper triangle is read."""
    L, info = apply(ops.cholesky, A, upper=bool(upper))
    return (adjoint(L) if upper else L), info


@in_float32
def cholesky(A, *, upper: bool = False, out=None):
    """L with A = L L^H, lower triangular (or A = U^H U if upper), for Hermitian positive-definite matrices.

    Only one triangle of A is read. LinAlgError for a matrix that is not positive-definite.
    """
    check_square("linalg.cholesky", A, "input")
    L, info = _factor(A, upper)
    check_info("linalg.cholesky", info, NOT_POSITIVE)
    return L if out is None else into(out, L)


@in_float32
def cholesky_ex(A, *, upper: bool = False, check_errors: bool = False, out=None):
    """(L, info): info is 0, or the order of the first leading minor that is not positive."""
    check_square("linalg.cholesky", A, "input", "linalg_cholesky_ex")
    L, info = _factor(A, upper)
    if check_errors:
        check_info("linalg.cholesky_ex", info, NOT_POSITIVE)
    return return_types.linalg_cholesky_ex(outs(out, (L, info)))


def _check_lu(name: str, function: str, A, pivot: bool) -> None:
    check_tensor(function, "A", A)
    array = A._array
    if array.ndim < 2:
        raise RuntimeError(f"{name}: Expected tensor with 2 or more dimensions. Got size: {list(array.shape)} instead")
    if array.dtype.kind in "biu" or array.dtype in HALF:
        raise not_implemented("lu_cpu", A)
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")


def lu_factor_ex(A, *, pivot: bool = True, check_errors: bool = False, out=None):
    """(LU, pivots, info): as `lu_factor`; info is 0, or the first i, counted from 1, with U[i, i] = 0."""
    _check_lu("torch.lu_factor", "linalg_lu_factor_ex", A, pivot)
    LU, pivots, info = apply(ops.lu_factor, A)
    if check_errors:
        check_info("torch.linalg.lu_factor_ex", info, _ZERO_PIVOT, RuntimeError)
    return return_types.linalg_lu_factor_ex(outs(out, (LU, pivots, info)))


_ZERO_PIVOT = (
    "U[{number},{number}] is zero and using it on lu_solve would result in a division by zero. If you still want to "
    "perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
)


def lu_factor(A, *, pivot: bool = True, out=None):
    """(LU, pivots) with A = P L U: L below the diagonal without its ones, U on and above it; pivots count from 1.

    RuntimeError if U has a zero on its diagonal, and for pivot=False.
    """
    _check_lu("torch.lu_factor", "linalg_lu_factor", A, pivot)
    LU, pivots, info = apply(ops.lu_factor, A)
    check_info("torch.linalg.lu_factor", info, _ZERO_PIVOT, RuntimeError)
    return return_types.linalg_lu_factor(outs(out, (LU, pivots)))


def lu(A, *, pivot: bool = True, out=None):
    """(P, L, U) with A = P L U: a permutation, unit lower and upper triangular. RuntimeError for pivot=False."""
    _check_lu("linalg.lu", "linalg_lu", A, pivot)
    LU, pivots, _ = apply(ops.lu_factor, A)
    return return_types.linalg_lu(outs(out, _unpacked(LU, pivots)))


def _unpacked(LU, pivots):
    """(P, L, U) of a factored stack."""
    m, n = LU._array.shape[-2:]
    k = min(m, n)
    P = apply(ops.permutation_matrix, pivots, rows=m, dtype=LU._array.dtype)
    ones = beside(LU, np.eye(m, k, dtype=LU._array.dtype))
    return P, tril(LU[..., :, :k], -1) + ones, triu(LU[..., :k, :])


def lu_unpack(LU_data, LU_pivots, unpack_data: bool = True, unpack_pivots: bool = True, *, out=None):
    """(P, L, U) from the result of `linalg.lu_factor`. What is not unpacked is an empty tensor."""
    check_tensor("lu_unpack", "LU_data", LU_data)
    if LU_data._array.ndim < 2:
        raise RuntimeError(
            f"torch.lu_unpack: Expected tensor with 2 or more dimensions. Got size: {list(LU_data._array.shape)} instead"
        )
    if LU_pivots._array.dtype != np.int32:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype. Note: this "
            "function is intended to be used with the output produced by torch.linalg.lu_factor"
        )
    n = LU_data._array.shape[-2]
    if namespace_of(LU_pivots._array).found((LU_pivots._array < 1) | (LU_pivots._array > n)):
        raise RuntimeError(
            f"pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive, which is {n}. Did you properly pass "
            "the result of lu_factor?"
        )
    P, L, U = _unpacked(LU_data, LU_pivots)
    nothing = beside(LU_data, np.empty(0, LU_data._array.dtype))
    P = P if unpack_pivots else nothing
    L, U = (L, U) if unpack_data else (nothing, nothing)
    return return_types.lu_unpack(outs(out, (P, L, U)))


@shown_as("LinalgLuSolveBackward0")
def lu_solve(LU, pivots, B, *, left: bool = True, adjoint: bool = False, out=None):
    """X with A X = B (X A = B if not left; A^H in A's place if adjoint), from `lu_factor(A)`."""
    check_square("linalg.lu_solve", LU, "LU")
    check_tensor("linalg_lu_solve", "B", B, 3)
    have, wanted = list(pivots._array.shape), list(LU._array.shape[:-1])
    if pivots._array.dtype != np.int32:
        raise RuntimeError("linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32")
    if have[-1:] != wanted[-1:]:
        raise RuntimeError(
            "linalg.lu_solve: Number of pivots per batch should be same as the dimension of the matrix, which is "
            f"{wanted[-1]}, but got pivots with shape {have}"
        )
    if have != wanted:
        raise RuntimeError(
            "linalg.lu_solve: Expected LU.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
            f"{have} instead"
        )
    if left is False:
        # X A = B is A^H X^H = B^H.
        result = lu_solve(LU, pivots, B.mH, adjoint=not adjoint).mH
        return result if out is None else into(out, result)
    P = apply(ops.permutation_matrix, pivots, rows=LU._array.shape[-1], dtype=LU._array.dtype)
    if adjoint:
        half = solve_triangular(LU.mH, B, upper=False)
        result = matmul(P, solve_triangular(LU.mH, half, upper=True, unitriangular=True))
    else:
        half = solve_triangular(LU, matmul(P.mT, B), upper=False, unitriangular=True)
        result = solve_triangular(LU, half, upper=True)
    return result if out is None else into(out, result)


@in_float32
def qr(A, mode: str = "reduced", *, out=None):
    """(Q, R) with A = Q R: Q has orthonormal columns, R is upper triangular. Matrices (..., m, n).

    mode "reduced": min(m, n) columns; "complete": m columns; "r": R alone, Q is empty.
    The gradient needs the first min(m, n) columns to be independent, and does not exist for "r" and for "complete" with
    m > n.
    """
    check_matrices("linalg.qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    return return_types.linalg_qr(outs(out, apply(ops.qr, A, mode=mode)))


@in_float32
def geqrf(input, *, out=None):
    """(a, tau): R on and above the diagonal, and below it the vectors of the reflections whose product is Q.

    Not differentiable.
    """
    check_matrices("geqrf", input)
    return return_types.geqrf(outs(out, apply(ops.householder_qr, input)))


@in_float32
def householder_product(A, tau, *, out=None):
    """The first n columns of the product of the reflections 1 - tau[i] v v^H, v being column i of A below 1 at row i.

    A (..., m, n) with m >= n, tau (..., k) with k <= n: what `geqrf` gives.
    """
    name = "torch.linalg.householder_product"
    check_tensor("linalg_householder_product", "input", A)
    check_tensor("linalg_householder_product", "tau", tau, 2)
    if A._array.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    _reflections_fit(name, A, tau)
    (m, n), k = A._array.shape[-2:], tau._array.shape[-1]
    if m < n:
        raise RuntimeError(f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1], got {m} and {n}")
    if n < k:
        raise RuntimeError(f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1], got {n} and {k}")
    if A._array.dtype.kind in "biu" or A._array.dtype in HALF:
        raise not_implemented("orgqr_cpu", A)
    unit = beside(A, np.eye(m, n, dtype=A._array.dtype))
    vectors = tril(A, -1) + unit
    result = tril(A, -m) + unit  # the unit matrix, with A's history
    for i in reversed(range(k)):
        v = vectors[..., i : i + 1]
        result = result - tau[..., i, None, None] * matmul(v, matmul(adjoint(v), result))
    return result if out is None else into(out, result)


def _reflections_fit(name: str, input, tau) -> None:
    if tau._array.ndim != input._array.ndim - 1:
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal to {tau._array.ndim} "
            f"and input.ndim is equal to {input._array.ndim}"
        )
    if tau._array.dtype != input._array.dtype:
        raise RuntimeError(
            f"{name}: tau dtype {legacy_name(tau._array.dtype)} does not match input dtype "
            f"{legacy_name(input._array.dtype)}"
        )


def ormqr(input, tau, other, left: bool = True, transpose: bool = False, *, out=None):
    """Q other, or other Q if not left, or with Q^H if transpose: Q is the square product of `geqrf`'s reflections.

    input (..., m, k), tau (..., k), other (..., m, n), or (..., n, m) if not left.
    """
    name, side = "torch.ormqr", -2 if left else -1
    if input._array.dtype != tau._array.dtype or input._array.dtype != other._array.dtype:
        raise RuntimeError(
            f"{name}: Expected input, tau and other to have the same dtype, but they have {input.dtype}, {tau.dtype} "
            f"and {other.dtype}"
        )
    if min(input._array.ndim, other._array.ndim) < 2:
        raise RuntimeError(f"{name}: input and other must have at least 2 dimensions.")
    _reflections_fit(name, input, tau)
    if other._array.ndim != input._array.ndim:
        raise RuntimeError(
            f"{name}: Expected other to have the same number of dimensions as input, but got other.ndim equal to "
            f"{other._array.ndim} and input.ndim is equal to {input._array.ndim}"
        )
    m, k = input._array.shape[-2], tau._array.shape[-1]
    if other._array.shape[side] != m:
        raise RuntimeError(f"{name}: other.shape[{side}] must be equal to input.shape[-2], got {list(other.shape)}")
    if k != min(m, input._array.shape[-1]):
        raise RuntimeError(f"{name}: tau.shape[-1] must be equal to min(other.shape[{side}], input.shape[-1]), got {k}")
    if input._array.dtype.kind in "biu" or input._array.dtype in HALF:
        raise not_implemented("ormqr_cpu", input)
    vectors = tril(input, -1) + beside(input, np.eye(*input._array.shape[-2:], dtype=input._array.dtype))
    tau = tau.conj() if transpose else tau
    result = other
    for i in range(k) if left == transpose else reversed(range(k)):
        v, scale = vectors[..., i : i + 1], tau[..., i, None, None]
        if left:
            result = result - scale * matmul(v, matmul(adjoint(v), result))
        else:
            result = result - scale * matmul(matmul(result, v), adjoint(v))
    return result if out is None else into(out, result)


def orgqr(input, tau, *, out=None):
    """`linalg.householder_product`."""
    return householder_product(input, tau, out=out)


def _check_hermitian(A, UPLO: str, function: str) -> bool:
    """Whether the lower triangle is the one to read."""
    check_tensor(function, "input", A)
    dtype = A._array.dtype
    if dtype.kind in "biu" or dtype in HALF:
        raise not_implemented("linalg_eigh_cpu", A)
    check_two_dims("linalg.eigh", A)
    check_sides("linalg.eigh", A)
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return UPLO.upper() == "L"


@in_float32
def eigh(A, UPLO: str = "L", *, out=None):
    """(eigenvalues, eigenvectors) of Hermitian matrices (..., n, n): real, ascending; columns of norm 1.

    Only the triangle UPLO ("L" or "U") is read. The gradient by the eigenvectors needs distinct eigenvalues, and a loss
    that does not depend on their signs (phases).
    """
    lower = _check_hermitian(A, UPLO, "linalg_eigh")
    return return_types.linalg_eigh(outs(out, apply(ops.eigh, A, lower=lower)))


@in_float32
def eigvalsh(A, UPLO: str = "L", *, out=None):
    """The eigenvalues of Hermitian matrices, of which only the triangle UPLO is read, in ascending order."""
    lower = _check_hermitian(A, UPLO, "linalg_eigvalsh")
    result = apply(ops.eigvalsh, A, lower=lower)
    return result if out is None else into(out, result)


def _check_general(name: str, A) -> None:
    check_tensor(f"linalg_{name}", "input", A)
    dtype = A._array.dtype
    if dtype.kind in "biu":
        raise RuntimeError(
            f"linalg.{name}: Unknown Complex ScalarType for {legacy_name(dtype)}. Convert first: x.float()."
        )
    if dtype in HALF:
        raise not_implemented("linalg_eig_out_cpu", A)
    check_two_dims(f"linalg.{name}", A)
    check_sides(f"linalg.{name}", A)


@in_float32
def eig(A, *, out=None):
    """(eigenvalues, eigenvectors), complex, of square matrices (..., n, n); the vectors are columns of norm 1.

    The gradient by the eigenvectors needs distinct eigenvalues, and a loss that does not depend on their phases.
    RuntimeError for infinities and NaNs.
    """
    _check_general("eig", A)
    return return_types.linalg_eig(outs(out, apply(ops.eig, A)))


@in_float32
def eigvals(A, *, out=None):
    """The eigenvalues, complex, of square matrices (..., n, n), in no order."""
    _check_general("eigvals", A)
    result = apply(ops.eigvals, A)
    return result if out is None else into(out, result)


@in_float32
def svd(A, full_matrices: bool = True, *, driver: str | None = None, out=None):
    """(U, S, Vh) with A = U S Vh: orthonormal columns, descending values, orthonormal rows. Matrices (..., m, n).

    U and Vh are square if full_matrices, else have min(m, n) columns and rows. The gradient by U and Vh needs distinct
    singular values, and a loss that does not depend on the signs (phases) of the columns.
    """
    check_matrices("linalg.svd", A)
    _no_driver(driver)
    return return_types.linalg_svd(outs(out, apply(ops.svd, A, full=bool(full_matrices))))


@in_float32
def svdvals(A, *, driver: str | None = None, out=None):
    """The singular values of matrices (..., m, n), in descending order."""
    check_matrices("linalg.svd", A, function="linalg_svdvals")
    _no_driver(driver)
    result = apply(ops.svdvals, A)
    return result if out is None else into(out, result)


def _no_driver(driver) -> None:
    if driver is not None:
        raise RuntimeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        )

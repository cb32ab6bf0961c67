"""The older functions of matrices that `torch` has outside `linalg`, and the methods of tensors."""

from __future__ import annotations

from ..autograd.casting import in_float32
from ..autograd.outputs import into
from ..errors import warn_once
from . import factorizations, return_types, systems
from .factorizations import geqrf, orgqr, ormqr
from .matrix_checks import NOT_POSITIVE, check_info, check_matrices, check_square, outs
from .matrix_functions import matrix_exp, matrix_power
from .shape import adjoint
from .systems import cholesky_inverse, cholesky_solve, det, inverse, logdet, pinverse, triangular_solve

__all__ = ["cholesky", "qr", "svd", "lu", "lu_solve", "slogdet"]


@in_float32
def cholesky(input, upper: bool = False, *, out=None):
    """`linalg.cholesky`: L with A = L L^H, or U with A = U^H U if upper."""
    warn_once(
        "torch.cholesky is deprecated in favor of torch.linalg.cholesky and will be removed in a future PyTorch release."
    )
    check_square("cholesky", input)
    L, info = factorizations.cholesky_ex(input, upper=upper)
    check_info("cholesky", info, NOT_POSITIVE)
    return L if out is None else into(out, L)


def qr(input, some: bool = True, *, out=None):
    """(Q, R): `linalg.qr` with mode "reduced", or "complete" if not `some`."""
    warn_once("torch.qr is deprecated in favor of torch.linalg.qr and will be removed in a future PyTorch release.")
    return return_types.qr(factorizations.qr(input, "reduced" if some else "complete", out=out))


@in_float32
def svd(input, some: bool = True, compute_uv: bool = True, *, out=None):
    """(U, S, V) with A = U S V^H: `linalg.svd`, which gives V^H. Without compute_uv U and V are square zeros."""
    check_matrices("linalg.svd", input)
    if compute_uv:
        U, S, Vh = factorizations.svd(input, not some)
        V = adjoint(Vh)
    else:
        *lead, m, n = input._array.shape
        S = factorizations.svdvals(input)
        U, V = input.new_zeros((*lead, m, m)), input.new_zeros((*lead, n, n))
    return return_types.svd(outs(out, (U, S, V)))


def lu(A, pivot: bool = True, get_infos: bool = False, out=None):
    """(LU, pivots), and infos if get_infos: `linalg.lu_factor_ex`."""
    warn_once(
        "torch.lu is deprecated in favor of torch.linalg.lu_factor / torch.linalg.lu_factor_ex and will be removed in a "
        "future PyTorch release."
    )
    LU, pivots, infos = factorizations.lu_factor_ex(A, pivot=pivot)
    if get_infos:
        return return_types.lu_with_info(outs(out, (LU, pivots, infos)))
    return outs(out, (LU, pivots))


def lu_solve(b, LU_data, LU_pivots, *, out=None):
    """X with A X = b, from `lu(A)`: `linalg.lu_solve` with the operands in another order."""
    return factorizations.lu_solve(LU_data, LU_pivots, b, out=out)


def slogdet(input):
    """(sign, logabsdet): `linalg.slogdet`."""
    return return_types.slogdet(systems.slogdet(input))


class MatrixMethods:
    """Functions of matrices as methods."""

    __slots__ = ()

    det = det
    slogdet = slogdet
    logdet = logdet
    inverse = inverse
    pinverse = pinverse
    cholesky = cholesky
    cholesky_solve = cholesky_solve
    cholesky_inverse = cholesky_inverse
    triangular_solve = triangular_solve
    qr = qr
    geqrf = geqrf
    orgqr = orgqr
    ormqr = ormqr
    svd = svd
    lu = lu
    lu_solve = lu_solve
    matrix_power = matrix_power
    matrix_exp = matrix_exp

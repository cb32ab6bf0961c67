"""Symmetric and Hermitian systems that need not be positive definite, under the names of `linalg`."""

from __future__ import annotations

from ..autograd.dispatch import apply
from ..autograd.inplace import legacy_name
from ..autograd.outputs import into
from ..ops import linalg as ops
from . import return_types
from .matrix_checks import check_info, check_one_dtype, check_square, check_tensor, check_two_dims, outs

__all__: list[str] = []


def ldl_factor_ex(A, *, hermitian: bool = False, check_errors: bool = False, out=None):
    """(LD, pivots, info) with A = P L D L^T P^T (L^H if hermitian), of matrices (..., n, n) whose lower triangle is read.

    D has blocks of size 1 and 2. A pivot p > 0 says that rows k and p - 1 changed places; two equal ones below zero
    stand for a block of size 2. info is 0, or the first zero block, from 1. Not differentiable.
    """
    check_square("torch.linalg.ldl_factor_ex", A, function="linalg_ldl_factor_ex")
    LD, pivots, info = apply(ops.ldl_factor, A, hermitian=bool(hermitian))
    if check_errors:
        check_info("torch.linalg.ldl_factor_ex", info, _ZERO_BLOCK, RuntimeError)
    return return_types.linalg_ldl_factor_ex(outs(out, (LD, pivots, info)))


_ZERO_BLOCK = "the block of D at row {number} is zero, so that A is singular and D cannot be inverted."


def ldl_factor(A, *, hermitian: bool = False, out=None):
    """(LD, pivots): `ldl_factor_ex`, with a RuntimeError where D is singular."""
    LD, pivots, _ = ldl_factor_ex(A, hermitian=hermitian, check_errors=True)
    return return_types.linalg_ldl_factor(outs(out, (LD, pivots)))


def ldl_solve(LD, pivots, B, *, hermitian: bool = False, out=None):
    """X with A X = B, from `ldl_factor(A)`. B (..., n, k); stacks broadcast. Not differentiable."""
    name = "torch.linalg.ldl_solve"
    check_tensor("linalg_ldl_solve", "LD", LD)
    check_square(name, LD, function="linalg_ldl_solve")
    check_tensor("linalg_ldl_solve", "B", B, 3)
    check_two_dims(name, B, "B")
    check_one_dtype(name, LD, B)
    n = LD._array.shape[-1]
    if B._array.shape[-2] != n:
        raise RuntimeError(
            f"{name}: Incompatible shapes of LD and B: {list(LD._array.shape)} and {list(B._array.shape)}"
        )
    if pivots._array.dtype.kind not in "iu":
        raise RuntimeError(
            f"{name}: Expected pivots to be integers. Got {legacy_name(pivots._array.dtype)}: give those of ldl_factor."
        )
    if pivots._array.shape != LD._array.shape[:-1]:
        raise RuntimeError(
            f"{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
            f"{list(pivots._array.shape)}"
        )
    result = apply(ops.ldl_solve, LD, pivots, B, hermitian=bool(hermitian))
    return result if out is None else into(out, result)

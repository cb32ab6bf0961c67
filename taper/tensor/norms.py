"""Norms of vectors, and distances."""

from __future__ import annotations

import math

from ..autograd.casting import in_float32
from ..autograd.dispatch import apply
from ..autograd.inplace import inplace, legacy_name
from ..autograd.naming import shown, shown_as
from ..autograd.outputs import into
from ..ops import reduction as ops
from . import dims
from .kinds import refuse
from .reduction import array_of, axes_of, converted
from .selection import where

__all__ = ["norm", "dist", "cdist", "renorm"]


def norm(input, p: float | str | None = "fro", dim=None, keepdim=False, out=None, dtype=None):
    """The p-norm of all elements, or of the vectors along `dim`: p a number, infinity, "fro" (2) or "nuc" of matrices.

    The gradient is zero where the norm is. RuntimeError for integers and bools, and for the largest of nothing.
    """
    array_of(input, ops.norm)
    if input.is_sparse:
        return input.norm(p, dim, keepdim, dtype)
    input = converted(input, dtype)
    array = input._array
    if array.dtype.kind in "biu":
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{legacy_name(array.dtype)}. Convert first: input.float()."
        )
    if p == "nuc":
        from .matrix_norms import matrix_norm

        result = matrix_norm(input, "nuc", (0, 1) if dim is None else dim, keepdim)
    else:
        if isinstance(p, str) and p != "fro":
            raise RuntimeError(f'norm: p must be a number, "fro" or "nuc", not "{p}"')
        order = 2.0 if p == "fro" or p is None else float(p)
        axis = None if dim is None else axes_of(input, dim, "linalg.vector_norm")
        if array.size == 0 and (order < 0 or order == math.inf):
            _refuse_empty_norm(array, axis, order)
        result = apply(ops.norm, input, p=order, axis=axis, keepdims=keepdim)
    return result if out is None else into(out, result)


def _refuse_empty_norm(array, axis, order: float) -> None:
    """Norms that have no value for an empty vector."""
    if axis is None or 0 in [array.shape[i] for i in axis]:
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {order} norm on an empty "
            f"{'tensor' if axis is None else 'dimension'} because the operation does not have an identity; "
            f"the shape is {array.shape}"
        )


@shown_as("DistBackward0")
def dist(input, other, p: float = 2):
    """The p-norm of the difference of two tensors, which broadcast."""
    return norm(input - other, p)


@shown_as("RenormBackward0")
def renorm(input, p: float, dim: int, maxnorm: float, *, out=None):
    """The slices along `dim`, those scaled down whose p-norm exceeds maxnorm."""
    ndim = array_of(input, ops.norm).ndim
    if not p > 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if not maxnorm >= 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    if ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {ndim} dimensions")
    axis = dims.one(dim, ndim)
    size = norm(input, p, tuple(i for i in range(ndim) if i != axis), True)
    result = input * where(size > maxnorm, maxnorm / (size + 1e-7), 1.0)
    return result if out is None else into(out, result)


_FEW = 25


@in_float32
def cdist(x1, x2, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary"):
    """The p-norm distances of every row of x1 to every row of x2: (*, P, M) and (*, R, M) give (*, P, R).

    Leading dimensions broadcast. Euclidean distances of many rows are taken from a matrix product, faster and less
    exact; compute_mode "use_mm_for_euclid_dist" does so always, "donot_use_mm_for_euclid_dist" never. The gradient is
    zero where the distance is. RuntimeError for integers and for rows of different lengths.
    """
    a, b = array_of(x1, ops.norm), array_of(x2, ops.norm)
    for name, array in (("X1", a), ("X2", b)):
        if array.dtype.kind in "biuc":
            raise RuntimeError(f"cdist only supports floating-point dtypes, {name} got: {legacy_name(array.dtype)}")
        if array.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {array.ndim}D")
    if a.shape[-1] != b.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {a.shape[-1]} X2: {b.shape[-1]}, "
            f"from shapes {a.shape} and {b.shape}"
        )
    if not p >= 0:
        raise RuntimeError(f"cdist only supports non-negative p values, got {p}")
    if a.dtype != b.dtype:
        raise RuntimeError(f"expected scalar type {legacy_name(a.dtype)} but found {legacy_name(b.dtype)}")
    product = {
        "use_mm_for_euclid_dist": True,
        "donot_use_mm_for_euclid_dist": False,
        "use_mm_for_euclid_dist_if_necessary": a.shape[-2] > _FEW or b.shape[-2] > _FEW,
    }.get(compute_mode)
    if product is None:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    if p != 2 or not product:
        refuse(a, "cdist", "h")
        apart = x1.unsqueeze(-2) - x2.unsqueeze(-3)
        if p == math.inf and a.shape[-1]:
            return apply(ops.farthest, apart)
        # Of rows without columns every distance is 0, where the largest of nothing would be an error.
        return shown(norm(apart, p if a.shape[-1] else 2, -1), "CdistBackward0")
    squares = (x1 * x1).sum(-1, True) + (x2 * x2).sum(-1).unsqueeze(-2) - 2 * (x1 @ x2.transpose(-2, -1))
    together = squares <= 0  # NaN stays
    return where(together, 0.0, where(together, 1.0, squares).sqrt())


class NormMethods:
    """Norms as methods."""

    __slots__ = ()

    norm = norm
    dist = dist
    renorm = renorm
    renorm_ = inplace(renorm)

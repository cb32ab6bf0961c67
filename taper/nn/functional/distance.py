"""Distances and similarities."""

from __future__ import annotations

import numpy as np

from ... import dtypes
from ...autograd.dispatch import apply
from ...autograd.inplace import legacy_name
from ...autograd.naming import shown, shown_as
from ...ops.reduction import norm as _norm
from ...tensor.kinds import refuse
from ...tensor.shape import broadcast_tensors


def pairwise_distance(x1, x2, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False):
    """The p-norm of x1 - x2 + eps over the last dimension."""
    return shown((x1 - x2 + eps).norm(p, -1, keepdim), "NormBackward1")


def cosine_similarity(x1, x2, dim: int = 1, eps: float = 1e-8):
    """x1 . x2 / (|x1| |x2|) along a dimension of both broadcast, each norm at least eps.

    RuntimeError unless their common dtype is floating.
    """
    common = dtypes.promote_types(x1._array.dtype, x2._array.dtype)
    if dtypes.category(common) != dtypes.FLOATING:
        raise RuntimeError(
            "cosine_similarity: expected common dtype to be floating point, yet common dtype is "
            f"{legacy_name(common)}. Convert first: x.float()."
        )
    if not eps >= 0:
        raise RuntimeError(f"eps must be non-negative, got: {eps:g} (cosine_similarity)")
    x1, x2 = broadcast_tensors(*(x.to(dtypes.from_numpy(common)) for x in (x1, x2)))
    norms = [x.norm(2, dim, keepdim=True) for x in (x1, x2)]
    # eps bounds the value and not the gradient's path.
    n1, n2 = (n + (n.detach().clamp_min(eps) - n.detach()) for n in norms)
    return ((x1 / n1) * (x2 / n2)).sum(dim)


@shown_as("PdistBackward0")
def pdist(input, p: float = 2.0):
    """The p-norm distances of all pairs of rows, in order."""
    if input._array.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input._array.ndim}D")
    if input._array.dtype.kind not in "fV":
        raise RuntimeError(f"pdist only supports floating-point dtypes, got: {input.dtype}")
    refuse(input._array, "pdist", "h")
    if p < 0:
        raise RuntimeError(f"pdist only supports non-negative p values, got {p}")
    i, j = np.triu_indices(input._array.shape[0], 1)
    first, second = (input[list(k)] if len(k) else input[:0] for k in (i, j))
    return apply(_norm, first - second, p=p, axis=(1,), keepdims=False)

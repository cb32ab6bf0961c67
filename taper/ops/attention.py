"""Scaled dot-product attention (Vaswani et al. 2017), fused.

What is kept for the gradient is a namespace's own choice: the weights, or the logarithm of each query's sum of exponentials,
from which native kernels find them again. Second derivatives compute by the formulas below.
"""

from __future__ import annotations

import math

from .operator import op

# q (..., L, E), k (..., S, E), v (..., S, V); mask: bools (True: visible) or numbers to add to the scores, or None;
# drop: a dropout mask over the weights (..., L, S), or None. causal: query i sees the keys 0 to i.
attention = op(
    "attention",
    lambda xp, q, k, v, mask, drop, *, scale, causal: xp.attention(q, k, v, mask, drop, scale, causal),
    aux=("kept",),
    broadcasts=True,
    grad_name="ScaledDotProductFlashAttentionForCpuBackward0",
    joint=lambda xp, g, q, k, v, mask, drop, out, kept, scale, causal, needs: xp.attention_grad(
        g, q, k, v, mask, drop, out, kept, scale, causal, needs
    ),
)


def scores_of(xp, q, k, mask, scale, causal):
    """scale * q @ k.mT + mask (..., L, S), minus infinity where a key is hidden."""
    scores = xp.matmul(q, xp.matrix_transpose(k)) * scale
    hidden = xp.full_like(scores, -math.inf)
    if causal:
        scores = xp.where(xp.triangle_beside(scores), scores, hidden)
    if mask is not None:
        scores = xp.where(mask, scores, hidden) if mask.dtype.kind == "b" else scores + mask
    return scores


def weights_of(xp, q, k, mask, scale, causal):
    """The softmax of the scores (..., L, S); 0, not NaN, for a query to which everything is hidden."""
    scores = scores_of(xp, q, k, mask, scale, causal)
    weights = xp.softmax(scores, -1)
    alone = xp.all(scores == -math.inf, axis=-1, keepdims=True)
    return xp.where(alone, xp.zeros_like(weights), weights)


def slopes(xp, g, q, k, v, drop, weights, scale, needs):
    """The gradients of q, k, v and mask, None for those not needed, and None for drop."""
    dv = xp.matmul(xp.matrix_transpose(weights if drop is None else weights * drop), g)
    dw = xp.matmul(g, xp.matrix_transpose(v))
    dw = dw if drop is None else dw * drop
    ds = weights * (dw - xp.sum(dw * weights, axis=(weights.ndim - 1,), keepdims=True))
    dq, dk = xp.matmul(ds, k) * scale, xp.matmul(xp.matrix_transpose(ds), q) * scale
    return (*(d if need else None for d, need in zip((dq, dk, dv, ds), needs)), None)

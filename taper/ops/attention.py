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

# joint (N, L, 3 E): queries, keys and values beside each other, of `heads` heads each; mask, drop: as above, of (N, heads, L, L).
# The result is (N, L, E).
joint_attention = op(
    "joint_attention",
    lambda xp, joint, mask, drop, *, heads, scale, causal: _joint(xp, joint, mask, drop, heads, scale, causal),
    aux=("kept",),
    broadcasts=True,
    grad_name="ScaledDotProductFlashAttentionForCpuBackward0",
    joint=lambda xp, g, joint, mask, drop, out, kept, heads, scale, causal, needs: _joint_slopes(
        xp, g, joint, mask, drop, out, kept, heads, scale, causal, needs
    ),
)


def _split(xp, x, heads: int):
    """(N, L, H D) as (N, H, L, D)."""
    return xp.permute_dims(xp.reshape(x, (*x.shape[:2], heads, x.shape[2] // heads)), (0, 2, 1, 3))


def _parts(xp, joint, heads: int):
    """The heads of queries, keys and values."""
    width = joint.shape[2] // 3
    return [_split(xp, joint[:, :, i * width : (i + 1) * width], heads) for i in range(3)]


def _joint(xp, joint, mask, drop, heads, scale, causal):
    out, kept = xp.attention(*_parts(xp, joint, heads), mask, drop, scale, causal)
    # Tensors, for derivatives of derivatives, compute no more than what is kept.
    return None if out is None else _rows(xp, out), kept


def _rows(xp, x):
    """(N, H, L, D) as (N, L, H D)."""
    n, heads, length, features = x.shape
    return xp.reshape(xp.permute_dims(x, (0, 2, 1, 3)), (n, length, heads * features))


def beside(xp, parts):
    """Arrays (N, H, L, D) as (N, L, 3 H D)."""
    return xp.concat([_rows(xp, p) for p in parts], axis=2)


def _joint_slopes(xp, g, joint, mask, drop, out, kept, heads, scale, causal, needs):
    own = (needs[0],) * 3 + (needs[1],)
    g, out = _split(xp, g, heads), _split(xp, out, heads)
    *made, slope, _ = xp.attention_grad(g, *_parts(xp, joint, heads), mask, drop, out, kept, scale, causal, own)
    return xp.rejoined(made) if needs[0] else None, slope, None


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

"""Scaled dot-product attention (Vaswani et al. 2017), fused: only the weights are kept for the gradient."""

from __future__ import annotations

from .operator import op

# q (..., L, E), k (..., S, E), v (..., S, V); mask: bools (True: visible) or numbers to add to the scores, or None;
# drop: a dropout mask over the weights (..., L, S), or None. causal: query i sees the keys 0 to i.
attention = op(
    "attention",
    lambda xp, q, k, v, mask, drop, *, scale, causal: xp.attention(q, k, v, mask, drop, scale, causal),
    aux=("weights",),
    broadcasts=True,
    grad_name="ScaledDotProductFlashAttentionForCpuBackward0",
    joint=lambda xp, g, q, k, v, mask, drop, weights, scale, causal, needs: xp.attention_grad(
        g, q, k, v, mask, drop, weights, scale, causal, needs
    ),
)

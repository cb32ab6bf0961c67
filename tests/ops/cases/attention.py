"""Attention."""

from __future__ import annotations

import numpy as np

from ..case import FLOATS, HALVES, Case, Error, real

Q, K, V = real(2, 3, 4, 5, seed="q"), real(2, 3, 6, 5, seed="k"), real(2, 3, 6, 2, seed="v")
SOME = np.array([[True, False, True, True, False, True]] * 3 + [[False] * 6])
ADDED = real(4, 6)
GROUPS = real(2, 4, 3, 5, seed="q"), real(2, 2, 6, 5, seed="k"), real(2, 2, 6, 5, seed="v")


X, W, B, WO, BO = real(4, 2, 6), real(18, 6, seed="w"), real(18, seed="b"), real(6, 6, seed="o"), real(6, seed="c")


def of_itself(T, x, w, b, w_out, b_out, mask=None):
    """Attention of three heads of a sequence (4, 2, 6) to itself."""
    run = T.nn.functional.multi_head_attention_forward
    options = dict(need_weights=False, attn_mask=mask)
    return run(x, x, x, 6, 3, w, b, None, None, False, 0.0, w_out, b_out, **options)[0]


def F(**options):
    return lambda T, q, k, v, *mask: T.nn.functional.scaled_dot_product_attention(q, k, v, *mask, **options)


CASES = [
    Case("attention", F(), (Q, K, V), dtypes=(*FLOATS, *HALVES), rtol=1e-4),
    Case("attention.scaled", F(scale=0.3), (Q, K, V)),
    Case("attention.causal", F(is_causal=True), (Q, K, V)),
    Case("attention.causal, fewer keys", F(is_causal=True), (K, Q, Q), second=False),
    Case("attention.hidden", F(), (Q, K, V, SOME)),
    Case("attention.added", F(), (Q, K, V, ADDED)),
    Case("attention.all hidden by infinity", F(), (Q, K, V, np.where(SOME, 0, -np.inf)), smooth=False, second=False),
    Case("attention.matrices", F(), (Q[0, 0].copy(), K[0, 0].copy(), V[0, 0].copy())),
    Case("attention.broadcast", F(), (Q, K[:1, :1].copy(), V[:, :1].copy())),
    Case("attention.groups of heads", F(enable_gqa=True), GROUPS, second=False),
    Case("attention.groups of heads, hidden", F(enable_gqa=True), (*GROUPS, SOME[:3].copy()), second=False),
    Case("attention.groups of heads, a mask each", F(enable_gqa=True), (*GROUPS, real(4, 3, 6)), second=False),
    Case("joint_attention", of_itself, (X, W, B, WO, BO), dtypes=FLOATS, rtol=1e-4, second=False),
    Case("joint_attention.added", of_itself, (X, W, B, WO, BO, real(4, 4)), second=False),
    Case("joint_attention.hidden", of_itself, (X, W, B, WO, BO, SOME[:, :4].copy()), second=False),
    Error(
        "attention with a mask and causal",
        F(is_causal=True),
        RuntimeError,
        "attn_mask should not be set when is_causal=True",
        (Q, K, V, ADDED),
    ),
    Error(
        "attention of two dtypes",
        lambda T, q, k, v: F()(T, q, k.float(), v),
        RuntimeError,
        "to have the same dtype",
        (Q, K, V),
    ),
    Error(
        "attention with a mask of integers",
        F(),
        RuntimeError,
        "attn_mask dtype to be bool or float",
        (Q, K, V, np.ones((4, 6), np.int64)),
    ),
]

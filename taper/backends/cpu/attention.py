"""Attention weights of NumPy arrays, and the gradients that go through them."""

from __future__ import annotations

import numpy as np

__all__ = ["attention", "attention_grad"]


def attention(q, k, v, mask, drop, scale, causal):
    """softmax(scale * q @ k.mT + mask) @ v: (out, weights). drop multiplies the weights; see ops/attention.py."""
    scores = np.matmul(q * q.dtype.type(scale), k.swapaxes(-1, -2))
    if causal:
        length, keys = scores.shape[-2:]
        scores[..., np.arange(keys) > np.arange(length)[:, None]] = -np.inf
    if mask is not None:
        if mask.dtype.kind == "b":
            scores = np.where(mask, scores, scores.dtype.type(-np.inf))
        else:
            scores = scores + mask
    # A query to which everything is hidden has weights 0, not NaN.
    top = np.maximum.reduce(scores, axis=-1, keepdims=True, initial=-np.inf)
    top[np.isneginf(top)] = 0
    scores -= top
    weights = np.exp(scores, out=scores)
    total = np.add.reduce(weights, axis=-1, keepdims=True)
    total[total == 0] = 1
    weights /= total
    return np.matmul(weights if drop is None else weights * drop, v), weights


def attention_grad(g, q, k, v, mask, drop, weights, scale, causal, needs):
    """The gradients of q, k, v and mask, None for those not needed, with their leading dimensions broadcast."""
    dq = dk = dv = ds = None
    if needs[2]:
        dv = np.matmul((weights if drop is None else weights * drop).swapaxes(-1, -2), g)
    if needs[0] or needs[1] or needs[3]:
        ds = np.matmul(g, v.swapaxes(-1, -2))
        if drop is not None:
            ds *= drop
        ds -= np.einsum("...j,...j->...", ds, weights)[..., None]
        ds *= weights
        if needs[0]:
            dq = np.matmul(ds, k) * q.dtype.type(scale)
        if needs[1]:
            dk = np.matmul(ds.swapaxes(-1, -2), q) * q.dtype.type(scale)
    return dq, dk, dv, ds if needs[3] else None, None

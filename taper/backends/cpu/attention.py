"""Attention of NumPy arrays, and its gradients: natively where the compiler is there and it pays, else by NumPy.

NumPy's way keeps the weights, transposed, (..., S, L): NumPy reduces over a leading axis of a matrix many times faster than
over its rows. The native one keeps the logarithm of each query's sum of exponentials, (..., L).
"""

from __future__ import annotations

import math

import numpy as np

from .large import Native

NATIVE = 1 << 16
"""Multiplications from which attention runs natively, for more than a few queries."""

FEW = 4

WIDEST = 256
"""Features of queries, or of values, up to which it does: native kernels have blocks of them on the stack."""

__all__ = ["attention", "attention_grad", "rejoined"]


def _turned(x):
    return x.swapaxes(-1, -2)


def _pays(q, k, v) -> bool:
    length = q.shape[-2]
    batch = max(math.prod(q.shape[:-2]), math.prod(k.shape[:-2]))
    if length < FEW or max(q.shape[-1], v.shape[-1]) > WIDEST:
        return False
    return batch * length * k.shape[-2] * (q.shape[-1] + v.shape[-1]) >= NATIVE


def attention(q, k, v, mask, drop, scale, causal):
    """softmax(scale * q @ k.mT + mask) @ v, and what its gradient needs. drop multiplies the weights."""
    if Native.attention is not None and q.__class__ is np.ndarray and _pays(q, k, v):
        made = Native.attention(q, k, v, mask, drop, scale, causal)
        if made is not NotImplemented:
            return made
    return _with_weights(q, k, v, mask, drop, scale, causal)


def _with_weights(q, k, v, mask, drop, scale, causal):
    """softmax(scale * q @ k.mT + mask) @ v: (out, transposed weights)."""
    scores = np.matmul(k, _turned(q * q.dtype.type(scale)))
    keys, length = scores.shape[-2:]
    hidden = scores.dtype.type(-np.inf)
    if causal:
        scores += np.where(np.arange(keys)[:, None] > np.arange(length), hidden, scores.dtype.type(0))
    if mask is not None:
        mask = _turned(np.atleast_2d(mask))
        scores = np.where(mask, scores, hidden) if mask.dtype.kind == "b" else scores + mask
    top = np.maximum.reduce(scores, axis=-2, keepdims=True, initial=hidden)
    # A query to which everything is hidden has weights 0, not NaN.
    scores -= np.where(np.isneginf(top), scores.dtype.type(0), top)
    weights = np.exp(scores, out=scores)
    total = np.matmul(np.ones((1, keys), weights.dtype), weights)
    total[total == 0] = 1
    weights /= total
    return np.matmul(_turned(_dropped(weights, drop)), v), weights


def _dropped(weights, drop):
    return weights if drop is None else weights * _turned(drop)


def attention_grad(g, q, k, v, mask, drop, out, kept, scale, causal, needs):
    """The gradients of q, k, v and mask, None for those not needed, with their leading dimensions broadcast."""
    weights = kept
    if kept.ndim < out.ndim:
        if not needs[3] and Native.attention_grad is not None:
            made = Native.attention_grad(g, q, k, v, mask, drop, out, kept, scale, causal)
            if made is not NotImplemented:
                return (*(d if need else None for d, need in zip(made, needs)), None, None)
        weights = _with_weights(q, k, v, mask, drop, scale, causal)[1]
    dq = dk = dv = ds = None
    if needs[2]:
        dv = np.matmul(_dropped(weights, drop), g)
    if needs[0] or needs[1] or needs[3]:
        ds = np.matmul(v, _turned(g))
        if drop is not None:
            ds *= _turned(drop)
        ds -= np.einsum("...sl,...sl->...l", ds, weights)[..., None, :]
        ds *= weights
        if needs[0]:
            dq = np.matmul(_turned(ds), k) * q.dtype.type(scale)
        if needs[1]:
            dk = np.matmul(ds, q) * q.dtype.type(scale)
    return dq, dk, dv, _turned(ds) if needs[3] else None, None


def rejoined(parts):
    """Arrays (N, H, L, D) of new numbers as (N, L, 3 H D): the memory that they share, where native code has made them so."""
    first = parts[0]
    n, heads, length, features = first.shape
    whole = first.base
    if whole.__class__ is np.ndarray and whole.ndim == 1 and parts[1].base is whole and parts[2].base is whole:
        step, _, along, each = first.strides
        return np.ndarray((n, length, 3 * heads * features), whole.dtype, whole, 0, (step, along, each))
    return np.concatenate([p.transpose(0, 2, 1, 3).reshape(n, length, heads * features) for p in parts], axis=-1)

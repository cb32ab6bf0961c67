"""The logistic function, softmax and its logarithm on NumPy arrays: the largest element is taken out first, so nothing overflows."""

from __future__ import annotations

import numpy as np

__all__ = ["softmax", "sigmoid", "log_softmax", "cross_entropy", "cross_entropy_grad"]


def softmax(x, axis):
    """exp(x) / sum(exp(x)) along an axis."""
    if x.size == 0:
        return x.copy()
    out = np.exp(x - np.maximum.reduce(x, axis=axis, keepdims=True))
    out /= np.add.reduce(out, axis=axis, keepdims=True)
    return out


def log_softmax(x, axis):
    """x - log(sum(exp(x))) along an axis."""
    if x.size == 0:
        return x.copy()
    out = x - np.maximum.reduce(x, axis=axis, keepdims=True)
    out -= np.log(np.add.reduce(np.exp(out), axis=axis, keepdims=True))
    return out


def cross_entropy(x, target, weight, ignore, smoothing, reduction):
    """The cross entropy of scores x (N, C, ...) and class indices (N, ...), with the log-probabilities and the weights.

    Returns (loss, log_probabilities, sample_weights, total weight); samples of the class `ignore` have weight 0.
    """
    logp = log_softmax(x, 1)
    kept = target != ignore
    everything = kept.all()
    safe = target if everything else np.where(kept, target, 0)
    if x.ndim == 2:
        picked = logp[np.arange(x.shape[0]), safe]
    else:
        picked = np.take_along_axis(logp, np.expand_dims(safe, 1), 1).squeeze(1)
    w = None if weight is None else weight[safe]
    if not everything:
        w = kept.astype(x.dtype) if w is None else w * kept
    loss = -picked if w is None else -picked * w
    if smoothing:
        shares = logp if weight is None else logp * weight.reshape(1, -1, *(1,) * (x.ndim - 2))
        smooth = -shares.sum(axis=1) / x.dtype.type(x.shape[1])
        if not everything:
            smooth = smooth * kept
        loss = loss * x.dtype.type(1 - smoothing) + smooth * x.dtype.type(smoothing)
    total = x.dtype.type(target.size) if w is None else w.sum()
    if reduction == "mean":
        loss = loss.sum() / total
    elif reduction == "sum":
        loss = loss.sum()
    return loss, logp, w, total


def cross_entropy_grad(g, logp, target, weight, w, total, ignore, smoothing, reduction):
    """The gradient of the scores: (probabilities - targets) times the weights."""
    classes = logp.shape[1]
    kept = target != ignore
    everything = bool(kept.all())
    safe = target if everything else np.where(kept, target, 0)
    dtype = logp.dtype.type
    scale = g / total if reduction == "mean" else g
    scale = np.broadcast_to(scale, target.shape)
    strength = scale * dtype(1 - smoothing) if smoothing else scale
    if w is not None:
        strength = strength * w
    dx = np.exp(logp)
    if not smoothing:
        dx *= np.expand_dims(strength, 1)
    else:
        share = scale * dtype(smoothing / classes)
        if not everything:
            share = share * kept
        each = np.expand_dims(share, 1)
        if weight is not None:
            column = weight.reshape(1, -1, *(1,) * (logp.ndim - 2))
            dx *= np.expand_dims(strength + share * weight.sum(), 1)
            dx -= each * column
        else:
            dx *= np.expand_dims(strength + share * dtype(classes), 1)
            dx -= each
    if logp.ndim == 2:
        dx[np.arange(logp.shape[0]), safe] -= strength
    else:
        at = np.expand_dims(safe, 1)
        np.put_along_axis(dx, at, np.take_along_axis(dx, at, 1) - np.expand_dims(strength, 1), 1)
    return dx


def sigmoid(x):
    """1 / (1 + exp(-x))"""
    return 1 / (1 + np.exp(-x))

"""Losses of class indices: the cross entropy of scores and the negative log-likelihood of log-probabilities.

Scores (N, C, ...) are taken as (samples, C, positions). Few classes are put in front of the samples first: NumPy is ten
times slower over many short rows than over a few long ones.
"""

from __future__ import annotations

from math import prod

import numpy as np

__all__ = [
    "cross_entropy",
    "cross_entropy_grad",
    "nll_loss",
    "nll_loss_grad",
    "class_shares",
]

FEW = 64


def _targets(target, classes: int, ignore: int):
    """Target classes that are all valid, and which of them count (None: all). IndexError for a class that is none."""
    if not target.size:
        return target, None
    # One comparison for both ends of the range: a negative number read as unsigned is a large one.
    if int(target.view(f"u{target.itemsize}").max()) < classes and not 0 <= ignore < classes:
        return target, None
    kept = target != ignore
    bad = ((target < 0) | (target >= classes)) & kept
    if bad.any():
        raise IndexError(f"Target {int(target[bad][0])} is out of bounds. The classes are 0 to {classes - 1}.")
    return (target, None) if kept.all() else (np.where(kept, target, 0), kept)


def _strengths(target, kept, weight, dtype):
    """Each sample's weight (None: 1) and their sum."""
    if weight is None and kept is None:
        return None, dtype(target.size)
    if weight is None:
        w = kept.astype(dtype)
    else:
        w = weight[target] if kept is None else weight[target] * kept
    return w, np.add.reduce(w, axis=None)


def _places(shape, target):
    """The flat positions, in scores (samples, C, positions), of the target classes (samples, positions)."""
    samples, classes, positions = shape
    if positions == 1:
        return ((np.arange(samples) * classes).reshape(-1, 1) + target).reshape(-1)
    if samples == 1:
        return (np.arange(positions) + target * positions).reshape(-1)
    at = target * positions + np.arange(positions)
    at += (np.arange(samples) * (classes * positions)).reshape(-1, 1)
    return at.reshape(-1)


def _total(loss, total, shape, reduction):
    if reduction == "none":
        return loss.reshape(shape)
    loss = np.add.reduce(loss, axis=None)
    return loss / total if reduction == "mean" else loss


def cross_entropy(x, target, weight, ignore, smoothing, reduction):
    """-log softmax(x)[target], reduced: (loss, what the gradient needs). Targets `ignore` count for nothing."""
    classes, dtype = x.shape[1], x.dtype.type
    safe, kept = _targets(target, classes, ignore)
    w, total = _strengths(safe, kept, weight, dtype)
    if x.ndim == 2 and classes <= FEW:
        scores = np.ascontiguousarray(x.T).reshape(1, classes, x.shape[0])
    else:
        scores = x.reshape(x.shape[0], classes, prod(x.shape[2:]))
    samples, _, positions = scores.shape
    z = scores - np.maximum.reduce(scores, axis=1, keepdims=True) if x.size else scores
    e = np.exp(z)
    s = np.add.reduce(e, axis=1, keepdims=True)
    at = _places(z.shape, safe.reshape(samples, positions))
    log_s = np.log(s).reshape(samples, positions)
    loss = log_s - z.reshape(-1)[at].reshape(samples, positions)
    if w is not None:
        w = w.reshape(samples, positions)
        loss *= w
    share = None
    if smoothing:
        each = np.ones(classes, dtype) if weight is None else weight
        share = np.ones((samples, positions), dtype) if kept is None else kept.reshape(samples, positions).astype(dtype)
        share *= dtype(smoothing / classes)
        loss *= dtype(1 - smoothing)
        loss += share * (log_s * each.sum() - np.einsum("ncl,c->nl", z, each))
    return _total(loss, total, target.shape, reduction), (e, s, at, w, share, total)


def cross_entropy_grad(g, kept, x_shape, target, weight, ignore, smoothing, reduction):
    """The gradient of the scores: probabilities times the weight of a sample, less what its target distribution has."""
    e, s, at, w, share, total = kept
    samples, classes, positions = e.shape
    dtype = e.dtype.type
    scale = g / total if reduction == "mean" else g if reduction == "sum" else g.reshape(samples, positions)
    strength = scale * dtype(1 - smoothing) if smoothing else scale
    if w is not None:
        # Where the total weight is 0 too, the gradient of what does not count is still 0.
        strength = np.where(w == 0, dtype(0), strength * w)
    each = None
    if smoothing:
        share = np.where(share == 0, dtype(0), scale * share)
        each = np.ones(classes, dtype) if weight is None else weight
    mass = strength if each is None else strength + share * each.sum()
    dx = e * ((mass.reshape(samples, 1, positions) if np.ndim(mass) else mass) / s)
    if each is not None:
        dx -= share.reshape(samples, 1, positions) * each.reshape(1, -1, 1)
    flat = dx.reshape(-1)
    flat[at] -= strength if np.ndim(strength) == 0 else strength.reshape(-1)
    if samples == 1 and len(x_shape) == 2 and classes <= FEW:
        return np.ascontiguousarray(dx[0].T)
    return dx.reshape(x_shape)


def nll_loss(x, target, weight, ignore, reduction):
    """-x[target] times the weights, reduced: (loss, what the gradient needs)."""
    samples, classes, positions = x.shape[0], x.shape[1], prod(x.shape[2:])
    safe, kept = _targets(target, classes, ignore)
    w, total = _strengths(safe, kept, weight, x.dtype.type)
    at = _places((samples, classes, positions), safe.reshape(samples, positions))
    loss = -x.reshape(-1)[at].reshape(target.shape)
    if w is not None:
        loss = np.where(w == 0, np.zeros_like(loss), loss * w)
    return _total(loss, total, target.shape, reduction), (at, w, total)


def nll_loss_grad(g, kept, x_shape, target, weight, ignore, reduction):
    """The gradient of the log-probabilities: minus the weight at each target, zeros elsewhere."""
    at, w, total = kept
    dx = np.zeros(x_shape, g.dtype)
    strength = g / total if reduction == "mean" else g
    if w is not None:
        strength = np.where(w == 0, dx.dtype.type(0), strength * w)
    dx.reshape(-1)[at] = -strength if np.ndim(strength) == 0 else -strength.reshape(-1)
    return dx


def class_shares(target, weight, x_shape, dtype, ignore, smoothing):
    """What each target says of each class, (N, C, ...), and the total weight: the losses are -sum(shares * log p)."""
    classes = x_shape[1]
    safe, kept = _targets(target, classes, ignore)
    w, total = _strengths(safe, kept, weight, dtype.type)
    shares = np.zeros(x_shape, dtype)
    index = np.expand_dims(safe, 1)
    np.put_along_axis(shares, index, (1 - smoothing) * np.expand_dims(np.ones(target.shape) if w is None else w, 1), 1)
    if smoothing:
        each = np.ones(classes, dtype) if weight is None else weight
        smooth = np.broadcast_to(smoothing / classes * each.reshape(1, -1, *(1,) * (len(x_shape) - 2)), x_shape)
        shares += smooth if kept is None else smooth * np.expand_dims(kept, 1)
    return shares, np.asarray(total)

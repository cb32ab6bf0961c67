"""Losses of class indices: the cross entropy of scores and the negative log-likelihood of log-probabilities.

The scores (N, C, ...) are seen as (samples, classes, positions), in the order of memory that an array library likes
best (`class_scores`); `class_exponentials` are the largest score, exp of what the others are below it, and the sum of
these. Where the target classes are is its business too: `class_targets` are the valid ones, and which
of them count; `class_picked` are the elements at them, and `class_lowered` is an array with something taken off there.
"""

from __future__ import annotations

from math import prod

from ..backends.cpu.large import by_samples


def cross_entropy(xp, x, target, weight, ignore, smoothing, reduction):
    """-log softmax(x)[target], reduced: (loss, what the gradient needs). Targets `ignore` count for nothing."""
    classes = x.shape[1]
    safe, counted = xp.class_targets(target, classes, ignore)
    scores = xp.class_scores(x)
    samples, _, positions = scores.shape
    w, total = _weights(xp, safe, counted, weight, x.dtype)
    at = xp.reshape(safe, (samples, positions))
    top = log_s = None
    if smoothing:
        top, e, s = xp.class_exponentials(scores, 1)
        log_s = xp.reshape(xp.log(s), at.shape)
        loss = log_s - (xp.class_picked(scores, at) - xp.reshape(top, at.shape))
    else:
        loss, e, s = by_samples(_losses, xp, scores, at)
    if w is not None:
        w = xp.reshape(w, at.shape)
        loss = xp.dropped(loss * w, w == 0)
    share = None
    if smoothing:
        each = _of_each_class(xp, x, weight)
        share = xp.full_like(loss, 1) if counted is None else xp.astype(xp.reshape(counted, at.shape), x.dtype)
        share = share * (smoothing / classes)
        spread = log_s * xp.sum(each) - xp.sum((scores - top) * xp.reshape(each, (1, classes, 1)), axis=(1,))
        loss = loss * (1 - smoothing) + xp.dropped(share * spread, share == 0)
    return _reduced(xp, loss, total, target.shape, reduction), (e, s, at, w, share, total)


def cross_entropy_slope(xp, e, s, at, w, share, total, g, x_shape, weight, smoothing, reduction):
    """The gradient of the scores: probabilities times the weight of a sample, less what its target distribution has."""
    strength = scale = _scale(xp, g, total, at.shape, reduction)
    if smoothing:
        strength = scale * (1 - smoothing)
    if w is not None:
        # Where the total weight is 0 too, the gradient of what does not count is still 0.
        strength = xp.dropped(strength * w, w == 0)
    if not smoothing:
        return xp.class_scores_back(by_samples(_lowered, xp, e, s, at, strength), x_shape)
    each = _of_each_class(xp, e, weight)
    share = xp.dropped(scale * share, share == 0)
    dx = e * (_beside(xp, strength + share * xp.sum(each)) / s)
    dx = dx - _beside(xp, share) * xp.reshape(each, (1, e.shape[1], 1))
    return xp.class_scores_back(xp.class_lowered(dx, at, strength), x_shape)


def _losses(xp, scores, at):
    """-log softmax(scores)[at] of each sample and position, exp of what scores are below the largest, and their sums."""
    top, e, s = xp.class_exponentials(scores, 1)
    picked = xp.class_picked(scores, at) - xp.reshape(top, at.shape)
    return xp.reshape(xp.log(s), at.shape) - picked, e, s


def _lowered(xp, e, s, at, strength):
    """The gradient of the scores for what the loss of each sample and position counts."""
    return xp.class_lowered(e * (_beside(xp, strength) / s), at, strength)


def nll_loss(xp, x, target, weight, ignore, reduction):
    """-x[target] times the weights, reduced: (loss, what the gradient needs)."""
    samples, classes, *rest = x.shape
    safe, counted = xp.class_targets(target, classes, ignore)
    w, total = _weights(xp, safe, counted, weight, x.dtype)
    at = xp.reshape(safe, (samples, prod(rest)))
    loss = -xp.class_picked(xp.reshape(x, (samples, classes, at.shape[1])), at)
    if w is not None:
        w = xp.reshape(w, at.shape)
        loss = xp.dropped(loss * w, w == 0)
    return _reduced(xp, loss, total, target.shape, reduction), (at, w, total)


def nll_loss_slope(xp, at, w, total, g, x_shape, reduction):
    """The gradient of the log-probabilities: minus the weight at each target, zeros elsewhere."""
    strength = _scale(xp, g, total, at.shape, reduction)
    if w is not None:
        strength = xp.dropped(strength * w, w == 0)
    zeros = xp.zeros_beside(g, (at.shape[0], x_shape[1], at.shape[1]))
    return xp.reshape(xp.class_lowered(zeros, at, strength), x_shape)


def _weights(xp, target, counted, weight, dtype):
    """Each sample's weight (None: 1) and their sum."""
    if counted is None and weight is None:
        return None, prod(target.shape)
    w = None if counted is None else xp.astype(counted, dtype)
    if weight is not None:
        own = xp.take(weight, target, axis=0)
        w = own if w is None else own * w
    return w, xp.sum(w)


def _of_each_class(xp, x, weight):
    """The weights of the classes."""
    return xp.zeros_beside(x, (x.shape[1],)) + 1 if weight is None else weight


def _reduced(xp, loss, total, shape, reduction):
    if reduction == "none":
        return xp.reshape(loss, shape)
    loss = xp.sum(loss)
    return loss / total if reduction == "mean" else loss


def _scale(xp, g, total, shape, reduction):
    """The gradient of each sample's loss: a number, or (samples, positions)."""
    return g / total if reduction == "mean" else g if reduction == "sum" else xp.reshape(g, shape)


def _beside(xp, strength):
    """A number, or samples' numbers along the classes."""
    return xp.expand_dims(strength, 1) if strength.ndim else strength

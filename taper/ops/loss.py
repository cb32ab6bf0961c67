"""Losses that are one operator, for speed or for stability."""

from __future__ import annotations

import math

from ..backends.cpu.large import computed
from . import class_loss
from .elementwise import sgn_of
from .operator import ARITHMETIC, op


def _reduced(xp, loss, reduction):
    """The loss of all elements as asked for."""
    if reduction == "mean":
        return xp.mean_of(loss)
    return xp.sum(loss) if reduction == "sum" else loss


def _unreduced(xp, g, shape, reduction):
    """The gradient of each element's loss."""
    if reduction == "mean":
        return xp.broadcast_to(g / max(math.prod(shape), 1), shape)
    return xp.broadcast_to(g, shape) if reduction == "sum" else g


mse_loss = op(
    "mse_loss",
    lambda xp, x, y, *, reduction: xp.squared_error(x, y, reduction),
    promote=ARITHMETIC,
    x=lambda xp, g, x, y, reduction: _scaled(xp, g, x, y, reduction) * (x - y),
    y=lambda xp, g, x, y, reduction: _scaled(xp, g, x, y, reduction) * (y - x),
)

l1_loss = op(
    "l1_loss",
    lambda xp, x, y, *, reduction: _reduced(xp, xp.abs(x - y), reduction),
    promote=ARITHMETIC,
    x=lambda xp, g, x, y, reduction: _spread(xp, g, x, y, reduction) * sgn_of(xp, x - y),
    y=lambda xp, g, x, y, reduction: _spread(xp, g, x, y, reduction) * sgn_of(xp, y - x),
)

smooth_l1_loss = op(
    "smooth_l1_loss",
    lambda xp, x, y, *, beta, reduction: _reduced(xp, _smooth(xp, xp.abs(x - y), beta), reduction),
    promote=ARITHMETIC,
    x=lambda xp, g, x, y, beta, reduction: _spread(xp, g, x, y, reduction) * _clipped(xp, (x - y) / beta, 1),
    y=lambda xp, g, x, y, beta, reduction: _spread(xp, g, x, y, reduction) * _clipped(xp, (y - x) / beta, 1),
)

huber_loss = op(
    "huber_loss",
    lambda xp, x, y, *, delta, reduction: _reduced(xp, _huber(xp, xp.abs(x - y), delta), reduction),
    promote=ARITHMETIC,
    x=lambda xp, g, x, y, delta, reduction: _spread(xp, g, x, y, reduction) * _clipped(xp, x - y, delta),
    y=lambda xp, g, x, y, delta, reduction: _spread(xp, g, x, y, reduction) * _clipped(xp, y - x, delta),
)

# Logarithms are kept above -100, as in PyTorch, so that a certain and wrong prediction costs a finite amount.
binary_cross_entropy = op(
    "binary_cross_entropy",
    lambda xp, x, y: -(y * xp.maximum(xp.log(x), -100) + (1 - y) * xp.maximum(xp.log1p(-x), -100)),
    promote=ARITHMETIC, fused=5,
    x=lambda xp, g, x, y: g * (x - y) / xp.maximum((1 - x) * x, 1e-12),
    y=lambda xp, g, x: g * (xp.maximum(xp.log1p(-x), -100) - xp.maximum(xp.log(x), -100)),
)

# Stable for any score: log(1 + exp(-x)) = max(-x, 0) + log(1 + exp(-|x|)).
bce_with_logits = op(
    "binary_cross_entropy_with_logits",
    lambda xp, x, y: xp.maximum(x, 0) - x * y + xp.log1p(xp.exp(-xp.abs(x))),
    promote=ARITHMETIC, fused=2.5,
    x=lambda xp, g, x, y: g * (xp.sigmoid(x) - y),
    y=lambda xp, g, x: -g * x,
)

weighted_bce_with_logits = op(
    "weighted_bce_with_logits",
    lambda xp, x, y, positive: (1 - y) * x + (1 + (positive - 1) * y) * _log1p_exp(xp, -x),
    promote=ARITHMETIC, fused=3,
    grad_name="BinaryCrossEntropyWithLogitsBackward0",
    x=lambda xp, g, x, y, positive: g * (1 - y - (1 + (positive - 1) * y) * xp.sigmoid(-x)),
    y=lambda xp, g, x, positive: g * ((positive - 1) * _log1p_exp(xp, -x) - x),
    positive=lambda xp, g, x, y: g * y * _log1p_exp(xp, -x),
)

cross_entropy = op(
    "cross_entropy",
    lambda xp, x, target, weight, *, ignore, smoothing, reduction: computed(
        class_loss.cross_entropy, xp, x, target, weight, ignore, smoothing, reduction
    ),
    aux=("kept",),
    grad_name="NllLossBackward0",
    x=lambda xp, g, x_shape, weight, kept, smoothing, reduction: computed(
        class_loss.cross_entropy_slope, xp, *kept, g, x_shape, weight, smoothing, reduction
    ),
)

nll_loss = op(
    "nll_loss",
    lambda xp, x, target, weight, *, ignore, reduction: class_loss.nll_loss(xp, x, target, weight, ignore, reduction),
    aux=("kept",),
    x=lambda xp, g, x_shape, kept, reduction: class_loss.nll_loss_slope(xp, *kept, g, x_shape, reduction),
)


def _log1p_exp(xp, x):
    """log(1 + exp(x)) without overflow."""
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


def _shape(x, y) -> tuple:
    """The common shape of two arrays or numbers that have been broadcast."""
    return (x - y).shape if x.shape != y.shape else x.shape


def _spread(xp, g, x, y, reduction):
    return _unreduced(xp, g, _shape(x, y), reduction)


def _scaled(xp, g, x, y, reduction):
    """2 g, divided by the number of elements for a mean; a number where g is one."""
    if reduction == "mean":
        return g * (2 / max(math.prod(_shape(x, y)), 1))
    return g * 2


def _smooth(xp, size, beta):
    return xp.where(size < beta, size * size * (0.5 / beta), size - 0.5 * beta)


def _huber(xp, size, delta):
    return xp.where(size <= delta, size * size * 0.5, delta * (size - 0.5 * delta))


def _clipped(xp, d, limit):
    return xp.minimum(xp.maximum(d, -limit), limit)

"""What normalisations keep for their gradients, and these."""

from __future__ import annotations

import math

from ..arithmetic import square
from .reduction import sum

__all__ = [
    "batch_norm",
    "batch_norm_by_grad",
    "batch_norm_grad",
    "layer_norm",
    "layer_norm_grad",
    "rms_norm",
    "rms_norm_grad",
]


def _statistics(x, axes, eps):
    """Mean and 1 / deviation with the axes kept, differentiable."""
    n = math.prod([x._array.shape[i] for i in axes])
    mean = sum(x, axes, True) / n
    variance = sum(square(x - mean), axes, True) / n
    return mean, (variance + eps).rsqrt()


def _normalized_grad(g, x, mean, rstd, axes):
    """The gradient of (x - mean) * rstd where mean and rstd are x's own over `axes`."""
    n = math.prod([x._array.shape[i] for i in axes])
    unit = (x - mean) * rstd
    return rstd * (g - (sum(g, axes, True) + unit * sum(g * unit, axes, True)) / n)


def _batch_axes(x) -> tuple:
    return (0, *range(2, x._array.ndim))


def _leading_axes(x, axes) -> tuple:
    return tuple(range(x._array.ndim - len(axes)))


def _per_channel(v, x):
    return v.reshape(1, -1, *(1,) * (x._array.ndim - 2))


def _wanted(gradients, needs) -> tuple:
    return tuple(g() if need else None for g, need in zip(gradients, needs))


def batch_norm(x, weight, bias, eps):
    """What batch_norm keeps for its gradient: the results themselves are not needed again."""
    return None, None, None, *_statistics(x, _batch_axes(x), eps)


def batch_norm_grad(g, x, weight, mean, rstd, needs):
    """The gradients of x, weight and bias."""
    axes = _batch_axes(x)
    return _wanted(
        (
            lambda: _normalized_grad(g if weight is None else g * _per_channel(weight, x), x, mean, rstd, axes),
            lambda: sum(g * ((x - mean) * rstd), axes),
            lambda: sum(g, axes),
        ),
        needs,
    )


def batch_norm_by_grad(g, x, mean, variance, weight, eps, needs):
    """The gradients of x, the statistics (none), weight and bias."""
    rstd = (variance.detach() + eps).rsqrt()
    return _wanted(
        (
            lambda: g * _per_channel(rstd if weight is None else rstd * weight, x),
            lambda: None,
            lambda: None,
            lambda: sum(g * (x - _per_channel(mean.detach(), x)), _batch_axes(x)) * rstd,
            lambda: sum(g, _batch_axes(x)),
        ),
        needs,
    )


def layer_norm(x, weight, bias, axes, eps):
    """What layer_norm keeps for its gradient."""
    return None, *_statistics(x, axes, eps)


def layer_norm_grad(g, x, weight, mean, rstd, axes, needs):
    """The gradients of x, weight and bias."""
    return _wanted(
        (
            lambda: _normalized_grad(g if weight is None else g * weight, x, mean, rstd, axes),
            lambda: sum(g * ((x - mean) * rstd), _leading_axes(x, axes)),
            lambda: sum(g, _leading_axes(x, axes)),
        ),
        needs,
    )


def rms_norm(x, weight, axes, eps):
    """What rms_norm keeps for its gradient."""
    n = math.prod([x._array.shape[i] for i in axes])
    return None, (sum(square(x), axes, True) / n + eps).rsqrt()


def rms_norm_grad(g, x, weight, rrms, axes, needs):
    """The gradients of x and weight."""
    n = math.prod([x._array.shape[i] for i in axes])
    unit, slope = x * rrms, g if weight is None else g * weight
    return _wanted(
        (
            lambda: rrms * (slope - unit * (sum(slope * unit, axes, True) / n)),
            lambda: sum(g * unit, _leading_axes(x, axes)),
        ),
        needs,
    )

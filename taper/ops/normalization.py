"""Normalisation: x minus its mean over some axes, divided by its deviation, times a weight plus a bias."""

from __future__ import annotations

import math

from .operator import op


def _normalized_slope(xp, g, x, mean, rstd, axes):
    """The gradient of (x - mean) * rstd where mean and rstd are x's own over `axes`."""
    n = math.prod([x.shape[i] for i in axes])
    unit = (x - mean) * rstd
    inner = xp.sum(g * unit, axis=axes, keepdims=True)
    outer = xp.sum(g, axis=axes, keepdims=True)
    return rstd * (g - (outer + unit * inner) / n)


def _column(xp, v, ndim):
    """A vector over the channels, axis 1."""
    return xp.reshape(v, (1, -1, *(1,) * (ndim - 2)))


def _batch_axes(ndim: int) -> tuple[int, ...]:
    return (0, *range(2, ndim))


# The results besides the first, the batch's mean and variance, feed the running statistics.
batch_norm = op(
    "batch_norm",
    lambda xp, x, weight, bias, *, eps: xp.batch_norm(x, weight, bias, eps),
    outputs=3,
    aux=("mean", "rstd"),
    grad_name="NativeBatchNormBackward0",
    x=lambda xp, g, x, weight, mean, rstd: _normalized_slope(
        xp, g if weight is None else g * _column(xp, weight, x.ndim), x, mean, rstd, _batch_axes(x.ndim)
    ),
    weight=lambda xp, g, x, mean, rstd: xp.sum(g * ((x - mean) * rstd), axis=_batch_axes(x.ndim)),
    bias=lambda xp, g: xp.sum(g, axis=_batch_axes(g.ndim)),
)

layer_norm = op(
    "layer_norm",
    lambda xp, x, weight, bias, *, axes, eps: xp.layer_norm(x, weight, bias, axes, eps),
    aux=("mean", "rstd"),
    grad_name="NativeLayerNormBackward0",
    x=lambda xp, g, x, weight, mean, rstd, axes: _normalized_slope(
        xp, g if weight is None else g * weight, x, mean, rstd, axes
    ),
    weight=lambda xp, g, x, mean, rstd, axes: xp.sum(g * ((x - mean) * rstd), axis=_leading(g, axes)),
    bias=lambda xp, g, axes: xp.sum(g, axis=_leading(g, axes)),
)


def _leading(g, axes) -> tuple[int, ...]:
    return tuple(range(g.ndim - len(axes)))


rms_norm = op(
    "rms_norm",
    lambda xp, x, weight, *, axes, eps: xp.rms_norm(x, weight, axes, eps),
    aux=("rrms",),
    grad_name="FusedRmsNormBackward0",
    x=lambda xp, g, x, weight, rrms, axes: _rms_slope(xp, g if weight is None else g * weight, x, rrms, axes),
    weight=lambda xp, g, x, rrms, axes: xp.sum(g * (x * rrms), axis=_leading(g, axes)),
)


def _rms_slope(xp, g, x, rrms, axes):
    n = math.prod([x.shape[i] for i in axes])
    return rrms * (g - x * (rrms * rrms) * xp.sum(g * x, axis=axes, keepdims=True) / n)

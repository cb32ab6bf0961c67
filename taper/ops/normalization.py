"""Normalisation: x minus its mean over some axes, divided by its deviation, times a weight plus a bias.

Weight and bias may be None. Each operator keeps x and its statistics only.
"""

from __future__ import annotations

from .operator import op

# Over all axes but 1. The results besides the first, the batch's mean and variance, feed the running statistics.
batch_norm = op(
    "batch_norm",
    lambda xp, x, weight, bias, *, eps: xp.batch_norm(x, weight, bias, eps),
    outputs=3,
    aux=("mean", "rstd"),
    grad_name="NativeBatchNormBackward0",
    joint=lambda xp, g, x, weight, mean, rstd, needs: xp.batch_norm_grad(g, x, weight, mean, rstd, needs),
)

batch_norm_by = op(
    "batch_norm_by",
    lambda xp, x, mean, variance, weight, bias, *, eps: xp.batch_norm_by(x, mean, variance, weight, bias, eps),
    grad_name="NativeBatchNormBackward0",
    joint=lambda xp, g, x, mean, variance, weight, eps, needs: xp.batch_norm_by_grad(
        g, x, mean, variance, weight, eps, needs
    ),
)
"""By the statistics given, which get no gradient."""

layer_norm = op(
    "layer_norm",
    lambda xp, x, weight, bias, *, axes, eps: xp.layer_norm(x, weight, bias, axes, eps),
    aux=("mean", "rstd"),
    grad_name="NativeLayerNormBackward0",
    joint=lambda xp, g, x, weight, mean, rstd, axes, needs: xp.layer_norm_grad(g, x, weight, mean, rstd, axes, needs),
)
"""Over the last axes, whose shape weight and bias have."""

rms_norm = op(
    "rms_norm",
    lambda xp, x, weight, *, axes, eps: xp.rms_norm(x, weight, axes, eps),
    aux=("rrms",),
    grad_name="FusedRmsNormBackward0",
    joint=lambda xp, g, x, weight, rrms, axes, needs: xp.rms_norm_grad(g, x, weight, rrms, axes, needs),
)
"""x / sqrt(mean(x ** 2) + eps) over the last axes: without taking the mean out, and without a bias."""

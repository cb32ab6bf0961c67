"""Normalisation of NumPy arrays, with the statistics that the gradients need."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["batch_norm", "layer_norm", "rms_norm"]


def _statistics(x, axes, eps):
    """Mean, variance (over n) and 1 / sqrt(variance + eps), with the axes kept."""
    n = x.dtype.type(math.prod([x.shape[i] for i in axes]))
    mean = np.add.reduce(x, axis=axes, keepdims=True) / n
    centred = x - mean
    variance = np.add.reduce(centred * centred, axis=axes, keepdims=True) / n
    return mean, variance, 1 / np.sqrt(variance + x.dtype.type(eps)), centred


def batch_norm(x, weight, bias, eps):
    """x (N, C, ...) normalised over all axes but 1: (out, mean, variance, mean and 1 / deviation with the axes kept)."""
    axes = (0, *range(2, x.ndim))
    mean, variance, rstd, out = _statistics(x, axes, eps)
    out *= rstd
    shape = (1, -1, *(1,) * (x.ndim - 2))
    if weight is not None:
        out *= weight.reshape(shape)
    if bias is not None:
        out += bias.reshape(shape)
    return out, mean.reshape(-1), variance.reshape(-1), mean, rstd


def layer_norm(x, weight, bias, axes, eps):
    """x normalised over its last axes: (out, mean, 1 / deviation)."""
    mean, _, rstd, out = _statistics(x, axes, eps)
    out *= rstd
    if weight is not None:
        out *= weight
    if bias is not None:
        out += bias
    return out, mean, rstd


def rms_norm(x, weight, axes, eps):
    """x over its root mean square on its last axes: (out, 1 / root mean square)."""
    n = x.dtype.type(math.prod([x.shape[i] for i in axes]))
    rrms = 1 / np.sqrt(np.add.reduce(x * x, axis=axes, keepdims=True) / n + x.dtype.type(eps))
    out = x * rrms
    return (out if weight is None else out * weight), rrms

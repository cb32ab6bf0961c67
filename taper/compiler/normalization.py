"""Normalisation of symbols where the compiler has a better way than the CPU's kernels, whose code it traces otherwise."""

from __future__ import annotations

import math

import numpy as np

from ..backends import cpu
from .computing import applied, reduced
from .symbol import Symbol

__all__ = ["batch_norm"]

PLANE = 64
"""Elements of an image's channel from which its statistics are found by itself, and then those of the batch."""


def batch_norm(x, weight, bias, eps):
    """As the CPU namespace's, but that x is read only once for its statistics.

    Each image has a mean and a sum of squares about it, both found while its channel is in a core's cache; those of the
    batch follow by Chan, Golub and LeVeque's rule (1979), with no more rounding than from squares about the batch's mean.
    """
    size = math.prod(x.shape[2:])
    if size < PLANE or cpu.is_channels_last(x):
        return cpu.batch_norm.__wrapped__(x, weight, bias, eps)
    number = x.dtype.type
    planes = x.reshape(*x.shape[:2], size)
    means = reduced("sum", planes, 2, True) / number(size)
    apart = planes - means
    squares = reduced("sum", apart * apart, 2, False)
    means = means.reshape(*x.shape[:2])
    mean = reduced("sum", means, 0, False) / number(len(x))
    between = means - mean
    variance = reduced("sum", squares + between * between * number(size), 0, False) / number(len(x) * size)
    rstd = number(1) / applied(np.sqrt, (variance + number(eps),))
    column = _per_channel(mean, x.ndim)
    out = (x - column) * _per_channel(rstd if weight is None else rstd * weight, x.ndim)
    if bias is not None:
        out = out + _per_channel(bias, x.ndim)
    return out, mean, variance, column, _per_channel(rstd, x.ndim)


def _per_channel(v, ndim: int) -> Symbol:
    return v.reshape(1, -1, *(1,) * (ndim - 2))

"""Resampling of symbols, as the CPU namespace has it."""

from __future__ import annotations

import numpy as np

from ..backends.cpu import resampling as kernels
from .positions import taken
from .recording import graph
from .symbol import made

__all__ = ["resample"]

READS = 1 << 14
"""Elements that the taps of a row read, at most, for a kernel of its own: where its vectors do not repeat, each has code."""


def resample(x, taps):
    while taps and taps[0] is None:
        taps = taps[1:]
    if not taps:
        return x.copy()
    if taps[-1] is not None and taps[-1].m * taps[-1].count > READS:
        return _one_by_one(x, taps)
    g, lead = graph(), x.shape[: x.ndim - len(taps)]
    shape = (*lead, *(n if t is None else t.m for n, t in zip(x.shape[len(lead) :], taps)))
    node = x.node()
    half = node.dtype.name in ("float16", "bfloat16")
    node = g.resample(g.cast(node, np.float32) if half else node, taps)
    return made(g.cast(g.reshape(node, shape), x.dtype))


def _one_by_one(x, taps):
    """Dimension by dimension: products with matrices, and sums of what is taken."""
    for axis, one in enumerate(taps, x.ndim - len(taps)):
        if one is not None:
            x = kernels.weighted(x, axis, one) if one.weights else _picked(x, axis, one)
    return x


def _picked(x, axis: int, taps):
    after = (1,) * (x.ndim - axis - 1)
    total = 0
    for at in taps.at():
        there = (at >= 0).astype(x.dtype).reshape(-1, *after)
        part = taken(x, np.maximum(at, 0), axis)
        total = total + (part if there.all() else part * there)
    return total

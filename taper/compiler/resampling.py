"""Resampling of symbols, as the CPU namespace has it."""

from __future__ import annotations

from itertools import repeat

import numpy as np

from ..backends.cpu import resampling as kernels
from .positions import taken
from .recording import graph
from .symbol import Symbol, made

__all__ = ["resample"]

FEW = 16
"""Elements that one of the result is made of, along a dimension, up to which they are taken and added one by one."""

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


def framed(g, shape, index) -> Symbol | None:
    """g with zeros around it in the last dimensions, which one pass writes; None if `index` says something else."""
    if g.dtype.name not in ("float32", "float64") or not isinstance(index, tuple) or len(index) != len(shape) != 1:
        return None
    if any(not isinstance(part, slice) or part.step not in (None, 1) for part in index):
        return None
    starts = [part.indices(n)[0] for part, n in zip(index, shape)]
    grown = [i for i, (n, m) in enumerate(zip(g.shape, shape)) if n != m]
    if len(grown) < 2 or grown[0] < len(shape) - 3 or 0 in g.shape:
        return None
    return resample(g, tuple(_moved_in(g.shape[i], shape[i], starts[i]) for i in range(grown[0], len(shape))))


def _moved_in(n: int, m: int, start: int):
    if n == m:
        return None
    at = np.arange(m) - start
    return kernels.taps_at(n, np.where(at < n, at, -1)[None])


def _one_by_one(x, taps):
    """Dimension by dimension: products with matrices where many elements count, and sums of what is taken."""
    for axis, one in enumerate(taps, x.ndim - len(taps)):
        if one is not None:
            x = kernels.product(x, axis, one) if one.weights and one.count > FEW else _picked(x, axis, one)
    return x


def _picked(x, axis: int, taps):
    after = (1,) * (x.ndim - axis - 1)
    total = 0
    for at, share in zip(taps.at(), taps.shares() if taps.weights else repeat(None)):
        there = (at >= 0).astype(x.dtype).reshape(-1, *after)
        part = taken(x, np.maximum(at, 0), axis)
        if share is not None:
            part = part * share.astype(x.dtype).reshape(-1, *after)
        total = total + (part if there.all() else part * there)
    return total

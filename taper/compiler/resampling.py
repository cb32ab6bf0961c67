"""Resampling of symbols, as the CPU namespace has it."""

from __future__ import annotations

import numpy as np

from ..backends import cpu
from .host import host
from .recording import graph
from .symbol import made

__all__ = ["resample"]

WIDEST = 4096
"""Elements of a row up to which its kernel is written: where its vectors do not repeat, each has code of its own."""


def resample(x, taps):
    while taps and taps[0] is None:
        taps = taps[1:]
    if not taps or (taps[-1] is not None and taps[-1].m > WIDEST):
        return host(cpu.resample, x, taps) if taps else x.copy()
    g, lead = graph(), x.shape[: x.ndim - len(taps)]
    shape = (*lead, *(n if t is None else t.m for n, t in zip(x.shape[len(lead) :], taps)))
    node = x.node()
    half = node.dtype.name in ("float16", "bfloat16")
    node = g.resample(g.cast(node, np.float32) if half else node, taps)
    return made(g.cast(g.reshape(node, shape), x.dtype))

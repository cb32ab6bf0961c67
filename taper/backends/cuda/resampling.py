"""Padding and interpolation on a GPU: elements of the last dimensions picked, weighted and added up."""

from __future__ import annotations

import functools

import numpy

from ..cpu.resampling import Taps
from . import library as np


def resample(x, taps: tuple[Taps | None, ...]):
    """x with its last dimensions made anew by taps; None leaves one as it is."""
    for axis, one in enumerate(taps, x.ndim - len(taps)):
        if one is not None:
            x = _summed(x, axis, one)
    return x


def _summed(x, axis: int, taps: Taps):
    """The sum over taps: a matrix's zeros would carry a NaN or an infinity into every element of a row."""
    total = np.zeros((*x.shape[:axis], taps.m, *x.shape[axis + 1 :]), dtype=x.dtype)
    spread = (-1,) + (1,) * (x.ndim - axis - 1)
    for places, there, shares in _places(taps, x.dtype, x.device.id):
        part = np.take(x, places, axis=axis)
        part = part if shares is None else part * shares.reshape(spread)
        total += np.where(there.reshape(spread), part, x.dtype.type(0))
    return total


@functools.lru_cache(256)
def _places(taps: Taps, dtype, device: int) -> list:
    """For each tap: which elements it reads, where there is one, and their weights, if any; on the current GPU."""
    weights = taps.shares() if taps.weights else [None] * taps.count
    return [
        (np.asarray(numpy.maximum(at, 0)), np.asarray(at >= 0), None if w is None else np.asarray(w.astype(dtype)))
        for at, w in zip(taps.at(), weights)
    ]

"""Padding and interpolation on a GPU: elements of the last dimensions picked, weighted and added up."""

from __future__ import annotations

import functools
from math import prod

import numpy

from ..cpu.resampling import Taps
from . import library as np


def resample(x, taps: tuple[Taps | None, ...]):
    """x with its last dimensions made anew by taps; None leaves one as it is."""
    for axis, one in enumerate(taps, x.ndim - len(taps)):
        if one is not None:
            x = _weighted(x, axis, one) if one.weights else _picked(x, axis, one)
    return x


def _picked(x, axis: int, taps: Taps):
    total = np.zeros((*x.shape[:axis], taps.m, *x.shape[axis + 1 :]), dtype=x.dtype)
    spread = (-1,) + (1,) * (x.ndim - axis - 1)
    for places, there in _places(taps, x.device.id):
        total += np.where(there.reshape(spread), np.take(x, places, axis=axis), x.dtype.type(0))
    return total


def _weighted(x, axis: int, taps: Taps):
    matrix = _matrix(taps, x.dtype, x.device.id)
    if axis == x.ndim - 1:
        return np.matmul(x, matrix.T)
    shape = (*x.shape[:axis], taps.m, *x.shape[axis + 1 :])
    return np.matmul(matrix, x.reshape(*x.shape[: axis + 1], prod(x.shape[axis + 1 :]))).reshape(shape)


@functools.lru_cache(256)
def _places(taps: Taps, device: int) -> list:
    """For each tap: which elements it reads, and where there is one; on the current GPU."""
    return [(np.asarray(numpy.maximum(at, 0)), np.asarray(at >= 0)) for at in taps.at()]


@functools.lru_cache(256)
def _matrix(taps: Taps, dtype, device: int):
    """The weights (m, n), on the current GPU."""
    made = numpy.zeros((taps.m, taps.n), dtype)
    for places, weights in zip(taps.at(), taps.shares()):
        there = places >= 0
        numpy.add.at(made, (numpy.flatnonzero(there), places[there]), weights[there])
    return np.asarray(made)

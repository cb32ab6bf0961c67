"""Elements of the last dimensions picked, weighted and added up at places that are known: padding and interpolation."""

from __future__ import annotations

import functools
from math import prod
from typing import NamedTuple

import numpy as np

from .large import accelerated
from .layouts import in_given_order

__all__ = ["resample"]

NATIVE = 1 << 16
"""Elements, of an array or of what becomes of it, from which it is resampled natively."""


class Taps(NamedTuple):
    """What each of m elements is made of n: the sum of `count` elements at most, each times its weight.

    places: int32 (count, m), -1 where there are fewer, which stand last. weights: float64 (count, m); empty where all
    are 1. Both as bytes, so that taps can be keys.
    """

    n: int
    m: int
    count: int
    places: bytes
    weights: bytes

    def at(self) -> np.ndarray:
        return np.frombuffer(self.places, np.int32).reshape(self.count, self.m)

    def shares(self) -> np.ndarray | None:
        return np.frombuffer(self.weights).reshape(self.count, self.m) if self.weights else None


def taps_at(n: int, places: np.ndarray, weights: np.ndarray | None = None) -> Taps:
    """Taps from places (count, m), negative where there is none, and their weights."""
    missing = places < 0
    order = missing.argsort(0, kind="stable")
    places = np.take_along_axis(np.where(missing, -1, places), order, 0).astype(np.int32)
    used = (places >= 0).any(1)
    if weights is not None:
        weights = np.take_along_axis(np.where(missing, 0, weights), order, 0)[used].astype(np.float64)
    places = places[used]
    return Taps(n, places.shape[1], len(places), places.tobytes(), b"" if weights is None else weights.tobytes())


def taps_of(matrix: np.ndarray) -> Taps:
    """The taps of a matrix of weights (m, n)."""
    rows, places = matrix.nonzero()
    counts = np.bincount(rows, minlength=len(matrix))
    number = np.arange(len(rows)) - np.repeat(counts.cumsum() - counts, counts)
    at = np.full((counts.max(initial=0), len(matrix)), -1)
    shares = np.zeros(at.shape)
    at[number, rows], shares[number, rows] = places, matrix[rows, places]
    return taps_at(matrix.shape[1], at, shares)


@functools.lru_cache(1024)
def transposed(taps: Taps | None) -> Taps | None:
    """What each of the n elements gets back from the m."""
    if taps is None:
        return None
    at, shares = taps.at(), taps.shares()
    windows = np.broadcast_to(np.arange(taps.m), at.shape)[at >= 0]
    places, order = at[at >= 0], np.lexsort((windows, at[at >= 0]))
    places, windows = places[order], windows[order]
    counts = np.bincount(places, minlength=taps.n)
    number = np.arange(len(places)) - np.repeat(counts.cumsum() - counts, counts)
    back = np.full((counts.max(initial=0), taps.n), -1)
    back[number, places] = windows
    weights = None
    if shares is not None:
        weights = np.zeros(back.shape)
        weights[number, places] = shares[at >= 0][order]
    return taps_at(taps.m, back, weights)


def _pays(x, taps) -> bool:
    return max(x.size, x.size // max(1, prod(t.n for t in taps if t)) * prod(t.m for t in taps if t)) >= NATIVE


@in_given_order()
@functools.partial(accelerated, pays=_pays)
def resample(x: np.ndarray, taps: tuple[Taps | None, ...]) -> np.ndarray:
    """x with its last dimensions made anew by taps; None leaves one as it is."""
    for axis, one in enumerate(taps, x.ndim - len(taps)):
        if one is not None:
            x = weighted(x, axis, one) if one.weights else _picked(x, axis, one)
    return x


def _picked(x, axis: int, taps: Taps):
    lead = (slice(None),) * axis
    total = None
    for at in taps.at():
        part = x.take(np.maximum(at, 0), axis)
        if at.min() < 0:
            part[(*lead, at < 0)] = 0
        total = part if total is None else np.add(total, part, out=total)
    shape = (*x.shape[:axis], taps.m, *x.shape[axis + 1 :])
    return np.zeros(shape, x.dtype) if total is None else total


def product(x, axis: int, taps: Taps):
    """One dimension made anew by a product with the matrix of weights."""
    matrix = _matrix(taps, x.dtype)
    if axis == x.ndim - 1:
        return np.matmul(x, matrix.T)
    shape = (*x.shape[:axis], taps.m, *x.shape[axis + 1 :])
    return np.matmul(matrix, x.reshape(*x.shape[: axis + 1], prod(x.shape[axis + 1 :]))).reshape(shape)


def weighted(x, axis: int, taps: Taps):
    out = product(x, axis, taps)
    return out if np.isfinite(out).all() else _summed(x, axis, taps)


def _summed(x, axis: int, taps: Taps):
    """The same where the matrix's zeros would carry a NaN or an infinity into every element of a row."""
    shape = (-1,) + (1,) * (x.ndim - axis - 1)
    total = np.zeros((*x.shape[:axis], taps.m, *x.shape[axis + 1 :]), x.dtype)
    for at, share in zip(taps.at(), taps.shares()):
        there = (at >= 0).reshape(shape)
        part = x.take(np.maximum(at, 0), axis) * share.astype(x.dtype).reshape(shape)
        np.add(total, part, out=total, where=there)
    return total


@functools.lru_cache(256)
def _matrix(taps: Taps, dtype) -> np.ndarray:
    """The weights (m, n)."""
    made = np.zeros((taps.m, taps.n), dtype)
    at, shares = taps.at(), taps.shares()
    for places, weights in zip(at, shares):
        there = places >= 0
        np.add.at(made, (np.flatnonzero(there), places[there]), weights[there])
    return made

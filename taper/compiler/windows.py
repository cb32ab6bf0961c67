"""Windows that slide over the last dimensions of an array: where they lie, and what the nodes over them mean.

    window_max      the largest element of each window, and NaN if there is one
    window_place    where that is: int32, flat within the last dimensions; of equal ones the first, of NaNs the last
    window_sum      the sum of each window
    window_put      its transpose for one element of each window: what a window has is added at its place
    window_spread   the transpose of window_sum: what a window has is added to all of its elements

Nodes have the shape (planes, rows of windows, windows of a row), the last two of elements for the transposes.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

WINDOWS = ("window_max", "window_place", "window_sum", "window_put", "window_spread")
TRANSPOSED = ("window_put", "window_spread")


class Axis(NamedTuple):
    """m windows over n elements of one dimension: window i holds the elements i stride - padding + t dilation, t < kernel,
    as far as there are such elements."""

    n: int
    m: int
    kernel: int
    stride: int
    padding: int
    dilation: int

    @property
    def reach(self) -> int:
        return (self.kernel - 1) * self.dilation + 1

    def positions(self) -> np.ndarray:
        """(taps, windows): the element that each tap of each window is, -1 where there is none."""
        at = np.arange(self.kernel)[:, None] * self.dilation + np.arange(self.m) * self.stride - self.padding
        return np.where((at >= 0) & (at < self.n), at, -1)


class Even(NamedTuple):
    """m windows that divide n elements evenly: window i holds those from floor(i n / m) to ceil((i + 1) n / m)."""

    n: int
    m: int

    def positions(self) -> np.ndarray:
        i = np.arange(self.m)
        start, stop = i * self.n // self.m, -(-(i + 1) * self.n // self.m)
        at = start + np.arange((stop - start).max(initial=0))[:, None]
        return np.where(at < stop, at, -1)


Axes = tuple[Axis | Even, ...]


def shape_of(op: str, axes: Axes) -> tuple[int, int]:
    """The last two dimensions of a node over windows."""
    sizes = [a.n if op in TRANSPOSED else a.m for a in axes]
    return math.prod(sizes[:-1]), sizes[-1]


def evaluated(op: str, axes: Axes, x: np.ndarray, places: np.ndarray | None = None) -> np.ndarray:
    """A node's value for operands of any shape; the windows or elements of a plane are flat in it."""
    taps = _flat(axes)
    elements, windows = math.prod(a.n for a in axes), taps.shape[1]
    x = x.reshape(-1, windows if op in TRANSPOSED else elements)
    shape = (len(x), *shape_of(op, axes))
    if op in TRANSPOSED:
        made = np.zeros((len(x), elements), x.dtype)
        planes, values = np.arange(len(x))[:, None], x
        if op == "window_put":
            assert places is not None
            np.add.at(made, (planes, places.reshape(x.shape)), values)
        else:
            for tap in taps:
                np.add.at(made, (planes, tap[tap >= 0]), values[:, tap >= 0])
        return made.reshape(shape)
    if op == "window_sum":
        total = np.zeros((len(x), windows), x.dtype)
        for tap in taps:
            total += np.where(tap >= 0, x[:, tap], x.dtype.type(0))
        return total.reshape(shape)
    first = np.take_along_axis(taps, (taps >= 0).argmax(0)[None], 0)[0]
    place = np.broadcast_to(first, (len(x), windows)).copy()
    best = x[:, first]
    for tap in taps:
        value = x[:, tap]
        better = (tap >= 0) & ((value > best) | (value != value))
        best, place = np.where(better, value, best), np.where(better, tap, place)
    return (best if op == "window_max" else place.astype(np.int32)).reshape(shape)


def _flat(axes: Axes) -> np.ndarray:
    """(taps, windows): flat positions within a plane, -1 outside."""
    flat = np.zeros((1, 1), np.int64)
    for axis in axes:
        at = axis.positions()
        wide = flat[:, None, :, None] * axis.n + at[None, :, None, :]
        wide = np.where((flat[:, None, :, None] >= 0) & (at[None, :, None, :] >= 0), wide, -1)
        flat = wide.reshape(wide.shape[0] * wide.shape[1], -1)
    return flat

"""Sorting and selecting positions on NumPy arrays. NaN counts as larger than every number."""

from __future__ import annotations

import numpy as np

from .arrangement import expand_dims
from .indexing import take_along

__all__ = [
    "sorted_positions",
    "top_positions",
    "kth_position",
    "mode_position",
    "median_position",
    "median_of",
    "pick_along",
    "search",
]


def _zero():
    return np.zeros((), np.int64)


_FEW = 4096  # above this, partitions of float32 are much quicker than those of keys
_BITS, _POSITION = 0x7FFFFFFF, 0xFFFFFFFF


def _keys(x, axis, descending):
    """int64 numbers in the order of x's elements, and of equal ones' positions, which are their low halves.

    NumPy sorts numbers several times as fast as it finds the positions that sort them. None for elements of 64 bits.
    """
    if x.dtype == np.float32:
        # Read as integers, floats of 0 and more are in order, and others in the reverse order; there is one zero.
        high = (x + np.float32(0)).view(np.int32)
        high ^= (high >> 31) & _BITS
        nan = x != x
        if nan.any():
            high[nan] = _BITS
    elif x.dtype.kind in "biu" and x.dtype.itemsize < 4 or x.dtype == np.int32:
        high = x.astype(np.int32)
    else:
        return None
    if descending:
        np.invert(high, out=high)
    keys = high.astype(np.int64, order="C")
    keys <<= 32
    keys |= np.arange(x.shape[axis]).reshape((-1,) + (1,) * (x.ndim - 1 - axis))
    return keys


def sorted_positions(x, axis, descending):
    """The positions that sort x along an axis; equal elements keep their order."""
    if x.ndim == 0:
        return _zero()
    keys = _keys(x, axis, descending)
    if keys is not None:
        keys.sort(axis=axis)
        keys &= _POSITION
        return keys
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    order = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    return np.ascontiguousarray(np.flip(x.shape[axis] - 1 - order, axis))


def top_positions(x, k, axis, largest, ordered):
    """The positions of the k largest or smallest elements, best first."""
    if x.ndim == 0:
        return _zero()
    n = x.shape[axis]
    lead = (slice(None),) * axis
    if k * 4 > n or k == 0:
        return np.ascontiguousarray(sorted_positions(x, axis, largest)[(*lead, slice(k))])
    # A partition finds the k best in linear time; they alone are sorted, by position and then by value.
    keys = _keys(x, axis, largest) if x.size <= _FEW else None
    if keys is not None:
        keys.partition(k - 1, axis=axis)
        best = keys[(*lead, slice(k))]
        if ordered:
            best.sort(axis=axis)
        return np.ascontiguousarray(best & _POSITION)
    part = np.argpartition(x, n - k if largest else k - 1, axis=axis)
    best = part[(*lead, slice(n - k, None) if largest else slice(k))]
    if not ordered:
        return np.ascontiguousarray(best)
    best = np.sort(best, axis=axis)
    return take_along(best, sorted_positions(take_along(x, best, axis), axis, largest), axis)


def _first(x, value, axis):
    """The first position of a value (or of a NaN, if it is one) along an axis, which is kept."""
    hit = x == value
    if x.dtype.kind == "f":
        hit |= np.isnan(x) & np.isnan(value)
    return hit.argmax(axis, keepdims=True)


def kth_position(x, k, axis):
    """The first position of the k-th smallest element (from 1), with the axis kept."""
    if x.ndim == 0:
        return _zero()
    return _first(x, np.take(np.partition(x, k - 1, axis=axis), [k - 1], axis=axis), axis)


def median_position(x, axis, skip_nan):
    """The first position of the lower median, with the axis kept; of a NaN, if there is one and none are skipped."""
    if x.ndim == 0:
        return _zero()
    n = x.shape[axis]
    if x.dtype.kind == "f":
        nans = np.isnan(x).sum(axis=axis, keepdims=True)
        if nans.any():
            rank = np.maximum(n - nans - 1, 0) // 2 if skip_nan else np.where(nans > 0, n - 1, (n - 1) // 2)
            return _first(x, take_along(np.sort(x, axis=axis), rank, axis), axis)
    return kth_position(x, (n + 1) // 2, axis)


def median_of(x, skip_nan):
    """The lower median of all elements; NaN of nothing, and where a NaN is, unless those are skipped."""
    flat = x.reshape(-1)
    if x.dtype.kind == "f":
        nan = np.isnan(flat)
        if nan.any():
            if not skip_nan:
                return np.asarray(np.nan, x.dtype)
            flat = flat[~nan]
    if flat.size == 0:
        return np.asarray(np.nan).astype(x.dtype)
    middle = (flat.size - 1) // 2
    return np.partition(flat, middle)[middle]


def mode_position(x, axis):
    """The last position of the most frequent element, the smallest such, with the axis kept."""
    if x.ndim == 0:
        return _zero()
    order = np.argsort(x, axis=axis, kind="stable")
    values = np.moveaxis(take_along(x, order, axis), axis, -1)
    n = values.shape[-1]
    fresh = np.ones(values.shape, bool)
    fresh[..., 1:] = values[..., 1:] != values[..., :-1]
    since = np.arange(n) - np.maximum.accumulate(np.where(fresh, np.arange(n), 0), axis=-1)
    return take_along(order, np.expand_dims(since.argmax(-1), axis), axis)


def pick_along(x, index, axis, keepdims):
    """The elements of x at positions along an axis, which is dropped unless keepdims."""
    if x.ndim == 0:
        return x.copy()
    if keepdims:
        return take_along(x, index, axis)
    return take_along(x, expand_dims(index, axis), axis).reshape(index.shape)


def search(edges, x, right):
    """Where each element of x belongs in sorted edges, row by row if edges has more than one dimension."""
    side = "right" if right else "left"
    if edges.ndim == 1:
        return np.asarray(np.searchsorted(edges, x, side=side), np.int64)
    out = np.empty(x.shape, np.int64)
    for where in np.ndindex(edges.shape[:-1]):
        out[where] = np.searchsorted(edges[where], x[where], side=side)
    return out

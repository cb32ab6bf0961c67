"""Counting on NumPy arrays: what occurs, how often, and in which interval."""

from __future__ import annotations

import numpy as np

__all__ = ["unique_of", "runs_of", "equal_bins", "bins_between", "boxes_between", "counts_of"]


def unique_of(x, axis):
    """The different elements (slices along an axis) in order, where each went, and how often each occurs."""
    if axis is None:
        values, inverse, counts = np.unique(x, return_inverse=True, return_counts=True, equal_nan=False)
        return values, inverse.reshape(x.shape), counts
    rows = np.moveaxis(x, axis, 0)
    n = rows.shape[0]
    flat = rows.reshape(n, -1) if n else rows.reshape(0, 1)
    order = np.lexsort(flat.T[::-1]) if flat.shape[1] else np.arange(n)
    fresh = _changes(flat[order])
    inverse = np.empty(n, np.int64)
    inverse[order] = np.cumsum(fresh) - 1
    return np.ascontiguousarray(np.moveaxis(rows[order[fresh]], 0, axis)), inverse, _lengths(fresh)


def runs_of(x, axis):
    """The elements (slices along an axis) without those equal to the one before, and the same numbers for these."""
    rows = x.reshape(-1) if axis is None else np.moveaxis(x, axis, 0)
    n = rows.shape[0]
    fresh = _changes(rows.reshape(n, -1) if n else rows.reshape(0, 1))
    inverse = np.cumsum(fresh) - 1
    if axis is None:
        return rows[fresh], inverse.reshape(x.shape), _lengths(fresh)
    return np.ascontiguousarray(np.moveaxis(rows[fresh], 0, axis)), inverse, _lengths(fresh)


def _changes(rows):
    """Where a row differs from the one before; the first always does."""
    fresh = np.ones(rows.shape[0], bool)
    fresh[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    return fresh


def _lengths(fresh):
    return np.diff(np.append(np.flatnonzero(fresh), fresh.size))


def equal_bins(x, bins, low, high):
    """How many elements lie in each of `bins` equal intervals from low to high; the last includes its end."""
    x = x[(x >= low) & (x <= high)]
    kind = x.dtype.type
    where = ((x - kind(low)) * kind(bins) / (kind(high) - kind(low))).astype(np.int64)
    return np.bincount(np.minimum(where, bins - 1), minlength=bins).astype(x.dtype)


def bins_between(x, edges, weight, density):
    """How many elements (or how much weight) lie between neighbouring edges; with `density` the integral is one."""
    x = x.reshape(-1)
    inside = (x >= edges[0]) & (x <= edges[-1])
    where = np.searchsorted(edges, x[inside], side="right") - 1
    bins = edges.size - 1
    weight = None if weight is None else weight.reshape(-1)[inside]
    hist = np.bincount(np.minimum(where, bins - 1), weight, bins).astype(x.dtype)
    return hist / (hist.sum() * np.diff(edges)) if density else hist


def boxes_between(x, edges, weight, density):
    """`bins_between` of points (their coordinates along the last axis) and boxes, with the edges of each dimension."""
    points = x.reshape(-1, x.shape[-1])
    weight = np.ones(len(points)) if weight is None else weight.reshape(-1)
    inside = np.ones(len(points), bool)
    where = []
    for values, ends in zip(points.T, edges):
        inside &= (values >= ends[0]) & (values <= ends[-1])
        where.append(np.minimum(np.searchsorted(ends, values, side="right") - 1, len(ends) - 2))
    hist = np.zeros([len(ends) - 1 for ends in edges])
    np.add.at(hist, tuple([w[inside] for w in where]), weight[inside])
    if density:
        hist = hist / hist.sum()
        for axis, ends in enumerate(edges):
            hist = hist / np.diff(ends).reshape([-1 if i == axis else 1 for i in range(len(edges))])
    return hist.astype(x.dtype)


def counts_of(x, weights, least):
    """How often each integer occurs, or its weight: float32 where weights are, else float64."""
    if weights is None:
        return np.bincount(x, minlength=least).astype(np.int64, copy=False)
    return np.bincount(x, weights, least).astype(weights.dtype if weights.dtype == np.float32 else np.float64)

"""Gathering and scattering on NumPy arrays.

Sums over repeated positions are the slow part of gradients. Where possible positions are made flat: `numpy.add.at` is
fast only in one dimension, and whole rows are sorted and added run by run. Half precision is summed in float32.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np

from .picked import MANY, SHORT, picking

__all__ = [
    "put_part",
    "take_at",
    "add_at",
    "put_at",
    "write_at",
    "take_along",
    "scatter_along",
    "scatter",
    "scatter_reduce",
    "add_rows",
    "add_embedding",
    "put_masked",
    "pick_masked",
    "run_numbers",
    "one_hot",
    "argwhere_of",
]


def put_part(g, shape, index):
    """Zeros of a shape with g where `index`, of numbers and slices, points."""
    out = np.zeros(shape, g.dtype)
    out[index] = g
    return out


def _summed_in(dtype):
    """The dtype in which values of a dtype are summed."""
    return np.dtype(np.float32) if dtype.itemsize == 2 and dtype.kind in "fV" else dtype


def _filled(spec, indices) -> tuple:
    """The index that `spec` (None where an array of positions stands) and its arrays mean."""
    arrays = iter(indices)
    return tuple([next(arrays) if part is None else part for part in spec])


def take_at(x, indices, spec):
    """x at arrays of positions, contiguous."""
    if len(indices) == 1 and spec[-1] is None and indices[0].dtype.kind != "b":
        return x.take(indices[0], axis=len(spec) - 1)
    return np.ascontiguousarray(x[_filled(spec, indices)])


def add_at(g, shape, indices, spec):
    """Zeros of a shape with g added at arrays of positions, which may repeat."""
    out = np.zeros(shape, _summed_in(g.dtype))
    if all(i.dtype.kind == "b" for i in indices) and len(indices) == 1:
        out[_filled(spec, indices)] = g
    elif all(part is None for part in spec) and all(i.dtype.kind != "b" for i in indices):
        count = len(indices)
        rows, rest = shape[:count], shape[count:]
        if count == 1:
            flat = _from_start(indices[0], rows[0])
        else:
            at = np.broadcast_arrays(*indices)
            flat = np.zeros(at[0].shape, np.int64)
            for i, n in zip(at, rows):
                flat = flat * n + np.where(i < 0, i + n, i)
        _add_flat(out, flat.reshape(-1), g, prod(rows), prod(rest))
    else:
        np.add.at(out, _filled(spec, indices), g)
    return out.astype(g.dtype, copy=False)


def _from_start(index, n: int):
    """Positions of which negative ones count from the end, as int64 from the start."""
    if index.size and np.minimum.reduce(index, axis=None) < 0:
        index = np.where(index < 0, index + n, index)
    return index.astype(np.int64, copy=False)


def _add_flat(out, index, g, rows: int, width: int):
    """Add the rows of g to those of out at positions that may repeat and are not negative."""
    out, g = out.reshape(rows, width), g.reshape(index.size, width)
    if _added_natively(out, index, g):
        return
    if width == 1:
        np.add.at(out.reshape(-1), index, g.reshape(-1).astype(out.dtype, copy=False))
    elif index.size:
        order = np.argsort(index, kind="stable")
        ordered = index[order]
        first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        out[ordered[first]] = np.add.reduceat(g[order], first, axis=0, dtype=out.dtype)


def put_at(x, value, indices, spec, accumulate):
    """A copy of x with values written, or added, at arrays of positions."""
    out = np.array(x)
    if accumulate:
        np.add.at(out, _filled(spec, indices), value)
    else:
        write_at(out, value, indices, spec)
    return out


def write_at(x, value, indices, spec):
    """Write values into x at arrays of positions."""
    where = _filled(spec, indices)
    if getattr(value, "ndim", 0) > 1 and any(i.dtype.kind == "b" for i in indices):
        # NumPy refuses to broadcast to a mask; to the positions of its elements it does.
        where = tuple([p for w in where for p in (w.nonzero() if getattr(w, "dtype", None) == np.bool_ else (w,))])
    x[where] = value


def _grid(index, axis: int) -> tuple:
    """The full index of which `index` gives the positions along one axis."""
    axes = [np.arange(n).reshape((n,) + (1,) * (index.ndim - 1 - i)) for i, n in enumerate(index.shape)]
    axes[axis] = index
    return tuple(axes)


def _flat(index, axis: int, shape) -> np.ndarray:
    """The positions in a contiguous array of a shape of which `index` gives those along one axis."""
    starts = (_few_starts if index.size <= _FEW else _starts)(index.shape, axis, shape)
    step = prod(shape[axis + 1 :])
    return starts + (index if step == 1 else index * step)


def _starts(counts, axis: int, shape):
    """Where each run along one axis starts in a contiguous array of a shape."""
    starts, step = 0, 1
    for i in range(len(shape) - 1, -1, -1):
        if i != axis:
            starts = starts + (np.arange(counts[i]) * step).reshape((-1,) + (1,) * (len(shape) - 1 - i))
        step *= shape[i]
    return starts


_FEW = 4096
_few_starts = lru_cache(64)(_starts)


def take_along(x, index, axis):
    """x[..., index[i, j], ...] along an axis; the index may be smaller than x in the other dimensions."""
    if x.ndim == 0:
        return np.broadcast_to(x, index.shape).copy()
    last = x.ndim - 1
    if axis == last and x.size <= SHORT and index.size <= SHORT and x.shape[:last] == index.shape[:last]:
        native = picking()
        pick = None if native is None else native.pick.get(x.dtype)
        if pick is not None and pick(x, index, out := np.empty(index.shape, x.dtype)):
            return out
    if x.flags.c_contiguous:
        return x.take(_flat(index.reshape(index.shape or (1,)), axis, x.shape)).reshape(index.shape)
    return x[_grid(index.reshape(index.shape or (1,)), axis)].reshape(index.shape)


def scatter_along(g, index, axis, shape):
    """Zeros of a shape with g added at `index` along an axis; g may be larger than the index."""
    out = np.zeros(shape, _summed_in(g.dtype))
    index = index.reshape(index.shape or (1,))
    g = g.reshape(g.shape or (1,))[tuple([slice(n) for n in index.shape])]
    flat = index.reshape(-1) if out.ndim <= 1 else _flat(index, axis, shape).reshape(-1)
    if not _added_natively(out.reshape(-1), flat, g):
        np.add.at(out.reshape(-1), flat, np.ascontiguousarray(g, out.dtype).reshape(-1))
    return out.astype(g.dtype, copy=False)


def _added_natively(out, index, g) -> bool:
    """Whether the rows of g, not too many, could be added natively to those of out, which are zeros."""
    if not MANY <= g.size <= SHORT or out.dtype is not g.dtype:
        return False
    native = picking(now=True)
    add = None if native is None else native.add_rows.get(g.dtype)
    wide = out if out.dtype == np.float64 else np.zeros(out.shape)
    if add is None:
        return False
    if not add(np.ascontiguousarray(g), np.ascontiguousarray(index), wide):
        wide[...] = 0
        return False
    if wide is not out:
        out[...] = wide
    return True


def scatter(x, source, index, axis):
    """A copy of x with `source` written at `index` along an axis; of repeated positions the last counts."""
    out = np.array(x)
    index = index.reshape(index.shape or (1,))
    if source.ndim:
        source = source[tuple([slice(n) for n in index.shape])]
    flat = out.reshape(out.shape or (1,))
    flat[_grid(index, axis)] = source
    return out


_REDUCERS = {"sum": np.add, "mean": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum}


def scatter_reduce(x, source, index, axis, how, include_self):
    """A copy of x into which `source` is reduced at `index` along an axis: sum, mean, prod, amax or amin."""
    out = np.array(x)
    shape = out.shape
    index = index.reshape(index.shape or (1,))
    out, source = out.reshape(shape or (1,)), source.reshape(source.shape or (1,))
    source = source[tuple([slice(n) for n in index.shape])]
    where = _grid(index, axis)
    if not include_self:
        out[where] = _neutral(how, out.dtype)
    _REDUCERS[how].at(out, where, source)
    if how == "mean":
        count = np.full(out.shape, 1 if include_self else 0, np.int64)
        np.add.at(count, where, 1)
        count[count == 0] = 1
        out = (out / count if out.dtype.kind in "fc" else out // count).astype(out.dtype)
    return out.reshape(shape)


def _neutral(how, dtype):
    """What a reduction starts from."""
    if how not in ("amax", "amin"):
        return 1 if how == "prod" else 0
    if dtype.kind == "b":
        return how == "amin"
    if dtype.kind == "f":
        return -np.inf if how == "amax" else np.inf
    return np.iinfo(dtype).min if how == "amax" else np.iinfo(dtype).max


def add_rows(g, index, axis, shape):
    """Zeros of a shape with the slices of g along an axis added at positions, which may repeat."""
    out = np.zeros(shape, _summed_in(g.dtype))
    index = _from_start(index, shape[axis])
    if axis == 0:
        _add_flat(out, index, g, shape[0], prod(shape[1:]))
    elif index.size:
        order = np.argsort(index, kind="stable")
        ordered = index[order]
        first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        lead = (slice(None),) * axis
        out[(*lead, ordered[first])] = np.add.reduceat(np.take(g, order, axis=axis), first, axis=axis, dtype=out.dtype)
    return out.astype(g.dtype, copy=False)


def add_embedding(g, index, shape, padding):
    """The gradient of an embedding's weight: rows of g added at `index`, the padding row left at zero."""
    out = add_rows(g.reshape(index.size, shape[1]), index.reshape(-1), 0, shape)
    if padding >= 0:
        out[padding] = 0
    return out


def put_masked(g, mask, shape):
    """Zeros of a shape with the elements of g, in order, where the mask is set."""
    out = np.zeros(shape, g.dtype)
    out[mask] = g
    return out


def pick_masked(x, mask):
    """The elements of x where the mask is set."""
    return x[mask]


def run_numbers(like, counts, n):
    """0 repeated counts[0] times, 1 repeated counts[1] times, and so on."""
    return np.repeat(np.arange(n), counts)


def argwhere_of(x):
    """The positions of the nonzero elements as rows, each column contiguous."""
    if x.ndim == 0:
        return np.zeros((int(bool(x)), 0), np.int64)
    return np.array(np.nonzero(x), np.int64).T


def one_hot(index, classes):
    """int64 rows of `classes` zeros with a one at the index."""
    out = np.zeros((*index.shape, classes), np.int64)
    out.reshape(-1)[np.arange(index.size) * classes + index.reshape(-1)] = 1
    return out

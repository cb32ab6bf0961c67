"""Gathering and scattering on NumPy arrays."""

from __future__ import annotations

import numpy as np

__all__ = [
    *("put_part", "take_at", "add_at", "put_at", "take_along", "scatter_along", "scatter", "scatter_reduce", "add_rows"),
    *("add_embedding", "put_masked", "pick_masked", "run_numbers", "one_hot", "put_diagonal", "window_of", "add_strided"),
    *("sliding_windows", "add_windows", "bits"),
]


def put_part(g, shape, index):
    """Zeros of a shape with g where `index`, of numbers and slices, points."""
    out = np.zeros(shape, g.dtype)
    out[index] = g
    return out


def _filled(spec, indices) -> tuple:
    arrays = iter(indices)
    return tuple(next(arrays) if part is None else part for part in spec)


def take_at(x, indices, spec):
    """x at arrays of positions."""
    return x[_filled(spec, indices)]


def add_at(g, shape, indices, spec):
    """Zeros of a shape with g added at arrays of positions, which may repeat."""
    if len(indices) == 1 and spec[0] is None and indices[0].dtype.kind in "iu" and g.ndim >= indices[0].ndim:
        return add_rows(g.reshape(indices[0].size, *g.shape[indices[0].ndim :]), indices[0].reshape(-1), 0, shape)
    out = np.zeros(shape, g.dtype)
    if all(i.dtype.kind == "b" for i in indices) and len(indices) == 1:
        out[_filled(spec, indices)] = g
    else:
        np.add.at(out, _filled(spec, indices), g)
    return out


def put_at(x, value, indices, spec, accumulate):
    """A copy of x with values written, or added, at arrays of positions."""
    out = np.array(x)
    if accumulate:
        np.add.at(out, _filled(spec, indices), value)
    else:
        out[_filled(spec, indices)] = value
    return out


def _grid(index, axis: int) -> tuple:
    """The full index of which `index` gives the positions along one axis."""
    axes = [np.arange(n).reshape((1,) * i + (n,) + (1,) * (index.ndim - 1 - i)) for i, n in enumerate(index.shape)]
    axes[axis] = index
    return tuple(axes)


def take_along(x, index, axis):
    """x[..., index[i, j], ...] along an axis; the index may be smaller than x in the other dimensions."""
    if x.ndim == 0:
        return np.broadcast_to(x, index.shape).copy()
    return x[_grid(index, axis)]


def scatter_along(g, index, axis, shape):
    """Zeros of a shape with g added at `index` along an axis."""
    out = np.zeros(shape, g.dtype)
    g = g[tuple(slice(n) for n in index.shape)]
    if out.ndim == 0:
        return out + g.sum(dtype=g.dtype)
    np.add.at(out, _grid(index, axis), g)
    return out


def scatter(x, source, index, axis):
    """A copy of x with `source` written at `index` along an axis; of repeated positions the last counts."""
    out = np.array(x)
    if out.ndim == 0:
        if index.size:
            out[...] = source.reshape(-1)[index.size - 1] if getattr(source, "ndim", 0) else source
        return out
    if getattr(source, "ndim", 0):
        source = source[tuple(slice(n) for n in index.shape)]
    out[_grid(index, axis)] = source
    return out


_REDUCERS = {"sum": np.add, "mean": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum}


def scatter_reduce(x, source, index, axis, how, include_self):
    """A copy of x into which `source` is reduced at `index` along an axis: sum, mean, prod, amax or amin."""
    out = np.array(x)
    shape = out.shape
    if out.ndim == 0:
        out, source, index = out.reshape(1), source.reshape(-1), index.reshape(-1)
    source = source[tuple(slice(n) for n in index.shape)]
    where = _grid(index, axis)
    if not include_self:
        neutral = {"prod": 1, "amax": _lowest(out.dtype), "amin": _highest(out.dtype)}.get(how, 0)
        out[where] = neutral
    _REDUCERS[how].at(out, where, source)
    if how == "mean":
        count = np.full(out.shape, 1 if include_self else 0, np.int64)
        np.add.at(count, where, 1)
        count[count == 0] = 1
        out = (out / count).astype(out.dtype) if out.dtype.kind in "fc" else out // count
    return out.reshape(shape)


def _lowest(dtype):
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _highest(dtype):
    return np.inf if dtype.kind == "f" else np.iinfo(dtype).max


def add_rows(g, index, axis, shape):
    """Zeros of a shape with the slices of g along an axis added at positions, which may repeat.

    Positions are sorted and each run is added up: one pass over g instead of one call a position.
    """
    out = np.zeros(shape, g.dtype)
    if index.size == 0:
        return out
    index = np.where(index < 0, index + shape[axis], index)
    order = np.argsort(index, kind="stable")
    ordered = index[order]
    first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    rows = np.take(g, order, axis=axis) if g.ndim else g
    lead = (slice(None),) * axis
    out[(*lead, ordered[first])] = np.add.reduceat(rows, first, axis=axis)
    return out


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


def one_hot(index, classes):
    """int64 rows of `classes` zeros with a one at the index."""
    out = np.zeros((*index.shape, classes), np.int64)
    np.put_along_axis(out, index[..., None], 1, axis=-1)
    return out


def put_diagonal(g, shape, offset, axis1, axis2):
    """Zeros of a shape with g on a diagonal."""
    out = np.zeros(shape, g.dtype)
    target = np.diagonal(out, offset, axis1, axis2)
    target.flags.writeable = True
    target[...] = g
    return out


def window_of(x, shape, strides, offset):
    """A view of the memory that x looks at, by shape, strides and offset in elements. x may itself be a view."""
    owner = x
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    size = x.itemsize
    if owner.flags.forc:
        whole = owner.reshape(-1, order="A") if owner.flags.c_contiguous else owner.T.reshape(-1)
        whole = whole.view(x.dtype) if whole.dtype != x.dtype else whole
        return np.lib.stride_tricks.as_strided(whole[offset:], shape, [s * size for s in strides])
    return np.lib.stride_tricks.as_strided(x, shape, [s * size for s in strides])


def add_strided(g, shape, strides, offset):
    """Zeros of a dense shape with g added through a strided window."""
    out = np.zeros(shape, g.dtype)
    positions = np.full(g.shape, offset, np.intp)
    for i, (n, stride) in enumerate(zip(g.shape, strides)):
        positions += (np.arange(n) * stride).reshape((1,) * i + (n,) + (1,) * (g.ndim - 1 - i))
    np.add.at(out.reshape(-1), positions, g)
    return out


def sliding_windows(x, axis, size, step):
    """Windows of a size along an axis, every `step` elements, as a new last dimension: a view."""
    if x.ndim == 0:
        return np.lib.stride_tricks.as_strided(x, (size,), (x.itemsize,))
    views = np.lib.stride_tricks.sliding_window_view(x, size, axis=axis, writeable=True)
    return views[(slice(None),) * axis + (slice(None, None, step),)]


def add_windows(g, shape, axis, size, step):
    """Zeros of a shape with windows along an axis added where they lie."""
    out = np.zeros(shape, g.dtype)
    if not shape:
        return out + g.sum(dtype=g.dtype)
    lead = (slice(None),) * axis
    count = g.shape[axis]
    for i in range(size):
        out[(*lead, slice(i, i + (count - 1) * step + 1, step))] += g[..., i]
    return out


def bits(x, dtype):
    """The same memory read as another dtype."""
    return np.ascontiguousarray(x).view(dtype)

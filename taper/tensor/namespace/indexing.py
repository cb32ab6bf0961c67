"""Elements at positions, and put there."""

from __future__ import annotations

import numpy as np

from ...autograd.dispatch import apply
from ...autograd.places import beside
from ...autograd.tape import Variable
from ...backends import namespace_of
from ...ops import indexing as _indexing

__all__ = [
    "add_at",
    "add_embedding",
    "add_rows",
    "pick_masked",
    "put_at",
    "put_masked",
    "put_part",
    "run_numbers",
    "scatter",
    "scatter_along",
    "scatter_reduce",
    "take",
    "take_along",
    "take_at",
]


def put_part(g, shape, index):
    """Zeros of a shape with g where an index of numbers and slices points."""
    return apply(_indexing.put_part, g, shape=tuple(shape), index=index)


def take_at(x, indices, spec):
    """x at arrays of positions."""
    return apply(_indexing.take_at, x, *indices, spec=spec)


def add_at(g, shape, indices, spec):
    """Zeros of a shape with g added at arrays of positions."""
    return apply(_indexing.add_at, g, *indices, shape=tuple(shape), spec=spec)


def put_at(x, value, indices, spec, accumulate):
    """A copy of x with values written, or added, at arrays of positions."""
    if not isinstance(value, Variable):
        value = beside(x, np.asarray(value, x._array.dtype))
    return apply(_indexing.put_at, x, value, *indices, spec=spec, accumulate=accumulate)


def take_along(x, index, axis):
    """x at positions along an axis."""
    return apply(_indexing.gather, x, index, axis=axis)


def scatter_along(g, index, axis, shape):
    """Zeros of a shape with g added at positions along an axis."""
    return apply(_indexing.scatter_along, g, index, axis=axis, shape=tuple(shape))


def scatter(x, source, index, axis):
    """A copy of x with source written at positions along an axis."""
    return apply(_indexing.scatter, x, source, index, axis=axis)


def scatter_reduce(x, source, index, axis, how, include_self):
    """A copy of x into which source is reduced at positions along an axis."""
    return apply(_indexing.reduce_at, x, source, index, axis=axis, how=how, include_self=include_self)


def take(x, index, axis):
    """Slices at positions along an axis."""
    shape = x._array.shape
    flat = apply(_indexing.index_select, x, index.reshape(-1), axis=axis)
    return flat.reshape(*shape[:axis], *index._array.shape, *shape[axis + 1 :])


def add_rows(g, index, axis, shape):
    """Zeros of a shape with slices of g added at positions along an axis."""
    return apply(
        _indexing.add_rows, g, index if isinstance(index, Variable) else beside(g, index), axis=axis, shape=tuple(shape)
    )


def add_embedding(g, index, shape, padding):
    """The gradient of an embedding's weight."""
    out = add_rows(g.reshape(-1, shape[1]), index.reshape(-1), 0, shape)
    if padding >= 0:
        kept = np.ones((shape[0], 1), g._array.dtype)
        kept[padding] = 0
        out = out * beside(out, kept)
    return out


def put_masked(g, mask, shape):
    """Zeros of a shape with the elements of g where a mask is set."""
    return apply(_indexing.put_masked, g, mask, shape=tuple(shape))


def pick_masked(x, mask):
    """The elements of x where a mask is set."""
    return apply(_indexing.masked_select, x, mask)


def run_numbers(like, counts, n):
    """0 repeated counts[0] times, 1 repeated counts[1] times, and so on."""
    return namespace_of(like._array).run_numbers(like._array, counts, n)

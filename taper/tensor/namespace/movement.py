"""Elements in another order or shape, put where they belong, or read as something else."""

from __future__ import annotations

from ...autograd.dispatch import apply
from ...ops import movement as _movement
from ..joining import cat
from ..joining import stack as _stack

__all__ = [
    "add_windows",
    "bits",
    "broadcast_to",
    "concat",
    "diagonal_of",
    "expand_dims",
    "flip",
    "laid_over",
    "matrix_transpose",
    "permute_dims",
    "put_diagonal",
    "reshape",
    "roll",
    "rot90",
    "sliding_windows",
    "stack",
    "tril",
    "triu",
]


def reshape(x, shape):
    """x in another shape."""
    return x.reshape(tuple(shape))


def permute_dims(x, axes):
    """The axes in another order."""
    return x.permute(*axes) if axes else x


def matrix_transpose(x):
    """The last two axes exchanged."""
    return x.transpose(-2, -1)


def broadcast_to(x, shape):
    """x expanded to a shape."""
    return x.expand(*shape) if tuple(x._array.shape) != tuple(shape) else x


def expand_dims(x, axis):
    """x with an axis of size 1 more."""
    return x.unsqueeze(axis)


def concat(xs, axis):
    """Arrays one after the other along an axis."""
    return cat(list(xs), axis)


def stack(xs, axis):
    """Arrays along a new axis."""
    return _stack(list(xs), axis)


def flip(x, axis):
    """The order reversed along axes."""
    return apply(_movement.flip, x, axes=axis)


def roll(x, shifts, axis):
    """Elements shifted along axes."""
    return apply(_movement.roll, x, shifts=shifts, axes=axis)


def rot90(x, turns, axes):
    """Turned by quarter turns in the plane of two axes."""
    return apply(_movement.rot90, x, turns=turns % 4, axes=axes)


def tril(x, k):
    """The lower triangle."""
    return apply(_movement.tril, x, k=k)


def triu(x, k):
    """The upper triangle."""
    return apply(_movement.triu, x, k=k)


def diagonal_of(x, offset, axis1, axis2):
    """A diagonal as the last axis."""
    return apply(_movement.diagonal, x, offset=offset, axis1=axis1, axis2=axis2)


def put_diagonal(g, shape, offset, axis1, axis2):
    """Zeros of a shape with g on a diagonal."""
    return apply(_movement.put_diagonal, g, shape=shape, offset=offset, axis1=axis1, axis2=axis2)


def bits(x, dtype):
    """The same memory read as another dtype."""
    return apply(_movement.bits, x.contiguous(), dtype=dtype)


def laid_over(g, strides, offset, shape, onto_strides, onto_offset):
    """g added into memory of zeros at one stride and offset, then read from it at another."""
    attrs = dict(strides=strides, offset=offset, shape=tuple(shape), onto_strides=onto_strides, onto_offset=onto_offset)
    return apply(_movement.laid_over, g, **attrs)


def sliding_windows(x, axis, size, step):
    """Windows along an axis as a new last axis."""
    return apply(_movement.unfold, x, axis=axis, size=size, step=step)


def add_windows(g, shape, axis, size, step):
    """Zeros of a shape with windows added where they lie."""
    return apply(_movement.add_windows, g, shape=shape, axis=axis, size=size, step=step)

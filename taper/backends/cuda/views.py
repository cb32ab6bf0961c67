"""Views of a GPU's memory by strides.

A view made here is an array of its own over the same block: CuPy gives it no base, but the block tells whose memory it is.
"""

# CuPy is not there where types are checked.
# pyright: reportMissingImports=false

from __future__ import annotations

import cupy


def window(x, shape, strides, start=0):
    """A view by shape, strides and start, both in bytes and relative to the first element of x."""
    return cupy.ndarray(tuple(shape), x.dtype, memptr=x.data + start, strides=tuple(strides))


def expanded(x, shape):
    """x with its dimensions of size 1, and missing first ones, repeated to a shape: a view with strides of 0."""
    return cupy.broadcast_to(x, tuple(shape))


def seen_as(x, dtype):
    """The memory of x read as another dtype, whose last dimension is as many times longer or shorter."""
    if dtype.itemsize == x.itemsize:
        return x.view(dtype)
    n = x.shape[-1] * x.itemsize // dtype.itemsize
    strides = [s for s in x.strides[:-1]]
    return cupy.ndarray((*x.shape[:-1], n), dtype, memptr=x.data, strides=(*strides, dtype.itemsize))


def diagonal_of(x, offset, axis1, axis2):
    """A diagonal as the last axis: a view."""
    return cupy.diagonal(x, offset, axis1, axis2)


def owner(array):
    """What all views of one memory have in common: the block."""
    return array.data.mem


def address(array) -> int:
    """Where an array's first element is."""
    return array.data.ptr


def whole(array):
    """An array that covers the memory of which `array` is a view."""
    if array.base is not None:
        return array.base
    block = array.data.mem
    if array.data.ptr == block.ptr and array.flags.forc:
        return array
    n = block.size // array.itemsize
    return cupy.ndarray((n,), array.dtype, memptr=cupy.cuda.MemoryPointer(block, 0))

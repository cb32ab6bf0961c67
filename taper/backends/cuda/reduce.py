"""Reductions on a GPU: CuPy's own. axis: an axis, a tuple of axes, or None for all."""

# CuPy is not there where types are checked.
# pyright: reportMissingImports=false

from __future__ import annotations

import cupy
import numpy


def sum(x, axis=None, keepdims=False, dtype=None):
    """The sum; integers and bools are added as int64."""
    if dtype is None and x.dtype.kind in "biu":
        dtype = numpy.int64
    return cupy.sum(x, axis=axis, dtype=dtype, keepdims=keepdims)


def prod(x, axis=None, keepdims=False, dtype=None):
    """The product; integers and bools are multiplied as int64."""
    if dtype is None and x.dtype.kind in "biu":
        dtype = numpy.int64
    return cupy.prod(x, axis=axis, dtype=dtype, keepdims=keepdims)


def max(x, axis=None, keepdims=False):
    return cupy.max(x, axis=axis, keepdims=keepdims)


def min(x, axis=None, keepdims=False):
    return cupy.min(x, axis=axis, keepdims=keepdims)


def any(x, axis=None, keepdims=False):
    return cupy.any(x, axis=axis, keepdims=keepdims)


def all(x, axis=None, keepdims=False):
    return cupy.all(x, axis=axis, keepdims=keepdims)


def argmax(x, axis=None, keepdims=False):
    """The first position of the largest element; of a NaN if there is one."""
    return cupy.argmax(x, axis=axis, keepdims=keepdims)


def argmin(x, axis=None, keepdims=False):
    """The first position of the smallest element; of a NaN if there is one."""
    return cupy.argmin(x, axis=axis, keepdims=keepdims)


def count_nonzero(x, axis=None):
    return cupy.count_nonzero(x, axis=axis)


def broadcast_to(x, shape):
    """A view of x in a larger shape."""
    return cupy.broadcast_to(cupy.asarray(x), shape)


def row_sums(x):
    """The sums along the last axis."""
    return x.sum(axis=-1)


def column_sums(x):
    """The sum over the first axis of a matrix; half precision is summed in float32."""
    return x.sum(axis=0) if x.itemsize != 2 else x.sum(axis=0, dtype=numpy.float32).astype(x.dtype)


def channel_sums(x):
    """The sums over all axes but 1; half precision is summed in float32."""
    axes = (0, *range(2, x.ndim))
    return x.sum(axis=axes) if x.itemsize != 2 else x.sum(axis=axes, dtype=numpy.float32).astype(x.dtype)

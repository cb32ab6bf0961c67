"""What rearranges elements, as direct calls: NumPy's functions of these names are wrappers that cost up to a microsecond."""

from __future__ import annotations

import numpy as np

__all__ = ["reshape", "expand_dims", "stack"]


def reshape(x, shape):
    """The same elements in another shape: a view where the memory allows."""
    return x.reshape(shape)


def expand_dims(x, axis):
    """x with a new dimension of size 1."""
    if axis.__class__ is not int:
        return np.expand_dims(x, axis)
    at = axis % (x.ndim + 1)
    return x.reshape((*x.shape[:at], 1, *x.shape[at:]))


def stack(xs, axis=0):
    """Arrays of one shape along a new axis."""
    return np.concatenate([expand_dims(x, axis) for x in xs], axis=axis)

"""What rearranges elements, as direct calls: NumPy's functions of these names are wrappers that cost up to a microsecond."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

__all__ = ["reshape", "expand_dims", "permute_dims", "matrix_transpose", "stack", "tril", "triu"]


def reshape(x, shape):
    """The same elements in another shape: a view where the memory allows."""
    return x.reshape(shape)


def expand_dims(x, axis):
    """x with a new dimension of size 1."""
    if axis.__class__ is not int:
        return np.expand_dims(x, axis)
    at = axis % (x.ndim + 1)
    return x.reshape((*x.shape[:at], 1, *x.shape[at:]))


def permute_dims(x, axes):
    """The axes in another order: a view."""
    return x.transpose(axes)


def matrix_transpose(x):
    """The last two axes exchanged: a view."""
    return x.mT


def stack(xs, axis=0):
    """Arrays of one shape along a new axis."""
    if axis == 0:
        return np.concatenate([x[None] for x in xs])
    return np.concatenate([expand_dims(x, axis) for x in xs], axis=axis)


def tril(x, k=0):
    """The lower triangles of matrices, zeros above the diagonal."""
    return np.where(_below(*x.shape[-2:], k), x, x.dtype.type(0))


def triu(x, k=0):
    """The upper triangles of matrices, zeros below the diagonal."""
    return np.where(_below(*x.shape[-2:], k - 1), x.dtype.type(0), x)


_FEW = 1 << 16


def _below(rows: int, columns: int, k: int):
    """Where the diagonal and what is below are."""
    return (_kept_below if rows * columns <= _FEW else np.tri)(rows, columns, k, bool)


_kept_below = lru_cache(16)(np.tri)

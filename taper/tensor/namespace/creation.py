"""Tensors made for a rule."""

from __future__ import annotations

import numpy as np

from ... import dtypes
from ...autograd.places import beside
from ...autograd.tape import wrap

__all__ = ["tri", "triangle_beside", "zeros", "zeros_beside"]


def zeros(shape, dtype):
    """Zeros of a shape and dtype."""
    dtype = dtype.np if isinstance(dtype, dtypes.dtype) else dtype
    return wrap(np.zeros(tuple(shape), dtype))


def tri(rows, columns, dtype):
    """Ones up to the diagonal."""
    return wrap(np.tri(rows, columns, dtype=dtype))


def triangle_beside(x):
    """For the matrices of x, True up to the diagonal."""
    return beside(x, np.tri(*x._array.shape[-2:], dtype=bool))


def zeros_beside(x, shape):
    """Zeros of a shape, of x's element type and where x is."""
    return x.new_zeros(shape)

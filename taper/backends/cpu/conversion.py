"""Another element type, and constants that go with an array."""

from __future__ import annotations

import numpy as np

__all__ = ["astype", "triangle_beside", "zeros_beside"]


def astype(x, dtype, copy=True):
    """x with another element type. NumPy's own function refuses what its reductions and comparisons give for no dimensions."""
    return x.astype(dtype, copy=copy)


def zeros_beside(x, shape):
    """Zeros of a shape, of x's element type and where x is."""
    return np.zeros(shape, dtype=x.dtype)


def triangle_beside(x):
    """For the matrices of x, True up to the diagonal."""
    return np.tri(*x.shape[-2:], dtype=bool)

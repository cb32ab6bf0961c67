"""Reductions as direct ufunc calls: NumPy's own wrappers around them cost over a microsecond a call."""

from __future__ import annotations

import numpy as np

__all__ = ["all", "any", "max", "min", "prod", "sum"]


def sum(x, axis=None, keepdims=False, dtype=None):
    return np.add.reduce(x, axis=axis, dtype=dtype, keepdims=keepdims)


def prod(x, axis=None, keepdims=False, dtype=None):
    return np.multiply.reduce(x, axis=axis, dtype=dtype, keepdims=keepdims)


def max(x, axis=None, keepdims=False):
    return np.maximum.reduce(x, axis=axis, keepdims=keepdims)


def min(x, axis=None, keepdims=False):
    return np.minimum.reduce(x, axis=axis, keepdims=keepdims)


def any(x, axis=None, keepdims=False):
    return np.logical_or.reduce(x, axis=axis, keepdims=keepdims)


def all(x, axis=None, keepdims=False):
    return np.logical_and.reduce(x, axis=axis, keepdims=keepdims)

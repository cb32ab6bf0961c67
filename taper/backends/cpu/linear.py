"""Affine maps: matrix products with what goes with them."""

from __future__ import annotations

import numpy as np

__all__ = ["affine", "column_sums"]

_ones: dict = {}


def affine(x, w, b):
    """x @ w.T + b for rows x; b may be None."""
    out = np.matmul(x, w.T)
    if b is not None:
        out += b
    return out


def column_sums(x):
    """The sum over the first axis of a matrix. As a product with ones it runs at the speed of memory, and float32 sums
    are as accurate as the library's dot products."""
    n = x.shape[0]
    if x.dtype.kind != "f" or n < 16:
        return np.add.reduce(x, axis=0)
    ones = _ones.get((n, x.dtype))
    if ones is None:
        if len(_ones) > 64:
            _ones.clear()
        ones = _ones[n, x.dtype] = np.ones(n, x.dtype)
    return ones @ x

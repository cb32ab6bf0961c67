"""Affine maps: matrix products with what goes with them."""

from __future__ import annotations

import math

import numpy as np
from numpy import ndarray

from .products import matmul, product
from .threads import alone

__all__ = ["add_product", "affine", "column_sums"]

SEVERAL = 1 << 15
"""Elements of a matrix from which the library would use its own threads for a product with a vector (see `products.py`)."""

_ones: dict = {}


def affine(x, w, b):
    """x @ w.T + b for rows x; b may be None."""
    if x.ndim > 2:
        # One tall product: NumPy would run one for each of the leading indices.
        return affine(x.reshape(math.prod(x.shape[:-1]), x.shape[-1]), w, b).reshape(*x.shape[:-1], w.shape[0])
    if (
        b is not None
        and x.__class__ is ndarray
        and b.shape == w.shape[:1]
        and b.strides == (x.itemsize,)
        and b.dtype is x.dtype
    ):
        made = product(x, w.T, b)
        if made is not None:
            return made
    out = matmul(x, w.T)
    if b is not None:
        out += b
    return out


def add_product(c, x, y, beta, alpha):
    """beta * c + alpha * x @ y, in the product's own memory."""
    out = matmul(x, y)
    if alpha != 1:
        out *= out.dtype.type(alpha)
    if beta != 0:
        out += c if beta == 1 else c * out.dtype.type(beta)
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
    if x.size < SEVERAL:
        return ones @ x
    with alone:
        return ones @ x

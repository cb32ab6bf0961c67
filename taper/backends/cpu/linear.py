"""Affine maps: matrix products with what goes with them."""

from __future__ import annotations

import math

import numpy as np

from .products import matmul

__all__ = ["add_product", "affine", "column_sums"]

_ones: dict = {}


def affine(x, w, b):
    """x @ w.T + b for rows x; b may be None."""
    if x.ndim > 2:
        # One tall product: NumPy would run one for each of the leading indices.
        lead = x.shape[:-1]
        out = matmul(x.reshape(math.prod(lead), x.shape[-1]), w.T).reshape(*lead, w.shape[0])
    else:
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
    return ones @ x

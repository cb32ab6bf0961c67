"""Sliding windows as columns, and columns added up into what they were windows of (im2col and col2im)."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .convolution import conv_output_shape

__all__ = ["im2col", "col2im"]


def im2col(x, kernel, stride, padding, dilation):
    """All windows of x (N, C, *spatial) as columns (N, C * window, number of windows). RuntimeError if none fits."""
    output = conv_output_shape(x.shape[2:], kernel, stride, padding, dilation)
    if any(padding):
        roomy = np.zeros((*x.shape[:2], *(n + 2 * p for n, p in zip(x.shape[2:], padding))), x.dtype)
        roomy[(..., *_inside(x.shape[2:], padding))] = x
        x = roomy
    along = x.strides[2:]
    strides = (*x.strides[:2], *(a * d for a, d in zip(along, dilation)), *(a * s for a, s in zip(along, stride)))
    windows = as_strided(x, (*x.shape[:2], *kernel, *output), strides, writeable=False)
    return np.array(windows, order="C").reshape(x.shape[0], x.shape[1] * prod(kernel), prod(output))


def col2im(columns, shape, kernel, stride, padding, dilation):
    """Zeros of a shape (N, C, *spatial) with every column added where its window lies."""
    spatial = shape[2:]
    output = conv_output_shape(spatial, kernel, stride, padding, dilation)
    windows = columns.reshape(*shape[:2], *kernel, *output)
    roomy = np.zeros((*shape[:2], *(n + 2 * p for n, p in zip(spatial, padding))), columns.dtype)
    for tap in product(*map(range, kernel)):
        at = tuple(slice(k * d, k * d + (m - 1) * s + 1, s) for k, d, m, s in zip(tap, dilation, output, stride))
        roomy[(..., *at)] += windows[(slice(None), slice(None), *tap)]
    return np.ascontiguousarray(roomy[(..., *_inside(spatial, padding))])


def _inside(spatial, padding) -> tuple:
    return tuple(slice(p, p + n) for n, p in zip(spatial, padding))

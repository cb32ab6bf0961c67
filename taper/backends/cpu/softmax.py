"""The logistic function, softmax and its logarithm on NumPy arrays; the largest element is taken out first."""

from __future__ import annotations

import functools

import numpy as np

from .large import accelerated, is_last, rowwise

__all__ = ["softmax", "sigmoid", "log_softmax"]


# Up to so many classes in the last axis are put in front of the rows: NumPy reduces a few long rows much faster than
# many short ones (256 x 10 in 8 us and not 25).
FEW = 32


_rowwise = functools.partial(rowwise, seen=lambda x, axis: (1, 1, (-1,)) if is_last(x, axis) else None)


def _in_front(function, x):
    """A function along axis 0 applied along the last axis."""
    turned = np.ascontiguousarray(x.reshape(-1, x.shape[-1]).T)
    return np.ascontiguousarray(function(turned, 0).T).reshape(x.shape)


def _many_short_rows(x, axis) -> bool:
    few = axis % x.ndim == x.ndim - 1 and 1 < x.shape[-1] <= FEW and x.size > 8 * x.shape[-1]
    return few and x.__class__ is np.ndarray


@_rowwise
@accelerated
def softmax(x, axis):
    """exp(x) / sum(exp(x)) along an axis."""
    if x.size == 0:
        return x.copy()
    if x.ndim > 1 and _many_short_rows(x, axis):
        return _in_front(softmax, x)
    out = np.exp(x - np.maximum.reduce(x, axis=axis, keepdims=True))
    out /= np.add.reduce(out, axis=axis, keepdims=True)
    return out


@_rowwise
@accelerated
def log_softmax(x, axis):
    """x - log(sum(exp(x))) along an axis."""
    if x.size == 0:
        return x.copy()
    if x.ndim > 1 and _many_short_rows(x, axis):
        return _in_front(log_softmax, x)
    out = x - np.maximum.reduce(x, axis=axis, keepdims=True)
    out -= np.log(np.add.reduce(np.exp(out), axis=axis, keepdims=True))
    return out


def sigmoid(x):
    """1 / (1 + exp(-x))"""
    return 1 / (1 + np.exp(-x))

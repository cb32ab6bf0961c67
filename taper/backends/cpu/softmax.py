"""The logistic function, softmax and its logarithm on NumPy arrays: the largest element is taken out first, so nothing overflows."""

from __future__ import annotations

import numpy as np

__all__ = ["softmax", "sigmoid", "log_softmax"]


def softmax(x, axis):
    """exp(x) / sum(exp(x)) along an axis."""
    if x.size == 0:
        return x.copy()
    out = np.exp(x - np.maximum.reduce(x, axis=axis, keepdims=True))
    out /= np.add.reduce(out, axis=axis, keepdims=True)
    return out


def log_softmax(x, axis):
    """x - log(sum(exp(x))) along an axis."""
    if x.size == 0:
        return x.copy()
    out = x - np.maximum.reduce(x, axis=axis, keepdims=True)
    out -= np.log(np.add.reduce(np.exp(out), axis=axis, keepdims=True))
    return out


def sigmoid(x):
    """1 / (1 + exp(-x))"""
    return 1 / (1 + np.exp(-x))

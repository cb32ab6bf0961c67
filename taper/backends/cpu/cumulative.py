"""Running reductions on NumPy arrays. Single precision is accumulated in double and rounded once an element."""

from __future__ import annotations

import numpy as np

__all__ = ["cumsum", "cumprod", "reversed_cumsum", "logcumsumexp", "running_position"]

_WIDER = {np.dtype(np.float32): np.dtype(np.float64), np.dtype(np.complex64): np.dtype(np.complex128)}


def _accumulated(ufunc, x, axis):
    """Integers and bools are accumulated as int64."""
    if x.dtype.kind in "biu":
        return ufunc.accumulate(x, axis, np.int64)
    return ufunc.accumulate(x, axis, _WIDER.get(x.dtype)).astype(x.dtype, copy=False)


def cumsum(x, axis):
    """Running sums along an axis."""
    return _accumulated(np.add, x, axis)


def cumprod(x, axis):
    """Running products along an axis."""
    return _accumulated(np.multiply, x, axis)


def reversed_cumsum(x, axis):
    """The sums of each element and all that follow along an axis."""
    return np.flip(_accumulated(np.add, np.flip(x, axis), axis), axis)


def logcumsumexp(x, axis):
    """log(cumsum(exp(x))); of complex numbers the largest real part is taken out first."""
    if x.dtype.kind != "c":
        return _accumulated(np.logaddexp, x, axis)
    top = np.max(x.real, axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0).astype(top.dtype)
    return np.log(cumsum(np.exp(x - top), axis)) + top


def running_position(x, axis, largest):
    """The position of the largest (smallest) element so far; of equal ones the last, and NaN wins."""
    best = (np.maximum if largest else np.minimum).accumulate(x, axis=axis)
    hit = (x == best) | (x != x)
    shape = [1] * x.ndim
    shape[axis] = x.shape[axis]
    positions = np.where(hit, np.arange(x.shape[axis]).reshape(shape), 0)
    return np.maximum.accumulate(positions, axis=axis)

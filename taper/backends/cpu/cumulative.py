"""Running reductions on NumPy arrays. Single precision is accumulated in double and rounded once an element."""

from __future__ import annotations

import numpy as np

from .picked import SHORT, picking

__all__ = ["cumsum", "cumprod", "reversed_cumsum", "logcumsumexp", "running_position"]

_WIDER = {np.dtype(np.float32): np.dtype(np.float64), np.dtype(np.complex64): np.dtype(np.complex128)}


def _accumulated(ufunc, x, axis):
    """Integers and bools are accumulated as int64."""
    if x.dtype.kind in "biu":
        return np.ascontiguousarray(ufunc.accumulate(x, axis, np.int64))
    return ufunc.accumulate(x, axis, _WIDER.get(x.dtype)).astype(x.dtype, order="C", copy=False)


def cumsum(x, axis):
    """Running sums along an axis."""
    if axis == x.ndim - 1 and x.size <= SHORT:
        native = picking()
        running = None if native is None else native.running.get(x.dtype)
        if running is not None and running(x, out := np.empty(x.shape, x.dtype)):
            return out
    return _accumulated(np.add, x, axis)


def cumprod(x, axis):
    """Running products along an axis."""
    return _accumulated(np.multiply, x, axis)


def reversed_cumsum(x, axis):
    """The sums of each element and all that follow along an axis."""
    return np.flip(_accumulated(np.add, np.flip(x, axis), axis), axis)


def logcumsumexp(x, axis):
    """log(cumsum(exp(x)))"""
    if x.dtype.kind != "c":
        return _accumulated(np.logaddexp, x, axis)
    rows = np.moveaxis(x, axis, 0).astype(np.complex128)
    for i in range(1, len(rows)):
        rows[i] = _logaddexp(rows[i - 1], rows[i])
    return np.ascontiguousarray(np.moveaxis(rows, 0, axis).astype(x.dtype))


def _logaddexp(a, b):
    """log(exp(a) + exp(b)) of complex numbers, from that of the larger real part."""
    swap = b.real > a.real
    big, small = np.where(swap, b, a), np.where(swap, a, b)
    return np.where(small.real == -np.inf, big, big + np.log1p(np.exp(small - big)))


def running_position(x, axis, largest):
    """The position of the largest (smallest) element so far; of equal ones the last, and NaN wins."""
    best = (np.maximum if largest else np.minimum).accumulate(x, axis=axis)
    hit = (x == best) | (x != x)
    shape = [1] * x.ndim
    shape[axis] = x.shape[axis]
    positions = np.where(hit, np.arange(x.shape[axis]).reshape(shape), 0)
    return np.maximum.accumulate(positions, axis=axis)

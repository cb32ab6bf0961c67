"""Reductions as direct ufunc calls: NumPy's own wrappers around them cost over a microsecond a call.

axis: an axis, a tuple of axes, or None for all. Results are dense: a reduction of a permuted array can be viewed.
"""

from __future__ import annotations

import math
from builtins import max as larger
from builtins import min as smaller

import numpy as np

from . import large
from .large import accelerated, natively

__all__ = [
    "all",
    "any",
    "max",
    "min",
    "prod",
    "sum",
    "argmax",
    "argmin",
    "count_nonzero",
    "mean_of",
    "variance",
    "logsumexp",
    "vector_norm",
    "broadcast_to",
    "number",
    "found",
    "outside",
]

_UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}

_LONG = 4096
_BLOCK = 256

# NumPy is slow over many short rows, of elements that it reduces or that it keeps: measured, 5 to 20 times as slow as
# one pass over memory. Over the others it is as fast as memory.
_NARROW, _SHORT = 128, 1024


def _along_rows(x, axis) -> bool:
    """Whether the last axis, along which memory runs, is among those reduced."""
    last = x.ndim - 1
    if axis is None or axis.__class__ is int:
        return axis is None or axis in (last, -1)
    return last in axis or -1 in axis


def _slow(x, axis) -> bool:
    """Whether NumPy is slow at an extreme along these axes of a large array."""
    return axis is not None and x.shape[-1] <= (_SHORT if _along_rows(x, axis) else _NARROW)


def sum(x, axis=None, keepdims=False, dtype=None):
    """The sum; integers and bools are added as int64."""
    if dtype is None and x.dtype.kind in "biu":
        dtype = np.int64
    if x.size > _LONG and x.dtype.kind in "fc":
        if x.size >= large.LARGE and dtype is None and (_along_rows(x, axis) or x.shape[-1] < _NARROW):
            made = natively("sum", x, axis, keepdims)
            if made is not NotImplemented:
                return made
        return _dense(_long_sum(x, axis, keepdims))
    made = np.add.reduce(x, axis=axis, dtype=dtype, keepdims=keepdims)
    return made if x.ndim < 3 else _dense(made)


def _dense(x):
    return x.copy() if x.__class__ is np.ndarray and not x.flags.c_contiguous else x


def _long_sum(x, axis, keepdims):
    """A sum whose rounding error grows with the square root of the length.

    NumPy adds pairwise only along the innermost axis of memory and one after the other along all others, which in
    float32 loses three digits over 10^5 rows. The longest of these other axes is added up in blocks.
    """
    if axis is None and x.flags.forc:
        return np.add.reduce(x, axis=None, keepdims=keepdims)
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    strides = [abs(s) if n > 1 else math.inf for s, n in zip(x.strides, x.shape)]
    innermost = strides.index(smaller(strides))
    long = [(x.shape[i], i) for i in axes if i != innermost and x.shape[i] > _BLOCK]
    if not long:
        return np.add.reduce(x, axis=axis, keepdims=keepdims)
    n, i = sorted(long)[-1]
    block = math.isqrt(n)
    whole = n // block * block
    lead = (slice(None),) * i
    blocks = x[(*lead, slice(whole))].reshape(*x.shape[:i], whole // block, block, *x.shape[i + 1 :])
    parts = np.add.reduce(blocks, i + 1)
    if whole < n:
        parts = np.concatenate((parts, np.add.reduce(x[(*lead, slice(whole, None))], i, keepdims=True)), axis=i)
    return np.add.reduce(parts, axis=axis, keepdims=keepdims)


def prod(x, axis=None, keepdims=False, dtype=None):
    """The product; integers and bools are multiplied as int64."""
    if dtype is None and x.dtype.kind in "biu":
        dtype = np.int64
    if x.size >= large.LARGE and dtype is None and axis is not None and _along_rows(x, axis):
        made = natively("prod", x, axis, keepdims)
        if made is not NotImplemented:
            return made
    return _dense(np.multiply.reduce(x, axis=axis, dtype=dtype, keepdims=keepdims))


def max(x, axis=None, keepdims=False):
    if x.size >= large.LARGE and _slow(x, axis):
        made = natively("max", x, axis, keepdims)
        if made is not NotImplemented:
            return made
    return _dense(np.maximum.reduce(x, axis=axis, keepdims=keepdims))


def min(x, axis=None, keepdims=False):
    if x.size >= large.LARGE and _slow(x, axis):
        made = natively("min", x, axis, keepdims)
        if made is not NotImplemented:
            return made
    return _dense(np.minimum.reduce(x, axis=axis, keepdims=keepdims))


def any(x, axis=None, keepdims=False):
    return _dense(np.logical_or.reduce(x, axis=axis, keepdims=keepdims))


def all(x, axis=None, keepdims=False):
    return _dense(np.logical_and.reduce(x, axis=axis, keepdims=keepdims))


def argmax(x, axis=None, keepdims=False):
    """The first position of the largest element; of a NaN if there is one."""
    if x.size >= large.LARGE and not _along_rows(x, axis):
        made = natively("argmax", x, axis, keepdims)
        if made is not NotImplemented:
            return made
    return _dense(x.argmax(axis, keepdims=keepdims))


def argmin(x, axis=None, keepdims=False):
    """The first position of the smallest element; of a NaN if there is one."""
    if x.size >= large.LARGE and not _along_rows(x, axis):
        made = natively("argmin", x, axis, keepdims)
        if made is not NotImplemented:
            return made
    return _dense(x.argmin(axis, keepdims=keepdims))


def count_nonzero(x, axis=None):
    return _dense(np.count_nonzero(x, axis=axis))


def number(x):
    """The element of an array without dimensions, as a Python number."""
    return x.item()


def found(condition) -> bool:
    """Whether any element is true: for what an operator refuses. A captured step asks this at each run."""
    return bool(np.logical_or.reduce(condition, axis=None))


def outside(index, limit: int) -> bool:
    """Whether some position is not in [0, limit): read without their sign, negative ones are the largest of all."""
    return index.size > 0 and bool(np.maximum.reduce(index.view(_UNSIGNED[index.itemsize]), axis=None) >= limit)


def _count(x, axis) -> int:
    return x.size if axis is None else math.prod([x.shape[i] for i in axis])


def mean_of(x, axis=None, keepdims=False):
    """The mean; NaN of nothing. axis: a tuple or None."""
    return sum(x, axis, keepdims) / _count(x, axis)


@accelerated
def variance(x, axis, correction, keepdims):
    """The mean square deviation over n - correction, in two passes. axis: a tuple or None."""
    n = _count(x, axis)
    deviation = x - sum(x, axis, True) / larger(n, 1)
    square = deviation * deviation if x.dtype.kind != "c" else (deviation * deviation.conj()).real
    return sum(square, axis, keepdims) / square.dtype.type(larger(n - correction, 0))


@accelerated
def logsumexp(x, axis, keepdims):
    """log(sum(exp(x))), with the largest taken out first."""
    if x.size == 0:
        return np.log(sum(np.exp(x), axis, keepdims))
    top = np.maximum.reduce(x.real, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0).astype(top.dtype)
    out = np.log(sum(np.exp(x - top), axis, keepdims))
    return out + (top if keepdims else top.reshape(np.shape(out)))


def vector_norm(x, p, axis, keepdims):
    """(sum |x|^p)^(1/p); the largest for infinity, the smallest for -infinity, the number of nonzeros for 0."""
    if (
        p == 2
        and axis is None
        and not keepdims
        and x.__class__ is np.ndarray
        and x.dtype.kind == "f"
        and x.flags.c_contiguous
    ):
        v = x.reshape(-1)
        return np.sqrt(v @ v)
    if p == 2 and x.size >= large.LARGE:
        made = natively("vector_norm", x, p, axis, keepdims)
        if made is not NotImplemented:
            return made
    size = np.abs(x)
    if p == 2:
        return np.sqrt(sum(size * size, axis, keepdims))
    if p == 1:
        return sum(size, axis, keepdims)
    if p == 0:
        return sum((size != 0).astype(size.dtype), axis, keepdims)
    if math.isinf(p):
        return (max if p > 0 else min)(size, axis, keepdims)
    return sum(size**p, axis, keepdims) ** (1 / p)


def broadcast_to(x, shape):
    """A read-only view of x in a larger shape: NumPy's own takes 4 us, as much as the rest of a small backward step."""
    if x.__class__ is not np.ndarray:
        x = np.asarray(x)
    lead = len(shape) - x.ndim
    if lead < 0 or x.dtype.kind == "V" or not x.flags.c_contiguous:
        return np.broadcast_to(x, shape)
    strides = [0] * lead
    for have, want, stride in zip(x.shape, shape[lead:], x.strides):
        if have != want and have != 1:
            return np.broadcast_to(x, shape)
        strides.append(stride if have == want else 0)
    made = np.ndarray(shape, x.dtype, x, 0, strides)
    made.setflags(write=False)
    return made

"""Running sums, products and extremes; differences and integrals along a dimension."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..autograd.dispatch import apply, into
from ..autograd.inplace import inplace
from ..autograd.tape import wrap
from ..ops import cumulative as ops, indexing
from ..ops.movement import astype
from . import dims, return_types
from .joining import cat

__all__ = [
    *("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp", "diff", "trapezoid", "trapz", "cumulative_trapezoid"),
]


def _running(name: str, operator, doc: str):
    def function(input, dim=None, *, dtype=None, out=None, **named):
        dim = named.pop("axis", dim)
        if dim is None:
            raise TypeError(f'{name}() missing 1 required positional arguments: "dim"')
        axis = dims.one(dim, input._array.ndim)
        if dtype is not None:
            input = apply(astype, input, dtype=dtype.np)
        elif input._array.dtype.kind in "biu" and input._array.dtype != dtypes.int64.np:
            input = apply(astype, input, dtype=dtypes.int64.np)
        if input._array.ndim == 0:
            result = input.clone()
        else:
            result = apply(operator, input, axis=axis)
        return result if out is None else into(out, result)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


cumsum = _running("cumsum", ops.cumsum, "The sums up to each element along a dimension; int64 for integers.")
cumprod = _running("cumprod", ops.cumprod, "The products up to each element along a dimension; int64 for integers.")


def logcumsumexp(input, dim, *, out=None):
    """log(cumsum(exp(input))) without overflow."""
    axis = dims.one(dim, input._array.ndim)
    result = input.clone() if input._array.ndim == 0 else apply(ops.logcumsumexp, input, axis=axis)
    return result if out is None else into(out, result)


def _extreme(name: str, operator, result_type):
    def function(input, dim, *, out=None):
        axis = dims.one(dim, input._array.ndim)
        if input._array.ndim == 0:
            values, where = input.clone(), wrap(np.zeros((), np.int64))
        else:
            where = apply(operator, input, axis=axis)
            values = apply(indexing.gather, input, where, axis=axis)
        if out is not None:
            values, where = into(out[0], values), into(out[1], where)
        return result_type(values, where)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"The {'largest' if name == 'cummax' else 'smallest'} element so far along a dimension, and its position."
    return function


cummax = _extreme("cummax", ops.argcummax, return_types.cummax)
cummin = _extreme("cummin", ops.argcummin, return_types.cummin)


def diff(input, n: int = 1, dim: int = -1, prepend=None, append=None, *, out=None):
    """The n-th differences of neighbours along a dimension."""
    if input._array.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    axis = dims.one(dim, input._array.ndim)
    parts = [t for t in (prepend, input, append) if t is not None]
    x = cat(parts, axis) if len(parts) > 1 else input
    lead = (slice(None),) * axis
    for _ in range(n):
        later, earlier = x[(*lead, slice(1, None))], x[(*lead, slice(0, -1))]
        x = later ^ earlier if x._array.dtype.kind == "b" else later - earlier
    return x if out is None else into(out, x)


def _areas(y, x, dx, dim):
    """The trapezoids between neighbours."""
    axis = dims.one(dim, y._array.ndim)
    lead = (slice(None),) * axis
    heights = y[(*lead, slice(1, None))] + y[(*lead, slice(0, -1))]
    if x is not None:
        width = diff(x, dim=-1 if x._array.ndim == 1 else dim)
        if x._array.ndim == 1:
            width = width.reshape(-1, *(1,) * (y._array.ndim - 1 - axis))
        return heights * width / 2, axis
    return heights * dx / 2, axis


def trapezoid(y, x=None, *, dx=1.0, dim: int = -1):
    """The integral of y along a dimension by the trapezoidal rule, at points x or in steps dx."""
    areas, axis = _areas(y, x, dx, dim)
    return areas.sum(axis)


trapz = trapezoid


def cumulative_trapezoid(y, x=None, *, dx=1.0, dim: int = -1):
    """The integral up to each point along a dimension by the trapezoidal rule."""
    areas, axis = _areas(y, x, dx, dim)
    return areas.cumsum(axis)


class CumulativeMethods:
    """Running reductions as methods."""

    __slots__ = ()

    cumsum = cumsum
    cumsum_ = inplace(cumsum)
    cumprod = cumprod
    cumprod_ = inplace(cumprod)
    cummax = cummax
    cummin = cummin
    logcumsumexp = logcumsumexp
    diff = diff

"""Running sums, products and extremes; differences and integrals along a dimension."""

from __future__ import annotations

import numpy as np

from ..autograd.dispatch import apply
from ..autograd.inplace import assign, inplace, legacy_name
from ..autograd.modes import is_grad_enabled
from ..autograd.outputs import EXPECTED, into
from ..autograd.places import beside
from ..autograd.recording import node_of
from ..autograd.tape import Variable
from ..ops import cumulative as ops
from ..ops import sorting
from ..ops.movement import astype
from . import dims, return_types
from .joining import cat
from .kinds import refuse
from .reduction import array_of

__all__ = [
    "cumsum",
    "cumprod",
    "cummax",
    "cummin",
    "logcumsumexp",
    "diff",
    "trapezoid",
    "trapz",
    "cumulative_trapezoid",
]


def _convert(input, dtype):
    """The input in the dtype asked for."""
    return input if dtype is None or dtype.np == input._array.dtype else apply(astype, input, dtype=dtype.np)


def _running(name: str, operator, doc: str):
    def function(input, dim=None, *, dtype=None, out=None, **named):
        array_of(input, operator)
        dim = named.get("axis", dim)
        if dim is None:
            raise TypeError(f'{name}() missing 1 required positional arguments: "dim"')
        axis = dims.one(dim, input._array.ndim)
        exact = EXPECTED if dtype is not None else ""
        if dtype is None and out is not None:
            dtype = out.dtype
        if dtype is not None:
            if dtype.np.kind in "biu" and is_grad_enabled() and node_of(input) is not None:
                raise RuntimeError(f"Autograd not support dtype: {legacy_name(dtype.np)} ({name})")
            if dtype.np.kind == "b":
                raise NotImplementedError(f"\"{name}_out_cpu\" not implemented for 'Bool'")
            input = _convert(input, dtype)
        if input._array.ndim:
            result = apply(operator, input, axis=axis)
        else:
            result = apply(operator, input.reshape(1), axis=0).reshape(())
        result = _convert(result, dtype)
        return result if out is None else into(out, result, exact)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


cumsum = _running(
    "cumsum",
    ops.cumsum,
    "Running sums along a dimension. dtype: the result's; else that of `out`, else the input's, or int64 for integers and bools.",
)
cumprod = _running(
    "cumprod",
    ops.cumprod,
    "Running products along a dimension. dtype: the result's; else that of `out`, else the input's, or int64 for integers and bools.",
)


def logcumsumexp(input, dim, *, out=None):
    """log(cumsum(exp(input))) along a dimension, without overflow. NotImplementedError for integers."""
    array = array_of(input, ops.logcumsumexp)
    axis = dims.one(dim, array.ndim)
    if array.dtype.kind in "biu":
        raise NotImplementedError(f"\"logcumsumexp_out_cpu\" not implemented for '{legacy_name(array.dtype)}'")
    result = apply(ops.logcumsumexp, input, axis=axis) if array.ndim else input.clone()
    return result if out is None else into(out, result)


def _extreme(name: str, operator, picked, result_type):
    def function(input, dim, *, out=None):
        array = array_of(input, picked)
        axis = dims.one(dim, array.ndim)
        if array.ndim and array.dtype.kind == "c":
            raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{legacy_name(array.dtype)}'")
        where = apply(operator, input, axis=axis) if array.ndim else beside(input, np.zeros((), np.int64))
        values = apply(picked, input, where, axis=axis, keepdims=True)
        if out is not None:
            values, where = into(out[0], values), into(out[1], where)
        return result_type(values, where)

    function.__name__ = function.__qualname__ = name
    word = "largest" if name == "cummax" else "smallest"
    function.__doc__ = (
        f"The {word} element so far along a dimension, and the last position of it: (values, indices). NaN wins."
    )
    return function


cummax = _extreme("cummax", ops.argcummax, sorting.cummax_at, return_types.cummax)
cummin = _extreme("cummin", ops.argcummin, sorting.cummin_at, return_types.cummin)


def diff(input, n: int = 1, dim: int = -1, prepend=None, append=None, *, out=None):
    """The n-th differences of neighbours along a dimension; of bools, where they differ.

    prepend, append: what stands before and behind the input. RuntimeError for n < 0 and a zero-dimensional input.
    """
    if not isinstance(input, Variable):
        raise TypeError(f"diff(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    if input._array.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    axis = dims.one(dim, input._array.ndim)
    shape = input._array.shape
    for t in (prepend, append):
        if t is None:
            continue
        if t._array.ndim != len(shape):
            raise RuntimeError("diff expects prepend or append to be the same dimension as input")
        for i, (have, wanted) in enumerate(zip(t._array.shape, shape)):
            if have != wanted and i != axis:
                raise RuntimeError(
                    "diff expects the shape of tensor to prepend or append to match that of input except along the "
                    f"differencing dimension; input.size({i}) = {wanted}, but got tensor.size({i}) = {have}"
                )
    if n == 0:
        return input.clone() if out is None else into(out, input, EXPECTED)
    parts = [t for t in (prepend, input, append) if t is not None]
    x = cat(parts, axis) if len(parts) > 1 else input
    lead = (slice(None),) * axis
    for _ in range(min(n, x._array.shape[axis] + 1)):
        later, earlier = x[(*lead, slice(1, None))], x[(*lead, slice(0, -1))]
        x = later ^ earlier if x._array.dtype.kind == "b" else later - earlier
    return x if out is None else into(out, x)


def _areas(name: str, y, x, dx, dim):
    """The trapezoids between neighbours, and the axis."""
    if not isinstance(y, Variable):
        raise TypeError(f"{name}(): argument 'y' (position 1) must be Tensor, not {type(y).__name__}")
    shape = y._array.shape
    if not shape:
        raise IndexError(f"{name}: Dimension specified as {dim} but tensor has no dimensions")
    axis = dims.one(dim, len(shape))
    if y._array.dtype.kind == "b" or (x is not None and x._array.dtype.kind == "b"):
        raise RuntimeError(
            f"{name}: received a bool input for `x` or `y`, but bool is not supported. Convert to integers first."
        )
    lead = (slice(None),) * axis
    if x is None:
        width = dx
    else:
        points = x._array.shape
        if not points:
            raise IndexError(f"{name}: `x` has no dimensions; give dx= for equal steps")
        along = points[0] if len(points) == 1 else points[dims.one(dim, len(points))]
        if along != shape[axis] and (len(points) == 1 or along != 1):
            raise RuntimeError(
                f"{name}: There must be one `x` value for each sample point; "
                f"y is {shape}, x is {points}, along dimension {axis}"
            )
        width = diff(x, dim=0 if len(points) == 1 else dim)
        if len(points) == 1:
            width = width.reshape(-1, *(1,) * (len(shape) - 1 - axis))
    return (y[(*lead, slice(1, None))] + y[(*lead, slice(0, -1))]) * width / 2, axis


def trapezoid(y, x=None, *, dx=1.0, dim: int = -1):
    """The integral of y along a dimension by the trapezoidal rule.

    x: the points (a vector, or of y's shape); without it they are dx apart. RuntimeError for bools and for
    another number of points than samples.
    """
    if isinstance(y, Variable) and 0 in y._array.shape:
        shape = list(y._array.shape)
        if shape.pop(dims.one(dim, len(shape))) == 0:
            return beside(y, np.zeros(shape, y._array.dtype))
    areas, axis = _areas("trapezoid", y, x, dx, dim)
    return areas.sum(axis)


trapz = trapezoid


def cumulative_trapezoid(y, x=None, *, dx=1.0, dim: int = -1):
    """The integral up to each point but the first along a dimension; arguments as for `trapezoid`."""
    areas, axis = _areas("cumulative_trapezoid", y, x, dx, dim)
    return areas.cumsum(axis)


def _check_kept(self, name: str, dtype) -> None:
    """Refuse to write sums or products of another type than the tensor's into it."""
    refuse(self._array, f"{name}_out_cpu", "b")
    if dtype is not None and dtype.np != self._array.dtype:
        raise RuntimeError(
            f"Bad in-place call: input tensor dtype {self.dtype} and output tensor dtype {dtype} should match"
        )


def _cumsum_inplace(self, dim=None, *, dtype=None, **named):
    """`cumsum`, written into this tensor; returns it. RuntimeError for another dtype than the tensor's."""
    _check_kept(self, "cumsum", dtype)
    return _summed_in_place(self, dim, **named)


def _cumprod_inplace(self, dim=None, *, dtype=None, **named):
    """`cumprod`, written into this tensor; returns it. The derivative needs the former values, hence the copy."""
    _check_kept(self, "cumprod", dtype)
    return assign(self, cumprod(self.clone(), dim, dtype=dtype, **named))


_summed_in_place = inplace(cumsum)


class CumulativeMethods:
    """Running reductions as methods."""

    __slots__ = ()

    cumsum = cumsum
    cumsum_ = _cumsum_inplace
    cumprod = cumprod
    cumprod_ = _cumprod_inplace
    cummax = cummax
    cummin = cummin
    logcumsumexp = logcumsumexp
    diff = diff

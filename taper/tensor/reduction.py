"""Reductions: over all elements, or over the dimensions `dim` (NumPy's names `axis` and `keepdims` are accepted)."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..autograd.casting import in_float32
from ..autograd.dispatch import apply
from ..autograd.inplace import legacy_name
from ..autograd.modes import is_grad_enabled
from ..autograd.naming import shown_as
from ..autograd.nodes import node_class
from ..autograd.outputs import EXPECTED, into
from ..autograd.places import beside
from ..autograd.promotion import F32, F64
from ..autograd.recording import node_of, record
from ..autograd.refusals import not_a_tensor
from ..autograd.tape import Variable, wrap
from ..backends import cpu
from ..backends.quiet import QUIET, enter, leave
from ..errors import warn
from ..ops import reduction as ops
from ..ops import sorting
from ..ops.movement import astype
from ..ops.operator import Plan
from . import dims, return_types
from .elementwise import maximum as _maximum
from .elementwise import minimum as _minimum

__all__ = [
    "sum",
    "nansum",
    "mean",
    "nanmean",
    "prod",
    "max",
    "min",
    "amax",
    "amin",
    "aminmax",
    "argmax",
    "argmin",
    "all",
    "any",
    "var",
    "std",
    "var_mean",
    "std_mean",
    "logsumexp",
    "count_nonzero",
]


_UNVERSIONED = (None, None, None)


def _no_bool(keepdim) -> TypeError:
    return TypeError(f"argument 'keepdim' must be bool, not {keepdim.__class__.__name__}")


def _fast(operator):
    """`run(input, axis, keepdims)`: a reduction of a tensor; float32 and float64 go without any conversion."""
    forward, plan = operator.forward, operator.plan(1)
    differentiable = operator.differentiable
    of_shape = plan.keep == [(Plan.SHAPE, 0), (Plan.ATTR, "axis"), (Plan.ATTR, "keepdims")]

    def run(input, axis, keepdims):
        if keepdims is not False and keepdims is not True:
            raise _no_bool(keepdims)
        try:
            array = input._array
        except AttributeError:
            raise not_a_tensor(operator, input) from None
        if array.__class__ is not np.ndarray or (array.dtype is not F32 and array.dtype is not F64):
            return apply(operator, input, axis=axis, keepdims=keepdims)
        token = enter(QUIET)
        try:
            made = forward(cpu, array, axis=axis, keepdims=keepdims)
        finally:
            leave(token)
        result = wrap(made if made.__class__ is np.ndarray else np.asarray(made))
        if differentiable and is_grad_enabled():
            node = node_of(input)
            if node is not None:
                if of_shape:
                    cls = plan.node_class or node_class(operator.grad_name)
                    result._node = cls(plan, (node,), (array.shape, axis, keepdims), _UNVERSIONED, None, None)
                else:
                    result._node = record(operator, (input,), {"axis": axis, "keepdims": keepdims}, (node,), result, ())
        return result

    return run


_sum, _sum_along, _mean, _mean_along = map(_fast, (ops.sum, ops.sum_along, ops.mean, ops.mean_along))


def _named(named: dict, dim, keepdim):
    """NumPy's keywords in place of PyTorch's."""
    dim = named.pop("axis", dim)
    keepdim = named.pop("keepdims", keepdim)
    if named:
        raise TypeError(f"got an unexpected keyword argument '{next(iter(named))}'")
    return dim, keepdim


def array_of(input, operator):
    """The array of an operator's input; TypeError if it is no tensor."""
    if not isinstance(input, Variable):
        raise not_a_tensor(operator, input)
    return input._array


def converted(input, dtype):
    """The input in the dtype asked for."""
    if dtype is None:
        return input
    wanted = dtypes.to_numpy(dtype)
    return input if wanted == input._array.dtype else apply(astype, input, dtype=wanted)


def _floating(input):
    """Integers and bools as the default floating type."""
    return converted(input, dtypes.get_default_dtype()) if input._array.dtype.kind in "biu" else input


def axes_of(input, dim, name: str):
    """The axes to reduce, None for all; () where a zero-dimensional tensor is reduced over its only dimension."""
    if dim.__class__ is int:
        ndim = input._array.ndim
        if 0 <= dim < ndim:
            return (dim,)
        axis = dims.one(dim, ndim)
        return (axis,) if ndim else ()
    return dims.several(dim, input._array.ndim, name)


def sum(input, dim=None, keepdim=False, *, dtype=None, out=None, **named):
    """The sum over `dim` (a dimension, several, or None for all). Integers and bools are summed as int64.

    dtype: what the input is converted to first, and the result's type. keepdim: reduced dimensions stay, of size 1.
    """
    if named:
        dim, keepdim = _named(named, dim, keepdim)
    wanted = out.dtype if dtype is None and out is not None else dtype
    if wanted is not None:
        input = converted(input, wanted)
    result = _sum(input, None, keepdim) if dim is None else _sum_along(input, axes_of(input, dim, "sum"), keepdim)
    if wanted is not None:
        result = converted(result, wanted)
    return result if out is None else into(out, result, EXPECTED)


def mean(input, dim=None, keepdim=False, *, dtype=None, out=None, **named):
    """The arithmetic mean over `dim`. RuntimeError for integers and bools: give dtype=, or convert with .float()."""
    if named:
        dim, keepdim = _named(named, dim, keepdim)
    if dtype is not None:
        input = converted(input, dtype)
    array = array_of(input, ops.mean)
    if array.dtype.kind in "biu":
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: "
            f"{legacy_name(array.dtype)}. Convert first: input.float()."
        )
    result = _mean(input, None, keepdim) if dim is None else _mean_along(input, axes_of(input, dim, "mean"), keepdim)
    return result if out is None else into(out, result)


def nansum(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The sum of what is not NaN. RuntimeError for complex numbers."""
    array = array_of(input, ops.nansum)
    if array.dtype.kind == "c":
        raise RuntimeError("nansum does not support complex inputs")
    input = converted(input, dtype)
    if input._array.dtype.kind in "biu":
        return sum(input, dim, keepdim, dtype=dtype, out=out)
    result = apply(ops.nansum, input, axis=axes_of(input, dim, "nansum"), keepdims=keepdim)
    return result if out is None else into(out, result)


def nanmean(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The mean of what is not NaN. RuntimeError for integers and bools."""
    array = array_of(input, ops.nansum)
    if array.dtype.kind in "biu":
        raise RuntimeError(
            f"nanmean(): expected input to have floating point or complex dtype but got {legacy_name(array.dtype)}"
        )
    present = sum(input == input, dim, keepdim)
    result = nansum(input, dim, keepdim, dtype=dtype) / present
    return result if out is None else into(out, result)


@in_float32
def prod(input, dim=None, keepdim=False, *, dtype=None, out=None, **named):
    """The product, over all elements or one dimension. Integers and bools are multiplied as int64."""
    if named:
        dim, keepdim = _named(named, dim, keepdim)
    array_of(input, ops.prod)
    if dtype is None and out is not None:
        dtype = out.dtype
    input = converted(input, dtype)
    if dim is None:
        result = apply(ops.prod, input, axis=None, keepdims=keepdim)
    else:
        if isinstance(dim, (tuple, list)):
            raise TypeError(
                f"prod(): argument 'dim' must be int, not {type(dim).__name__}. Reduce one dimension at a time."
            )
        result = apply(ops.prod_along, input, axis=axes_of(input, dim, "prod"), keepdims=keepdim)
    result = converted(result, dtype)
    return result if out is None else into(out, result, EXPECTED)


def _refuse_empty(array, axis, name: str, error: type[Exception] = RuntimeError) -> None:
    """An error for the largest of nothing; for a dimension of size 0 it is an IndexError."""
    if array.size:
        return
    if axis is None:
        raise error(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
            "Specify the reduction dim with the 'dim' argument."
        )
    for i in axis:
        if array.shape[i] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {i} to have non-zero size.")


def _refuse_complex(array, name: str, error: type[Exception] = NotImplementedError) -> None:
    if array.dtype.kind == "c":
        raise error(f"{name}(): complex numbers have no order; got {legacy_name(array.dtype)}. Compare input.abs().")


def _extreme(name: str, whole, position, picked, pairwise, result_type):
    positions = _fast(position)

    def function(input, dim=None, keepdim=False, *, out=None, **named):
        if named:
            dim, keepdim = _named(named, named.pop("other", dim), keepdim)
        array = array_of(input, picked)
        if dim is None:
            _refuse_empty(array, None, name)
            _refuse_complex(array, name)
            result = apply(whole, input)
            return result if out is None else into(out, result)
        if isinstance(dim, Variable):
            result = pairwise(input, dim)
            return result if out is None else into(out, result)
        if keepdim.__class__ is not bool:
            raise _no_bool(keepdim)
        axis = dims.one(dim, array.ndim)
        if array.ndim:
            _refuse_empty(array, (axis,), name)
            _refuse_complex(array, name, RuntimeError)
            indices = positions(input, axis, keepdim)
        else:
            _refuse_complex(array, name, RuntimeError)
            indices = beside(input, np.zeros((), np.int64))
        values = apply(picked, input, indices, axis=axis, keepdims=keepdim)
        if out is not None:
            values, indices = into(out[0], values), into(out[1], indices)
        return result_type(values, indices)

    function.__name__ = function.__qualname__ = name
    word = "largest" if name == "max" else "smallest"
    function.__doc__ = (
        f"The {word} element; with `dim`, (values, indices) along it; with a second tensor, the {word} of both.\n\n"
        "NaN wins; of equal elements the first is taken, but over all of them the gradient is shared.\n"
        "RuntimeError (IndexError with `dim`) where there is nothing to choose from."
    )
    return function


max = _extreme("max", ops.max_all, ops.argmax, sorting.max_at, _maximum, return_types.max)
min = _extreme("min", ops.min_all, ops.argmin, sorting.min_at, _minimum, return_types.min)


def _bound(name: str, operator):
    def function(input, dim=None, keepdim=False, *, out=None, **named):
        if named:
            dim, keepdim = _named(named, dim, keepdim)
        array = array_of(input, operator)
        axis = axes_of(input, dim, name)
        _refuse_empty(array, axis, name)
        if array.size:
            _refuse_complex(array, name)
        result = apply(operator, input, axis=axis, keepdims=keepdim)
        return result if out is None else into(out, result)

    function.__name__ = function.__qualname__ = name
    word = "largest" if name == "amax" else "smallest"
    function.__doc__ = f"The {word} element over one or several dimensions; the gradient is shared by equal ones."
    return function


amax, amin = _bound("amax", ops.amax), _bound("amin", ops.amin)


@shown_as("AminmaxBackward0")
def aminmax(input, *, dim=None, keepdim=False, out=None):
    """The smallest and the largest element, (min, max), over all or along one dimension."""
    array = array_of(input, ops.amin)
    axis = None if dim is None else axes_of(input, dim, "aminmax")
    if axis is None and not array.size:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity. Give a `dim` of "
            "some size."
        )
    _refuse_empty(array, axis, "aminmax")
    _refuse_complex(array, "aminmax")
    pair = [apply(o, input, axis=axis, keepdims=keepdim) for o in (ops.amin, ops.amax)]
    if out is not None:
        pair = [into(o, p) for o, p in zip(out, pair)]
    return return_types.aminmax(*pair)


def _position(name: str, operator):
    run = _fast(operator)

    def function(input, dim=None, keepdim=False, *, out=None, **named):
        if named:
            dim, keepdim = _named(named, dim, keepdim)
        array = array_of(input, operator)
        if keepdim.__class__ is not bool:
            raise _no_bool(keepdim)
        if array.dtype.kind in "bc":
            raise RuntimeError(f"{name}(): does not support {'bool' if array.dtype.kind == 'b' else 'complex'} input")
        axis = None if dim is None else dims.one(dim, array.ndim)
        if array.ndim == 0:
            result = beside(input, np.zeros((), np.int64))
        else:
            _refuse_empty(array, axis if axis is None else (axis,), name, IndexError)
            result = run(input, axis, keepdim)
        return result if out is None else into(out, result)

    function.__name__ = function.__qualname__ = name
    word = "largest" if name == "argmax" else "smallest"
    function.__doc__ = (
        f"The position (int64) of the first {word} element along `dim`, or among all elements in a row. NaN wins.\n\n"
        "RuntimeError for bool and complex input, IndexError where there is nothing to choose from."
    )
    return function


argmax, argmin = _position("argmax", ops.argmax), _position("argmin", ops.argmin)


def _truth(name: str, operator):
    run = _fast(operator)

    def function(input, dim=None, keepdim=False, *, out=None, **named):
        if named:
            dim, keepdim = _named(named, dim, keepdim)
        array = array_of(input, operator)
        # An empty tuple means no dimension here, where it means all of them to other reductions.
        axis = () if dim == () or dim == [] else None if dim is None else axes_of(input, dim, name)
        result = run(input, axis, keepdim)
        if array.dtype == np.uint8:
            result = converted(result, dtypes.uint8)
        if out is None:
            return result
        if isinstance(out, Variable) and out._array.dtype.name not in ("bool", "uint8"):
            raise RuntimeError(f"{name} only supports bool tensor for result, got: {legacy_name(out._array.dtype)}")
        return into(out, result)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Whether {name} elements are nonzero (NaN is): bool, but uint8 for uint8."
    return function


all, any = _truth("all", ops.all), _truth("any", ops.any)


def _spread_arguments(dim, unbiased, correction, keepdim, named):
    """The several ways in which the arguments of var and std are given."""
    dim, keepdim = _named(named, dim, keepdim)
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    return dim, correction, keepdim


def _deviation(name: str, operator):
    def function(input, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None, **named):
        dim, correction, keepdim = _spread_arguments(dim, unbiased, correction, keepdim, named)
        array = array_of(input, operator)
        if array.dtype.kind in "biu":
            raise RuntimeError(
                f"{name}(): std and var only support floating point and complex dtypes, not "
                f"{legacy_name(array.dtype)}. Convert first: input.float()."
            )
        axis = None if dim is None else axes_of(input, dim, name)
        if ops.count(array.shape, axis) <= correction:
            warn(
                f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor "
                f"(input numel divided by output numel); shape {array.shape}, correction {correction}."
            )
        result = apply(operator, input, axis=axis, correction=correction, keepdims=keepdim)
        return result if out is None else into(out, result)

    function.__name__ = function.__qualname__ = name
    word = "variance" if name == "var" else "standard deviation"
    function.__doc__ = (
        f"The {word} over `dim`, with n - correction in the denominator.\n\n"
        "correction is 1 unless given; unbiased=False is the older spelling of correction=0.\n"
        "Complex numbers have a real variance. RuntimeError for integers and bools."
    )
    return function


var, std = _deviation("var", ops.var), _deviation("std", ops.std)


@shown_as("VarMeanBackward0")
def var_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None, **named):
    """The variance and the mean; arguments as for `var`."""
    dim, correction, keepdim = _spread_arguments(dim, unbiased, correction, keepdim, named)
    return var(input, dim, keepdim=keepdim, correction=correction), mean(input, dim, keepdim)


@shown_as("StdMeanBackward0")
def std_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None, **named):
    """The standard deviation and the mean; arguments as for `std`."""
    dim, correction, keepdim = _spread_arguments(dim, unbiased, correction, keepdim, named)
    return std(input, dim, keepdim=keepdim, correction=correction), mean(input, dim, keepdim)


def logsumexp(input, dim, keepdim=False, *, out=None, **named):
    """log(sum(exp(input))) over `dim`, without overflow. Integers become the default floating type."""
    if named:
        dim, keepdim = _named(named, dim, keepdim)
    array_of(input, ops.logsumexp)
    input = _floating(input)
    result = apply(ops.logsumexp, input, axis=axes_of(input, dim, "logsumexp"), keepdims=keepdim)
    return result if out is None else into(out, result)


def count_nonzero(input, dim=None):
    """The number of nonzero elements, int64, over `dim` or all."""
    array_of(input, ops.count_nonzero)
    return apply(ops.count_nonzero, input, axis=None if dim is None else axes_of(input, dim, "count_nonzero"))


class ReductionMethods:
    """Reductions as methods."""

    __slots__ = ()

    sum = sum
    nansum = nansum
    mean = mean
    nanmean = nanmean
    prod = prod
    max = max
    min = min
    amax = amax
    amin = amin
    aminmax = aminmax
    argmax = argmax
    argmin = argmin
    all = all
    any = any
    var = var
    std = std
    logsumexp = logsumexp
    count_nonzero = count_nonzero

"""Order: sorting, selecting by rank, searching."""

from __future__ import annotations

import numpy as np

from ..autograd.casting import in_float32
from ..autograd.dispatch import apply
from ..autograd.inplace import legacy_name
from ..autograd.outputs import into
from ..autograd.places import brought
from ..autograd.tape import Variable, wrap
from ..backends import namespace_of
from ..ops import indexing, reduction
from ..ops import sorting as ops
from . import counting, dims, return_types
from .counting import *  # noqa: F403  (one family to the user, two files)
from .kinds import refuse
from .outputs import placed
from .reduction import array_of
from .shape import reshape

__all__ = [
    *("sort", "argsort", "msort", "topk", "kthvalue", "median", "nanmedian", "mode", "quantile", "nanquantile"),
    *("searchsorted", "bucketize", *counting.__all__),
]


def _refuse_complex(array, name: str) -> None:
    if array.dtype.kind == "c":
        raise RuntimeError(
            f"{name} does not support complex dtypes on CPU: they have no order. Sort input.abs() instead."
        )


def _pair(result_type, operator, input, where, axis: int, keepdim: bool, out):
    """The values at positions along an axis, and the positions."""
    values = apply(operator, input, where, axis=axis, keepdims=keepdim)
    if out is not None:
        inputs = () if operator is ops.sort_at else (input,)
        values, where = placed(out[0], values, *inputs), placed(out[1], where, *inputs)
    return result_type(values, where)


def _positions(operator, input, axis: int, keepdim: bool, **attrs):
    """The positions that an operator finds, whose axis has size 1, with or without it."""
    where = apply(operator, input, axis=axis, **attrs)
    return where if keepdim or input._array.ndim == 0 else where.squeeze(axis)


def sort(input, dim=-1, descending=False, stable=False, *, out=None, **named):
    """The elements in order along a dimension, and their former positions: (values, indices).

    Equal elements keep their order, stable or not; NaN counts as the largest. RuntimeError for complex numbers.
    """
    array = array_of(input, ops.sort_at)
    axis = dims.one(named.get("axis", dim), array.ndim)
    _refuse_complex(array, "Sort")
    where = apply(ops.argsort, input, axis=axis, descending=bool(descending))
    return _pair(return_types.sort, ops.sort_at, input, where, axis, True, out)


def argsort(input, dim=-1, descending=False, stable=False, *, out=None, **named):
    """The positions that sort a dimension."""
    array = array_of(input, ops.argsort)
    axis = dims.one(named.get("axis", dim), array.ndim)
    _refuse_complex(array, "Sort")
    result = apply(ops.argsort, input, axis=axis, descending=bool(descending))
    return result if out is None else into(out, result)


def msort(input, *, out=None):
    """The elements in order along the first dimension."""
    result = sort(input, 0)[0]
    return result if out is None else into(out, result)


def topk(input, k: int, dim=-1, largest=True, sorted=True, *, out=None):
    """The k largest (or smallest) elements along a dimension, best first, and their positions: (values, indices).

    sorted=False leaves their order open. RuntimeError for k above the dimension's size, bools and complex numbers.
    """
    array = array_of(input, ops.topk_at)
    axis = dims.one(dim, array.ndim)
    n = array.shape[axis] if array.ndim else 1
    if not 0 <= k <= n:
        raise RuntimeError(f"topk: selected index k out of range: k is {k}, dimension {axis} has {n} elements")
    if array.dtype.kind in "bc":
        raise RuntimeError(f"topk does not support {'bool' if array.dtype.kind == 'b' else 'complex'} dtypes on CPU")
    where = apply(ops.argtopk, input, k=k, axis=axis, largest=bool(largest), ordered=bool(sorted))
    return _pair(return_types.topk, ops.topk_at, input, where, axis, True, out)


def kthvalue(input, k: int, dim=-1, keepdim=False, *, out=None):
    """The k-th smallest element (from 1) along a dimension, and its position. RuntimeError for k out of range."""
    array = array_of(input, ops.kthvalue_at)
    axis = dims.one(dim, array.ndim)
    n = array.shape[axis] if array.ndim else 1
    if n == 0:
        raise IndexError(f"kthvalue(): Expected reduction dim {axis} to have non-zero size.")
    if not 1 <= k <= n:
        raise RuntimeError(
            f"kthvalue(): selected number k out of range for dimension {axis}: k is {k}, of {n} elements"
        )
    refuse(array, "kthvalue_cpu", "bc")
    where = _positions(ops.argkth, input, axis, keepdim, k=k)
    return _pair(return_types.kthvalue, ops.kthvalue_at, input, where, axis, keepdim, out)


def _middle(name: str, whole, picked, result_type, skip_nan: bool):
    def function(input, dim=None, keepdim=False, *, out=None):
        array = array_of(input, picked)
        if dim is None:
            refuse(array, "median_cpu", "bc")
            result = apply(whole, input)
            return result if out is None else into(out, result)
        axis = dims.one(dim, array.ndim)
        if array.ndim and array.shape[axis] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {axis} to have non-zero size.")
        refuse(array, "median_cpu", "bc")
        where = _positions(ops.argmedian, input, axis, keepdim, skip_nan=skip_nan)
        return _pair(result_type, picked, input, where, axis, keepdim, out)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        "The median, the lower one of an even number; with `dim`, (values, indices) along it. "
        + ("NaNs are left out." if skip_nan else "NaN if there is one.")
        + " Over all elements equal ones share the gradient."
    )
    return function


median = _middle("median", reduction.median_all, ops.median_at, return_types.median, False)
nanmedian = _middle("nanmedian", reduction.nanmedian_all, ops.nanmedian_at, return_types.nanmedian, True)


def mode(input, dim=-1, keepdim=False, *, out=None):
    """The most frequent element along a dimension (the smallest such), and the last position of it."""
    array = array_of(input, ops.mode_at)
    axis = dims.one(dim, array.ndim)
    if array.ndim and array.shape[axis] == 0:
        raise IndexError(f"mode(): Expected reduction dim {axis} to have non-zero size.")
    refuse(array, "mode_cpu", "c")
    where = _positions(ops.argmode, input, axis, keepdim)
    return _pair(return_types.mode, ops.mode_at, input, where, axis, keepdim, out)


INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(name: str, skip_nan: bool):
    def function(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
        array = array_of(input, ops.sort_at)
        given, q = q, _probabilities(name, array, q, interpolation)
        axis = 0 if dim is None else dims.one(dim, array.ndim)
        flat = dim is None or array.ndim == 0
        ordered = sort(reshape(input, -1) if flat else input.movedim(axis, -1), -1)[0]
        below, above, weight, steps = _ranks(ordered._array, q.reshape(-1), skip_nan, interpolation)
        last = ordered._array.ndim - 1
        result = apply(indexing.gather, ordered, wrap(below), axis=last)
        if weight is not None:
            weight = wrap(weight)
            if isinstance(given, Variable) and given.requires_grad and interpolation == "linear":
                # Nothing is added, but the gradient of the weight goes to q.
                weight = weight + (given - given.detach()).reshape(-1) * wrap(steps)
            result = result.lerp(apply(indexing.gather, ordered, wrap(above), axis=last), weight)
        shape = [1 if flat or i == axis else n for i, n in enumerate(array.shape)]
        if not keepdim:
            shape = [] if flat else shape[:axis] + shape[axis + 1 :]
        result = reshape(result.movedim(-1, 0), (*q.shape, *shape))
        return result if out is None else into(out, result)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        "The q-th quantiles along `dim` or of all elements; of a vector q they stand along a new first dimension.\n\n"
        "Between two elements: interpolation linear, lower, higher, midpoint or nearest. "
        + ("NaNs are left out." if skip_nan else "NaN where there is one.")
        + "\nRuntimeError for q outside [0, 1], an empty input, and a dtype other than float32 and float64."
    )
    return function


def _probabilities(name: str, array, q, interpolation: str):
    """q as an array of the input's dtype, after checking all arguments of a quantile."""
    if array.size == 0:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    if array.dtype.kind != "f" or array.dtype.itemsize < 4:
        raise RuntimeError(
            f"{name}() input tensor must be either float or double dtype, not {legacy_name(array.dtype)}"
        )
    if interpolation not in INTERPOLATIONS:
        raise RuntimeError(
            f"{name}() interpolation must be one of {', '.join(INTERPOLATIONS)}, but got {interpolation}"
        )
    if isinstance(q, Variable):
        q = q._array
        if q.dtype != array.dtype:
            raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    elif isinstance(q, (int, float)):
        q = brought(array, np.asarray(q, array.dtype))
    else:
        raise TypeError(f"{name}(): argument 'q' must be float or Tensor, not {type(q).__name__}")
    if q.ndim > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if namespace_of(q).found(~((q >= 0) & (q <= 1))):
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    return q


def _ranks(ordered, q, skip_nan: bool, interpolation: str):
    """Positions below and above each quantile along the last axis, the share of the upper, and how many steps q spans.

    All but the first are None where the quantile is one of the elements.
    """
    n = ordered.shape[-1]
    nans = np.isnan(ordered).sum(-1, keepdims=True)
    if skip_nan:
        steps = np.maximum(n - nans - 1, 0).astype(q.dtype)
        rank = q * steps
    else:
        steps = np.where(nans > 0, q.dtype.type(0), q.dtype.type(n - 1))
        rank = np.where(nans > 0, q.dtype.type(n - 1), q * q.dtype.type(n - 1))
    if interpolation in ("lower", "higher", "nearest"):
        rounded = {"lower": np.floor, "higher": np.ceil, "nearest": np.round}[interpolation](rank)
        return rounded.astype(np.int64), None, None, None
    below = np.floor(rank)
    weight = rank - below if interpolation == "linear" else np.full_like(rank, 0.5)
    return below.astype(np.int64), np.ceil(rank).astype(np.int64), weight, steps


quantile = in_float32(_quantile("quantile", False))
nanquantile = in_float32(_quantile("nanquantile", True))


def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None, out=None):
    """Where each element of `input` (or a number) would be inserted into a sorted sequence, as int64.

    A sequence with several dimensions is searched row by row, and `input` has the same leading dimensions. right (or
    side="right"): behind equal elements. sorter: positions that sort the sequence, if it is not sorted itself.
    """
    name = "torch.searchsorted()"
    edges = array_of(sorted_sequence, ops.searchsorted)
    if side is not None:
        if side not in ("left", "right"):
            raise RuntimeError(f"{name}: side can only be 'left' or 'right' but got {side}")
        if right and side == "left":
            raise RuntimeError(
                f"{name}: side and right can't be set to opposites, got side of left while right was True"
            )
        right = side == "right"
    refuse(edges, "searchsorted_out_cpu", "bc")
    if edges.ndim == 0:
        raise RuntimeError(f"{name}: boundaries tensor should have positive dimension, but got 0 dimension")
    shape = input._array.shape if isinstance(input, Variable) else ()
    if edges.ndim != 1 and edges.shape[:-1] != shape[:-1]:
        if not shape:
            raise RuntimeError(
                f"{name}: input value can be a scalar only when boundaries tensor dimension is 1, but we got "
                f"boundaries tensor dim({edges.ndim}) and input value's dim(0) numel(1)"
            )
        raise RuntimeError(
            f"{name}: boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and "
            f"input value tensor must match, but we got boundaries tensor {list(edges.shape)} and input value tensor "
            f"{list(shape)}"
        )
    if sorter is not None:
        if sorter._array.shape != edges.shape:
            raise RuntimeError(
                f"{name}: boundary and sorter must have the same size, but got boundary tensor {list(edges.shape)} "
                f"and got sorter tensor {list(sorter._array.shape)}"
            )
        if sorter._array.dtype != np.int64:
            raise RuntimeError(
                f"{name}: sorter must be a tensor of long dtype but got dtype {legacy_name(sorter._array.dtype)}"
            )
        sorted_sequence = apply(indexing.gather, sorted_sequence, sorter, axis=edges.ndim - 1)
    result = apply(ops.searchsorted, sorted_sequence, input, right=bool(right))
    result = result.int() if out_int32 else result
    return result if out is None else into(out, result)


def bucketize(input, boundaries, *, out_int32=False, right=False, out=None):
    """The bucket of each element (or of a number) between sorted boundaries, as int64."""
    if array_of(boundaries, ops.searchsorted).ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries._array.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right, out=out)


class SortingMethods(counting.CountingMethods):
    """Order and distribution as methods."""

    __slots__ = ()

    sort = sort
    argsort = argsort
    msort = msort
    topk = topk
    kthvalue = kthvalue
    median = median
    nanmedian = nanmedian
    mode = mode
    quantile = quantile
    nanquantile = nanquantile

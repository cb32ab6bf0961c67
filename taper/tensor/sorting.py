"""Order and distribution: sorting, selecting, counting, searching."""

from __future__ import annotations

import numpy as np

from ..autograd.dispatch import apply, into
from ..autograd.inplace import legacy_name
from ..autograd.tape import Variable, wrap
from ..ops import indexing, sorting as ops
from . import dims, return_types
from .shape import reshape

__all__ = [
    *("sort", "argsort", "msort", "topk", "kthvalue", "median", "nanmedian", "mode", "quantile", "nanquantile"),
    *("unique", "unique_consecutive", "searchsorted", "bucketize", "histc", "histogram", "bincount", "isin"),
]


def _picked(input, where, axis: int):
    """The values at positions along an axis."""
    return input.clone() if input._array.ndim == 0 else apply(indexing.gather, input, where, axis=axis)


def _pair(result_type, values, indices, out):
    if out is not None:
        values, indices = into(out[0], values), into(out[1], indices)
    return result_type(values, indices)


def sort(input, dim=-1, descending=False, stable=False, *, out=None, **named):
    """The elements in order along a dimension, and their former positions. Equal elements keep their order."""
    dim = named.pop("axis", dim)
    axis = dims.one(dim, input._array.ndim)
    where = apply(ops.argsort, input, axis=axis, descending=bool(descending))
    return _pair(return_types.sort, _picked(input, where, axis), where, out)


def argsort(input, dim=-1, descending=False, stable=False, **named):
    """The positions that sort a dimension."""
    axis = dims.one(named.pop("axis", dim), input._array.ndim)
    return apply(ops.argsort, input, axis=axis, descending=bool(descending))


def msort(input, *, out=None):
    """The elements in order along the first dimension."""
    result = sort(input, 0)[0]
    return result if out is None else into(out, result)


def topk(input, k: int, dim=-1, largest=True, sorted=True, *, out=None):
    """The k largest (or smallest) elements along a dimension, best first, and their positions. RuntimeError for k > size."""
    axis = dims.one(dim, input._array.ndim)
    n = input._array.shape[axis] if input._array.ndim else 1
    if not 0 <= k <= n:
        raise RuntimeError(f"selected index k out of range: k is {k}, dimension {axis} has {n} elements")
    where = apply(ops.argtopk, input, k=k, axis=axis, largest=bool(largest), ordered=bool(sorted))
    return _pair(return_types.topk, _picked(input, where, axis), where, out)


def _without_axis(result_type, input, where, axis, keepdim, out):
    values = _picked(input, where, axis)
    if not keepdim and input._array.ndim:
        values, where = values.squeeze(axis), where.squeeze(axis)
    return _pair(result_type, values, where, out)


def kthvalue(input, k: int, dim=-1, keepdim=False, *, out=None):
    """The k-th smallest element (from 1) along a dimension, and its position. RuntimeError for k out of range."""
    axis = dims.one(dim, input._array.ndim)
    n = input._array.shape[axis] if input._array.ndim else 1
    if not 1 <= k <= n:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {axis}: k is {k}, of {n} elements")
    where = apply(ops.argkth, input, k=k, axis=axis)
    return _without_axis(return_types.kthvalue, input, where, axis, keepdim, out)


def _middle(name: str, result_type, skip_nan: bool):
    def function(input, dim=None, keepdim=False, *, out=None):
        if dim is None:
            flat = reshape(input, -1)
            if flat._array.size == 0:
                return wrap(np.asarray(np.nan if flat._array.dtype.kind == "f" else 0).astype(flat._array.dtype))
            where = apply(ops.argmedian, flat, axis=0, skip_nan=skip_nan)
            return _picked(flat, where, 0).squeeze(0)
        axis = dims.one(dim, input._array.ndim)
        if input._array.ndim and input._array.shape[axis] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {axis} to have non-zero size.")
        where = apply(ops.argmedian, input, axis=axis, skip_nan=skip_nan)
        return _without_axis(result_type, input, where, axis, keepdim, out)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        "The median, the lower one of an even number; with `dim`, (values, indices) along it. "
        + ("NaNs are left out." if skip_nan else "NaN if there is one.")
    )
    return function


median = _middle("median", return_types.median, False)
nanmedian = _middle("nanmedian", return_types.nanmedian, True)


def mode(input, dim=-1, keepdim=False, *, out=None):
    """The most frequent element along a dimension (the smallest such), and its last position."""
    axis = dims.one(dim, input._array.ndim)
    if input._array.ndim and input._array.shape[axis] == 0:
        raise IndexError(f"mode(): Expected reduction dim {axis} to have non-zero size.")
    where = apply(ops.argmode, input, axis=axis)
    return _without_axis(return_types.mode, input, where, axis, keepdim, out)


def _quantile(name: str, skip_nan: bool):
    def function(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
        if input._array.dtype.kind != "f" or input._array.dtype.itemsize < 4:
            raise RuntimeError(f"{name}() input tensor must be either float or double dtype, not {input.dtype}")
        if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
            raise RuntimeError(
                f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
            )
        if not isinstance(q, Variable):
            q = wrap(np.asarray(q, input._array.dtype))
        if q._array.dtype != input._array.dtype:
            raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
        if q._array.ndim > 1:
            raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
        if not ((q._array >= 0) & (q._array <= 1)).all():
            raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
        if input._array.size == 0:
            raise RuntimeError(f"{name}() input tensor must be non-empty")
        axis = 0 if dim is None else dims.one(dim, input._array.ndim)
        x = reshape(input, -1) if dim is None or input._array.ndim == 0 else input
        ordered = sort(x, axis)[0].movedim(axis, -1)
        n = ordered._array.shape[-1]
        nans = np.isnan(ordered._array).sum(-1)
        last = np.maximum(n - nans - 1, 0) if skip_nan else np.full(nans.shape, n - 1)
        rows = []
        for value in q._array.reshape(-1):
            rank = value * last
            if interpolation == "nearest":
                rank = np.round(rank)
            below = np.floor(rank).astype(np.int64)
            above = np.ceil(rank).astype(np.int64)
            low, high = (ordered.gather(-1, wrap(at[..., None])).squeeze(-1) for at in (below, above))
            share = {"lower": 0.0, "higher": 1.0, "midpoint": 0.5, "nearest": 0.0}.get(interpolation)
            weight = wrap(np.asarray(rank - below if share is None else np.full(below.shape, share), x._array.dtype))
            row = low.lerp(high, weight)
            if not skip_nan and (nans > 0).any():
                row = row.masked_fill(wrap(np.asarray(nans > 0)), float("nan"))
            rows.append(row)
        from .joining import stack

        result = stack(rows, 0)
        if keepdim:
            result = result.unsqueeze(axis + 1) if dim is not None else reshape(result, -1, *(1,) * input._array.ndim)
        if q._array.ndim == 0:
            result = result.squeeze(0)
        return result if out is None else into(out, result)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = "The q-th quantiles (q a number or a vector) along `dim` or of all elements, interpolated as told."
    return function


quantile = _quantile("quantile", False)
nanquantile = _quantile("nanquantile", True)


def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The different elements (or slices along `dim`) in order; also where each went, and how often each occurs."""
    array = input._array
    if dim is None:
        values, inverse, counts = np.unique(array, return_inverse=True, return_counts=True, equal_nan=False)
        inverse = inverse.reshape(array.shape)
    else:
        axis = dims.one(dim, array.ndim)
        values, inverse, counts = np.unique(array, axis=axis, return_inverse=True, return_counts=True)
        inverse = inverse.reshape(-1)
    return _uniques(values, inverse, counts, return_inverse, return_counts)


def _uniques(values, inverse, counts, return_inverse, return_counts):
    result = [wrap(values)]
    if return_inverse:
        result.append(wrap(np.asarray(inverse, np.int64)))
    if return_counts:
        result.append(wrap(np.asarray(counts, np.int64)))
    return result[0] if len(result) == 1 else tuple(result)


def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """The elements (or slices along `dim`) without those equal to the one before."""
    array = input._array
    rows = array.reshape(-1) if dim is None else np.moveaxis(array, dims.one(dim, array.ndim), 0)
    n = rows.shape[0]
    flat = rows.reshape(n, -1) if n else rows.reshape(0, 1)
    fresh = np.concatenate(([True], (flat[1:] != flat[:-1]).any(axis=1))) if n else np.zeros(0, bool)
    values = rows[fresh]
    if dim is not None:
        values = np.moveaxis(values, 0, dims.one(dim, array.ndim))
    inverse = np.cumsum(fresh) - 1
    counts = np.diff(np.append(np.flatnonzero(fresh), n))
    if dim is None:
        inverse = inverse.reshape(array.shape)
    return _uniques(np.ascontiguousarray(values), inverse, counts, return_inverse, return_counts)


def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None, out=None):
    """Where each element of `input` would be inserted into a sorted sequence (row by row if that has several)."""
    if side is not None:
        if side not in ("left", "right"):
            raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
        right = side == "right"
    x = input if isinstance(input, Variable) else wrap(np.asarray(input).astype(sorted_sequence._array.dtype))
    if sorter is not None:
        sorted_sequence = sorted_sequence.gather(-1, sorter)
    a, b = sorted_sequence._array, x._array
    if a.ndim != 1 and a.shape[:-1] != b.shape[:-1]:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and "
            f"input value tensor must match, but we got boundaries tensor {list(a.shape)} and input value tensor {list(b.shape)}"
        )
    result = apply(ops.searchsorted, sorted_sequence, x, right=bool(right))
    result = result.int() if out_int32 else result
    return result if out is None else into(out, result)


def bucketize(input, boundaries, *, out_int32=False, right=False, out=None):
    """The bucket of each element between sorted boundaries."""
    if boundaries._array.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries._array.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right, out=out)


def histc(input, bins: int = 100, min=0, max=0, *, out=None):
    """The number of elements in each of `bins` equal intervals from min to max (of the data if both are 0)."""
    array = input._array
    if array.dtype.kind not in "f":
        raise RuntimeError(f"\"histogram_cpu\" not implemented for '{legacy_name(array.dtype)}'")
    if bins <= 0:
        raise RuntimeError("bins must be > 0")
    low, high = float(min), float(max)
    if low == high and array.size:
        low, high = float(array.min()), float(array.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError("max must be larger than min")
    counts = np.histogram(array, bins=bins, range=(low, high))[0]
    result = wrap(counts.astype(array.dtype))
    return result if out is None else into(out, result)


def histogram(input, bins, *, range=None, weight=None, density=False, out=None):
    """The histogram and its bin edges; bins a number or a vector of edges."""
    array = input._array
    edges = bins._array if isinstance(bins, Variable) else bins
    hist, edges = np.histogram(
        array, bins=edges, range=range, weights=None if weight is None else weight._array, density=density
    )
    result = return_types.histogram(wrap(hist.astype(array.dtype)), wrap(edges.astype(array.dtype)))
    return result if out is None else return_types.histogram(*[into(o, r) for o, r in zip(out, result)])


def bincount(input, weights=None, minlength: int = 0):
    """How often each integer from 0 on occurs, or the sum of its weights. RuntimeError for negative ones."""
    array = input._array
    if array.dtype.kind not in "iu":
        raise RuntimeError(f"\"bincount_cpu\" not implemented for '{legacy_name(array.dtype)}'")
    if array.ndim != 1 or (array.size and array.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if weights is None:
        return wrap(np.bincount(array, minlength=minlength).astype(np.int64))
    if weights._array.shape != array.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    counted = np.bincount(array, weights._array, minlength)
    return wrap(counted.astype(weights._array.dtype if weights._array.dtype == np.float32 else np.float64))


def isin(elements, test_elements, *, assume_unique=False, invert=False):
    """Whether each element occurs in `test_elements`."""
    a, b = (t._array if isinstance(t, Variable) else np.asarray(t) for t in (elements, test_elements))
    return wrap(np.asarray(np.isin(a, b, invert=invert)))



class SortingMethods:
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
    unique = unique
    unique_consecutive = unique_consecutive
    histc = histc
    histogram = histogram
    bincount = bincount

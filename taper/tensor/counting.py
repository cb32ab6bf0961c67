"""Distribution: what occurs in a tensor, how often, and in which interval."""

from __future__ import annotations

import math

import numpy as np

from ..autograd.dispatch import apply
from ..autograd.inplace import legacy_name
from ..autograd.outputs import into
from ..autograd.places import beside
from ..autograd.tape import Variable
from ..ops import sorting as ops
from . import dims, return_types
from .factory import on_host
from .kinds import refuse
from .reduction import array_of

__all__ = ["unique", "unique_consecutive", "isin", "histc", "histogram", "histogramdd", "bincount", "hash_tensor"]


def _different(operator, input, dim, return_inverse: bool, return_counts: bool):
    array = array_of(input, operator)
    axis = None
    if dim is not None:
        if array.ndim == 0:
            raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
        axis = dims.one(dim, array.ndim)
        if array.shape[axis] and array.size == 0:
            raise RuntimeError(
                "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied; "
                f"shape {array.shape}, dim {dim}"
            )
    refuse(array, "unique", "c")
    values, inverse, counts = apply(operator, input, axis=axis)
    if not (return_inverse or return_counts):
        return values
    return (values, *([inverse] if return_inverse else []), *([counts] if return_counts else []))


def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The different elements (or slices along `dim`) in order, sorted or not; a tuple with what else is asked for.

    return_inverse: where each element went, in the input's shape. return_counts: how often each occurs. NaNs differ
    from each other. The result has no gradient.
    """
    return _different(ops.unique, input, dim, return_inverse, return_counts)


def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """The elements (or slices along `dim`) without those equal to the one before; further results as for `unique`."""
    return _different(ops.unique_consecutive, input, dim, return_inverse, return_counts)


def isin(elements, test_elements, *, assume_unique=False, invert=False, out=None):
    """Whether each element occurs in `test_elements`; either may be a number. assume_unique makes no difference."""
    given = [t for t in (elements, test_elements) if isinstance(t, Variable)]
    if not given or not all(isinstance(t, (Variable, int, float)) for t in (elements, test_elements)):
        kinds = f"({type(elements).__name__}, {type(test_elements).__name__})"
        raise TypeError(f"isin() received an invalid combination of arguments - got {kinds}; make one of them a tensor")
    if bool in (elements.__class__, test_elements.__class__):
        raise RuntimeError("Unsupported input type encountered for isin(): Bool")
    for t in given:
        if t._array.dtype.kind in "bc":
            raise RuntimeError(f"Unsupported input type encountered for isin(): {legacy_name(t._array.dtype)}")
    result = apply(ops.isin, elements, test_elements, invert=bool(invert))
    return result if out is None else into(out, result)


def _range(array, low: float, high: float, name: str) -> tuple[float, float]:
    """The data's own range where none is given (low == high). RuntimeError unless it is finite and in order."""
    if low == high and array.size:
        low, high = float(array.min()), float(array.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"torch.{name}: range of [{low:g}, {high:g}] is not finite")
    if low > high:
        raise RuntimeError(f"torch.{name}: max must be larger than min, but the range is [{low:g}, {high:g}]")
    return low, high


def histc(input, bins: int = 100, min=0, max=0, *, out=None):
    """The number of elements in each of `bins` equal intervals from min to max (of the data if both are 0).

    Elements outside are not counted. The result has the input's floating dtype.
    """
    array = array_of(input, ops.histc)
    refuse(array, "histogram_cpu", "biuc")
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    low, high = _range(array, float(min), float(max), "histc")
    if low == high:
        low, high = low - 1, high + 1
    result = apply(ops.histc, input, bins=bins, low=low, high=high)
    return result if out is None else into(out, result)


def histogram(input, bins, *, range=None, weight=None, density=False, out=None):
    """The histogram of all elements and its bin edges: (hist, bin_edges).

    bins: a number, or an increasing vector of edges. range: (low, high) for a number of bins, else that of the data.
    weight: one per element, in the input's shape. density: the histogram integrates to one.
    """
    array = array_of(input, ops.histogram)
    refuse(array, "histogramdd", "biuch")
    if weight is not None and weight._array.shape != array.shape:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor, "
            f"but got input with shape {list(array.shape)} and weight with shape {list(weight._array.shape)}"
        )
    low, high = (0.0, 0.0) if range is None else map(float, range)
    if not array.size and range is None:
        low, high = 0.0, 1.0
    edges = _edges(input, array, bins, low, high)
    edges = edges.clone() if edges is bins else edges
    hist = apply(ops.histogram, input, edges, weight, density=bool(density))
    if out is not None:
        hist, edges = into(out[0], hist), into(out[1], edges)
    return return_types.histogram(hist, edges)


def _edges(input, values, bins, low: float, high: float):
    """The edges of the bins for `values`: given, or so many equal ones from low to high (of the values if equal)."""
    from .creation import linspace

    if isinstance(bins, Variable):
        if bins._array.dtype != values.dtype:
            raise RuntimeError(
                "torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with dtype "
                f"{input.dtype} and bins with dtype {bins.dtype}"
            )
        if bins._array.ndim != 1 or not bins._array.size:
            n = bins._array.ndim
            wrong = "at least 1 element, but got 0 elements" if n == 1 else f"one dimension, but got {n} dimensions"
            raise RuntimeError(f"torch.histogramdd: bins tensor should have {wrong} in the bins tensor for a dimension")
        return bins
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    low, high = _range(values, low, high, "histogram")
    if low == high:
        low, high = low - 0.5, high + 0.5
    return linspace(low, high, bins + 1, dtype=input.dtype)


def histogramdd(input, bins, *, range=None, weight=None, density=False):
    """The histogram of points with n coordinates along the last dimension, and its bin edges: (hist, bin_edges).

    bins: a number, or for each coordinate a number or (all) a vector of edges. range: low and high of each coordinate,
    2 n numbers. weight: one per point. density: the histogram integrates to one.
    """
    array = array_of(input, ops.histogramdd)
    if array.ndim < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    refuse(array, "histogramdd", "biuch")
    n = array.shape[-1]
    each = [bins] * n if isinstance(bins, int) else list(bins)
    if len(each) != n:
        raise RuntimeError("histogramdd: The size of bins must be equal to the innermost dimension of the input.")
    if range is not None and len(range) != 2 * n:
        raise RuntimeError(
            f"torch.histogramdd: for a {n}-dimensional histogram range should have {2 * n} elements, but got "
            f"{len(range)}"
        )
    if weight is not None and weight._array.shape != array.shape[:-1]:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor "
            f"excluding its innermost dimension, but got input with shape {list(array.shape)} and weight with shape "
            f"{list(weight._array.shape)}"
        )
    ends = [(0.0, 0.0) if array.size else (0.0, 1.0)] * n
    if range is not None:
        ends = list(zip(map(float, range[::2]), map(float, range[1::2])))
    edges = [_edges(input, array[..., i], b, *ends[i]) for i, b in enumerate(each)]
    hist = apply(ops.histogramdd, input, weight, *edges, density=bool(density))
    return return_types.histogramdd(hist, tuple(edges))


def bincount(input, weights=None, minlength: int = 0):
    """How often each integer from 0 on occurs (int64), or the sum of its weights (float64, or float32 if they are).

    The result has max + 1 elements, or minlength. RuntimeError for negative integers and for other than one dimension.
    """
    array = array_of(input, ops.bincount)
    refuse(array, "bincount_cpu", "bfcV")
    if minlength < 0:
        raise RuntimeError(f"minlength should be >= 0, but got {minlength}")
    if array.ndim != 1 or (array.size and array.min() < 0):
        raise RuntimeError(f"bincount only supports 1-d non-negative integral inputs; got shape {array.shape}")
    if weights is not None and weights._array.shape != array.shape:
        raise RuntimeError(
            "bincount: weights should be 1-d and have the same length as input, got shapes "
            f"{weights._array.shape} and {array.shape}"
        )
    return apply(ops.bincount, input, weights, least=minlength)


def hash_tensor(input, dim=(), *, keepdim: bool = False, mode: int = 0, out=None):
    """The exclusive or of the elements' bits, uint64, over all elements or the dimensions `dim`.

    Floating numbers count as float64, others as int64. RuntimeError for another mode than 0 and where there is nothing.
    """
    array = array_of(input, ops.unique)
    refuse(array, "xor_sum_cpu", "c")
    if mode != 0:
        raise RuntimeError(f"Unknown hash_tensor mode: {mode}")
    axes = dims.several(dim, array.ndim, "hash_tensor")
    if axes is None or not array.ndim:
        axes = tuple(range(array.ndim))
        if not array.size:
            raise RuntimeError(
                "hash_tensor: Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim "
                "with the 'dim' argument."
            )
    for axis in axes:
        if not array.shape[axis]:
            raise IndexError(f"hash_tensor: Expected reduction dim {axis} to have non-zero size.")
    wide = on_host(input).astype(np.float64 if array.dtype.kind in "fV" else np.int64).view(np.uint64)
    result = beside(input, np.asarray(np.bitwise_xor.reduce(wide, axis=axes, keepdims=keepdim)))
    return result if out is None else into(out, result, "Expected result to be of dtype uint64, but got {1}")


class CountingMethods:
    """Distribution as methods."""

    __slots__ = ()

    unique = unique
    unique_consecutive = unique_consecutive
    histc = histc
    histogram = histogram
    bincount = bincount
    hash_tensor = hash_tensor

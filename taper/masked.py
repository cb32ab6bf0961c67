"""`torch.masked`: reductions and normalisations of the elements for which a mask is True.

mask: broadcasts to the input's shape; None for all elements. What it leaves out counts as what does not change the result
(0 in a sum, -inf in a maximum), so that where nothing is left the result is that; of a mean, a variance, a median and a
softmax it is not a number. dim: one dimension, several, or None and () for all. IndexError for a mask of more dimensions
than the input, RuntimeError for one that does not broadcast to it.

`MaskedTensor`, values and a mask in one object, is not part of Taper.
"""

from __future__ import annotations

import numpy as np

from . import dtypes
from .autograd.inplace import legacy_name
from .autograd.tape import Variable
from .refusal import room
from .tensor import activation, cumulative, elementwise, matrix_norms, reduction, sorting
from .tensor.dims import one, several
from .tensor.selection import where

__getattr__ = room(
    __name__,
    "Keep values and mask as two tensors: torch.masked.sum(values, mask=mask), where, masked_fill.",
    ("MaskedTensor", "as_masked_tensor", "masked_tensor"),
)

__all__ = [
    "amax", "amin", "argmax", "argmin", "cumprod", "cumsum", "is_masked_tensor", "log_softmax", "logaddexp",
    "logsumexp", "mean", "median", "norm", "normalize", "prod", "softmax", "softmin", "std", "sum", "var",
]  # fmt: skip


def is_masked_tensor(obj) -> bool:
    """Whether an object is a MaskedTensor: False."""
    return False


def _dims(dim, input: Variable) -> tuple:
    """Dimensions to reduce; none given are all."""
    ndim = input._array.ndim
    return several(dim, ndim, "masked") or tuple(range(ndim))


def _dim(dim, input: Variable) -> int:
    """The one dimension of functions that keep the shape."""
    return one(dim[0] if isinstance(dim, (tuple, list)) else dim or 0, input._array.ndim)


def _fitting(mask, input: Variable):
    """The mask in the input's shape, of bool."""
    if mask._array.ndim > input._array.ndim:
        raise IndexError(
            "_input_mask expected broadcastable mask (got mask dimensionality higher than of the input): "
            f"{tuple(mask.shape)} for {tuple(input.shape)}"
        )
    return mask.bool() if mask._array.shape == input._array.shape else mask.bool().expand(input.shape)


def _filled(input: Variable, mask, value) -> Variable:
    """The input with `value` where the mask is False."""
    return input if mask is None else where(_fitting(mask, input), input, input.new_full((), value))


def _bounded(name: str, input: Variable, mask, largest: bool) -> Variable:
    """The input with the largest number of its type, or the least, where the mask is False."""
    return input if mask is None else _filled(input, mask, _extreme(name, input, largest))


def _extreme(name: str, input: Variable, largest: bool):
    kind = input._array.dtype.kind
    if kind == "b":
        raise NotImplementedError(f"identity of {name} on torch.bool input. Convert first: x.int().")
    if kind in "iu":
        limits = np.iinfo(input._array.dtype)
        return int(limits.max if largest else limits.min)
    if kind == "c" and name != "logsumexp":
        raise TypeError(f"masked.{name}: complex numbers have no order. Reduce x.abs().")
    return float("inf") if largest else float("-inf")


def _summed_dtype(input: Variable, dtype):
    """Small integers are summed as int64."""
    return dtypes.int64 if dtype is None and input._array.dtype.kind in "biu" else dtype


def sum(input, dim=None, *, keepdim: bool | None = False, dtype=None, mask=None):
    """The sum of the elements that the mask keeps."""
    kept = _filled(input, mask, 0)
    return reduction.sum(kept, _dims(dim, input), bool(keepdim), dtype=_summed_dtype(input, dtype))


def prod(input, dim=None, *, keepdim: bool | None = False, dtype=None, mask=None):
    """The product of the elements that the mask keeps."""
    kept, dtype = _filled(input, mask, 1), _summed_dtype(input, dtype)
    kept = kept if dtype is None else kept.to(dtype)
    for d in sorted(_dims(dim, input), reverse=True):
        kept = reduction.prod(kept, d, bool(keepdim))
    return kept


def cumsum(input, dim: int, *, dtype=None, mask=None):
    """The running sum along dim; what the mask leaves out adds nothing. The type stays the input's."""
    return cumulative.cumsum(_filled(input, mask, 0), _dim(dim, input), dtype=dtype or input.dtype)


def cumprod(input, dim: int, *, dtype=None, mask=None):
    """The running product along dim; what the mask leaves out is 1. The type stays the input's."""
    return cumulative.cumprod(_filled(input, mask, 1), _dim(dim, input), dtype=dtype or input.dtype)


def amax(input, dim=None, *, keepdim: bool | None = False, dtype=None, mask=None):
    """The largest of the elements that the mask keeps; -inf, or the least integer, of none."""
    kept = _bounded("amax", input, mask, False)
    return reduction.amax(kept, _dims(dim, input), bool(keepdim)).to(dtype or input.dtype)


def amin(input, dim=None, *, keepdim: bool | None = False, dtype=None, mask=None):
    """The smallest of the elements that the mask keeps; inf, or the largest integer, of none."""
    kept = _bounded("amin", input, mask, True)
    return reduction.amin(kept, _dims(dim, input), bool(keepdim)).to(dtype or input.dtype)


def argmax(input, dim: int | None = None, *, keepdim: bool | None = False, dtype=None, mask=None):
    """The place of the largest kept element, along dim or among all; as a number of the input's type unless dtype."""
    kept = _bounded("argmax", input, mask, False)
    return reduction.argmax(kept, dim, bool(keepdim)).to(dtype or input.dtype)


def argmin(input, dim: int | None = None, *, keepdim: bool | None = False, dtype=None, mask=None):
    """The place of the smallest kept element, along dim or among all; as a number of the input's type unless dtype."""
    kept = _bounded("argmin", input, mask, True)
    return reduction.argmin(kept, dim, bool(keepdim)).to(dtype or input.dtype)


def _count(input: Variable, dims: tuple, keepdim: bool, mask):
    """How many elements the mask keeps."""
    if mask is None:
        return int(np.prod([input._array.shape[d] for d in dims], dtype=np.int64)) if input._array.ndim else 1
    return reduction.sum(_fitting(mask, input), dims, keepdim)


def mean(input, dim=None, *, keepdim: bool | None = False, dtype=None, mask=None):
    """The mean of the elements that the mask keeps. ValueError for integers without a floating dtype."""
    for which, given in (("Input", input.dtype if dtype is None else None), ("Optional", dtype)):
        if given is not None and not (given.is_floating_point or given.is_complex):
            raise ValueError(
                f"mean(): Could not infer output dtype. {which} dtype must be either a floating point or complex dtype. "
                f"Got: {given}"
            )
    dims = _dims(dim, input)
    if mask is None:
        return reduction.mean(input, dims, bool(keepdim), dtype=dtype)
    total = sum(input, dims, keepdim=keepdim, dtype=dtype or input.dtype, mask=mask)
    return total / _count(input, dims, bool(keepdim), mask)


def median(input, dim: int = -1, *, keepdim: bool = False, dtype=None, mask=None):
    """The median along dim of the kept elements that are numbers. ValueError for rows of integers with none kept."""
    d, floating = _dim(dim, input), input._array.dtype.kind in "fV"
    if mask is None and not floating:
        return sorting.median(input, d, keepdim)[0]
    found = sorting.nanmedian(_filled(input if floating else input.double(), mask, float("nan")), d, keepdim)[0]
    if not floating and found.isnan().any():
        raise ValueError("masked median expects no fully masked out rows if dtype is not floating point")
    return found.to(input.dtype)


def logsumexp(input, dim=None, *, keepdim: bool = False, dtype=None, mask=None):
    """log of the sum of exp of the kept elements; in the input's type unless dtype."""
    dtype = dtype or input.dtype
    kept = _bounded("logsumexp", input, mask, False).to(dtype)
    return reduction.logsumexp(kept, _dims(dim, input), keepdim).to(dtype)


def logaddexp(input, other, *, dtype=None, input_mask=None, other_mask=None):
    """log(exp(input) + exp(other)), each over the elements that its mask keeps; in the input's type unless dtype."""
    a, b = _bounded("logaddexp", input, input_mask, False), _bounded("logaddexp", other, other_mask, False)
    return elementwise.logaddexp(a, b).to(dtype or input.dtype)


def norm(input, ord: float | None = 2.0, dim=None, *, keepdim: bool | None = False, dtype=None, mask=None):
    """The norm of order `ord` of the elements that the mask keeps: `linalg.vector_norm`."""
    if ord is None or isinstance(ord, str):
        raise TypeError(f"linalg_vector_norm(): argument 'ord' (position 2) must be Number, not {type(ord).__name__}")
    kept = _filled(input, mask, float("inf") if ord == float("-inf") else 0)
    return matrix_norms.vector_norm(kept, ord, _dims(dim, input), bool(keepdim), dtype=dtype)


def _spread(input: Variable, dim, unbiased, correction, keepdim, dtype, mask):
    """The variance in the type in which it is computed."""
    if unbiased is not None and correction is not None:
        raise AssertionError("Only one of unbiased and correction may be given")
    if input._array.dtype.kind == "b":
        raise RuntimeError(
            f"Subtraction, the `-` operator, with a {legacy_name(input._array.dtype)} tensor is not supported. Convert "
            "first: x.float()."
        )
    less = float(correction if correction is not None else True if unbiased is None else unbiased)
    x = input.to(dtype) if dtype is not None and (dtype.is_floating_point or dtype.is_complex) else input
    x = x if x._array.dtype.kind in "fVc" else x.float()
    dims = _dims(dim, input)
    count = _count(input, dims, True, mask)
    count = count if mask is None else count.to(x.dtype.to_real())
    away = x - sum(x, dims, keepdim=True, mask=mask) / count
    square = (away * away.conj()) if x._array.dtype.kind == "c" else away * away
    total = sum(square, dims, keepdim=keepdim, mask=mask)
    if mask is None:
        return total / max(count - less, 0) if count > less else total * float("nan" if not count else "inf")
    left = (count - less).clamp_min(0)
    return total / (left if keepdim else left.reshape(total.shape))


def var(input, dim=None, unbiased: bool | None = None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The variance of the elements that the mask keeps. correction: what the count is less, 1 unless unbiased=False.

    AssertionError for both unbiased and correction, RuntimeError for bool.
    """
    found = _spread(input, dim, unbiased, correction, bool(keepdim), dtype, mask)
    return found if dtype is None else found.to(dtype)


def std(input, dim=None, unbiased: bool | None = None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The standard deviation of the elements that the mask keeps: the root of `var`."""
    found = _spread(input, dim, unbiased, correction, bool(keepdim), dtype, mask).sqrt()
    return found if dtype is None else found.to(dtype)


def softmax(input, dim: int, *, dtype=None, mask=None):
    """softmax along dim over the elements that the mask keeps, 0 elsewhere."""
    kept = _bounded("softmax", input, mask, False)
    return activation.softmax(kept, _dim(dim, input), dtype=dtype)


def log_softmax(input, dim: int, *, dtype=None, mask=None):
    """log of `softmax` along dim over the elements that the mask keeps, -inf elsewhere."""
    kept = _bounded("log_softmax", input, mask, False)
    return activation.log_softmax(kept, _dim(dim, input), dtype=dtype)


def softmin(input, dim: int, *, dtype=None, mask=None):
    """softmax of -input along dim over the elements that the mask keeps, 0 elsewhere."""
    kept = _bounded("softmin", input, mask, True)
    return activation.softmin(kept, _dim(dim, input), dtype=dtype)


def normalize(input, ord: float, dim: int, *, eps: float = 1e-12, dtype=None, mask=None):
    """The kept elements divided by their norm along dim, which is at least eps; 0 elsewhere."""
    d = _dim(dim, input)
    size = norm(input, ord, d, keepdim=True, dtype=dtype, mask=mask)
    return _filled(input, mask, 0) / size.clamp_min(eps)

"""Random tensors of any dtype for tests."""

from __future__ import annotations

import math

import numpy as np

from .. import dtypes
from ..autograd.leaves import AccumulateGrad
from ..autograd.tape import wrap
from ..backends.transfer import moved
from ..tensor.factory import place, size_of
from ..tensor.formats import channels_last, channels_last_3d
from ..tensor.random import default_generator

# Values are drawn from this range unless told otherwise.
_DEFAULT = {"b": (0, 2), "u": (0, 10), "i": (-9, 10), "f": (-9, 9), "c": (-9, 9)}


def make_tensor(
    *shape,
    dtype,
    device="cpu",
    low=None,
    high=None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format=None,
):
    """A tensor of random values in [low, high): integers in [-9, 10) or [0, 10), others in [-9, 9) by default.

    noncontiguous: every other element of a larger one. exclude_zero: the smallest value of the type stands for 0.
    ValueError for an empty range, values out of the dtype's range, or options that exclude each other.
    """
    where = place(device)
    np_dtype = dtypes.to_numpy(dtype)
    size = size_of(shape, "make_tensor")
    kind = "f" if np_dtype in dtypes.HALF else np_dtype.kind
    low, high = _range(np_dtype, kind, low, high)
    if requires_grad and kind in "biu":
        raise ValueError(
            f"`requires_grad=True` is only supported for floating and complex dtypes, but got dtype={dtype}"
        )
    if noncontiguous and memory_format is not None:
        raise ValueError("The parameters `noncontiguous` and `memory_format` are mutually exclusive")
    wide = noncontiguous and math.prod(size) > 1 and len(size) > 0
    drawn = (*size[:-1], 2 * size[-1]) if wide else size
    stream = default_generator.stream
    if kind in "biu":
        array = stream.integers(drawn, math.floor(low), math.ceil(high), np.dtype(np.int64)).astype(np_dtype)
    elif kind == "c":
        real = np.dtype(f"f{np_dtype.itemsize // 2}")
        pair = stream.uniform((*drawn, 2), float(low), float(high), real)
        array = (pair[..., 0] + 1j * pair[..., 1]).astype(np_dtype)
    else:
        array = stream.uniform(drawn, float(low), float(high), np_dtype)
    if exclude_zero:
        tiny = dtypes.finfo(dtype).tiny if kind in "fc" else 1
        array[array == 0] = tiny
    array = moved(array, where)
    made = wrap(array[..., 1::2] if wide else array)
    if memory_format in (channels_last, channels_last_3d):
        made = made.contiguous(memory_format=memory_format)
    if requires_grad:
        made._node = AccumulateGrad(made)
    return made


def _range(np_dtype, kind: str, low, high) -> tuple:
    default_low, default_high = _DEFAULT[kind]
    low = default_low if low is None else low
    high = default_high if high is None else high
    for name, value in (("low", low), ("high", high)):
        if isinstance(value, float) and math.isnan(value):
            raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=} ({name})")
    if kind in "iu":
        bounds = np.iinfo(np_dtype)
        least, most = int(bounds.min), int(bounds.max) + 1
    elif kind == "b":
        least, most = 0, 2
    else:
        bounds = dtypes.finfo(dtypes.from_numpy(np_dtype))
        least, most = bounds.min, bounds.max
    if low > high or (low == high and kind not in "fc"):
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    if high <= least or low >= most:
        raise ValueError(f"The value interval [{low}, {high}) is outside what {dtypes.from_numpy(np_dtype)} can hold")
    return max(low, least), min(high, most)

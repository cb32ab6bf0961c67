"""Writing: whole tensors overwritten in place, with or without history."""

from __future__ import annotations

import math
from numbers import Number

import numpy as np

from .. import dtypes
from ..autograd.dispatch import apply
from ..autograd.inplace import assign, check_apart, check_inference, check_writable, legacy_name
from ..autograd.modes import is_grad_enabled
from ..autograd.recording import node_of
from ..autograd.tape import Variable, changed, elsewhere, wrap
from ..backends.quiet import QUIET, enter, leave
from ..backends.transfer import moved, place_of
from ..errors import warn
from ..ops import movement as ops
from .creation import tensor
from .memory import as_strided, storage_offset, stride

__all__ = ["fill", "zero_"]


def unrecorded(t, other=None) -> bool:
    """Whether a write needs no record: nothing involved has history, or nothing is recorded."""
    check_inference(t)
    return not is_grad_enabled() or (node_of(t) is None and (other is None or node_of(other) is None))


def copy_(self, src, non_blocking: bool = False):
    """Write `src`, broadcast and converted, into this tensor; returns it. RuntimeError if it does not broadcast."""
    if not isinstance(src, Variable):
        if not isinstance(src, (Number, np.generic)) and not hasattr(src, "node_as"):
            raise TypeError(f"copy_(): argument 'other' (position 1) must be Tensor, not {src.__class__.__name__}")
        src = tensor(src)
    else:
        check_apart(self, (src,))
    array, source = self._array, src._array
    if source.ndim > array.ndim:
        raise RuntimeError(
            f"output with shape {list(array.shape)} doesn't match the broadcast shape {list(source.shape)}: copy_() got a "
            "source of more dimensions"
        )
    if source.dtype.kind == "c" and array.dtype.kind not in "cb" and source.size:
        warn("Casting complex values to real discards the imaginary part")
    if unrecorded(self, src):
        check_overlap(array)
        put(array, ..., moved(source, place_of(array), non_blocking))
        changed(self)
        return self
    check_writable(self)
    if source.dtype != array.dtype:
        src = apply(ops.astype, src, dtype=array.dtype)
    if source.shape != array.shape:
        try:
            fits = np.broadcast_shapes(source.shape, array.shape) == array.shape
        except ValueError:
            fits = False
        if not fits:
            raise unfit(source.shape, array.shape)
    return assign(self, apply(ops.copy, self, src.to(place_of(array), non_blocking=non_blocking)))


def put(array: np.ndarray, where, source) -> None:
    """array[where] = source, converted as PyTorch converts: quietly, and of complex numbers the real part."""
    token = enter(QUIET)
    try:
        if array.dtype.kind not in "cb" and getattr(source, "dtype", array.dtype).kind == "c":
            source = source.real
        if array.__class__ is np.ndarray:
            array[where] = source
        else:
            with elsewhere((array,)):
                array[where] = source
    except ValueError:
        raise unfit(getattr(source, "shape", ()), array.shape) from None
    finally:
        leave(token)


def unfit(have, want) -> RuntimeError:
    """The error for a value that does not broadcast to the place it is written to."""
    lead = len(want) - len(have)
    for i in range(len(have) - 1, -1, -1):
        if i + lead >= 0 and have[i] not in (1, want[i + lead]):
            return RuntimeError(
                f"The expanded size of the tensor ({want[i + lead]}) must match the existing size ({have[i]}) at "
                f"non-singleton dimension {i + lead}.  Target sizes: {list(want)}.  Tensor sizes: {list(have)}"
            )
    return RuntimeError(
        f"expand: the number of sizes provided ({len(want)}) must be greater or equal to the number "
        "of dimensions in the "
        f"tensor ({len(have)}): the value has shape {list(have)}, its place {list(want)}"
    )


def check_overlap(array: np.ndarray) -> None:
    """RuntimeError if several elements of an array to be written share one place in memory."""
    if array.size and 0 in array.strides and any(s == 0 and n > 1 for s, n in zip(array.strides, array.shape)):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            "Please clone() the tensor before performing the operation."
        )


def number_for(value, np_dtype: np.dtype, name: str):
    """A number that can be an element of a dtype. RuntimeError if it cannot, TypeError for what is no number."""
    if isinstance(value, np.generic):
        value = value.item()
    if hasattr(value, "node_as"):
        # A number that a captured step reads at each call; what has no fractions needs to know it.
        return value if np_dtype.kind in "fcV" else number_for(float(value), np_dtype, name)
    if not isinstance(value, (bool, int, float, complex)):
        raise TypeError(f"{name}(): argument 'value' must be Number, not {type(value).__name__}")
    if value.__class__ is complex and np_dtype.kind != "c":
        raise RuntimeError(f"value cannot be converted to type {legacy_name(np_dtype)} without overflow")
    if np_dtype.kind in "iu":
        if value.__class__ is float and not math.isfinite(value):
            raise RuntimeError(f"value cannot be converted to type {dtypes.from_numpy(np_dtype).name} without overflow")
        info = np.iinfo(np_dtype)
        wraps = np_dtype.kind == "u" and value.__class__ is not float and -info.max <= value < 0
        if not info.min <= value <= info.max and not wraps:
            raise RuntimeError(f"value cannot be converted to type {dtypes.from_numpy(np_dtype).name} without overflow")
        return int(value) & info.max if value < 0 and np_dtype.kind == "u" else int(value)
    return value


def number_as(value, dtype):
    """A number as a tensor of a NumPy dtype."""
    if hasattr(value, "node_as"):
        return wrap(value.array_as(dtype))
    token = enter(QUIET)
    try:
        return wrap(np.asarray(value).astype(dtype))
    finally:
        leave(token)


def fill_(self, value):
    """Write a number, or a tensor without dimensions, into every element; returns the tensor."""
    if isinstance(value, Variable):
        if value._array.ndim:
            raise RuntimeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value._array.ndim} dimensions."
            )
        # One element may lie within what is written: it is read before.
        return copy_(self, value if value._array.base is None else apply(ops.copy, value, value))
    array = self._array
    value = number_for(value, array.dtype, "fill_")
    if unrecorded(self):
        with elsewhere((array,)):
            array.fill(value)
        changed(self)
        return self
    return assign(self, apply(ops.fill, self, value=value))


def fill(input, value):
    """A tensor of the input's shape and dtype with a number, or a tensor without dimensions, in every element."""
    return fill_(apply(ops.clone, input, order="K"), value)


def zero_(self):
    """Write zeros; returns the tensor."""
    if unrecorded(self):
        with elsewhere((self._array,)):
            self._array.fill(0)
        changed(self)
        return self
    return assign(self, apply(ops.zero, self))


def fill_diagonal_(self, fill_value, wrap: bool = False):
    """Write a number on the main diagonal; returns the tensor. wrap: a tall matrix's diagonal starts again below."""
    shape = self._array.shape
    if len(shape) < 2:
        raise RuntimeError("dimensions must larger than 1")
    if len(shape) > 2 and any(n != shape[0] for n in shape):
        raise RuntimeError("all dimensions of input must be of equal length")
    n, steps = min(shape), stride(self)
    fill_(as_strided(self, (n,), (sum(steps),), storage_offset(self)), fill_value)
    if wrap and len(shape) == 2 and shape[0] > shape[1] + 1:
        fill_diagonal_(self[shape[1] + 1 :], fill_value, True)
    return self


class WritingMethods:
    """Writing as methods."""

    __slots__ = ()

    copy_ = copy_
    fill_ = fill_
    zero_ = zero_
    fill_diagonal_ = fill_diagonal_

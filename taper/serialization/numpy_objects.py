"""NumPy's scalars, dtypes and arrays in pickles: numbers, text and bytes only. NumPy sees states that were checked."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from .damage import Damaged

_CODE = re.compile("[biufcSU](0|[1-9][0-9]{0,5})")


def dtype_of(code, align=False, copy=True) -> np.dtype:
    """A dtype of numbers or text, in this machine's byte order until its state says otherwise."""
    if type(code) is not str or not _CODE.fullmatch(code):
        raise Damaged("a NumPy array has elements that are neither numbers nor text", "Save it as an array of numbers")
    return np.dtype(code, copy=True)


def empty_array(cls, shape, code) -> np.ndarray:
    """An array without elements: they come with its state."""
    if cls is not np.ndarray:
        raise Damaged("a NumPy array has a class of its own", "Save it as a plain array")
    return np.empty(0, np.int8)


def scalar(dtype, raw=b"") -> Any:
    """A scalar of its bytes."""
    return _values(raw, dtype, (), "C")[()]


def array_of(raw, dtype, shape, order) -> np.ndarray:
    """An array of its bytes, as protocol 5 has it."""
    return _values(bytes(raw) if type(raw) is bytearray else raw, dtype, shape, order)


def takes_state(obj) -> bool:
    """Whether `finish` gives this object its state."""
    return type(obj) is np.ndarray or issubclass(type(obj), np.dtype)


def finish(obj: Any, state) -> None:
    """Give a dtype its byte order, or an array its elements."""
    if type(state) is not tuple or len(state) < 5:
        raise Damaged("a NumPy object has an unknown state")
    if not isinstance(obj, np.ndarray):
        if type(state[1]) is not str or state[1] not in ("<", ">", "|", "=") or state[2] is not None:
            raise Damaged("a NumPy dtype has an unknown state")
        if state[1] == ">" and obj.itemsize > 1:
            text = (obj.itemsize, obj.alignment, 8) if obj.kind == "U" else (-1, -1, 0)
            obj.__setstate__((3, ">", None, None, None, *text))
        return
    shape, dtype, fortran, raw = state[1:5]
    if type(fortran) not in (bool, int):
        raise Damaged("a NumPy array has an unknown state")
    values = _values(raw, dtype, shape, "F" if fortran else "C")
    restored: Any = obj
    restored.__setstate__((1, values.shape, dtype, bool(fortran), raw))


def _values(raw, dtype, shape, order) -> np.ndarray:
    if not issubclass(type(dtype), np.dtype) or [type(x) for x in (raw, shape, order)] != [bytes, tuple, str]:
        raise Damaged("a NumPy array has an unknown state", "Save it as an array of numbers")
    if order not in ("C", "F") or any(type(n) is not int or n < 0 for n in shape):
        raise Damaged("a NumPy array has an unknown order or shape")
    if len(raw) != math.prod(shape) * dtype.itemsize:
        raise Damaged(f"a NumPy array of {dtype} and shape {shape} has {len(raw)} bytes")
    return np.frombuffer(raw, dtype, math.prod(shape)).reshape(shape, order=order).copy(order="K")


REBUILDERS: dict[str, Callable] = {
    f"numpy.{core}.{name}": function
    for core in ("core", "_core")
    for name, function in (
        ("multiarray._reconstruct", empty_array),
        ("multiarray.scalar", scalar),
        ("numeric._frombuffer", array_of),
    )
}
_SCALARS = (
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128 str_ bytes_"
)
TYPES: dict[str, tuple[Any, Callable | None]] = {
    "numpy.dtype": (np.dtype, dtype_of),
    "numpy.ndarray": (np.ndarray, None),
    **{f"numpy.{name}": (getattr(np, name), None) for name in _SCALARS.split()},
}

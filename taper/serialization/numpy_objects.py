"""NumPy's scalars, dtypes and arrays in pickles, rebuilt from their parts: numbers, text and bytes only."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .damage import Damaged

_KINDS = "biufcSUmM?"


class Dtype:
    """A dtype being read: its code comes first, its byte order with its state."""

    def __init__(self, code, align=False, copy=True):
        if type(code) is not str:
            raise Damaged("a NumPy dtype has no code")
        self.value = np.dtype(code)
        if self.value.kind not in _KINDS or self.value.names or self.value.subdtype:
            raise Damaged(f"a NumPy array has elements of {code}, which checkpoints do not hold", "Save it as numbers")

    def finish(self, state) -> None:
        if type(state) is not tuple or len(state) < 5 or state[2] is not None or state[1] not in ("<", ">", "|", "="):
            raise Damaged("a NumPy dtype has an unknown state")
        if state[1] in "<>":
            self.value = self.value.newbyteorder(state[1])


class Array(np.ndarray):
    """An array being read: empty until its state comes."""

    def finish(self, state) -> None:
        version, shape, dtype, fortran, raw = state
        if not isinstance(dtype, Dtype) or type(raw) is not bytes or type(shape) is not tuple:
            raise Damaged("a NumPy array has an unknown state")
        if len(raw) != math.prod(shape) * dtype.value.itemsize:
            raise Damaged(f"a NumPy array of {dtype.value} and shape {shape} has {len(raw)} bytes")
        values = np.frombuffer(raw, dtype.value).reshape(shape, order="F" if fortran else "C")
        self.values = values.copy(order="K")


def scalar(dtype, raw=b""):
    """A NumPy scalar of its bytes."""
    if not isinstance(dtype, Dtype) or type(raw) is not bytes or len(raw) != dtype.value.itemsize:
        raise Damaged("a NumPy scalar has the wrong number of bytes")
    return np.frombuffer(raw, dtype.value)[0]

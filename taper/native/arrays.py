"""Where native code finds the fields of NumPy's arrays, which are passed as the objects they are.

Asking NumPy for an address from Python takes longer than a small step. The layout (`PyArrayObject`) is part of NumPy's
binary interface.
"""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache

import numpy as np

HEAD = object.__basicsize__
"""Bytes before an array's own fields: data, nd, dimensions, strides, base, descr, flags."""

FOREIGN = ">" if sys.byteorder == "little" else "<"
"""How a dtype says that its bytes are in the other order. Not all equal dtypes are one object: their numbers are equal."""

CONTIGUOUS, WRITEABLE = 0x101, 0x501
"""Flags of arrays that lie in C order and are aligned; that may also be written."""


@lru_cache(None)
def readable() -> bool:
    """Whether arrays have their fields where they are expected, as in CPython's ordinary builds."""
    sample = np.zeros((2, 3), np.float32)
    read = ctypes.c_int64.from_address(id(sample) + HEAD).value
    descr = ctypes.c_int64.from_address(id(sample) + HEAD + 40).value
    flags = ctypes.c_int32.from_address(id(sample) + HEAD + 48).value
    known = descr == id(sample.dtype) and read == sample.ctypes.data and flags & WRITEABLE == WRITEABLE
    return known and ctypes.c_int32.from_address(descr + HEAD + 12).value == sample.dtype.num

"""Machine code as a built-in function of Python's: what is called tens of nanoseconds after it is named.

A call through ctypes converts each argument and takes a microsecond. Code with the signature of CPython's fast calls,
`object *f(object *self, object *const *args, ssize_t count)`, is called as the interpreter calls its own.
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

FASTCALL = 0x80
"""METH_FASTCALL: arguments come as an array of objects and their count."""


class _Definition(ctypes.Structure):
    """PyMethodDef."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


_definitions: dict[tuple[str, int], _Definition] = {}
"""Built-in functions point to their definition: it stays."""


@lru_cache(None)
def available() -> bool:
    """Whether the interpreter is CPython with its lock: the code itself locks nothing."""
    return sys.implementation.name == "cpython" and getattr(sys, "_is_gil_enabled", lambda: True)()


def builtin(name: str, address: int, owner: object):
    """The built-in function whose code is at an address; `owner` is what the code gets as `self`, and is kept alive."""
    definition = _definitions.get((name, address))
    if definition is None:
        definition = _definitions[name, address] = _Definition(name.encode(), address, FASTCALL, None)
    new = ctypes.pythonapi.PyCFunction_NewEx
    new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    return new(ctypes.addressof(definition), owner, None)


def increment() -> int:
    """The address of `Py_IncRef`."""
    found = ctypes.cast(ctypes.pythonapi.Py_IncRef, ctypes.c_void_p).value
    assert found is not None
    return found


@lru_cache(None)
def readable() -> bool:
    """Whether arrays have their fields where they are expected, as in CPython's ordinary builds."""
    sample = np.zeros((2, 3), np.float32)
    read = ctypes.c_int64.from_address(id(sample) + HEAD).value
    descr = ctypes.c_int64.from_address(id(sample) + HEAD + 40).value
    flags = ctypes.c_int32.from_address(id(sample) + HEAD + 48).value
    known = descr == id(sample.dtype) and read == sample.ctypes.data and flags & WRITEABLE == WRITEABLE
    return known and ctypes.c_int32.from_address(descr + HEAD + 12).value == sample.dtype.num

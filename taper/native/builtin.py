"""Machine code as a built-in function of Python's: what is called tens of nanoseconds after it is named.

A call through ctypes converts each argument and takes a microsecond. Code with the signature of CPython's fast calls,
`object *f(object *self, object *const *args, ssize_t count)`, is called as the interpreter calls its own.
"""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache

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

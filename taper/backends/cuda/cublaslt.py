"""cuBLASLt through its C interface (cublasLt.h), of which CuPy 14 has no bindings: the functions that products need.

Nothing here needs CuPy or a GPU: descriptors are made, and read back, wherever the library can be loaded.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import os
from ctypes import POINTER, c_char_p, c_float, c_int, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any

NAMES = ("libcublasLt.so.13", "libcublasLt.so.12")


class Algorithm(ctypes.Structure):
    """cublasLtMatmulAlgo_t: how a product is computed."""

    _fields_ = (("data", c_uint64 * 8),)


class Found(ctypes.Structure):
    """cublasLtMatmulHeuristicResult_t: an algorithm for a product, and the bytes that it borrows."""

    _fields_ = (
        ("algorithm", Algorithm),
        ("workspace", c_size_t),
        ("state", c_int),
        ("waves", c_float),
        ("reserved", c_int * 4),
    )


_TO = POINTER(c_void_p)
_SET = (c_void_p, c_int, c_void_p, c_size_t)
_GET = (*_SET, POINTER(c_size_t))
FUNCTIONS: dict[str, tuple] = {
    "Create": (_TO,),
    "Destroy": (c_void_p,),
    "MatmulDescCreate": (_TO, c_int, c_int),
    "MatmulDescDestroy": (c_void_p,),
    "MatmulDescSetAttribute": _SET,
    "MatmulDescGetAttribute": _GET,
    "MatrixLayoutCreate": (_TO, c_int, c_uint64, c_uint64, c_int64),
    "MatrixLayoutDestroy": (c_void_p,),
    "MatrixLayoutGetAttribute": _GET,
    "MatmulPreferenceCreate": (_TO,),
    "MatmulPreferenceDestroy": (c_void_p,),
    "MatmulPreferenceSetAttribute": _SET,
    "MatmulPreferenceGetAttribute": _GET,
    "MatmulAlgoGetHeuristic": (*(c_void_p,) * 7, c_int, POINTER(Found), POINTER(c_int)),
    "Matmul": (*(c_void_p,) * 12, POINTER(Algorithm), c_void_p, c_size_t, c_void_p),
}
"""What each function takes; all of them give a status."""

INVALID_VALUE, NOT_SUPPORTED = 7, 15

DESCRIPTION = {
    "scale_type": (1, c_int32), "trans_a": (3, c_int32), "trans_b": (4, c_int32), "epilogue": (7, c_uint32),
    "bias": (8, c_void_p), "aux": (11, c_void_p), "aux_leading": (12, c_int64),
}  # fmt: skip
"""cublasLtMatmulDescAttributes_t: the number and type of each attribute."""

LAYOUT = {"type": (0, c_uint32), "rows": (2, c_uint64), "columns": (3, c_uint64), "leading": (4, c_int64)}
"""cublasLtMatrixLayoutAttribute_t."""

PREFERENCE = {
    "workspace": (1, c_uint64), "align_a": (5, c_uint32), "align_b": (6, c_uint32), "align_c": (7, c_uint32),
    "align_d": (8, c_uint32),
}  # fmt: skip
"""cublasLtMatmulPreferenceAttributes_t."""


class Failure(RuntimeError):
    """A status of cuBLASLt's other than success; `status` is its number."""

    def __init__(self, function: str, status: int, words: str):
        super().__init__(f"cublasLt{function}: {words} ({status})")
        self.status = status


class Library:
    """The loaded library: its functions, typed, whose statuses are looked at."""

    def __init__(self, loaded: Any):
        loaded.cublasLtGetStatusString.restype = c_char_p
        loaded.cublasLtGetStatusString.argtypes = (c_int,)
        loaded.cublasLtGetVersion.restype = c_size_t
        self._words = loaded.cublasLtGetStatusString
        self.version: int = loaded.cublasLtGetVersion()
        self._functions = {}
        for name, takes in FUNCTIONS.items():
            function = getattr(loaded, f"cublasLt{name}")
            function.argtypes, function.restype = takes, c_int
            self._functions[name] = function

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function. Failure for what it refuses."""
        status = self._functions[name](*arguments)
        if status:
            raise Failure(name, status, (self._words(status) or b"").decode())

    def made(self, kind: str, *arguments: Any) -> c_void_p:
        """What `kind`'s function that creates makes."""
        handle = c_void_p()
        self.call(f"{kind}Create", ctypes.byref(handle), *arguments)
        return handle

    def set(self, kind: str, handle: c_void_p, attribute: tuple[int, Any], value: int) -> None:
        """Give an attribute a value."""
        number, form = attribute
        held = form(value)
        self.call(f"{kind}SetAttribute", handle, number, ctypes.byref(held), ctypes.sizeof(held))

    def get(self, kind: str, handle: c_void_p, attribute: tuple[int, Any]) -> int:
        """The value of an attribute."""
        number, form = attribute
        held, written = form(), c_size_t()
        self.call(f"{kind}GetAttribute", handle, number, ctypes.byref(held), ctypes.sizeof(held), ctypes.byref(written))
        return held.value or 0


@functools.cache
def library() -> Library | None:
    """The library that CuPy has loaded beside cuBLAS; None where it has none."""
    try:
        importlib.import_module("cupy_backends.cuda.libs.cublas")
    except ImportError:
        return None
    for name in NAMES:
        try:
            return Library(ctypes.CDLL(name, mode=os.RTLD_NOLOAD | os.RTLD_NOW))
        except OSError:
            continue
    return None

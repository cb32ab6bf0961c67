"""Random numbers as machine code: draws of NumPy's Mersenne twister and what is made of them, on NumPy arrays.

The same bits as `backends/streams*.py` has without it. Arrays that are overwritten are contiguous and aligned.
"""

from __future__ import annotations

import ctypes
from functools import cache

import llvmlite.binding as llvm
import numpy as np

from .. import library
from ..machine import host
from ..text import Module
from .normal import emit_normals
from .serial import emit_each, emit_swaps
from .twister import emit_twister

__all__ = ["draw", "each", "finds", "fused", "normals", "readable", "swaps"]

_WORDS = 624
_KINDS = {"words": np.uint32, "floats": np.float32, "longs": np.uint64, "doubles": np.float64}
_POINTER, _COUNT, _SINGLE = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float
_ARGUMENTS = {
    "words": (_POINTER, _POINTER, _COUNT),
    "floats": (_POINTER, _POINTER, _COUNT, _SINGLE, _SINGLE),
    "longs": (_POINTER, _POINTER, _COUNT),
    "doubles": (_POINTER, _POINTER, _COUNT),
    "normals": (_POINTER, _COUNT, _SINGLE, _SINGLE),
    "swaps": (_POINTER, _POINTER, _COUNT),
    "each": (_POINTER, _POINTER, _COUNT),
}


def text(machine) -> str:
    """All kernels as LLVM IR."""
    module = Module.of(machine)
    emit_twister(module, machine)
    if machine.fused:
        emit_normals(module)
    emit_swaps(module)
    emit_each(module)
    return str(module)


@cache
def _kernels() -> dict:
    machine = host()
    names = [name for name in _ARGUMENTS if machine.fused or name != "normals"]
    addresses = library.compiled(text(machine), [f"taper_{name}" for name in names])
    return {name: ctypes.CFUNCTYPE(None, *_ARGUMENTS[name])(at) for name, at in zip(names, addresses)}


@cache
def fused() -> bool:
    """Whether there is `normals`: an emulated fused multiply-add is a slow call."""
    return host().fused


@cache
def readable() -> bool:
    """Whether NumPy's twister keeps its state as the kernels read it."""
    bits = np.random.MT19937(1)
    bits.random_raw(3)
    seen = (ctypes.c_uint32 * (_WORDS + 1)).from_address(bits.ctypes.state_address)
    state = bits.state["state"]
    return list(seen) == [*state["key"].tolist(), state["pos"]]


def draw(kind: str, bits, n: int, *options: float) -> np.ndarray:
    """n > 0 draws of an `MT19937`: "words" and "longs" (32 and 64 bits), "floats" (of span and low), "doubles"."""
    out = np.empty(n, _KINDS[kind])
    with bits.lock:
        _kernels()[kind](bits.ctypes.state_address, out.ctypes.data, n, *options)
    return out


def normals(samples: np.ndarray, mean: float, std: float) -> None:
    """Make (16 n,) float32 uniform numbers normal, in place."""
    _kernels()["normals"](samples.ctypes.data, samples.size // 16, mean, std)


def swaps(order: np.ndarray, offsets: np.ndarray) -> None:
    """Swap element i of `order` with element i + offsets[i], for i = 0, 1, ..., in place; both (n,) int64."""
    _kernels()["swaps"](order.ctypes.data, offsets.ctypes.data, order.size)


@cache
def finds(name: str) -> int | None:
    """The address of a function of the C library, if it can be found."""
    return llvm.address_of_symbol(name)


def each(name: str, x: np.ndarray) -> None:
    """Replace the elements of a float64 array by the C library's function of them, which `finds` knows."""
    _kernels()["each"](finds(name), x.ctypes.data, x.size)

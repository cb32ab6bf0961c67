"""How a function of float64 vectors becomes a function of arrays on a GPU: all elements at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from ..cpu.elementwise import polynomial as polynomial
from . import library as np

BLOCK = 1 << 62
"""Elements handled at a time: all."""


def through_float64(kernel: Callable) -> Callable:
    """Make an array function of a kernel that maps contiguous float64 vectors of one length to another."""

    @wraps(kernel)
    def apply(*arguments):
        dtype = np.result_type(*arguments)
        if dtype.kind in "biuc":
            raise TypeError(f"{kernel.__name__}: expected floating-point arrays, got {dtype}")
        arrays = np.broadcast_arrays(*[np.asarray(argument) for argument in arguments])
        shape = arrays[0].shape
        if not arrays[0].size:
            return np.empty(shape, dtype=dtype)
        made = kernel(*[a.astype(np.float64).reshape(-1) for a in arrays])
        return made.astype(dtype, copy=False).reshape(shape)

    return apply


def flat_in_memory_order(out, *arrays) -> list:
    """`out`, dense under some order of its axes, as a vector that shares its memory; arrays of its shape alike."""
    axes = sorted(range(out.ndim), key=out.strides.__getitem__, reverse=True)
    return [array.transpose(axes).reshape(-1) for array in (out, *arrays)]

"""How a function of float64 vectors becomes a function of arrays of any shape, strides and floating dtype."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps

import numpy as np

# Elements handled at a time: a dozen temporaries of this size stay in a core's L2 cache.
BLOCK = 8192


def through_float64(kernel: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Make an array function of a kernel that maps contiguous float64 vectors of one length to another.

    The arguments are broadcast; the result has their common floating dtype, so float32 comes out rounded once.
    One argument alone keeps its memory order. TypeError for integers and complex numbers.
    """

    @wraps(kernel)
    def apply(*arguments):
        dtype = np.result_type(*arguments)
        if dtype.kind in "biuc":
            raise TypeError(f"{kernel.__name__}: expected floating-point arrays, got {dtype}")
        arrays = [np.asarray(argument) for argument in arguments]
        if len(arrays) == 1:
            out = np.empty_like(arrays[0], dtype)
        else:
            arrays = np.broadcast_arrays(*arrays)
            out = np.empty(arrays[0].shape, dtype)
        target, *sources = flat_in_memory_order(out, *arrays)
        for start in range(0, target.size, BLOCK):
            block = slice(start, start + BLOCK)
            target[block] = kernel(*[source[block].astype(np.float64) for source in sources])
        return out

    return apply


def flat_in_memory_order(out: np.ndarray, *arrays: np.ndarray) -> list[np.ndarray]:
    """`out`, dense under some order of its axes, as a vector that shares its memory; arrays of its shape alike."""
    axes = sorted(range(out.ndim), key=out.strides.__getitem__, reverse=True)
    return [array.transpose(axes).reshape(-1) for array in (out, *arrays)]


def polynomial(coefficients: Sequence[float], x: np.ndarray) -> np.ndarray:
    """c[0] + c[1] x + c[2] x^2 + ..., by Horner's rule."""
    value = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value *= x
        value += coefficient
    return value

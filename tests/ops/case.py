"""A row of the operator tables: a call, inputs, and what must hold for it.

`call(T, *tensors)` is written once and run with T = taper and T = torch; it returns a tensor or a tuple of tensors.
Inputs are NumPy arrays: floating ones (float64) are differentiated and converted to the dtypes under test, others are
passed as they are.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

FLOATS = ("float32", "float64")
HALVES = ("float16", "bfloat16")
COMPLEX = ("complex64", "complex128")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")


@dataclass(frozen=True)
class Case:
    """One call.

    name: unique in its table. ops: the operators of the registry it exercises (default: the name up to a dot).
    dtypes: the types to which floating inputs are converted for the comparison of values with the oracle; dtypes that
    are not floating convert inputs by rounding. numpy: the value in float64 NumPy, for when PyTorch is absent (or has
    no such function). oracle: False for what PyTorch does not have. grad: compare gradients with finite differences
    and PyTorch; second: second derivatives too. smooth: False where finite differences are meaningless (kinks).
    strides: False for what is about memory itself.
    rtol, atol: for float32 values; float64 uses the square of their accuracy. slope_rtol: for derivatives against
    PyTorch in float64, wider where PyTorch itself computes with single precision constants.
    """

    name: str
    call: Callable
    inputs: tuple = ()
    ops: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = FLOATS
    numpy: Callable | None = None
    oracle: bool = True
    grad: bool = True
    second: bool = True
    smooth: bool = True
    strides: bool = True
    rtol: float = 1e-5
    atol: float = 1e-6
    slope_rtol: float = 1e-8

    @property
    def exercises(self) -> tuple[str, ...]:
        return self.ops or (self.name.partition(".")[0],)


@dataclass(frozen=True)
class Error:
    """A call that must fail with exactly this class, in Taper and in PyTorch, and whose message has these words."""

    name: str
    call: Callable
    error: type[Exception]
    words: str = ""
    inputs: tuple = ()
    oracle: bool = True
    tags: tuple = field(default=())


def rng(name: str) -> np.random.Generator:
    """Random numbers that depend on the name only."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def real(*shape: int, low: float = -2.0, high: float = 2.0, seed: str = "") -> np.ndarray:
    """Uniform float64 numbers in [low, high)."""
    return rng(f"real{shape}{low}{high}{seed}").uniform(low, high, shape)


def distinct(*shape: int, seed: str = "") -> np.ndarray:
    """Float64 numbers no two of which are closer than 0.1: no ties, safe for finite differences across kinks."""
    n = int(np.prod(shape))
    return (rng(f"distinct{shape}{seed}").permutation(n).reshape(shape) - n / 2) * 0.1 + 0.05


def integers(*shape: int, low: int = 0, high: int = 5, seed: str = "") -> np.ndarray:
    """int64 numbers in [low, high)."""
    return rng(f"integers{shape}{low}{high}{seed}").integers(low, high, shape)


def booleans(*shape: int, seed: str = "") -> np.ndarray:
    """Random booleans."""
    return rng(f"booleans{shape}{seed}").integers(0, 2, shape).astype(bool)


def strided(array: np.ndarray) -> np.ndarray:
    """The same values with every dimension strided: not contiguous in any order."""
    roomy = np.zeros(tuple(2 * n for n in array.shape[::-1]), array.dtype).T
    view = roomy[tuple(slice(None, None, 2) for _ in array.shape)]
    view[...] = array
    return view


def channels_last(array: np.ndarray) -> np.ndarray:
    """The same values, with the second dimension the fastest in memory where there are three or more."""
    if array.ndim < 3:
        return np.asfortranarray(array)
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 1, -1)), -1, 1)

"""Choosing between values element by element, without the processor having to guess: NumPy's `where` branches for each.

A chosen value is copied bit by bit, so an infinity or a NaN that is not chosen leaves no trace.
"""

from __future__ import annotations

import numpy as np

__all__ = ["where", "kept", "dropped", "sign", "remainder", "trunc_divide", "logaddexp"]

# From so many elements on, wrong guesses cost more than one pass of integer arithmetic, and more than three.
FEW, MANY = 1024, 4096
F32, F64, I32, I64 = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int32), np.dtype(np.int64)


def where(condition, x, y):
    """x where the condition holds, else y; broadcast and promoted as NumPy does."""
    if x.__class__ is np.ndarray and y.__class__ is np.ndarray and x.size >= MANY:
        bits = I32 if x.dtype is F32 else I64 if x.dtype is F64 else None
        if (
            bits is not None
            and y.dtype is x.dtype
            and condition.shape == x.shape
            and (y.shape == x.shape or not y.ndim)
        ):
            a, b = x.view(bits), y.view(bits)
            chosen = np.bitwise_xor(a, b)
            np.multiply(chosen, condition, out=chosen)
            return np.bitwise_xor(chosen, b, out=chosen).view(x.dtype)
    return np.where(condition, x, y)


def kept(x, condition):
    """x where the condition holds, else 0; the condition has x's shape or broadcasts to it."""
    dtype = x.dtype
    if x.size >= FEW:
        if dtype is F32:
            return np.multiply(x.view(I32), condition).view(F32)
        if dtype is F64:
            return np.multiply(x.view(I64), condition).view(F64)
    return np.where(condition, x, dtype.type(0))


def dropped(x, condition):
    """0 where the condition holds, else x."""
    if x.size >= FEW:
        return kept(x, ~condition)
    return np.where(condition, x.dtype.type(0), x)


def sign(x):
    """-1, 0 or 1; 0 for NaN."""
    signs = np.sign(x)
    return np.where(signs == signs, signs, np.zeros((), signs.dtype)) if signs.dtype.kind in "fV" else signs


def remainder(x, y):
    """x - y * floor(x / y), of y's sign; a zero has x's sign."""
    if np.result_type(x, y).kind != "f":
        return np.remainder(x, y)
    rest = np.asarray(np.fmod(x, y))
    return where((rest != 0) & ((rest < 0) != (y < 0)), rest + y, rest)


def trunc_divide(x, y):
    """x / y rounded to zero; integers exactly."""
    if np.result_type(x, y).kind in "fcV":
        return np.trunc(x / y)
    q = np.floor_divide(x, y)
    return q + ((q < 0) & (q * y != x))


def logaddexp(x, y):
    """log(exp(x) + exp(y)) without overflow; of complex numbers, the branch of the larger real part's."""
    if np.result_type(x, y).kind != "c":
        return np.logaddexp(x, y)
    swap = np.real(x) < np.real(y)
    larger, smaller = np.where(swap, y, x), np.where(swap, x, y)
    return larger + np.log1p(np.exp(smaller - larger))

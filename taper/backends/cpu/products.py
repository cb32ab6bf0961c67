"""Products of two matrices: NumPy's, by the BLAS library in its wheel, but on this package's threads (`native/blas.py`)."""

from __future__ import annotations

import ctypes
import functools
from importlib.util import find_spec

import numpy as np

from ...dtypes import float32, float64
from . import threads

__all__ = ["matmul"]

F32, F64 = float32.np, float64.np

SEVERAL = 1 << 19
"""Multiplications from which the library would use its own threads."""

AWAKE, SHARED = 1 << 22, 1 << 24
"""Multiplications from which threads share a product: while they are awake, and if they have to be woken."""

LONG = 1 << 27
"""Multiplications from which a product is cut both ways."""

SIDE = 256
"""Rows, or columns, of a piece at least, where there are more than two: each has to bring its part of A and B in order."""


def matmul(x, y, out=None):
    """The matrix product, as NumPy's."""
    if x.__class__ is np.ndarray and x.ndim == 2 and x.size >= 64 and y.__class__ is np.ndarray and y.ndim == 2:
        work = x.size * y.shape[1]
        if work >= SEVERAL and out is None and x.dtype is y.dtype and (x.dtype is F32 or x.dtype is F64):
            return _shared(x, y, work)
    return np.matmul(x, y) if out is None else np.matmul(x, y, out=out)


def _shared(x, y, work: int):
    """The product on this package's threads, or on the calling one."""
    with threads.alone:
        down, across = _cut(x.shape[0], y.shape[1], work)
        made = None
        if down * across > 1 and y.shape[0] == x.shape[1] and _functions() is not None:
            made = _in_pieces(x, y, down, across, work < SHARED)
        return np.matmul(x, y) if made is None else made


def _cut(m: int, n: int, work: int) -> tuple[int, int]:
    """Into how many pieces an m x n product is cut, down and across: depends on sizes alone."""
    if work < AWAKE:
        return 1, 1
    parts = [2 if SIDE <= size < 3 * SIDE else min(size // SIDE, 8) or 1 for size in (m, n)]
    if work < LONG:
        parts[m >= n] = 1
    return parts[0], parts[1]


def _in_pieces(x, y, down: int, across: int, brief: bool):
    """The product in pieces; None where a matrix lies in memory in no order that the library knows, or is multiplied by
    itself, which NumPy computes by half."""
    a, b = _lies(x), _lies(y)
    if a is None or b is None or a[1] == b[1]:
        return None
    native, names = _functions()
    (turn_a, at_a, lda), (turn_b, at_b, ldb) = a, b
    (m, k), n, size = x.shape, y.shape[1], x.itemsize
    rows, columns = (-(-total // parts // 16) * 16 for total, parts in ((m, down), (n, across)))
    across = -(-n // columns)
    out = np.empty((m, n), x.dtype)
    fields = (
        *(
            names[x.dtype is F64],
            turn_a,
            turn_b,
            m,
            n,
            k,
            at_a,
            lda,
            at_b,
            ldb,
            _address(out),
            n,
            rows,
            columns,
            across,
        ),
        size * (1 if turn_a == native.TURNED else lda),
        size * (ldb if turn_b == native.TURNED else 1),
        *(size * n, size),
    )
    native.product("float" if x.dtype is F32 else "double", fields, -(-m // rows) * across, brief)
    return out


def _lies(x) -> tuple[int, int, int] | None:
    """How a matrix is told to the library: as it lies or turned, its address, the step between its lines."""
    down, across = x.strides
    size, (rows, columns) = x.itemsize, x.shape
    if across == size and down >= columns * size and down % size == 0:
        return 111, _address(x), down // size
    if down == size and across >= rows * size and across % size == 0:
        return 112, _address(x), across // size
    return None


def _address(x) -> int:
    return x.__array_interface__["data"][0]


@functools.cache
def _functions():
    """`native/blas`, and the addresses of the library's products of float32 and of float64; None where there are none."""
    if find_spec("llvmlite") is None:
        return None
    library = threads.library()
    names = ["scipy_cblas_sgemm64_", "scipy_cblas_dgemm64_"]
    if library is None or not all(hasattr(library[0], name) for name in names):
        return None
    from ...native import blas

    return blas, [ctypes.cast(getattr(library[0], name), ctypes.c_void_p).value for name in names]

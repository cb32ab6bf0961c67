"""Products of matrices, and of stacks of them: by this package's kernel (`native/gemm/any_size.py`), else NumPy's."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

import numpy as np
from numpy import empty, ndarray

from ...dtypes import float32, float64
from . import threads

__all__ = ["matmul", "product"]

F32, F64 = float32.np, float64.np

LEAST = 1 << 14
"""Multiplications from which a product is the kernel's: below, NumPy takes less time than looking."""

FEW, FEWER, NARROW = 8, 4, 12
"""Rows, those of a large product, and columns, from which it is: a tile has columns for a vector at least, and B is
packed for its rows, of which NumPy's products with vectors have no need."""

LARGE = 1 << 19
"""Multiplications of a large one."""

SEVERAL = 1 << 19
"""Multiplications from which NumPy's library would use its own threads, which wait busily for each other, and cut sums."""

KEPT, LONG = 1024, 1 << 12
"""How many plans of products are remembered, of stacks that are not longer: a plan knows where each matrix begins."""

SCALAR = (1,)

_plans: dict = {}


def matmul(x, y, out=None):
    """The matrix product, as NumPy's."""
    if x.__class__ is ndarray and y.__class__ is ndarray and out is None:
        made = product(x, y)
        if made is not None:
            return made
        if x.size * (y.shape or SCALAR)[-1] >= SEVERAL and x.dtype.kind == "f":
            with threads.alone:
                return np.matmul(x, y)
    return np.matmul(x, y) if out is None else np.matmul(x, y, out=out)


def product(x, y, bias=None):
    """The product of NumPy's arrays, plus a bias, by the kernel; None where it is NumPy's."""
    if x.size * (y.shape or SCALAR)[-1] < LEAST:
        return None
    dtype = x.dtype
    if y.dtype is not dtype or (dtype is not F32 and dtype is not F64):
        return None
    key = (x.shape, y.shape, x.strides, y.strides, dtype is F32, bias is None)
    try:
        plan = _plans[key]
    except KeyError:
        plan = _planned(x, y, bias, key)
    if plan is None:
        return None
    out = empty(plan.shape, dtype)
    plan.run(x, y, out, bias)
    return out


def _planned(x, y, bias, key):
    if len(_plans) >= KEPT:
        _plans.clear()
    plan, made = None, _native()
    if made and x.ndim >= 2 and y.ndim >= 2 and _many(x.shape[-2], y.shape[-1], x.size * y.shape[-1]):
        plan = made(x.shape, x.strides, y.shape, y.strides, x.dtype.char, bias is not None)
        if plan is not None and plan.batches > LONG:
            return plan
    _plans[key] = plan
    return plan


def _many(rows: int, columns: int, work: int) -> bool:
    return columns >= NARROW and (rows >= FEW or (rows >= FEWER and work >= LARGE))


@cache
def _native():
    """The kernel's `ready`; None where it does not run, or another library than OpenBLAS may know instructions that it does
    not."""
    if find_spec("llvmlite") is None or threads.library() is None:
        return None
    from ...native.gemm.entering import callable_here, ready

    return ready if callable_here() else None

"""Rows times weights with a bias, by cuBLASLt in one kernel; by CuPy's product and sum where it has none."""

# CuPy is not there where types are checked.
# pyright: reportMissingImports=false

from __future__ import annotations

import math
from collections.abc import Callable

import cupy

from . import cublaslt_plans
from .cublaslt_products import ALIGNED, TYPES, Product


def _lies(a) -> tuple[bool, int] | None:
    """Whether a matrix lies in memory as its transpose, and the step from row to row there; None for one with gaps."""
    if a.flags.c_contiguous:
        return False, a.shape[1]
    return (True, a.shape[0]) if a.flags.f_contiguous else None


def over(affine: Callable) -> Callable:
    """`affine` by cuBLASLt; by the function given where that has no kernel, or arrays lie otherwise."""

    def by_library(x, w, b):
        """x @ w.T + b for rows x; b may be None."""
        out = None if b is None else _finished(x, w, b)
        return affine(x, w, b) if out is None else out

    return by_library


def _finished(x, w, b):
    name = x.dtype.name
    if name not in TYPES or w.dtype != x.dtype or b.dtype != x.dtype or x.ndim < 2 or b.ndim != 1:
        return None
    if x.ndim > 2 and not x.flags.c_contiguous:
        return None
    (n, k), m = w.shape, math.prod(x.shape[:-1])
    first, second = (False, k) if x.ndim > 2 else _lies(x), _lies(w)
    if first is None or second is None or not b.flags.c_contiguous or (x.data.ptr | w.data.ptr | b.data.ptr) % ALIGNED:
        return None
    product = Product(m, n, k, first[0], not second[0], first[1], second[1], name, name, "bias")
    plan = cublaslt_plans.plan(product)
    if plan is None:
        return None
    out = cupy.empty((*x.shape[:-1], n), dtype=x.dtype)
    plan.run(x.data.ptr, w.data.ptr, out.data.ptr, b.data.ptr)
    return out

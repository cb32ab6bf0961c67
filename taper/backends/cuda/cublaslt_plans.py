"""cuBLASLt on the current GPU: each product's algorithm is asked for once, and run on the current stream."""

# CuPy is not there where types are checked.
# pyright: reportMissingImports=false

from __future__ import annotations

import ctypes
import threading

import cupy

from . import driver
from .cublaslt import INVALID_VALUE, NOT_SUPPORTED, Algorithm, Failure, Found, Library, library
from .cublaslt_products import ALIGNED, WORKSPACE, Described, Product, scale

_ONE, _ZERO = scale(1.0), scale(0.0)


class Plan:
    """A product with its algorithm. It belongs to the thread that made it."""

    __slots__ = ("handle", "described", "algorithm", "size")

    def __init__(self, handle: ctypes.c_void_p, described: Described, algorithm: Algorithm, size: int):
        self.handle, self.described, self.algorithm, self.size = handle, described, algorithm, size

    def run(self, a: int, b: int, out: int, bias: int = 0, aux: int = 0) -> None:
        """Enqueue it on the current stream: addresses of matrices, of the bias or its gradient, of what is kept."""
        d = self.described
        d.point(bias, aux)
        # The pool gives the memory to what is enqueued later alone, so that it may be let go here.
        room = cupy.empty(self.size, dtype="uint8") if self.size else None
        d.lt.call(
            "Matmul", self.handle, d.operation, ctypes.byref(_ONE), b, d.first, a, d.second, ctypes.byref(_ZERO), out, d.out,
            out, d.out, ctypes.byref(self.algorithm), 0 if room is None else room.data.ptr, self.size,
            cupy.cuda.get_current_stream().ptr,
        )  # fmt: skip


class _Kept(threading.local):
    """What is kept for one thread: a handle for each GPU, and plans by GPU, setting and product."""

    def __init__(self):
        self.handles: dict[int, ctypes.c_void_p] = {}
        self.plans: dict[tuple, Plan | None] = {}


_kept = _Kept()


def plan(product: Product) -> Plan | None:
    """How cuBLASLt computes a product on the current GPU; None where it does not. Addresses are multiples of 16."""
    key = product, cupy.cuda.get_device_id(), driver.TF32[0]
    try:
        return _kept.plans[key]
    except KeyError:
        made = _kept.plans[key] = _planned(*key)
        return made


def _planned(product: Product, number: int, tf32: bool) -> Plan | None:
    lt = library()
    if lt is None or not product.is_possible():
        return None
    handle = _kept.handles.get(number)
    if handle is None:
        handle = _kept.handles[number] = lt.made("")
    described = Described(lt, product, tf32)
    # The heuristics look at how well addresses are aligned, not at what is there.
    described.point(ALIGNED, ALIGNED if product.keeps else 0)
    found = _best(lt, handle, described)
    if found is None:
        described.close()
        return None
    return Plan(handle, described, found.algorithm, found.workspace)


def _best(lt: Library, handle: ctypes.c_void_p, d: Described) -> Found | None:
    """The algorithm that cuBLASLt expects to be fastest; None if it has none."""
    found, count = Found(), ctypes.c_int()
    try:
        lt.call(
            "MatmulAlgoGetHeuristic", handle, d.operation, d.first, d.second, d.out, d.out, d.preference, 1,
            ctypes.byref(found), ctypes.byref(count),
        )  # fmt: skip
    except Failure as failure:
        # For some combinations of types and epilogues the library says that they are invalid, not that it has no kernel.
        if failure.status not in (NOT_SUPPORTED, INVALID_VALUE):
            raise
        return None
    return found if count.value and not found.state and found.workspace <= WORKSPACE else None

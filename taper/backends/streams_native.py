"""Native kernels for random numbers, where the layer above lends them and there are many.

They give the same bits but for this: a fused multiply-add that NumPy imitates is rounded twice once in 2^29 operations.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType


class Native:
    """What the layer above lends: kernels is `native/streams`, load sets it when it is first wanted."""

    kernels: ModuleType | None = None
    load: Callable[[], None] | None = None


MANY = 1 << 13
"""Nanoseconds of NumPy's from which kernels are loaded."""

READY = 1 << 12
"""Nanoseconds of NumPy's from which kernels that are loaded already save time."""


def kernels(n: int, cost: float) -> ModuleType | None:
    """`native/streams` if n numbers are worth it, of which one takes NumPy `cost` nanoseconds; else None."""
    if n * cost < MANY:
        return None
    load = Native.load  # another thread may be about to take it away
    if load is not None:
        load()
    return Native.kernels


def exact_kernels(n: int, cost: float) -> ModuleType | None:
    """The same for what has no rounding of its own: which way it goes may depend on what happened before."""
    return Native.kernels if Native.kernels is not None and n * cost >= READY else kernels(n, cost)

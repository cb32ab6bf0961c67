"""Large arrays: kernels that run as native programs instead of NumPy's passes over memory, where the compiler is there.

Which way a kernel goes depends on the sizes of its arrays alone, so the same call gives the same bits every time. Most
kernels have a program for each shape, which costs some tens of milliseconds once (it is remembered on disk), so only arrays
go the native way on which NumPy itself takes milliseconds. Elementwise formulas have one program for all sizes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

LARGE = 1 << 20
"""Elements from which kernels run natively."""

LARGE_WORK = 1 << 19
"""Nanoseconds of NumPy's from which elementwise formulas do. A native call takes about ten thousand."""

LARGE_PARAMETER = 1 << 16
"""Elements from which an optimizer updates a parameter natively: parameters keep their shapes for thousands of steps."""


class Native:
    """What the layer above lends of its compiler. Each returns NotImplemented to decline.

    run(formula, args, attrs): `formula(xp, *args, **attrs)` by a program for these shapes. elementwise: the same of an
    elementwise formula, by a program for all sizes. update: see `optim/optimizer.py`.
    """

    run: Callable[..., Any] | None = None
    elementwise: Callable[..., Any] | None = None
    update: Callable[..., Any] | None = None


def accelerated(kernel: Callable) -> Callable:
    """A kernel of arrays whose first argument, if it is large, decides that it runs natively."""
    name = kernel.__name__

    def formula(xp, *args):
        return getattr(xp, name)(*args)

    @functools.wraps(kernel)
    def call(*args):
        x = args[0]
        if x.__class__ is np.ndarray and x.size >= LARGE and Native.run is not None and x.dtype.kind == "f":
            made = Native.run(formula, args, {})
            if made is not NotImplemented:
                return made
        return kernel(*args)

    return call


def fused(formula: Callable, cost: float) -> Callable:
    """An elementwise formula `formula(xp, x, ...)`, of which large arrays of NumPy's are computed natively in one pass.

    cost: about how many nanoseconds NumPy takes for an element.
    """

    def call(xp, *args, **attrs):
        x = args[0]
        if x.__class__ is np.ndarray and x.size * cost >= LARGE_WORK and Native.elementwise is not None:
            made = Native.elementwise(formula, args, attrs)
            if made is not NotImplemented:
                return made
        return formula(xp, *args, **attrs)

    return call

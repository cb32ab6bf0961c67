"""Large arrays: kernels that run as native programs instead of NumPy's passes over memory, where the compiler is there.

Which way a kernel goes depends on the size of its arrays alone, so the same call gives the same bits every time. A new
shape costs some tens of milliseconds once (it is remembered on disk), so only arrays go the native way on which NumPy
itself takes about ten.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

LARGE = 1 << 20
"""Elements from which kernels run natively."""

LARGE_PARAMETER = 1 << 16
"""Elements from which an optimizer updates a parameter natively: parameters keep their shapes for thousands of steps."""


class Native:
    """The layer above lends its compiler: `run(kernel, args)` and `update(rule, ...)` return NotImplemented to decline."""

    run: Callable[..., Any] | None = None
    update: Callable[..., Any] | None = None


def _large(x, *others) -> bool:
    return x.size >= LARGE


def accelerated(kernel: Callable, pays: Callable[..., bool] = _large) -> Callable:
    """A kernel of arrays that runs natively where `pays` says so of its arguments: by default if the first is large.

    `__wrapped__` of what is returned is the kernel itself.
    """

    @functools.wraps(kernel)
    def call(*args):
        x = args[0]
        if x.__class__ is np.ndarray and Native.run is not None and x.dtype.kind == "f" and pays(*args):
            made = Native.run(call, args)
            if made is not NotImplemented:
                return made
        return kernel(*args)

    return call

"""CUDA's own profiler. AssertionError without a GPU: `taper.profiler` profiles the CPU."""

from __future__ import annotations

from contextlib import contextmanager

from ..backends.cuda import driver
from .devices import with_gpu


@with_gpu
def start() -> None:
    """Let CUDA's profiler look from here on."""
    cupy = driver.library()

    cupy.cuda.runtime.profilerStart()


@with_gpu
def stop() -> None:
    """Let CUDA's profiler look no further."""
    cupy = driver.library()

    cupy.cuda.runtime.profilerStop()


@contextmanager
def profile():
    """A scope that CUDA's profiler looks at. AssertionError without a GPU."""
    start()
    try:
        yield
    finally:
        stop()

"""Marks for NVIDIA's profilers. RuntimeError without a GPU."""

from __future__ import annotations

from contextlib import contextmanager

from ..backends.cuda import driver


def _nvtx():
    if not driver.count():
        raise RuntimeError("NVTX functions not installed. Are you sure you have a CUDA build? Use taper.profiler.")
    return driver.library().cuda.nvtx


def range_push(msg: str) -> None:
    """Begin a named range inside the one that is open."""
    _nvtx().RangePush(msg)


def range_pop() -> None:
    """End the innermost range."""
    _nvtx().RangePop()


def range_start(msg: str) -> int:
    """Begin a range that may end anywhere; returns its number."""
    return _nvtx().RangeStart(msg)


def range_end(range_id: int) -> None:
    """End a range by its number."""
    _nvtx().RangeEnd(range_id)


def mark(msg: str) -> None:
    """A named point in time."""
    _nvtx().Mark(msg)


@contextmanager
def range(msg: str, *args, **kwargs):
    """A named scope in NVIDIA's profilers."""
    range_push(msg.format(*args, **kwargs))
    try:
        yield
    finally:
        range_pop()

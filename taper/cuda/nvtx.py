"""Marks for NVIDIA's profilers, which there are none of without a GPU: the scope does nothing, the calls refuse."""

from __future__ import annotations

from contextlib import contextmanager

from ..backends.absent import refusing


def _absent() -> Exception:
    return RuntimeError("NVTX functions not installed. Are you sure you have a CUDA build? Use taper.profiler.")


range_push = refusing("range_push", _absent)
range_pop = refusing("range_pop", _absent)
range_start = refusing("range_start", _absent)
range_end = refusing("range_end", _absent)
mark = refusing("mark", _absent)


@contextmanager
def range(msg: str, *args, **kwargs):
    """A named scope in NVIDIA's profilers. RuntimeError without them."""
    range_push(msg.format(*args, **kwargs))
    yield

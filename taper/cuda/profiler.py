"""CUDA's own profiler. AssertionError without a GPU: `taper.profiler` profiles the CPU."""

from __future__ import annotations

from contextlib import contextmanager

from ..backends.absent import refusing
from ..backends.device import device
from ..tensor.factory import unavailable


def _no_gpu() -> Exception:
    return unavailable(device("cuda"))


start = refusing("start", _no_gpu)
stop = refusing("stop", _no_gpu)


@contextmanager
def profile():
    """A scope that CUDA's profiler looks at. AssertionError without a GPU."""
    start()
    yield

"""`taper.backends.cudnn`: whether and how GPUs compute convolutions and attention with cuDNN.

`enabled`: whether they do. `allow_tf32`: let convolutions of float32 go with 10 bits behind the point, much faster;
`fp32_precision` "tf32" or "ieee" overrides it. `deterministic`: only with algorithms that give the same bits each time.
`benchmark` and `benchmark_limit` are kept, and have no effect: cuDNN's own rules choose.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

enabled = True
benchmark = False
benchmark_limit = 10
deterministic = False
allow_tf32 = True
fp32_precision = "none"


def is_available() -> bool:
    """Whether cuDNN can be used: there is a GPU, NVIDIA's Python front end and its library."""
    return version() is not None


def version() -> int | None:
    """cuDNN's version, 91200 for 9.12.0; None where it, its front end or a GPU is missing."""
    from .cuda import driver

    if not driver.count():
        return None
    from .cuda import cudnn_graphs

    return cudnn_graphs.version()


@contextmanager
def flags(
    enabled: bool = False,
    benchmark: bool = False,
    benchmark_limit: int = 10,
    deterministic: bool = False,
    allow_tf32: bool = True,
    fp32_precision: str = "none",
) -> Iterator[None]:
    """A scope with other settings."""
    module = sys.modules[__name__]
    names = ("enabled", "benchmark", "benchmark_limit", "deterministic", "allow_tf32", "fp32_precision")
    given = (enabled, benchmark, benchmark_limit, deterministic, allow_tf32, fp32_precision)
    before = [getattr(module, name) for name in names]
    for name, value in zip(names, given):
        setattr(module, name, value)
    try:
        yield
    finally:
        for name, value in zip(names, before):
            setattr(module, name, value)

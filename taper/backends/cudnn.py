"""`taper.backends.cudnn`: settings that programs make. They have no effect: convolutions on a GPU are products of cuBLAS's."""

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
    """Whether cuDNN can be used: False."""
    return False


def version() -> None:
    """cuDNN's version: None."""


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

"""Choosing implementations of attention: Taper has one, so the choice is kept and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(IntEnum):
    """PyTorch's implementations of `scaled_dot_product_attention`."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends: Any, set_priority: bool = False) -> Iterator[None]:
    """A scope with these implementations allowed: nothing changes. AssertionError for anything but SDPBackend."""
    given = list(backends) if isinstance(backends, (list, tuple)) else [backends]
    if not given or not all(isinstance(b, SDPBackend) for b in given):
        raise AssertionError("Backend must be an instance of SDPBackend or a list of SDPBackend instances")
    yield


def __getattr__(name: str):
    if name in ("flex_attention", "bias"):
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    if name == "WARN_FOR_UNFUSED_KERNELS":
        return False
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")

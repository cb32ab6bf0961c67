"""Choosing implementations of attention: on a GPU, cuDNN's fused kernels or formulas; the CPU has one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

from ...backends import cuda

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
    """A scope with these implementations allowed: on a GPU, with MATH alone, attention goes by formulas; fused kernels of
    cuDNN stand for all others, and formulas compute what they do not. AssertionError for anything but SDPBackend."""
    given = list(backends) if isinstance(backends, (list, tuple)) else [backends]
    if not given or not all(isinstance(b, SDPBackend) for b in given):
        raise AssertionError("Backend must be an instance of SDPBackend or a list of SDPBackend instances")
    kinds = SDPBackend
    with cuda.sdp_kernel(
        kinds.FLASH_ATTENTION in given,
        kinds.MATH in given,
        kinds.EFFICIENT_ATTENTION in given,
        kinds.CUDNN_ATTENTION in given,
    ):
        yield


def __getattr__(name: str):
    if name in ("flex_attention", "bias"):
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    if name == "WARN_FOR_UNFUSED_KERNELS":
        return False
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")

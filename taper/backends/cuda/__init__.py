"""`taper.backends.cuda`: the array namespace of GPUs (`arrays.py`, on CuPy, loaded when a GPU is first asked for), and, under
PyTorch's names, settings that programs make. Settings have no effect without a GPU, and are kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from . import driver
from .driver import ATTENTION as _attention
from .driver import TF32 as _tf32


class _Products:
    """Settings of matrix products. allow_tf32: let a GPU multiply float32 with 10 bits behind the point, much faster."""

    @property
    def allow_tf32(self) -> bool:
        return _tf32[0]

    @allow_tf32.setter
    def allow_tf32(self, allowed: bool) -> None:
        _tf32[0] = bool(allowed)
        driver.apply_tf32()

    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True
    allow_fp16_accumulation = False
    fp32_precision = "none"


class _PlanCache:
    """The kept plans of Fourier transforms: none."""

    size, max_size = 0, 0

    def clear(self) -> None:
        """Forget the plans: nothing to do."""

    def __getitem__(self, device) -> _PlanCache:
        return self


matmul = _Products()
cufft_plan_cache = _PlanCache()


def is_built() -> bool:
    """Whether Taper can use GPUs: CuPy is installed."""
    return driver.installed()


def preferred_linalg_library(backend: str | None = None) -> str:
    """The library of linear algebra on a GPU: "default"; accepted and without effect."""
    return "default"


def preferred_blas_library(backend: str | None = None) -> str:
    """The library of products on a GPU: "default"; accepted and without effect."""
    return "default"


def flash_sdp_enabled() -> bool:
    """What `enable_flash_sdp` was told."""
    return _attention["flash"]


def enable_flash_sdp(enabled: bool) -> None:
    """Allow fused attention, or not: formulas compute it where flash, memory-efficient and cuDNN's are all refused."""
    _attention["flash"] = bool(enabled)


def mem_efficient_sdp_enabled() -> bool:
    """What `enable_mem_efficient_sdp` was told."""
    return _attention["mem_efficient"]


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Allow fused attention, or not: formulas compute it where flash, memory-efficient and cuDNN's are all refused."""
    _attention["mem_efficient"] = bool(enabled)


def math_sdp_enabled() -> bool:
    """What `enable_math_sdp` was told."""
    return _attention["math"]


def enable_math_sdp(enabled: bool) -> None:
    """Accepted and kept: what fused kernels do not compute, formulas do."""
    _attention["math"] = bool(enabled)


def cudnn_sdp_enabled() -> bool:
    """What `enable_cudnn_sdp` was told."""
    return _attention["cudnn"]


def enable_cudnn_sdp(enabled: bool) -> None:
    """Allow fused attention, or not: formulas compute it where flash, memory-efficient and cuDNN's are all refused."""
    _attention["cudnn"] = bool(enabled)


def is_flash_attention_available() -> bool:
    """Whether a GPU has flash attention: False."""
    return False


@contextmanager
def sdp_kernel(
    enable_flash: bool = True, enable_math: bool = True, enable_mem_efficient: bool = True, enable_cudnn: bool = True
) -> Iterator[None]:
    """A scope with other settings of attention. Deprecated: nn.attention.sdpa_kernel."""
    before = dict(_attention)
    _attention.update(flash=enable_flash, math=enable_math, mem_efficient=enable_mem_efficient, cudnn=enable_cudnn)
    try:
        yield
    finally:
        _attention.update(before)

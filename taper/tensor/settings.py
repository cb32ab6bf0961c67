"""Settings that programs make for a whole process, and mathematical constants."""

from __future__ import annotations

import math

from .. import dtypes
from ..backends import cuda
from ..backends.determinism import REQUIRED
from ..backends.device import CPU, Default, device
from ..errors import warn, warn_once
from .factory import place

__all__ = [
    "pi",
    "e",
    "inf",
    "nan",
    "newaxis",
    "set_float32_matmul_precision",
    "get_float32_matmul_precision",
    "use_deterministic_algorithms",
    "are_deterministic_algorithms_enabled",
    "set_default_device",
    "get_default_device",
    "set_default_tensor_type",
]

pi, e, inf, nan = math.pi, math.e, math.inf, math.nan
newaxis = None

_precision = "highest"


def set_float32_matmul_precision(precision: str) -> None:
    """Let products of float32 on GPUs be computed in TF32, unless "highest" is asked for. The CPU's stay float32.

    Warns of an unknown precision.
    """
    global _precision
    if precision not in ("highest", "high", "medium"):
        warn(f"{precision} is not one of 'highest', 'high', or 'medium'; the current setting stays.")
        return
    _precision = precision
    cuda.matmul.allow_tf32 = precision != "highest"


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was told."""
    return _precision


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Let operators on GPUs give the same bits each time, at some cost; those on the CPU always do. warn_only: no effect."""
    REQUIRED[0] = bool(mode)


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` was told."""
    return REQUIRED[0]


def set_default_device(device) -> None:
    """Make new tensors on a device where no other is named; None: on the CPU. An error for one that cannot be used."""
    Default.place = CPU if device is None else place(device)


def get_default_device() -> device:
    """Where new tensors are made."""
    return Default.place


def set_default_tensor_type(t) -> None:
    """Make new floating tensors of a legacy class's dtype, such as FloatTensor or "torch.DoubleTensor"."""
    warn_once(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use torch.set_default_dtype() and "
        "torch.set_default_device() as alternatives."
    )
    words = {"Float": dtypes.float32, "Double": dtypes.float64, "Half": dtypes.float16, "BFloat16": dtypes.bfloat16}
    name = t if isinstance(t, str) else f"torch.{t.__name__}"
    word = name.removeprefix("torch.").removesuffix("Tensor")
    if word not in words:
        raise TypeError(f"invalid type object: only floating-point types are supported as the default type, not {name}")
    dtypes.set_default_dtype(words[word])

"""Types for annotations."""

from __future__ import annotations

import builtins
from typing import Any, Union

from .backends.device import device
from .dtypes import dtype
from .tensor.core import Tensor
from .tensor.size import Size

Number = builtins.int | builtins.float | builtins.bool
Device = device | builtins.str | builtins.int | None
Storage = Any
_TensorOrTensors = Union[Tensor, "tuple[Tensor, ...]"]
_dtype, _device, _size = dtype, device, Union[Size, "list[int]", "tuple[int, ...]"]
_int, _float, _bool = builtins.int, builtins.float, builtins.bool

__all__ = ["Device", "Number", "Storage"]

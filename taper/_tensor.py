"""`Tensor` under the path that PyTorch has for it."""

from __future__ import annotations

from .tensor.core import Tensor

__all__ = ["Tensor"]

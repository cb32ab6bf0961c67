"""Grad modes under the path that PyTorch has for them."""

from __future__ import annotations

from .modes import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = ["enable_grad", "inference_mode", "no_grad", "set_grad_enabled"]

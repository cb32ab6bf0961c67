"""Exponential families under the path that PyTorch has for them."""

from __future__ import annotations

from .distribution import ExponentialFamily

__all__ = ["ExponentialFamily"]

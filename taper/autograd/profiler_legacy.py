"""The older name of `autograd.profiler`."""

from __future__ import annotations

from .profiler import profile

__all__ = ["profile"]

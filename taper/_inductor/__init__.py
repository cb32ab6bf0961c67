"""The compiler's back end under PyTorch's name: its settings, which have no effect."""

from __future__ import annotations

from . import config

__all__ = ["config"]

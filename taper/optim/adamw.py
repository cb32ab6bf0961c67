"""AdamW under the path that PyTorch has for it."""

from __future__ import annotations

from .adam import AdamW

__all__ = ["AdamW"]

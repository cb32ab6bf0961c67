"""`autocast` for GPUs under the path that PyTorch has for it."""

from __future__ import annotations

from . import autocast, custom_bwd, custom_fwd

__all__ = ["autocast", "custom_bwd", "custom_fwd"]

"""`GradScaler` for GPUs under the path that PyTorch has for it."""

from __future__ import annotations

from ...amp.grad_scaler import OptState
from . import GradScaler

__all__ = ["GradScaler", "OptState"]

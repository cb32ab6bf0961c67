"""Names of PyTorch's compiler that programs use: forgetting programs, asking whether one is made."""

from __future__ import annotations

from ..compiler import disable, is_compiling, reset
from ..nn.compiled import OptimizedModule
from . import config, eval_frame

__all__ = ["OptimizedModule", "config", "disable", "eval_frame", "is_compiling", "reset"]

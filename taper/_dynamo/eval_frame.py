"""`OptimizedModule` under the path that PyTorch has for it."""

from __future__ import annotations

from ..nn.compiled import OptimizedModule

__all__ = ["OptimizedModule"]

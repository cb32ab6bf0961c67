"""Another element type."""

from __future__ import annotations

__all__ = ["astype"]


def astype(x, dtype, copy=True):
    """x with another element type. NumPy's own function refuses what its reductions and comparisons give for no dimensions."""
    return x.astype(dtype, copy=copy)

"""Pictures: training curves, confusion matrices, images that were mistaken. They need the extra `viz` (matplotlib)."""

from .pictures import confusion, curves, mistakes

__all__ = ["confusion", "curves", "mistakes"]

"""torchvision's rooms: datasets, transforms, utils."""

from . import datasets, transforms, utils

__all__ = ["datasets", "transforms", "utils"]

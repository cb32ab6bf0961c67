"""torchvision's rooms: datasets, transforms, models, utils."""

from . import datasets, io, models, transforms, utils

__all__ = ["datasets", "io", "models", "transforms", "utils"]

"""torchvision's rooms: datasets, transforms, models, utils."""

from . import datasets, io, models, ops, transforms, utils

__all__ = ["datasets", "io", "models", "ops", "transforms", "utils"]

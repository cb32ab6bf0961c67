"""torchvision's rooms: datasets, transforms, models, operators, utils."""

from . import datasets, io, models, ops, transforms, tv_tensors, utils

__all__ = ["datasets", "io", "models", "ops", "transforms", "tv_tensors", "utils"]

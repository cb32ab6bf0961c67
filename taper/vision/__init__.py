"""torchvision's rooms: datasets, transforms, models, operators, utils."""

from .. import __version__
from . import datasets, io, models, ops, transforms, tv_tensors, utils
from .pillow import get_image_backend, set_image_backend


def disable_beta_transforms_warning() -> None:
    """Nothing to do: there is no such warning."""


__all__ = [
    "__version__",
    "datasets",
    "disable_beta_transforms_warning",
    "get_image_backend",
    "io",
    "models",
    "ops",
    "set_image_backend",
    "transforms",
    "tv_tensors",
    "utils",
]

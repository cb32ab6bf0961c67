"""Transforms of images."""

import sys as _sys

from . import functional
from .augment import AugMix, AutoAugment, AutoAugmentPolicy, RandAugment, TrivialAugmentWide
from .fixed import (
    CenterCrop,
    Compose,
    ConvertImageDtype,
    FiveCrop,
    Grayscale,
    Lambda,
    LinearTransformation,
    Normalize,
    Pad,
    PILToTensor,
    Resize,
    TenCrop,
    ToPILImage,
    ToTensor,
)
from .functional import InterpolationMode
from .random import (
    RandomApply,
    RandomChoice,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomOrder,
    RandomResizedCrop,
    RandomVerticalFlip,
)
from .random_colour import (
    ColorJitter,
    GaussianBlur,
    RandomAdjustSharpness,
    RandomAutocontrast,
    RandomEqualize,
    RandomGrayscale,
    RandomInvert,
    RandomPosterize,
    RandomSolarize,
)
from .random_geometry import ElasticTransform, RandomAffine, RandomPerspective, RandomRotation


def __getattr__(name: str):
    if name == "transforms":
        # torchvision's module `transforms.transforms` defines what its package exports.
        return _sys.modules[__name__]
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")

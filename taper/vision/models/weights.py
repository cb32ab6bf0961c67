"""Published weights: where they are, how their images were prepared, what they reach."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlparse

from ... import hub
from ..transforms.functional import InterpolationMode
from ..transforms.presets import ImageClassification

_FOLDER = "https://download.pytorch.org/models/"
_PROJECT = "https://github.com/pytorch/vision/"

IMAGENET_CLASSES = (Path(__file__).parent / "imagenet.txt").read_text("utf-8").splitlines()
"""The thousand classes of ILSVRC 2012, each by the first of its names."""


@dataclass
class Weights:
    """Weights at a URL; `transforms()` makes what their images must go through; `meta` says what is known of them."""

    url: str
    transforms: Callable
    meta: dict[str, Any]


class WeightsEnum(Enum):
    """The weights there are for a model; `DEFAULT` is the best of them."""

    @classmethod
    def verify(cls, obj: Any) -> Any:
        """The member that a name or a member stands for; None for None. KeyError for an unknown name, TypeError for others."""
        if obj is None:
            return None
        if isinstance(obj, str):
            return cls[obj.replace(cls.__name__ + ".", "")]
        if not isinstance(obj, cls):
            raise TypeError(
                f"Invalid Weight class provided; expected {cls.__name__} but received {obj.__class__.__name__}."
            )
        return obj

    def get_state_dict(self, *args, **options) -> dict:
        """The state dict, downloaded to `hub.get_dir()`/checkpoints unless it is there. URLError where that fails."""
        try:
            return hub.load_state_dict_from_url(self.url, *args, **options)
        except OSError as error:
            folder = os.path.join(hub.get_dir(), "checkpoints")
            raise URLError(
                f"{self!r} could not be fetched ({error}). Download {self.url} where there is a network, and put the "
                f"file {os.path.basename(urlparse(self.url).path)} into {folder}"
            ) from error

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self._name_}"

    @property
    def url(self) -> str:
        """Where the weights are."""
        return self.value.url

    @property
    def transforms(self) -> Callable:
        """What makes the transforms of their images."""
        return self.value.transforms

    @property
    def meta(self) -> dict[str, Any]:
        """What is known of them: categories, num_params, min_size, _metrics."""
        return self.value.meta


def imagenet(
    file: str,
    parameters: int,
    top1: float,
    top5: float,
    *,
    crop: int = 224,
    resize: int = 256,
    mode: str = "bilinear",
    least: int = 1,
    recipe: str | None = None,
    classes: list[str] | None = IMAGENET_CLASSES,
    license: str | None = None,
    **colours: tuple[float, ...],
) -> Weights:
    """Weights learned on ImageNet: their file, their number, and the shares of right answers among the first and five.

    crop, resize, mode, and the `mean` and `std` of colours: how images are prepared. least: the smallest side of an image. recipe: how
    they were learned, "#..." in torchvision's reference programs.
    """
    prepared = partial(
        ImageClassification, crop_size=crop, resize_size=resize, interpolation=InterpolationMode(mode), **colours
    )
    meta: dict[str, Any] = {"num_params": parameters, "min_size": (least, least), "categories": classes}
    if recipe is not None:
        recipe = "tree/main/references/classification" + recipe if recipe.startswith("#") else recipe
        meta["recipe"] = recipe if recipe.startswith("https:") else _PROJECT + recipe
    if license is not None:
        meta["license"] = license
    meta["_metrics"] = {"ImageNet-1K": {"acc@1": top1, "acc@5": top5}}
    return Weights(_FOLDER + file, prepared, meta)

"""Detectors' published weights, learned on COCO, and what having them changes in a builder's options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...transforms.presets import ObjectDetection
from ..weights import Weights, WeightsEnum
from .matching import overwrite_eps

COCO_CLASSES = (Path(__file__).parent / "coco.txt").read_text("utf-8").splitlines()
"""The classes of COCO by number, 0 being nothing; N/A where a number has no class."""

_FOLDER = "https://download.pytorch.org/models/"
_RECIPE = "https://github.com/pytorch/vision/"


def coco(file: str, parameters: int, recipe: str, classes: list[str] | None = None, **metrics: float) -> Weights:
    """Weights learned on COCO: their file, their number, the recipe's place, and what they reach."""
    meta: dict[str, Any] = {
        "categories": COCO_CLASSES if classes is None else classes,
        "min_size": (1, 1),
        "num_params": parameters,
        "recipe": _RECIPE + ("tree/main/references/detection" if recipe.startswith("#") else "") + recipe,
        "_metrics": {"COCO-val2017": metrics},
    }
    return Weights(_FOLDER + file, ObjectDetection, meta)


def whole(weights: WeightsEnum, options: dict) -> None:
    """Weights of a whole detector: the backbone's are among them."""
    options["weights_backbone"] = None
    options["_published"] = True


def whole_without_eps(weights: WeightsEnum, options: dict) -> Callable:
    """Weights of a whole detector whose frozen batch norms had no eps."""
    whole(weights, options)
    return lambda made: overwrite_eps(made, 0.0)

"""What all transforms share: a sample of any structure goes in, its parts are changed with the same random numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from .... import nn
from ....autograd.tape import Variable
from ....tensor.random import rand
from ....utils._pytree import tree_flatten, tree_unflatten
from ... import tv_tensors
from ...pillow import is_pil
from . import functional as F
from .functional import is_pure_tensor


def check_type(obj: Any, types_or_checks: Iterable[type | Callable[[Any], bool]]) -> bool:
    """Whether a value is of one of several classes, or passes one of several checks."""
    return any(isinstance(obj, t) if isinstance(t, type) else t(obj) for t in types_or_checks)


def has_any(flat_inputs: list[Any], *types_or_checks: type | Callable[[Any], bool]) -> bool:
    """Whether any value is of one of the kinds."""
    return any(check_type(value, types_or_checks) for value in flat_inputs)


def has_all(flat_inputs: list[Any], *types_or_checks: type | Callable[[Any], bool]) -> bool:
    """Whether for each of the kinds there is a value."""
    return all(any(check_type(value, (kind,)) for value in flat_inputs) for kind in types_or_checks)


_IMAGES = (is_pure_tensor, tv_tensors.Image, is_pil, tv_tensors.Video)
_PLACED = (*_IMAGES, tv_tensors.Mask, tv_tensors.BoundingBoxes, tv_tensors.KeyPoints)


def query_chw(flat_inputs: list[Any]) -> tuple[int, int, int]:
    """The channels, height and width of the images of a sample. ValueError if there is none, or they differ."""
    found = {tuple(F.get_dimensions(value)) for value in flat_inputs if check_type(value, _IMAGES)}
    if not found:
        raise ValueError("No image or video was found in the sample")
    if len(found) > 1:
        raise ValueError(f"Found multiple CxHxW dimensions in the sample: {sorted(found)}")
    return found.pop()


def query_size(flat_inputs: list[Any]) -> tuple[int, int]:
    """The height and width of a sample. ValueError if nothing in it has a size, or sizes differ."""
    found = {tuple(F.get_size(value)) for value in flat_inputs if check_type(value, _PLACED)}
    if not found:
        raise ValueError("No image, video, mask, bounding box or keypoint was found in the sample")
    if len(found) > 1:
        raise ValueError(f"Found multiple HxW dimensions in the sample: {sorted(found)}")
    return found.pop()


def get_bounding_boxes(flat_inputs: list[Any]) -> tv_tensors.BoundingBoxes:
    """The boxes of a sample. ValueError if there are none."""
    for value in flat_inputs:
        if isinstance(value, tv_tensors.BoundingBoxes):
            return value
    raise ValueError("No bounding boxes were found in the sample")


def get_keypoints(flat_inputs: list[Any]) -> tv_tensors.KeyPoints:
    """The points of a sample. ValueError if there are none."""
    for value in flat_inputs:
        if isinstance(value, tv_tensors.KeyPoints):
            return value
    raise ValueError("No keypoints were found in the sample")


class Transform(nn.Module):
    """The base of transforms; one of your own defines `transform`, and `make_params` where it draws random numbers.

    A plain tensor counts as an image only where a sample has no Image, Video or PIL image, and only the first of them.
    """

    _transformed_types: tuple[type | Callable[[Any], bool], ...] = (Variable, is_pil)

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """Raise for a sample that cannot be transformed."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """What is drawn once for a sample; `transform` gets it for each part."""
        return {}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One part of a sample, transformed."""
        raise NotImplementedError(f"{type(self).__name__} must define transform(inpt, params)")

    def _call_kernel(self, functional, inpt: Any, *args, **options) -> Any:
        """A functional of a part for which it has a kernel; other parts stay as they are."""
        takes = getattr(functional, "takes", None)
        return functional(inpt, *args, **options) if takes is None or takes(inpt) else inpt

    def forward(self, *inputs: Any) -> Any:
        """A sample with its parts transformed: one value, or a tuple of several."""
        flat, spec = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
        self.check_inputs(flat)
        return self._transformed(flat, spec)

    def _transformed(self, flat: list[Any], spec) -> Any:
        chosen = self._needs_transform_list(flat)
        params = self.make_params([value for value, yes in zip(flat, chosen) if yes])
        return tree_unflatten(
            [self.transform(value, params) if yes else value for value, yes in zip(flat, chosen)], spec
        )

    def _needs_transform_list(self, flat_inputs: list[Any]) -> list[bool]:
        first = not has_any(flat_inputs, tv_tensors.Image, tv_tensors.Video, is_pil)
        chosen = []
        for value in flat_inputs:
            yes = check_type(value, self._transformed_types)
            if yes and is_pure_tensor(value):
                yes, first = first, False
            chosen.append(yes)
        return chosen

    def extra_repr(self) -> str:
        """The options that are numbers, words or sequences."""
        plain = (bool, int, float, str, tuple, list, Enum)
        words = (
            f"{name}={value}"
            for name, value in self.__dict__.items()
            if not name.startswith("_") and name != "training" and isinstance(value, plain)
        )
        return ", ".join(words)


class RandomApplyTransform(Transform):
    """A transform made with probability p. ValueError for a p outside [0, 1]."""

    def __init__(self, p: float = 0.5):
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        super().__init__()
        self.p = p

    def forward(self, *inputs: Any) -> Any:
        """The sample transformed, or as it is."""
        given = inputs if len(inputs) > 1 else inputs[0]
        flat, spec = tree_flatten(given)
        self.check_inputs(flat)
        return given if rand(1) >= self.p else self._transformed(flat, spec)


def setup_fill(fill: Any) -> dict:
    """Colours by the class of value: as given, or one for all. TypeError for what is no colour."""
    table = fill if isinstance(fill, dict) else {"others": fill}
    for value in table.values():
        if value is not None and not isinstance(value, (int, float, tuple, list)):
            raise TypeError("Got inappropriate fill arg, only Numbers, tuples, lists and dicts are allowed.")
    return {k: [float(c) for c in v] if isinstance(v, (tuple, list)) else v for k, v in table.items()}


def fill_for(table: dict, inpt: Any) -> Any:
    """The colour for a value. ValueError if the table says nothing of its class."""
    for kind, value in table.items():
        if kind is type(inpt):
            return value
    if "others" not in table:
        raise ValueError(f'`fill` names no colour for {type(inpt).__name__}: give one, or one for "others"')
    return table["others"]

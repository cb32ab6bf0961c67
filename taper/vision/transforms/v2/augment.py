"""Rectangles overwritten, images of a batch mixed, learned and random policies."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ....autograd.tape import Variable
from ....distributions import Beta
from ....nn.functional import one_hot
from ....tensor import tensor
from ....tensor.random import rand, randint
from ....utils._pytree import tree_flatten, tree_unflatten
from ... import tv_tensors
from ...ops.boxes import box_iou
from ...pillow import is_pil
from .. import augment, random
from ..random_geometry import filling
from . import functional as F
from .functional import is_pure_tensor
from .functional.boxes import corners_of
from .kinds import labels_of
from .transform import (
    RandomApplyTransform,
    Transform,
    check_type,
    fill_for,
    get_bounding_boxes,
    has_any,
    query_chw,
    query_size,
    setup_fill,
)

_IMAGES = (is_pure_tensor, tv_tensors.Image, is_pil)


class RandomErasing(RandomApplyTransform):
    """A random rectangle of each image overwritten, with probability p, as `transforms.RandomErasing`."""

    def __init__(self, p: float = 0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value: Any = 0.0, inplace: bool = False):
        super().__init__(p)
        random.RandomErasing(p, scale, ratio, value)
        self.scale, self.ratio, self.inplace = scale, ratio, inplace
        if isinstance(value, (int, float)):
            self.value = [float(value)]
        else:
            self.value = None if isinstance(value, str) else [float(v) for v in value]

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The rectangle, and what to fill it with; nothing where none fits."""
        channels, height, width = query_chw(flat_inputs)
        if self.value is not None and len(self.value) not in (1, channels):
            raise ValueError(
                f"If value is a sequence, it should have either a single value or {channels} (number of inpt channels)"
            )
        i, j, h, w, fill = random.erased_part(channels, height, width, self.scale, self.ratio, self.value)
        return {"part": None if fill is None else (i, j, h, w, fill)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """An image with a rectangle overwritten."""
        if isinstance(inpt, (tv_tensors.BoundingBoxes, tv_tensors.KeyPoints, tv_tensors.Mask)):
            warnings.warn(
                f"{type(self).__name__}() is currently passthrough for inputs of type tv_tensors.{type(inpt).__name__}.",
                stacklevel=2,
            )
        if params["part"] is None:
            return inpt
        return self._call_kernel(F.erase, inpt, *params["part"], inplace=self.inplace)


class _Mixing(Transform):
    """Each image of a batch mixed with the one before it, and the labels alike. ValueError for samples that are no batch."""

    def __init__(self, *, alpha: float = 1.0, num_classes: int | None = None, labels_getter: Any = "default"):
        super().__init__()
        self.alpha = float(alpha)
        self._dist = Beta(tensor([alpha]), tensor([alpha]))
        self.num_classes, self.labels_getter = num_classes, labels_getter

    def forward(self, *inputs: Any) -> Any:
        """The batch mixed; labels (N,) become shares (N, num_classes)."""
        sample = inputs if len(inputs) > 1 else inputs[0]
        flat, spec = tree_flatten(sample)
        chosen = self._needs_transform_list(flat)
        if has_any(flat, is_pil, tv_tensors.BoundingBoxes, tv_tensors.Mask, tv_tensors.KeyPoints):
            raise ValueError(
                f"{type(self).__name__}() does not support PIL images, bounding boxes, keypoints and masks."
            )
        getter: Callable = self.labels_getter if callable(self.labels_getter) else labels_of
        labels = getter(sample)
        if not isinstance(labels, Variable):
            raise ValueError(f"The labels must be a tensor, but got {type(labels)} instead.")
        if labels.ndim not in (1, 2):
            raise ValueError(
                "labels should be index based with shape (batch_size,) or probability based with shape "
                f"(batch_size, num_classes), but got a tensor of shape {tuple(labels.shape)} instead."
            )
        if labels.ndim == 2 and self.num_classes is not None and labels.shape[-1] != self.num_classes:
            raise ValueError(
                f"When passing 2D labels, the number of elements in last dimension must match num_classes: "
                f"{labels.shape[-1]} != {self.num_classes}."
            )
        if labels.ndim == 1 and self.num_classes is None:
            raise ValueError("num_classes must be passed if the labels are index-based (1D)")
        images = [value for value, yes in zip(flat, chosen) if yes and value is not labels]
        for value in images:
            if value.ndim != 4 or value.shape[0] != labels.shape[0]:
                raise ValueError(
                    f"Expected a batched input with 4 dims and batch size {labels.shape[0]}, "
                    f"but got a tensor of shape {tuple(value.shape)}."
                )
        params = self.make_params(images)
        for i, (value, yes) in enumerate(zip(flat, chosen)):
            if value is labels:
                flat[i] = self._mixed_labels(value, params["share"])
            elif yes:
                flat[i] = self.transform(value, params)
        return tree_unflatten(flat, spec)

    def _mixed_labels(self, labels: Variable, share: float) -> Variable:
        if labels.ndim == 1:
            labels = one_hot(labels, num_classes=self.num_classes)
        labels = labels if labels.dtype.is_floating_point else labels.float()
        return labels.roll(1, 0) * (1.0 - share) + labels * share


def _kept_class(out: Variable, inpt: Any) -> Any:
    return tv_tensors.wrap(out, like=inpt) if isinstance(inpt, tv_tensors.TVTensor) else out


class MixUp(_Mixing):
    """A weighted mean of two images, the weight drawn from Beta(alpha, alpha). Source: arXiv 1710.09412."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The share of the image itself."""
        return {"share": float(self._dist.sample(()).item())}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Images mixed."""
        share = params["share"]
        return _kept_class(inpt.roll(1, 0) * (1.0 - share) + inpt * share, inpt)


class CutMix(_Mixing):
    """A rectangle of another image, its area drawn from Beta(alpha, alpha). Source: arXiv 1905.04899."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The rectangle, and the share that stays of the image itself."""
        drawn = float(self._dist.sample(()).item())
        height, width = query_size(flat_inputs)
        x, y = (int(randint(n, size=(1,)).item()) for n in (width, height))
        half = 0.5 * math.sqrt(1.0 - drawn)
        across, down = int(half * width), int(half * height)
        x1, x2 = max(x - across, 0), min(x + across, width)
        y1, y2 = max(y - down, 0), min(y + down, height)
        share = float(1.0 - (x2 - x1) * (y2 - y1) / (width * height))
        return {"box": (x1, y1, x2, y2), "share": share}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Images with a rectangle of the one before."""
        x1, y1, x2, y2 = params["box"]
        rolled, out = inpt.roll(1, 0), inpt.clone()
        out[..., y1:y2, x1:x2] = rolled[..., y1:y2, x1:x2]
        return _kept_class(out.view_as(out), inpt)


class RandomIoUCrop(Transform):
    """A random part that some box overlaps by enough (Liu et al. 2015, arXiv 1512.02325); use SanitizeBoundingBoxes after it."""

    def __init__(
        self,
        min_scale: float = 0.3,
        max_scale: float = 1.0,
        min_aspect_ratio: float = 0.5,
        max_aspect_ratio: float = 2.0,
        sampler_options: list[float] | None = None,
        trials: int = 40,
    ):
        super().__init__()
        self.min_scale, self.max_scale = min_scale, max_scale
        self.min_aspect_ratio, self.max_aspect_ratio = min_aspect_ratio, max_aspect_ratio
        self.options = [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0] if sampler_options is None else sampler_options
        self.trials = trials

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """There must be an image and boxes."""
        boxes = any(isinstance(value, tv_tensors.BoundingBoxes) for value in flat_inputs)
        if not boxes or not any(check_type(value, _IMAGES) for value in flat_inputs):
            raise TypeError(
                f"{type(self).__name__}() requires input sample to contain tensor or PIL images and bounding boxes. "
                "Sample can also contain masks."
            )

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Where the part lies, and which boxes' centres it holds; None for the whole."""
        height, width = query_size(flat_inputs)
        boxes = corners_of(get_bounding_boxes(flat_inputs))
        while True:
            least = self.options[int(randint(len(self.options), size=(1,)))]
            if least >= 1.0:
                return {"part": None, "inside": None}
            for _ in range(self.trials):
                sides = self.min_scale + (self.max_scale - self.min_scale) * rand(2)
                new_w, new_h = int(width * sides[0]), int(height * sides[1])
                if new_h == 0 or not self.min_aspect_ratio <= new_w / new_h <= self.max_aspect_ratio:
                    continue
                corner = rand(2)
                left, top = int((width - new_w) * corner[0]), int((height - new_h) * corner[1])
                right, bottom = left + new_w, top + new_h
                if left == right or top == bottom:
                    continue
                x, y = 0.5 * (boxes[..., 0] + boxes[..., 2]), 0.5 * (boxes[..., 1] + boxes[..., 3])
                inside = (left < x) & (x < right) & (top < y) & (y < bottom)
                if not inside.any():
                    continue
                part = tensor([[left, top, right, bottom]], dtype=boxes.dtype)
                if box_iou(boxes[inside], part).max() < least:
                    continue
                return {"part": (top, left, new_h, new_w), "inside": inside}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The part; boxes whose centre lies outside shrink to nothing."""
        if params["part"] is None:
            return inpt
        out = self._call_kernel(F.crop, inpt, *params["part"])
        if isinstance(out, tv_tensors.BoundingBoxes):
            out[~params["inside"]] = 0
        return out


class _Policy(Transform):
    """A policy for the one image of a sample. TypeError for a sample without one, or with boxes, points or masks."""

    def __init__(self, interpolation, fill: Any):
        super().__init__()
        self.interpolation = interpolation
        self.fill, self._fill = fill, setup_fill(fill)

    def _steps(self, image: Any) -> Iterator[tuple[str, float]]:
        """The operations for an image, each drawn when it is its turn."""
        raise NotImplementedError

    def forward(self, *inputs: Any) -> Any:
        """The sample with its image changed."""
        flat, spec = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
        chosen = self._needs_transform_list(flat)
        if has_any(flat, tv_tensors.BoundingBoxes, tv_tensors.Mask, tv_tensors.KeyPoints):
            raise TypeError(
                f"Inputs of type BoundingBoxes, KeyPoints or Mask are not supported by {type(self).__name__}()"
            )
        where = [i for i, (value, yes) in enumerate(zip(flat, chosen)) if yes and check_type(value, _IMAGES)]
        if not where:
            raise TypeError("Found no image in the sample.")
        if len(where) > 1:
            raise ValueError(
                "Auto augment transformations are only properly defined for a single image or video, "
                f"but found {len(where)}."
            )
        image = flat[where[0]]
        fill = filling(fill_for(self._fill, image), image)
        # The thresholds are shares of white in float32, as torchvision's: that decides whether a value is below.
        white = 1.0 if isinstance(image, Variable) and image.dtype.is_floating_point else 255.0
        for name, magnitude in self._steps(image):
            magnitude = float(np.float32(magnitude / 255)) * white if name == "Solarize" else magnitude
            image = augment.apply(image, name, magnitude, self.interpolation, fill, F)
        flat[where[0]] = image
        return tree_unflatten(flat, spec)


def _signed(magnitude: float, signed: bool) -> float:
    return -magnitude if signed and rand(()) <= 0.5 else magnitude


class AutoAugment(_Policy):
    """A learned policy, those of `transforms.AutoAugment`: one pair of operations drawn for each image."""

    def __init__(self, policy=augment.AutoAugmentPolicy.IMAGENET, interpolation="nearest", fill: Any = None):
        super().__init__(interpolation, fill)
        self.policy, self._policies = policy, augment.AutoAugment(policy).policies

    def _steps(self, image: Any) -> Iterator[tuple[str, float]]:
        shift = augment.largest_shift(image)
        for name, probability, level in self._policies[int(randint(len(self._policies), ()))]:
            if rand(()) <= probability:
                table, signed = augment.magnitudes(name, 10, 0.3, shift, 30.0, 0.9, 4)
                yield name, 0.0 if table is None else _signed(float(table[level or 0]), signed)


class RandAugment(_Policy):
    """num_ops operations drawn from fourteen, all at one magnitude of num_magnitude_bins."""

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation="nearest",
        fill: Any = None,
    ):
        super().__init__(interpolation, fill)
        self.num_ops, self.magnitude, self.num_magnitude_bins = num_ops, magnitude, num_magnitude_bins

    def _steps(self, image: Any) -> Iterator[tuple[str, float]]:
        shift = augment.largest_shift(image)
        for _ in range(self.num_ops):
            name = augment.RANDOM_OPERATIONS[int(randint(len(augment.RANDOM_OPERATIONS), ()))]
            table, signed = augment.magnitudes(name, self.num_magnitude_bins, 0.3, shift, 30.0, 0.9, 4)
            yield name, 0.0 if table is None else _signed(float(table[self.magnitude]), signed)


class TrivialAugmentWide(_Policy):
    """One operation drawn from fourteen, at a magnitude drawn from num_magnitude_bins."""

    def __init__(self, num_magnitude_bins: int = 31, interpolation="nearest", fill: Any = None):
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def _steps(self, image: Any) -> Iterator[tuple[str, float]]:
        name = augment.RANDOM_OPERATIONS[int(randint(len(augment.RANDOM_OPERATIONS), ()))]
        table, signed = augment.magnitudes(name, self.num_magnitude_bins, 0.99, (32.0, 32.0), 135.0, 0.99, 6)
        yield name, 0.0 if table is None else _signed(float(table[int(randint(len(table), ()))]), signed)

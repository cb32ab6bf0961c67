"""Values of one kind made from another, normalised, or passed through a function of the user's."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....autograd.tape import Variable
from ....dtypes import float32
from ....utils._pytree import tree_flatten, tree_unflatten
from ... import tv_tensors
from ...pillow import is_pil
from .. import fixed
from ..functional import to_tensor
from . import functional as F
from .functional import is_pure_tensor
from .transform import Transform, get_bounding_boxes, has_any


def _is_array(inpt: Any) -> bool:
    return isinstance(inpt, np.ndarray)


class Identity(Transform):
    """The sample as it is."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The same."""
        return inpt


class Lambda(Transform):
    """A function of the user's, for values of some classes, all by default."""

    def __init__(self, lambd: Callable[[Any], Any], *types: type):
        super().__init__()
        self.lambd, self.types = lambd, types or (object,)
        self._transformed_types = self.types

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """What the function says."""
        return self.lambd(inpt)

    def extra_repr(self) -> str:
        """The function's name, and the classes."""
        name = getattr(self.lambd, "__name__", None)
        words = [name] if name else []
        words.append(f"types={[kind.__name__ for kind in self.types]}")
        return ", ".join(words)


class Normalize(Transform):
    """(image - mean) / std for each channel. TypeError for PIL images."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False):
        super().__init__()
        self.mean, self.std, self.inplace = list(mean), list(std), inplace

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """PIL images have no floats."""
        if has_any(flat_inputs, is_pil):
            raise TypeError(f"{type(self).__name__}() does not support PIL images.")

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """An image normalised."""
        return self._call_kernel(F.normalize, inpt, mean=self.mean, std=self.std, inplace=self.inplace)


class LinearTransformation(Transform):
    """(image - mean) times a square matrix, the image as one row of numbers, as `transforms.LinearTransformation`."""

    _transformed_types = (is_pure_tensor, tv_tensors.Image, tv_tensors.Video)

    def __init__(self, transformation_matrix: Variable, mean_vector: Variable):
        super().__init__()
        self._plain = fixed.LinearTransformation(transformation_matrix, mean_vector)
        self.transformation_matrix, self.mean_vector = transformation_matrix, mean_vector

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """PIL images are no rows of numbers."""
        if has_any(flat_inputs, is_pil):
            raise TypeError(f"{type(self).__name__}() does not support PIL images.")

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """An image transformed."""
        out = self._plain(inpt)
        return tv_tensors.wrap(out, like=inpt) if isinstance(inpt, tv_tensors.TVTensor) else out


class ToImage(Transform):
    """PIL images, arrays (H, W, C) and plain tensors as Images."""

    _transformed_types = (is_pure_tensor, is_pil, _is_array)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """An Image."""
        return F.to_image(inpt)


class ToPureTensor(Transform):
    """Images, masks, boxes as plain tensors."""

    _transformed_types = (tv_tensors.TVTensor,)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """A plain tensor."""
        return inpt.view_as(inpt)


class UniformTemporalSubsample(Transform):
    """So many frames of a video (..., T, C, H, W), evenly from the first to the last."""

    _transformed_types = (is_pure_tensor, tv_tensors.Video)

    def __init__(self, num_samples: int):
        super().__init__()
        self.num_samples = num_samples

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The frames."""
        return F.uniform_temporal_subsample(inpt, self.num_samples)


class PILToTensor(Transform):
    """PIL images as tensors (C, H, W) of their own numbers."""

    _transformed_types = (is_pil,)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """A tensor."""
        return F.pil_to_tensor(inpt)


class ToPILImage(Transform):
    """Tensors (C, H, W) and arrays (H, W, C) as PIL images."""

    _transformed_types = (is_pure_tensor, tv_tensors.Image, _is_array)

    def __init__(self, mode: str | None = None):
        super().__init__()
        self.mode = mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """A PIL image."""
        return F.to_pil_image(inpt, mode=self.mode)


class ToTensor(Transform):
    """PIL images and arrays as floats in [0, 1]; old: use ToImage, then ToDtype with scale=True."""

    _transformed_types = (is_pil, _is_array)

    def __init__(self):
        warnings.warn(
            "The transform `ToTensor()` is deprecated and will be removed in a future release. Instead, please use "
            "`v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])`."
            "Output is equivalent up to float precision.",
            stacklevel=2,
        )
        super().__init__()

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """A tensor of floats."""
        return to_tensor(inpt)


class ConvertImageDtype(Transform):
    """Images in another dtype, their values scaled to its range."""

    def __init__(self, dtype=float32):
        super().__init__()
        self.dtype = dtype

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """An image in another dtype; PIL images stay as they are."""
        return inpt if is_pil(inpt) else self._call_kernel(F.convert_image_dtype, inpt, dtype=self.dtype)


class ToDtype(Transform):
    """In another dtype: images, or by class of value, with "others" for the rest; scale: to the dtype's range.

    ValueError for a class that the table leaves out.
    """

    _transformed_types = (Variable,)

    def __init__(self, dtype: Any, scale: bool = False):
        super().__init__()
        if not isinstance(dtype, dict) and not hasattr(dtype, "is_floating_point"):
            raise ValueError(f"dtype must be a dict or a torch.dtype, got {type(dtype)} instead")
        self.dtype, self.scale = dtype, scale

    def _dtype_for(self, inpt: Any) -> Any:
        if not isinstance(self.dtype, dict):
            images = is_pure_tensor(inpt) or isinstance(inpt, (tv_tensors.Image, tv_tensors.Video))
            return self.dtype if images else None
        for kind, dtype in self.dtype.items():
            if kind is type(inpt):
                return dtype
        if "others" in self.dtype:
            return self.dtype["others"]
        raise ValueError(
            f"No dtype was specified for type {type(inpt)}. If you only need to convert the dtype of images or videos, "
            'you can just pass e.g. dtype=torch.float32. If you\'re passing a dict as dtype, you can use "others" as a '
            'catch-all key e.g. dtype={tv_tensors.Mask: torch.int64, "others": None} to pass-through the rest of the inputs.'
        )

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """A value in another dtype."""
        dtype = self._dtype_for(inpt)
        if dtype is None or dtype == inpt.dtype:
            return inpt
        return self._call_kernel(F.to_dtype, inpt, dtype=dtype, scale=self.scale)


class ConvertBoundingBoxFormat(Transform):
    """Boxes in another format."""

    _transformed_types = (tv_tensors.BoundingBoxes,)

    def __init__(self, format: str | tv_tensors.BoundingBoxFormat):
        super().__init__()
        self.format = format

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Boxes in the format."""
        return F.convert_bounding_box_format(inpt, new_format=self.format)


class ClampBoundingBoxes(Transform):
    """Boxes cut off where they leave their canvas."""

    _transformed_types = (tv_tensors.BoundingBoxes,)

    def __init__(self, clamping_mode: str | None = "auto"):
        super().__init__()
        self.clamping_mode = clamping_mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Boxes inside."""
        return F.clamp_bounding_boxes(inpt, clamping_mode=self.clamping_mode)


class ClampKeyPoints(Transform):
    """Points moved to the nearest pixel of their canvas."""

    _transformed_types = (tv_tensors.KeyPoints,)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Points inside."""
        return F.clamp_keypoints(inpt)


def labels_of(inputs: Any) -> Any:
    """The labels of a sample: what its dictionary has under a name with "label", or its second part. ValueError for none."""
    found = inputs[1] if isinstance(inputs, (tuple, list)) else inputs
    if isinstance(found, Variable):
        return found
    if isinstance(found, dict):
        for name in sorted((n for n in found if "label" in str(n).lower()), key=lambda n: n.lower() != "labels"):
            return found[name]
    raise ValueError(
        "Could not infer where the labels are in the sample. Try passing a callable as the labels_getter parameter?"
        "If there are no labels in the sample by design, pass labels_getter=None."
    )


class SanitizeBoundingBoxes(Transform):
    """Boxes that are too small or leave the canvas dropped, with their labels and masks.

    labels_getter: "default" for what the sample's dictionary calls labels, None for none, a key, or a function of the sample.
    """

    def __init__(self, min_size: float = 1.0, min_area: float = 1.0, labels_getter: Any = "default"):
        super().__init__()
        if min_size < 1:
            raise ValueError(f"min_size must be >= 1, got {min_size}.")
        if min_area < 1:
            raise ValueError(f"min_area must be >= 1, got {min_area}.")
        self.min_size, self.min_area, self.labels_getter = min_size, min_area, labels_getter

    def _labels(self, inputs: Any) -> tuple:
        if self.labels_getter is None:
            return ()
        if callable(self.labels_getter):
            found = self.labels_getter(inputs)
        elif self.labels_getter == "default":
            found = labels_of(inputs)
        else:
            found = (inputs[1] if isinstance(inputs, (tuple, list)) else inputs)[self.labels_getter]
        found = found if isinstance(found, (tuple, list)) else (found,)
        for labels in found:
            if labels is not None and not isinstance(labels, Variable):
                raise ValueError(
                    f"The labels in the input to forward() must be a tensor or None, got {type(labels)} instead."
                )
        return tuple(labels for labels in found if labels is not None)

    def forward(self, *inputs: Any) -> Any:
        """The sample without those boxes. ValueError without boxes, or with another number of labels."""
        sample = inputs if len(inputs) > 1 else inputs[0]
        labels = self._labels(sample)
        flat, spec = tree_flatten(sample)
        boxes = get_bounding_boxes(flat)
        if any(len(boxes) != len(found) for found in labels):
            raise ValueError(
                f"Number of boxes (shape={tuple(boxes.shape)}) and must match the number of labels. "
                f"Found labels with shapes={[tuple(found.shape) for found in labels]}."
            )
        valid = F.sanitize_bounding_boxes(boxes, min_size=self.min_size, min_area=self.min_area)[1]

        def kept(value):
            if isinstance(value, (tv_tensors.BoundingBoxes, tv_tensors.Mask)) and len(value) == len(valid):
                return tv_tensors.wrap(value[valid], like=value)
            return value[valid] if any(value is found for found in labels) else value

        return tree_unflatten([kept(value) for value in flat], spec)

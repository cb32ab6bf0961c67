"""What a value is, and values of one kind made from another."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .....autograd.tape import Variable, wrap
from .....dtypes import float32
from .....tensor import linspace
from .... import tv_tensors
from ....pillow import is_pil
from ... import functional as F
from .dispatch import Functional


def to_image(inpt: Any) -> tv_tensors.Image:
    """An Image from a PIL image, an array (H, W, C) or a tensor (..., C, H, W). TypeError for anything else."""
    if isinstance(inpt, np.ndarray):
        array = inpt if inpt.ndim > 2 else inpt[:, :, None]
        return tv_tensors.Image(wrap(np.ascontiguousarray(array.transpose(2, 0, 1))))
    if is_pil(inpt):
        return tv_tensors.Image(F.pil_to_tensor(inpt))
    if isinstance(inpt, Variable):
        return tv_tensors.Image(inpt)
    raise TypeError(f"Input can either be a pure Tensor, a numpy array, or a PIL image, but got {type(inpt)} instead.")


def to_pil_image(pic, mode: str | None = None):
    """A tensor (C, H, W) or an array (H, W, C) as a PIL image."""
    return F.to_pil_image(pic, mode)


def pil_to_tensor(pic) -> Variable:
    """A PIL image as a tensor (C, H, W) of its own numbers."""
    return F.pil_to_tensor(pic)


def to_tensor(inpt) -> Variable:
    """A PIL image or array as floats in [0, 1]; old: use to_image, then to_dtype with scale=True."""
    warnings.warn(
        "The function `to_tensor(...)` is deprecated and will be removed in a future release. Instead, please use "
        "`to_image(...)` followed by `to_dtype(..., dtype=torch.float32, scale=True)`.",
        stacklevel=2,
    )
    return F.to_tensor(inpt)


@Functional
def to_dtype(inpt, dtype=float32, scale: bool = False):
    """A tensor in another dtype; with scale, the values scaled to the dtype's range."""
    return F.convert_image_dtype(inpt, dtype) if scale else inpt.view_as(inpt).to(dtype)


@to_dtype.register(tv_tensors.Mask)
@to_dtype.register(tv_tensors.BoundingBoxes)
@to_dtype.register(tv_tensors.KeyPoints)
def _(inpt, dtype=float32, scale: bool = False):
    return inpt.to(dtype)


@Functional
def convert_image_dtype(image, dtype=float32):
    """An image tensor in another dtype, its values scaled to the dtype's range."""
    return F.convert_image_dtype(image, dtype)


@convert_image_dtype.register(tv_tensors.Mask)
def _(inpt, dtype=float32):
    return inpt.to(dtype)


def _size_told(inpt):
    return list(inpt.canvas_size)


@Functional
def get_size(inpt) -> list[int]:
    """Height and width, of an image or of what lies on one."""
    return F.dimensions(inpt)[1:]


get_size.register(tv_tensors.BoundingBoxes)(_size_told)
get_size.register(tv_tensors.KeyPoints)(_size_told)


@get_size.register(tv_tensors.Mask)
def _(inpt):
    return list(inpt.shape[-2:])


@Functional
def get_dimensions(inpt) -> list[int]:
    """Channels, height and width of an image."""
    return F.dimensions(inpt)


@Functional
def get_num_channels(inpt) -> int:
    """The number of an image's channels."""
    return F.dimensions(inpt)[0]


get_image_num_channels = get_num_channels


@Functional
def get_image_size(inpt) -> list[int]:
    """Width and height of an image; old: use get_size, which has them the other way round."""
    warnings.warn(
        "The function `get_image_size(...)` is deprecated and will be removed in a future release. "
        "Instead, please use `get_size(...)` which returns `[h, w]` instead of `[w, h]`.",
        stacklevel=2,
    )
    return F.get_image_size(inpt)


@Functional
def uniform_temporal_subsample(inpt, num_samples: int):
    """So many of a video's frames (..., T, C, H, W), evenly from the first to the last; a frame may come twice."""
    return inpt.index_select(-4, linspace(0, inpt.shape[-4] - 1, num_samples).long())


@Functional
def get_num_frames(inpt) -> int:
    """The number of a video's frames."""
    return inpt.shape[-4]

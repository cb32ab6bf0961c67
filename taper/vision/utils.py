"""Grids of images, and images as files."""

from __future__ import annotations

import math

import numpy as np

from ..autograd.tape import Variable, wrap
from ..tensor.joining import stack
from .drawing import draw_bounding_boxes, draw_segmentation_masks
from .pillow import image_module

__all__ = ["draw_bounding_boxes", "draw_segmentation_masks", "make_grid", "save_image"]


def make_grid(
    tensor,
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range=None,
    scale_each: bool = False,
    pad_value: float = 0.0,
):
    """Images (N, C, H, W), or a list of (C, H, W), as one (3, H', W') with nrow images a row.

    normalize: values shifted and scaled to [0, 1], from value_range or from the smallest and largest, of each image if
    scale_each. TypeError for anything else.
    """
    if not isinstance(tensor, Variable):
        if not (isinstance(tensor, list) and all(isinstance(t, Variable) for t in tensor)):
            raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
        tensor = stack(tensor, 0)
    array = tensor.detach()._array
    if array.ndim == 2:
        array = array[None]
    if array.ndim == 3:
        array = np.concatenate([array] * 3, 0) if array.shape[0] == 1 else array
        array = array[None]
    elif array.ndim == 4 and array.shape[1] == 1:
        array = np.concatenate([array] * 3, 1)
    if normalize:
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError("value_range has to be a tuple (min, max) if specified. min and max are numbers")
        array = array.copy()
        parts = array if scale_each else [array]
        for part in parts:
            low, high = value_range if value_range is not None else (float(part.min()), float(part.max()))
            np.clip(part, low, high, out=part)
            part -= low
            part /= max(high - low, 1e-5)
    if array.shape[0] == 1:
        return wrap(array[0])
    n, channels, h, w = array.shape
    across = min(nrow, n)
    down = math.ceil(n / across)
    height, width = h + padding, w + padding
    grid = np.full((channels, height * down + padding, width * across + padding), pad_value, array.dtype)
    for k in range(n):
        y, x = divmod(k, across)
        top, left = y * height + padding, x * width + padding
        grid[:, top : top + h, left : left + w] = array[k]
    return wrap(grid)


def save_image(tensor, fp, format: str | None = None, **options) -> None:
    """Write images, from 0 to 1, as one file; `options` are those of `make_grid`."""
    grid = make_grid(tensor, **options)._array
    pixels = np.clip(grid * 255 + 0.5, 0, 255).transpose(1, 2, 0).astype(np.uint8)
    image_module().fromarray(pixels).save(fp, format=format)

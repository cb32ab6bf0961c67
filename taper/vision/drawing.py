"""Boxes and masks on images."""

from __future__ import annotations

import warnings

import numpy as np

from ..autograd.tape import Variable, wrap
from ..dtypes import uint8
from .pillow import image_module, pen
from .transforms.functional import convert_image_dtype, pil_to_tensor, to_pil_image


def _palette(count: int) -> list[tuple[int, int, int]]:
    """Colours that differ: the multiples of three large steps."""
    steps = (2**25 - 1, 2**15 - 1, 2**21 - 1)
    return [tuple(i * step % 255 for step in steps) for i in range(count)]


def _colours(colors, count: int) -> list[tuple[int, ...]]:
    """One colour for each thing, from one for all, a list, or a palette. ValueError for anything else."""
    if colors is None:
        return _palette(count)
    if isinstance(colors, list):
        if len(colors) < count:
            raise ValueError(
                f"Number of colors must be equal or larger than the number of objects, but got {len(colors)} < {count}."
            )
    elif isinstance(colors, str) or (isinstance(colors, tuple) and len(colors) == 3):
        colors = [colors] * count
    elif isinstance(colors, tuple):
        raise ValueError(f"If passed as tuple, colors should be an RGB triplet, but got {colors}.")
    else:
        raise ValueError(f"colors must be a tuple or a string, or a list thereof, but got {colors}.")
    image_module()
    from PIL import ImageColor

    return [ImageColor.getrgb(c) if isinstance(c, str) else tuple(c) for c in colors]


def _check_image(image) -> None:
    if not isinstance(image, Variable):
        raise TypeError(f"The image must be a tensor, got {type(image)}")
    if not (image.dtype is uint8 or image.dtype.is_floating_point):
        raise ValueError(f"The image dtype must be uint8 or float, got {image.dtype}")
    if image.dim() != 3:
        raise ValueError("Pass individual images, not batches")


def draw_bounding_boxes(
    image,
    boxes,
    labels: list | None = None,
    colors=None,
    fill: bool | None = False,
    width: int = 1,
    font: str | None = None,
    font_size: int | None = None,
    label_colors=None,
    label_background_colors=None,
    fill_labels: bool = False,
):
    """An image (1 or 3, H, W), bytes or floats from 0 to 1, with boxes (N, 4), left, top, right, bottom, and their labels.

    colors: one for all, or a list, as names, "#FF00FF" or (r, g, b). font: a TrueType file. fill: tint the insides.
    ValueError for another image, boxes inside out, or a number of labels that does not fit.
    """
    _check_image(image)
    if image.shape[0] not in (1, 3):
        raise ValueError("Only grayscale and RGB images are supported")
    if boxes.numel() == 0:
        warnings.warn("boxes doesn't contain any box. No box was drawn", stacklevel=2)
        return image
    if boxes.shape[-1] != 4:
        raise NotImplementedError("draw_bounding_boxes: boxes are (N, 4); turned boxes (N, 8) are not there.")
    if bool((boxes[:, 0] > boxes[:, 2]).any()) or bool((boxes[:, 1] > boxes[:, 3]).any()):
        raise ValueError(
            "Boxes need to be in (xmin, ymin, xmax, ymax) format. Use torchvision.ops.box_convert to convert them"
        )
    count = boxes.shape[0]
    names = [None] * count if labels is None else labels
    if len(names) != count:
        raise ValueError(
            f"Number of boxes ({count}) and labels ({len(names)}) mismatch. Please specify labels for each box."
        )
    outlines = _colours(colors, count)
    inks = _colours(label_colors or "black", count) if label_colors or fill_labels else outlines
    grounds = _colours(label_background_colors, count) if fill_labels and label_background_colors else outlines
    bytes_ = convert_image_dtype(image, uint8)
    picture = to_pil_image(bytes_.expand(3, -1, -1) if image.shape[0] == 1 else bytes_)
    draw, letters = pen(picture, "RGBA" if fill else None, font, font_size)
    for box, outline, name, ink, ground in zip(boxes.long().tolist(), outlines, names, inks, grounds):
        draw.rectangle(box, width=width, outline=outline, fill=(*outline, 100) if fill else None)
        if name is None:
            continue
        corner = (box[0] + width + 1, box[1] + width + 1)
        if fill_labels:
            left, top, right, bottom = draw.textbbox(corner, name, font=letters)
            draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=ground)
        draw.text(corner, name, fill=ink, font=letters)
    return convert_image_dtype(pil_to_tensor(picture), image.dtype)


def draw_segmentation_masks(image, masks, alpha: float = 0.8, colors=None):
    """An image (3, H, W), bytes or floats from 0 to 1, with boolean masks (N, H, W) or (H, W) laid over it in colours.

    alpha: how much they cover. Where several lie the colour is black. ValueError for other shapes and dtypes.
    """
    _check_image(image)
    if image.shape[0] != 3:
        raise ValueError("Pass an RGB image. Other Image formats are not supported")
    masks = masks[None] if masks.ndim == 2 else masks
    if masks.ndim != 3:
        raise ValueError("masks must be of shape (H, W) or (batch_size, H, W)")
    if masks._array.dtype != np.bool_:
        raise ValueError(f"The masks must be of dtype bool. Got {masks.dtype}")
    if masks.shape[-2:] != image.shape[-2:]:
        raise ValueError("The image and the masks must have the same height and width")
    if masks.shape[0] == 0:
        warnings.warn("masks doesn't contain any mask. No mask was drawn", stacklevel=2)
        return image
    array, covered = image.detach().numpy(), masks._array
    top = 255 if image.dtype.is_floating_point else 1
    over = array.copy()
    for mask, colour in zip(covered, _colours(colors, len(covered))):
        over[:, mask] = (np.array(colour[:3]) / top).astype(array.dtype)[:, None]
    over[:, covered.sum(0) > 1] = 0
    mixed = array.astype(np.float32) * np.float32(1 - alpha) + over.astype(np.float32) * np.float32(alpha)
    return wrap(mixed.astype(array.dtype))

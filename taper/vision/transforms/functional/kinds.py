"""What an image is: its kind, its sizes, and how pixels between pixels are made."""

from __future__ import annotations

from enum import Enum

from ....autograd.tape import Variable
from ...pillow import is_pil


class InterpolationMode(Enum):
    """How pixels between pixels are made."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


pil_modes_mapping = {
    InterpolationMode.NEAREST: 0,
    InterpolationMode.NEAREST_EXACT: 0,
    InterpolationMode.LANCZOS: 1,
    InterpolationMode.BILINEAR: 2,
    InterpolationMode.BICUBIC: 3,
    InterpolationMode.BOX: 4,
    InterpolationMode.HAMMING: 5,
}
"""Pillow's number of each mode."""

_BY_NUMBER = {number: mode for mode, number in reversed(pil_modes_mapping.items())}


def mode_of(interpolation) -> InterpolationMode:
    """An interpolation mode, which may be given as Pillow's number. TypeError for anything else."""
    if isinstance(interpolation, InterpolationMode):
        return interpolation
    if isinstance(interpolation, int) and interpolation in _BY_NUMBER:
        return _BY_NUMBER[interpolation]
    raise TypeError("Argument interpolation should be a InterpolationMode or a corresponding Pillow integer constant")


def check_tensor(image) -> None:
    """TypeError for what is neither a PIL image nor an image tensor; call it where a PIL image has been seen to."""
    if not isinstance(image, Variable):
        raise TypeError(f"img should be Tensor Image. Got {type(image)}")
    if image.ndim < 2:
        raise TypeError(f"Tensor is not a torch image: it has {image.ndim} dimensions, an image has (..., H, W).")


def check_channels(image, allowed=(1, 3)) -> int:
    """The number of a tensor's channels. TypeError if that is not allowed."""
    channels = dimensions(image)[0]
    if channels not in allowed:
        raise TypeError(f"Input image tensor permitted channel values are {list(allowed)}, but found {channels}")
    return channels


def dimensions(image) -> list[int]:
    """Channels, height and width. TypeError for what is no image."""
    if is_pil(image):
        return [len(image.getbands()), image.size[1], image.size[0]]
    if not isinstance(image, Variable):
        raise TypeError(f"Unexpected type {type(image)}")
    check_tensor(image)
    shape = image.shape
    return [1 if len(shape) == 2 else shape[-3], shape[-2], shape[-1]]


get_dimensions = dimensions


def get_image_size(image) -> list[int]:
    """Width and height."""
    _, height, width = dimensions(image)
    return [width, height]


def get_image_num_channels(image) -> int:
    """The number of channels."""
    return dimensions(image)[0]


def pil_fill(fill, image):
    """A colour as Pillow takes it for an image. ValueError if it has not as many parts as the image has channels."""
    channels = dimensions(image)[0]
    fill = 0 if fill is None else fill
    if isinstance(fill, (int, float)) and channels > 1:
        fill = (fill,) * channels
    if isinstance(fill, (list, tuple)):
        fill = tuple(fill) * channels if len(fill) == 1 else tuple(fill)
        if len(fill) != channels:
            raise ValueError(
                "The number of elements in 'fill' does not match the number of channels of the image "
                f"({len(fill)} != {channels})"
            )
    if image.mode == "F":
        return fill
    return tuple(int(x) for x in fill) if isinstance(fill, tuple) else int(fill)


def top_value(dtype) -> float:
    """White in an image of this dtype: 1 for floats, the largest number for integers."""
    if dtype.is_floating_point:
        return 1
    return {"uint8": 255, "int8": 127, "int16": 32767, "uint16": 65535, "int32": 2**31 - 1, "int64": 2**63 - 1}.get(
        str(dtype).rpartition(".")[2], 1
    )

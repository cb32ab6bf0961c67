"""Transforms as functions of one image: a PIL image, or a tensor (..., C, H, W)."""

from .blurring import adjust_sharpness, gaussian_blur, kernel_of
from .colour import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    autocontrast,
    equalize,
    invert,
    posterize,
    rgb_to_grayscale,
    solarize,
    to_grayscale,
)
from .conversion import convert_image_dtype, normalize, normalized, pil_to_tensor, to_pil_image, to_tensor
from .cutting import (
    center_crop,
    crop,
    erase,
    five_crop,
    hflip,
    pad,
    resize,
    resized_crop,
    sides,
    ten_crop,
    two,
    vflip,
)
from .kinds import (
    InterpolationMode,
    dimensions,
    get_dimensions,
    get_image_num_channels,
    get_image_size,
    is_pil,
    pil_modes_mapping,
)
from .warping import affine, elastic_transform, perspective, rotate

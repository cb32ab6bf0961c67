"""Transforms as functions of a value: an image (a tensor, a PIL image, tv_tensors.Image), a mask, boxes, points."""

from ...functional import InterpolationMode
from .boxes import clamp_bounding_boxes, clamp_keypoints, convert_bounding_box_format, sanitize_bounding_boxes
from .dispatch import is_pure_tensor, register_kernel
from .geometry import (
    affine,
    center_crop,
    crop,
    elastic,
    elastic_transform,
    five_crop,
    hflip,
    horizontal_flip,
    pad,
    perspective,
    resize,
    resized_crop,
    rotate,
    ten_crop,
    vertical_flip,
    vflip,
)
from .kinds import (
    convert_image_dtype,
    get_dimensions,
    get_image_num_channels,
    get_image_size,
    get_num_channels,
    get_num_frames,
    get_size,
    pil_to_tensor,
    to_dtype,
    to_image,
    to_pil_image,
    to_tensor,
)
from .values import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    adjust_sharpness,
    autocontrast,
    equalize,
    erase,
    gaussian_blur,
    gaussian_noise,
    grayscale_to_rgb,
    invert,
    jpeg,
    normalize,
    permute_channels,
    posterize,
    rgb_to_grayscale,
    solarize,
    to_grayscale,
)

"""Brightness, contrast, and the other changes of pixels' values: of images, whose masks and boxes stay as they are."""

from __future__ import annotations

from .....dtypes import float32, int16, uint8
from .....tensor import cat, stack
from .....tensor.random import randn_like
from ....io import decode_jpeg, encode_jpeg
from ... import functional as F
from .dispatch import Functional

adjust_brightness = Functional(F.adjust_brightness)
adjust_contrast = Functional(F.adjust_contrast)
adjust_gamma = Functional(F.adjust_gamma)
adjust_hue = Functional(F.adjust_hue)
adjust_saturation = Functional(F.adjust_saturation)
adjust_sharpness = Functional(F.adjust_sharpness)
autocontrast = Functional(F.autocontrast)
gaussian_blur = Functional(F.gaussian_blur)
invert = Functional(F.invert)
normalize = Functional(F.normalize)
rgb_to_grayscale = Functional(F.rgb_to_grayscale)
solarize = Functional(F.solarize)
to_grayscale = rgb_to_grayscale


def _of_floats(inpt) -> bool:
    return not F.is_pil(inpt) and inpt.dtype.is_floating_point


@Functional
def equalize(inpt):
    """Values spread so that all are about as frequent; those of floats in 256 steps."""
    if not _of_floats(inpt):
        return F.equalize(inpt)
    return F.convert_image_dtype(F.equalize(F.convert_image_dtype(inpt, uint8)), inpt.dtype)


@Functional
def posterize(inpt, bits: int):
    """Only the highest bits of each value; floats in as many steps."""
    if not _of_floats(inpt):
        return F.posterize(inpt, bits)
    steps = 1 << bits
    return (inpt * steps).floor().clamp(0, steps - 1) * (1.0 / steps)


@Functional
def erase(inpt, i: int, j: int, h: int, w: int, v, inplace: bool = False):
    """An image with a rectangle overwritten."""
    if F.is_pil(inpt):
        return F.to_pil_image(F.erase(F.pil_to_tensor(inpt), i, j, h, w, v, inplace), inpt.mode)
    return F.erase(inpt, i, j, h, w, v, inplace)


@Functional
def grayscale_to_rgb(inpt):
    """An image in grey with three channels; coloured ones stay as they are."""
    if F.dimensions(inpt)[0] >= 3:
        return inpt
    return inpt.convert("RGB") if F.is_pil(inpt) else cat([inpt] * 3, -3)


@Functional
def permute_channels(inpt, permutation: list[int]):
    """The channels in another order. ValueError for another number of them."""
    image = F.pil_to_tensor(inpt) if F.is_pil(inpt) else inpt
    if len(permutation) != image.shape[-3]:
        raise ValueError(
            f"Length of permutation does not match number of channels: {len(permutation)} != {image.shape[-3]}"
        )
    out = image[..., permutation, :, :]
    return F.to_pil_image(out) if F.is_pil(inpt) else out


@Functional
def gaussian_noise(inpt, mean: float = 0.0, sigma: float = 0.1, clip: bool = True):
    """Normal noise added to a tensor, in shares of white; kept between black and white if clip.

    ValueError for a negative sigma, and for a tensor that holds neither floats nor bytes.
    """
    if sigma < 0:
        raise ValueError(f"sigma shouldn't be negative. Got {sigma}")
    if F.is_pil(inpt) or not (inpt.dtype.is_floating_point or inpt.dtype == uint8):
        raise ValueError(
            f"Input tensor is expected to be in uint8 or float dtype, got {getattr(inpt, 'dtype', type(inpt))}"
        )
    if inpt.dtype.is_floating_point:
        out = inpt + (mean + randn_like(inpt) * sigma)
        return out.clamp(0, 1) if clip else out
    noise = ((mean + randn_like(inpt, dtype=float32) * sigma) * 255).to(int16)
    out = inpt + noise
    return (out.clamp(0, 255) if clip else out).to(uint8)


@Functional
def jpeg(image, quality: int):
    """An image (..., 1 or 3, H, W) of bytes compressed as a JPEG file and read again."""
    given = F.pil_to_tensor(image) if F.is_pil(image) else image
    planes = given.reshape(-1, *given.shape[-3:])
    out = stack([decode_jpeg(encode_jpeg(plane, quality)) for plane in planes]).reshape(given.shape)
    return F.to_pil_image(out, image.mode) if F.is_pil(image) else out

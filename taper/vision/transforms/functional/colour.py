"""Brightness, contrast, saturation, hue, and the other changes of values alone."""

from __future__ import annotations

import numpy as np

from ....autograd.tape import wrap
from ....dtypes import float32
from ....tensor import amax, amin, fmod, isfinite, stack, where
from ...pillow import enhance_module, image_module, ops_module
from .conversion import convert_image_dtype
from .kinds import check_channels, check_tensor, is_pil, top_value


def _enhanced(img, factor: float, kind: str):
    """What one of Pillow's enhancers makes of an image."""
    return getattr(enhance_module(), kind)(img).enhance(factor)


def blended(img, other, ratio: float):
    """ratio * img + (1 - ratio) * other, within the values that the image's dtype has for colours."""
    ratio = float(ratio)
    return (ratio * img + (1.0 - ratio) * other).clamp(0, top_value(img.dtype)).to(img.dtype)


def not_negative(value: float, name: str) -> None:
    """ValueError for a negative factor."""
    if value < 0:
        raise ValueError(f"{name} ({value}) is not non-negative.")


def adjust_brightness(img, brightness_factor: float):
    """Brighter (> 1) or darker (< 1). ValueError for a negative factor."""
    if is_pil(img):
        return _enhanced(img, brightness_factor, "Brightness")
    check_tensor(img)
    not_negative(brightness_factor, "brightness_factor")
    check_channels(img)
    return blended(img, img * 0, brightness_factor)


def adjust_contrast(img, contrast_factor: float):
    """More (> 1) or less (< 1) contrast. ValueError for a negative factor."""
    if is_pil(img):
        return _enhanced(img, contrast_factor, "Contrast")
    check_tensor(img)
    not_negative(contrast_factor, "contrast_factor")
    grey = rgb_to_grayscale(img) if check_channels(img) == 3 else img
    grey = grey if img.dtype.is_floating_point else grey.float()
    return blended(img, grey.mean((-3, -2, -1), keepdim=True), contrast_factor)


def adjust_saturation(img, saturation_factor: float):
    """More (> 1) or less (< 1) colour. ValueError for a negative factor."""
    if is_pil(img):
        return _enhanced(img, saturation_factor, "Color")
    check_tensor(img)
    not_negative(saturation_factor, "saturation_factor")
    return img if check_channels(img) == 1 else blended(img, rgb_to_grayscale(img), saturation_factor)


def adjust_hue(img, hue_factor: float):
    """Colours turned round the wheel by hue_factor in [-0.5, 0.5]; ValueError for another."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    if is_pil(img):
        if img.mode in ("L", "1", "I", "F"):
            return img
        hue, saturation, value = img.convert("HSV").split()
        turned = (np.asarray(hue, np.uint8).astype(np.int32) + int(hue_factor * 255)) % 256
        Image = image_module()
        return Image.merge("HSV", (Image.fromarray(turned.astype(np.uint8)), saturation, value)).convert(img.mode)
    check_tensor(img)
    if check_channels(img) == 1:
        return img
    h, s, v = _hsv(convert_image_dtype(img, float32))
    return convert_image_dtype(_rgb((h + hue_factor) % 1.0, s, v), img.dtype)


def _hsv(img):
    """Hue, saturation and value, each from 0 to 1, of a float image (..., 3, H, W)."""
    r, g, b = img.unbind(-3)
    high, low = amax(img, -3), amin(img, -3)
    grey = high == low
    span = high - low
    s = span / where(grey, 1.0, high)
    span = where(grey, 1.0, span)
    rc, gc, bc = ((high - c) / span for c in (r, g, b))
    red, green = high == r, high == g
    h = where(red, bc - gc, where(green, 2.0 + rc - bc, 4.0 + gc - rc))
    return fmod(h / 6.0 + 1.0, 1.0), s, high


def _rgb(h, s, v):
    """The float image (..., 3, H, W) with these hues, saturations and values."""
    i = (h * 6.0).floor()
    f = h * 6.0 - i
    p, q, t = ((v * (1.0 - part)).clamp(0.0, 1.0) for part in (s, s * f, s * (1.0 - f)))
    sector = i.long() % 6
    planes = []
    for choices in ((v, q, p, p, t, v), (t, v, v, q, p, p), (p, p, t, v, v, q)):
        plane = choices[5]
        for number, choice in enumerate(choices[:5]):
            plane = where(sector == number, choice, plane)
        planes.append(plane)
    return stack(planes, -3)


def adjust_gamma(img, gamma: float, gain: float = 1):
    """gain * image ** gamma, the image from 0 to 1. ValueError for a negative gamma."""
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    if is_pil(img):
        table = [int((255 + 1 - 1e-3) * gain * pow(v / 255.0, gamma)) for v in range(256)] * 3
        return img.convert("RGB").point(table).convert(img.mode)
    check_tensor(img)
    check_channels(img)
    values = img if img.dtype.is_floating_point else convert_image_dtype(img, float32)
    return convert_image_dtype((gain * values.pow(gamma)).clamp(0, 1), img.dtype)


def to_grayscale(img, num_output_channels: int = 1):
    """A PIL image in grey, with 1 or 3 channels. TypeError for a tensor."""
    if not is_pil(img):
        raise TypeError("Input should be PIL Image")
    grey = img.convert("L")
    if num_output_channels == 1:
        return grey
    if num_output_channels != 3:
        raise ValueError("num_output_channels should be either 1 or 3")
    return image_module().merge("RGB", (grey, grey, grey))


def rgb_to_grayscale(img, num_output_channels: int = 1):
    """An image in grey (ITU-R 601), with 1 or 3 channels."""
    if is_pil(img):
        return to_grayscale(img, num_output_channels)
    check_tensor(img)
    if img.ndim < 3:
        raise TypeError(f"Input image tensor should have at least 3 dimensions, but found {img.ndim}")
    channels = check_channels(img)
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    if channels == 3:
        r, g, b = img.unbind(-3)
        grey = (0.2989 * r + 0.587 * g + 0.114 * b).to(img.dtype).unsqueeze(-3)
    else:
        grey = img.clone()
    return grey.expand(img.shape) if num_output_channels == 3 else grey


def _three_dimensions(img) -> None:
    check_tensor(img)
    if img.ndim < 3:
        raise TypeError(f"Input image tensor should have at least 3 dimensions, but found {img.ndim}")
    check_channels(img)


def _bytes(img) -> None:
    if str(img.dtype) != "torch.uint8":
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {img.dtype}")


def invert(img):
    """The negative of an image."""
    if is_pil(img):
        return ops_module().invert(img)
    _three_dimensions(img)
    return top_value(img.dtype) - img


def posterize(img, bits: int):
    """The image with only the highest bits of each value. ValueError for bits outside 0 to 8, TypeError for floats."""
    if not 0 <= bits <= 8:
        raise ValueError(f"The number if bits should be between 0 and 8. Got {bits}")
    if is_pil(img):
        return ops_module().posterize(img, bits)
    check_tensor(img)
    _bytes(img)
    _three_dimensions(img)
    return img & (256 - 2 ** (8 - bits)) % 256


def solarize(img, threshold: float):
    """The image with all values from the threshold on inverted. TypeError for a threshold above white."""
    if is_pil(img):
        return ops_module().solarize(img, threshold)
    _three_dimensions(img)
    if threshold > top_value(img.dtype):
        raise TypeError("Threshold should be less than bound of img.")
    return where(img >= threshold, invert(img), img)


def autocontrast(img):
    """The image with each channel's values stretched from black to white."""
    if is_pil(img):
        return ops_module().autocontrast(img)
    _three_dimensions(img)
    top = top_value(img.dtype)
    low, high = (
        v if img.dtype.is_floating_point else v.float()
        for v in (amin(img, (-2, -1), keepdim=True), amax(img, (-2, -1), keepdim=True))
    )
    scale = top / (high - low)
    stretched = isfinite(scale)
    low, scale = where(stretched, low, 0.0), where(stretched, scale, 1.0)
    return ((img - low) * scale).clamp(0, top).to(img.dtype)


def equalize(img):
    """The image with each channel's values spread so that all are about as frequent. TypeError for other than bytes."""
    if is_pil(img):
        return ops_module().equalize(img)
    check_tensor(img)
    if not 3 <= img.ndim <= 4:
        raise TypeError(f"Input image tensor should have 3 or 4 dimensions, but found {img.ndim}")
    _bytes(img)
    check_channels(img)
    array = img._array
    planes = [_equalized(plane) for plane in array.reshape(-1, *array.shape[-2:])]
    return wrap(np.stack(planes).reshape(array.shape))


def _equalized(plane: np.ndarray) -> np.ndarray:
    counts = np.bincount(plane.reshape(-1), minlength=256)
    step = counts[counts != 0][:-1].sum() // 255
    if step == 0:
        return plane
    table = (np.cumsum(counts) + step // 2) // step
    return np.concatenate([[0], table[:-1]]).clip(0, 255).astype(np.uint8)[plane]

"""Transforms as functions of one image: a PIL image, or a tensor (..., C, H, W)."""

from __future__ import annotations

from enum import Enum

import numpy as np

from ...autograd.tape import Variable, wrap
from ...nn.functional import interpolate
from ...nn.functional import pad as pad_tensor
from ..pillow import enhance_module, image_module


class InterpolationMode(Enum):
    """How pixels between pixels are made."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


_PIL_MODES = {"nearest": 0, "nearest-exact": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}


def _resample(interpolation) -> int:
    """Pillow's number of an interpolation mode, which may be given as that number."""
    if isinstance(interpolation, int):
        return interpolation
    return _PIL_MODES[getattr(interpolation, "value", interpolation)]


def is_pil(image) -> bool:
    """Whether this is a PIL image."""
    return hasattr(image, "getbands") and hasattr(image, "size")


def dimensions(image) -> tuple[int, int, int]:
    """Channels, height and width."""
    if isinstance(image, Variable):
        shape = image.shape
        return (1 if len(shape) == 2 else shape[-3]), shape[-2], shape[-1]
    return len(image.getbands()), image.size[1], image.size[0]


get_dimensions = dimensions


def get_image_size(image) -> list[int]:
    """Width and height."""
    _, height, width = dimensions(image)
    return [width, height]


def _pixels(image) -> np.ndarray:
    """A PIL image's pixels, (H, W, C)."""
    if image.mode == "1":
        array = np.asarray(image, np.uint8) * 255
    elif image.mode == "I":
        array = np.asarray(image, np.int32)
    elif image.mode in ("I;16", "I;16L", "I;16B"):
        array = np.asarray(image).astype(np.int16)
    else:
        array = np.asarray(image)
    return array[:, :, None] if array.ndim == 2 else array


def to_tensor(pic):
    """A PIL image or an array (H, W, C) as a float tensor (C, H, W); bytes are divided by 255. TypeError for anything else."""
    if not (is_pil(pic) or isinstance(pic, np.ndarray)):
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        array = pic[:, :, None] if pic.ndim == 2 else pic
    else:
        array = _pixels(pic)
    planes = np.ascontiguousarray(array.transpose(2, 0, 1))
    return wrap(planes.astype(np.float32) / np.float32(255)) if planes.dtype == np.uint8 else wrap(planes)


def pil_to_tensor(pic):
    """A PIL image as a tensor (C, H, W) of its own numbers. TypeError for anything else."""
    if not is_pil(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    return wrap(np.array(_pixels(pic).transpose(2, 0, 1), order="C"))


def to_pil_image(pic, mode: str | None = None):
    """A tensor (C, H, W) or an array (H, W, C) as a PIL image; floats from 0 to 1 become bytes."""
    if isinstance(pic, Variable):
        array = pic.detach().numpy()
        array = array[None] if array.ndim == 2 else array
        if array.dtype.kind == "f" and mode != "F":
            array = (array * 255).astype(np.uint8)
        array = array.transpose(1, 2, 0)
    elif isinstance(pic, np.ndarray):
        array = pic[:, :, None] if pic.ndim == 2 else pic
    else:
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if array.shape[2] not in (1, 2, 3, 4):
        raise ValueError(f"pic should not have > 4 channels. Got {array.shape[2]} channels.")
    return (
        image_module().fromarray(np.ascontiguousarray(array[:, :, 0] if array.shape[2] == 1 else array))
        if mode is None
        else (image_module().fromarray(np.ascontiguousarray(array[:, :, 0] if array.shape[2] == 1 else array), mode))
    )


def convert_image_dtype(image, dtype):
    """An image tensor in another dtype, its values scaled to the dtype's range."""
    array, target = image._array, dtype.np
    if array.dtype == target:
        return image
    if array.dtype.kind == "f":
        if target.kind == "f":
            return image.to(dtype)
        top = np.iinfo(target).max
        return wrap((array * (top + 1.0 - 1e-3)).astype(target))
    top = np.iinfo(array.dtype).max
    if target.kind == "f":
        return wrap(array.astype(target) / target.type(top))
    goal = np.iinfo(target).max
    if top > goal:
        return wrap((array // ((top + 1) // (goal + 1))).astype(target))
    return wrap(array.astype(target) * target.type((goal + 1) // (top + 1)))


def normalize(tensor, mean, std, inplace: bool = False):
    """(tensor - mean) / std for each channel. TypeError for integers, ValueError for a zero deviation."""
    if not isinstance(tensor, Variable):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    if tensor._array.dtype.kind != "f":
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor._array.ndim < 3:
        raise ValueError(
            f"Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = {tensor.size()}"
        )
    array = normalized(tensor._array, mean, std)
    if inplace:
        tensor._array[...] = array
        return tensor
    return wrap(array)


def normalized(array: np.ndarray, mean, std) -> np.ndarray:
    """(array - mean) / std for each channel, the third axis from the end."""
    mean, std = (np.asarray(v, array.dtype).reshape(-1) for v in (mean, std))
    if (std == 0).any():
        raise ValueError(f"std evaluated to zero after conversion to {array.dtype}, leading to division by zero.")
    out = array - mean[:, None, None]
    out /= std[:, None, None]
    return out


def _target_size(height: int, width: int, size, max_size: int | None) -> tuple[int, int]:
    """The size of a resized image: as given, or with the shorter side as given."""
    if isinstance(size, (list, tuple)) and len(size) == 2:
        return int(size[0]), int(size[1])
    short = int(size[0] if isinstance(size, (list, tuple)) else size)
    low, high = sorted((height, width))
    long = int(short * high / low)
    if max_size is not None:
        if max_size <= short:
            raise ValueError(
                f"max_size = {max_size} must be strictly greater than the requested size for the smaller edge size = {size}"
            )
        if long > max_size:
            short, long = int(max_size * short / long), max_size
    return (short, long) if height <= width else (long, short)


def resize(img, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """An image in another size: (height, width), or a number for the shorter side."""
    _, height, width = dimensions(img)
    h, w = _target_size(height, width, size, max_size)
    if (h, w) == (height, width):
        return img
    if is_pil(img):
        return img.resize((w, h), _resample(interpolation))
    array = img._array
    flat = array.reshape(-1, height, width)
    if antialias and getattr(interpolation, "value", interpolation) in ("bilinear", "bicubic", 2, 3):
        # Pillow's own filters on each channel, in floating point.
        Image = image_module()
        planes = [
            np.asarray(Image.fromarray(p.astype(np.float32)).resize((w, h), _resample(interpolation))) for p in flat
        ]
        out = np.stack(planes).reshape(*array.shape[:-2], h, w)
    else:
        mode = getattr(interpolation, "value", interpolation)
        options = {} if mode.startswith("nearest") else {"align_corners": False}
        out = interpolate(wrap(flat[None].astype(np.float32)), (h, w), mode=mode, **options)._array.reshape(
            *array.shape[:-2], h, w
        )
    if array.dtype.kind in "iu":
        out = np.clip(np.round(out), np.iinfo(array.dtype).min, np.iinfo(array.dtype).max)
    return wrap(out.astype(array.dtype))


def crop(img, top: int, left: int, height: int, width: int):
    """A part of an image; what lies outside is black."""
    if is_pil(img):
        return img.crop((left, top, left + width, top + height))
    _, h, w = dimensions(img)
    inside = img[..., max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    if top < 0 or left < 0 or top + height > h or left + width > w:
        edges = [max(-left, 0), max(left + width - w, 0), max(-top, 0), max(top + height - h, 0)]
        inside = pad_tensor(inside, edges)
    return inside


def center_crop(img, output_size):
    """The middle of an image; smaller images are padded with black."""
    th, tw = (
        (output_size, output_size)
        if isinstance(output_size, int)
        else (output_size * 2)[:2]
        if len(output_size) == 1
        else output_size
    )
    _, height, width = dimensions(img)
    if tw > width or th > height:
        sides = [
            (tw - width) // 2 if tw > width else 0,
            (th - height) // 2 if th > height else 0,
            (tw - width + 1) // 2 if tw > width else 0,
            (th - height + 1) // 2 if th > height else 0,
        ]
        img = pad(img, sides)
        _, height, width = dimensions(img)
        if (tw, th) == (width, height):
            return img
    return crop(img, int(round((height - th) / 2.0)), int(round((width - tw) / 2.0)), th, tw)


def _sides(padding) -> tuple[int, int, int, int]:
    """Left, top, right, bottom."""
    if isinstance(padding, int):
        return (padding,) * 4
    padding = list(padding)
    if len(padding) == 1:
        return tuple(padding * 4)
    if len(padding) == 2:
        return (padding[0], padding[1], padding[0], padding[1])
    if len(padding) != 4:
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple")
    return tuple(padding)


_NUMPY_MODES = {"constant": "constant", "edge": "edge", "reflect": "reflect", "symmetric": "symmetric"}


def pad(img, padding, fill=0, padding_mode: str = "constant"):
    """An image with a border: left, top, right, bottom, or fewer numbers. padding_mode: constant, edge, reflect, symmetric."""
    left, top, right, bottom = _sides(padding)
    if padding_mode not in _NUMPY_MODES:
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    array = np.asarray(img) if is_pil(img) else img._array
    spatial = 0 if is_pil(img) else array.ndim - 2
    widths = [(0, 0)] * array.ndim
    widths[spatial], widths[spatial + 1] = (top, bottom), (left, right)
    crop_ = tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(widths, array.shape))
    array = array[crop_]
    widths = [(max(a, 0), max(b, 0)) for a, b in widths]
    if padding_mode == "constant" and isinstance(fill, (tuple, list)) and is_pil(img) and array.ndim == 3:
        out = np.stack([np.pad(array[..., i], widths[:2], constant_values=f) for i, f in enumerate(fill)], -1)
    elif padding_mode == "constant":
        value = fill[0] if isinstance(fill, (tuple, list)) else fill
        out = np.pad(array, widths, constant_values=value)
    else:
        out = np.pad(array, widths, mode=_NUMPY_MODES[padding_mode])
    return image_module().fromarray(out) if is_pil(img) else wrap(out)


def hflip(img):
    """The mirror image."""
    return img.transpose(image_module().Transpose.FLIP_LEFT_RIGHT) if is_pil(img) else img.flip(-1)


def vflip(img):
    """The image upside down."""
    return img.transpose(image_module().Transpose.FLIP_TOP_BOTTOM) if is_pil(img) else img.flip(-2)


def rotate(img, angle: float, interpolation=InterpolationMode.NEAREST, expand: bool = False, center=None, fill=None):
    """The image turned by an angle in degrees, anticlockwise."""
    if is_pil(img):
        bands = len(img.getbands())
        colour = fill if isinstance(fill, (int, float)) or fill is None else (tuple(fill) if len(fill) > 1 else fill[0])
        if colour is not None and bands > 1 and isinstance(colour, (int, float)):
            colour = (int(colour),) * bands
        return img.rotate(angle, _resample(interpolation), expand, center, fillcolor=colour)
    array = img._array
    planes = array.reshape(-1, *array.shape[-2:])
    Image = image_module()
    turned = [
        np.asarray(
            Image.fromarray(p.astype(np.float32)).rotate(
                angle, _resample(interpolation), expand, center, fillcolor=0 if fill is None else fill
            )
        )
        for p in planes
    ]
    out = np.stack(turned)
    return wrap(out.reshape(*array.shape[:-2], *out.shape[-2:]).astype(array.dtype))


def _enhanced(img, factor: float, kind: str):
    """Pillow's enhancers; tensors go through an image of bytes only if they are bytes."""
    return getattr(enhance_module(), kind)(img).enhance(factor)


def _blended(a: np.ndarray, b, factor: float, dtype) -> np.ndarray:
    top = 255 if dtype.kind in "iu" else 1.0
    return np.clip(factor * a.astype(np.float32) + (1 - factor) * b, 0, top).astype(dtype)


def _grey(array: np.ndarray) -> np.ndarray:
    """The luminance (ITU-R 601) of (..., C, H, W)."""
    if array.shape[-3] == 1:
        return array.astype(np.float32)
    r, g, b = (array[..., i, :, :].astype(np.float32) for i in range(3))
    grey = 0.2989 * r + 0.587 * g + 0.114 * b
    return (np.floor(grey) if array.dtype.kind in "iu" else grey)[..., None, :, :]


def adjust_brightness(img, brightness_factor: float):
    """Brighter (> 1) or darker (< 1)."""
    if is_pil(img):
        return _enhanced(img, brightness_factor, "Brightness")
    return wrap(_blended(img._array, 0.0, brightness_factor, img._array.dtype))


def adjust_contrast(img, contrast_factor: float):
    """More (> 1) or less (< 1) contrast."""
    if is_pil(img):
        return _enhanced(img, contrast_factor, "Contrast")
    mean = _grey(img._array).mean((-3, -2, -1), keepdims=True)
    return wrap(_blended(img._array, mean, contrast_factor, img._array.dtype))


def adjust_saturation(img, saturation_factor: float):
    """More (> 1) or less (< 1) colour."""
    if is_pil(img):
        return _enhanced(img, saturation_factor, "Color")
    if img._array.shape[-3] == 1:
        return img
    return wrap(_blended(img._array, _grey(img._array), saturation_factor, img._array.dtype))


def adjust_hue(img, hue_factor: float):
    """Colours turned round the wheel by hue_factor in [-0.5, 0.5]."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    if not is_pil(img):
        if img._array.shape[-3] == 1:
            return img
        turned = adjust_hue(to_pil_image(img), hue_factor)
        return pil_to_tensor(turned) if img._array.dtype == np.uint8 else to_tensor(turned).to(img.dtype)
    if img.mode in ("L", "1", "I", "F"):
        return img
    hue, saturation, value = img.convert("HSV").split()
    shifted = (np.asarray(hue, np.uint8).astype(np.int32) + int(hue_factor * 255)) % 256
    Image = image_module()
    return Image.merge("HSV", (Image.fromarray(shifted.astype(np.uint8)), saturation, value)).convert(img.mode)


def adjust_gamma(img, gamma: float, gain: float = 1):
    """gain * image ** gamma, the image from 0 to 1."""
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    if is_pil(img):
        table = [int((255 + 1 - 1e-3) * gain * pow(v / 255.0, gamma)) for v in range(256)] * len(img.getbands())
        return img.point(table)
    array = img._array
    top = 255.0 if array.dtype.kind in "iu" else 1.0
    return wrap((np.clip(gain * (array / top) ** gamma, 0, 1) * top).astype(array.dtype))


def to_grayscale(img, num_output_channels: int = 1):
    """A PIL image in grey, with 1 or 3 channels."""
    grey = img.convert("L")
    if num_output_channels == 1:
        return grey
    if num_output_channels != 3:
        raise ValueError("num_output_channels should be either 1 or 3")
    return image_module().merge("RGB", (grey, grey, grey))


def rgb_to_grayscale(img, num_output_channels: int = 1):
    """An image in grey, with 1 or 3 channels."""
    if is_pil(img):
        return to_grayscale(img, num_output_channels)
    grey = _grey(img._array).astype(img._array.dtype)
    return wrap(np.repeat(grey, num_output_channels, axis=-3))


def erase(img, i: int, j: int, h: int, w: int, v, inplace: bool = False):
    """A tensor with a rectangle overwritten."""
    out = img if inplace else img.clone()
    out[..., i : i + h, j : j + w] = v
    return out


def resized_crop(
    img, top: int, left: int, height: int, width: int, size, interpolation=InterpolationMode.BILINEAR, antialias=True
):
    """A part of an image, resized."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def kernel_of(size: int, sigma: float) -> np.ndarray:
    """A Gaussian's weights."""
    x = np.linspace(-(size - 1) * 0.5, (size - 1) * 0.5, size)
    weights = np.exp(-0.5 * (x / sigma) ** 2)
    return weights / weights.sum()


def gaussian_blur(img, kernel_size, sigma=None):
    """The image blurred by a Gaussian; sigma defaults to 0.3 ((size - 1) / 2 - 1) + 0.8."""
    sizes = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    sigmas = (
        [0.15 * k + 0.35 for k in sizes]
        if sigma is None
        else [sigma] * 2
        if isinstance(sigma, (int, float))
        else list(sigma)
    )
    array = np.asarray(img) if is_pil(img) else img._array
    axes = (1, 0) if is_pil(img) else (-1, -2)
    out = array.astype(np.float64)
    for axis, size, s in zip(axes, sizes, sigmas):
        widths = [(0, 0)] * out.ndim
        widths[axis] = (size // 2, size // 2)
        padded = np.pad(out, widths, mode="reflect")
        windows = np.lib.stride_tricks.sliding_window_view(padded, size, axis=axis)
        out = windows @ kernel_of(size, s)
    out = (np.round(out) if array.dtype.kind in "iu" else out).astype(array.dtype)
    return image_module().fromarray(out) if is_pil(img) else wrap(out)

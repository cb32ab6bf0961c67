"""Sizes, parts, borders and mirror images."""

from __future__ import annotations

import warnings

import numpy as np

from ....autograd.tape import Variable
from ....nn.functional import interpolate
from ....nn.functional import pad as pad_tensor
from ....tensor import tensor
from ...pillow import image_module, ops_module
from .kinds import InterpolationMode, check_tensor, dimensions, is_pil, mode_of, pil_fill, pil_modes_mapping

PADDING_MODES = {"constant": "constant", "edge": "replicate", "reflect": "reflect", "symmetric": "symmetric"}
"""torchvision's names of the kinds of border, and `nn.functional.pad`'s."""


def target_size(height: int, width: int, size, max_size: int | None) -> tuple[int, int]:
    """The height and width of a resized image: as given, or with the shorter side as given."""
    size = [size] if isinstance(size, int) else size
    low, high = sorted((height, width))
    if size is None:
        if not isinstance(max_size, int):
            raise ValueError(f"max_size must be an integer when size is None, but got {max_size} instead.")
        short, long = int(max_size * low / high), max_size
    elif len(size) == 2:
        if max_size is not None:
            raise ValueError(
                "max_size should only be passed if size specifies the length of the smaller edge, i.e. size should be an "
                "int or a sequence of length 1 in torchscript mode."
            )
        return int(size[0]), int(size[1])
    elif len(size) == 1:
        short = int(size[0])
        long = int(short * high / low)
        if max_size is not None:
            if max_size <= short:
                raise ValueError(
                    f"max_size = {max_size} must be strictly greater than the requested size for the smaller edge size "
                    f"= {size}"
                )
            if long > max_size:
                short, long = int(max_size * short / long), max_size
    else:
        raise ValueError(f"Size must be an int or a 1 or 2 element tuple/list, not a {len(size)} element tuple/list")
    return (short, long) if height <= width else (long, short)


def resize(img, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """An image in another size: (height, width), or a number for the shorter side.

    antialias: a smaller tensor averages over all that it covers; PIL images always do. Tensors take the modes nearest,
    nearest-exact, bilinear and bicubic; NotImplementedError for the others.
    """
    mode = mode_of(interpolation)
    _, height, width = dimensions(img)
    target = target_size(height, width, size, max_size)
    if target == (height, width):
        return img
    if is_pil(img):
        if antialias is False:
            warnings.warn(
                "Anti-alias option is always applied for PIL Image input. Argument antialias is ignored.", stacklevel=2
            )
        return img.resize(target[::-1], pil_modes_mapping[mode])
    smooth = mode.value in ("bilinear", "bicubic")
    pixels = img if img.ndim >= 4 else img[None]
    pixels = pixels if img.dtype.is_floating_point else pixels.float()
    options = {"align_corners": False, "antialias": bool(antialias)} if smooth else {}
    out = interpolate(pixels, target, mode=mode.value, **options)
    if mode is InterpolationMode.BICUBIC and str(img.dtype) == "torch.uint8":
        out = out.clamp(0, 255)
    return back(out if img.ndim >= 4 else out[0], img.dtype)


def back(image, dtype):
    """Numbers that were computed in floating point in the image's own dtype, rounded if that has integers."""
    if image.dtype == dtype:
        return image
    return (image if dtype.is_floating_point else image.round()).to(dtype)


def crop(img, top: int, left: int, height: int, width: int):
    """A part of an image; what lies outside is black."""
    if is_pil(img):
        return img.crop((left, top, left + width, top + height))
    check_tensor(img)
    _, h, w = dimensions(img)
    right, bottom = left + width, top + height
    inside = img[..., max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if left >= 0 and top >= 0 and right <= w and bottom <= h:
        return inside
    edges = (-left + min(0, right), -top + min(0, bottom), right - max(w, left), bottom - max(h, top))
    return pad(inside, [max(edge, 0) for edge in edges])


def center_crop(img, output_size):
    """The middle of an image; smaller images are padded with black."""
    th, tw = two(output_size)
    _, height, width = dimensions(img)
    if tw > width or th > height:
        across, down = max(tw - width, 0), max(th - height, 0)
        img = pad(img, [across // 2, down // 2, (across + 1) // 2, (down + 1) // 2])
        _, height, width = dimensions(img)
        if (tw, th) == (width, height):
            return img
    return crop(img, int(round((height - th) / 2.0)), int(round((width - tw) / 2.0)), th, tw)


def two(size) -> tuple[int, int]:
    """Height and width, from two numbers or one for both. ValueError for more."""
    if not isinstance(size, (tuple, list)):
        return int(size), int(size)
    if len(size) not in (1, 2):
        raise ValueError("Please provide only two dimensions (h, w) for size.")
    return size[0], size[-1]


def sides(padding) -> tuple[int, int, int, int]:
    """Left, top, right, bottom, from one, two (across, down) or four numbers."""
    if not isinstance(padding, (int, tuple, list)):
        raise TypeError("Got inappropriate padding arg")
    if isinstance(padding, int):
        return (padding,) * 4
    if len(padding) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple")
    return tuple(padding) * (4 // len(padding))


def pad(img, padding, fill=0, padding_mode: str = "constant"):
    """An image with a border: left, top, right, bottom, or fewer numbers; negative ones cut off.

    padding_mode: constant (in the colour `fill`), edge, reflect, symmetric. ValueError for another.
    """
    left, top, right, bottom = sides(padding)
    if not isinstance(padding_mode, str):
        raise TypeError("Got inappropriate padding_mode arg")
    if padding_mode not in PADDING_MODES:
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    if is_pil(img):
        return _padded_pil(img, (left, top, right, bottom), fill, padding_mode)
    check_tensor(img)
    fill = 0 if fill is None else fill
    if not isinstance(fill, (int, float)):
        raise TypeError("Got inappropriate fill arg")
    if padding_mode == "symmetric":
        rows, columns = (_mirrored(n, *ends) for n, ends in zip(img.shape[-2:], ((top, bottom), (left, right))))
        return img[..., rows[:, None], columns[None, :]]
    edges, name = [left, right, top, bottom], PADDING_MODES[padding_mode]
    if padding_mode == "constant":
        return pad_tensor(img, edges, name, float(fill) if img.dtype.is_floating_point else int(fill))
    pixels = img if img.ndim >= 4 else img[None]
    out = pad_tensor(pixels if img.dtype.is_floating_point else pixels.float(), edges, name)
    return (out if img.ndim >= 4 else out[0]).to(img.dtype)


def _mirrored(count: int, before: int, after: int):
    """The numbers of pixels of a line that is mirrored at its ends."""
    line = np.arange(max(-before, 0), count - max(-after, 0))
    return tensor(np.pad(line, (max(before, 0), max(after, 0)), mode="symmetric"))


def _padded_pil(img, edges: tuple[int, int, int, int], fill, padding_mode: str):
    Image = image_module()
    if padding_mode == "constant":
        made = ops_module().expand(img, border=edges, fill=pil_fill(fill, img))
        if img.mode == "P":
            made.putpalette(img.getpalette())
        return made
    left, top, right, bottom = (max(-edge, 0) for edge in edges)
    array = np.asarray(img.crop((left, top, img.width - right, img.height - bottom)))
    left, top, right, bottom = (max(edge, 0) for edge in edges)
    widths = [(top, bottom), (left, right), (0, 0)][: array.ndim]
    made = Image.fromarray(np.pad(array, widths, mode=padding_mode))
    if img.mode == "P":
        made.putpalette(img.getpalette())
    return made


def hflip(img):
    """The mirror image."""
    if is_pil(img):
        return img.transpose(image_module().Transpose.FLIP_LEFT_RIGHT)
    check_tensor(img)
    return img.flip(-1)


def vflip(img):
    """The image upside down."""
    if is_pil(img):
        return img.transpose(image_module().Transpose.FLIP_TOP_BOTTOM)
    check_tensor(img)
    return img.flip(-2)


def resized_crop(
    img, top: int, left: int, height: int, width: int, size, interpolation=InterpolationMode.BILINEAR, antialias=True
):
    """A part of an image, resized."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def five_crop(img, size):
    """The four corners of an image and its middle. ValueError if the image is smaller than such a part."""
    h, w = two(size)
    _, height, width = dimensions(img)
    if w > width or h > height:
        raise ValueError(f"Requested crop size {(h, w)} is bigger than input size {(height, width)}")
    corners = [(0, 0), (0, width - w), (height - h, 0), (height - h, width - w)]
    return (*(crop(img, top, left, h, w) for top, left in corners), center_crop(img, [h, w]))


def ten_crop(img, size, vertical_flip: bool = False):
    """`five_crop` of an image, and of its mirror image."""
    return five_crop(img, size) + five_crop(vflip(img) if vertical_flip else hflip(img), size)


def erase(img, i: int, j: int, h: int, w: int, v, inplace: bool = False):
    """A tensor with a rectangle overwritten. TypeError for a PIL image."""
    if not isinstance(img, Variable):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")
    out = img if inplace else img.clone()
    out[..., i : i + h, j : j + w] = v
    return out

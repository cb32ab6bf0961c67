"""Transforms that draw random numbers, from the default generator.

A transform that has `draw(height, width)`, the parameters for one image, also takes many images at once:
`batch_with(images, parameters)`.
"""

from __future__ import annotations

import math
import random

import numpy as np

from ...tensor.creation import empty, tensor
from ...tensor.random import rand, randint
from . import functional as F
from .functional import InterpolationMode


def uniform(low: float, high: float) -> float:
    """A number between two."""
    return empty(1).uniform_(low, high).item()


def log_uniform(low: float, high: float) -> float:
    """A number whose logarithm lies evenly between those of two; in float32, as the numbers of torchvision are."""
    first, last = tensor([low, high]).log().tolist()
    return empty(1).uniform_(first, last).exp().item()


class _Flip:
    """A flip with probability p."""

    axis: int

    def __init__(self, p: float = 0.5):
        self.p = p

    def draw(self, height: int = 0, width: int = 0) -> bool:
        """Whether to flip."""
        return bool(rand(1) < self.p)

    def size_after(self, size):
        """The size stays."""
        return size

    def batch_with(self, images: np.ndarray, drawn) -> np.ndarray:
        """Flip those images for which it was drawn."""
        where = np.flatnonzero(drawn)
        if not where.size:
            return images
        out = images.copy()
        axis = self.axis if images.dtype == np.uint8 else self.axis + 1 if images.ndim == 4 else self.axis
        out[where] = np.flip(images[where], axis)
        return out

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomHorizontalFlip(_Flip):
    """The mirror image with probability p."""

    axis = 2

    def __call__(self, img):
        return F.hflip(img) if self.draw() else img


class RandomVerticalFlip(_Flip):
    """The image upside down with probability p."""

    axis = 1

    def __call__(self, img):
        return F.vflip(img) if self.draw() else img


def _corner(height: int, width: int, size: tuple[int, int]) -> tuple[int, int]:
    """Top and left of a random part of an image."""
    th, tw = size
    if height < th or width < tw:
        raise ValueError(f"Required crop size {(th, tw)} is larger than input image size {(height, width)}")
    if (height, width) == (th, tw):
        return 0, 0
    return randint(0, height - th + 1, size=(1,)).item(), randint(0, width - tw + 1, size=(1,)).item()


class RandomCrop:
    """A random part of an image, which may be padded first. ValueError if the image is smaller."""

    def __init__(self, size, padding=None, pad_if_needed: bool = False, fill=0, padding_mode: str = "constant"):
        self.size = F.two(size)
        self.padding, self.pad_if_needed, self.fill, self.padding_mode = padding, pad_if_needed, fill, padding_mode

    @staticmethod
    def get_params(img, output_size) -> tuple[int, int, int, int]:
        """Top, left, height and width of a part. ValueError if the image is smaller."""
        _, height, width = F.dimensions(img)
        return (*_corner(height, width, output_size), *output_size)

    def _corner(self, height: int, width: int) -> tuple[int, int]:
        return _corner(height, width, self.size)

    def __call__(self, img):
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        _, height, width = F.dimensions(img)
        if self.pad_if_needed and width < self.size[1]:
            img = F.pad(img, [self.size[1] - width, 0], self.fill, self.padding_mode)
        if self.pad_if_needed and height < self.size[0]:
            img = F.pad(img, [0, self.size[0] - height], self.fill, self.padding_mode)
        _, height, width = F.dimensions(img)
        return F.crop(img, *self._corner(height, width), *self.size)

    def _padded(self, height: int, width: int):
        left, top, right, bottom = F.sides(self.padding) if self.padding is not None else (0, 0, 0, 0)
        return height + top + bottom, width + left + right

    def draw(self, height: int, width: int) -> tuple[int, int]:
        """Top and left of the part of one image."""
        return self._corner(*self._padded(height, width))

    def size_after(self, size):
        """The size of the part."""
        return self.size

    def batch_with(self, images: np.ndarray, drawn):
        """Crop each image where it was drawn."""
        if images.dtype != np.uint8 or self.pad_if_needed or not isinstance(self.fill, int):
            return NotImplemented
        if self.padding is not None:
            left, top, right, bottom = F.sides(self.padding)
            widths = [(0, 0), (top, bottom), (left, right), *[(0, 0)] * (images.ndim - 3)]
            options = {"constant_values": self.fill} if self.padding_mode == "constant" else {}
            images = np.pad(images, widths, mode=self.padding_mode, **options)
        th, tw = self.size
        corners = np.asarray(drawn)
        rows = corners[:, 0, None] + np.arange(th)
        columns = corners[:, 1, None] + np.arange(tw)
        return images[np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None, :]]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, padding={self.padding})"


def resized_part(height: int, width: int, scale, ratio) -> tuple[int, int, int, int]:
    """Top, left, height and width of a part of random size and proportions; of the middle where none is found."""
    area = height * width
    for _ in range(10):
        target = area * uniform(scale[0], scale[1])
        proportion = log_uniform(ratio[0], ratio[1])
        w, h = int(round(math.sqrt(target * proportion))), int(round(math.sqrt(target / proportion)))
        if 0 < w <= width and 0 < h <= height:
            return randint(0, height - h + 1, size=(1,)).item(), randint(0, width - w + 1, size=(1,)).item(), h, w
    w, h = width, height
    if width / height < min(ratio):
        h = int(round(width / min(ratio)))
    elif width / height > max(ratio):
        w = int(round(height * max(ratio)))
    return (height - h) // 2, (width - w) // 2, h, w


class RandomResizedCrop:
    """A random part of random size and proportions, resized (Szegedy et al. 2015)."""

    def __init__(
        self,
        size,
        scale=(0.08, 1.0),
        ratio=(3.0 / 4.0, 4.0 / 3.0),
        interpolation=InterpolationMode.BILINEAR,
        antialias=True,
    ):
        self.size = F.two(size)
        self.scale, self.ratio, self.interpolation, self.antialias = scale, ratio, interpolation, antialias

    @staticmethod
    def get_params(img, scale, ratio) -> tuple[int, int, int, int]:
        """Top, left, height and width of a part."""
        return resized_part(*F.dimensions(img)[1:], scale, ratio)

    def __call__(self, img):
        return F.resized_crop(
            img, *self.get_params(img, self.scale, self.ratio), self.size, self.interpolation, self.antialias
        )

    def __repr__(self) -> str:
        scale, ratio = (tuple(round(v, 4) for v in pair) for pair in (self.scale, self.ratio))
        mode = getattr(self.interpolation, "value", self.interpolation)
        return f"{type(self).__name__}(size={self.size}, scale={scale}, ratio={ratio}, interpolation={mode}, antialias={self.antialias})"


class RandomApply:
    """Transforms, all of them with probability p, or none."""

    def __init__(self, transforms, p: float = 0.5):
        self.transforms, self.p = transforms, p

    def __call__(self, img):
        if self.p < rand(1):
            return img
        for t in self.transforms:
            img = t(img)
        return img

    def __repr__(self) -> str:
        return _listed(self, [f"p={self.p}", *map(repr, self.transforms)])


class RandomOrder:
    """Transforms in a random order, Python's `random` being asked. TypeError for no list."""

    def __init__(self, transforms):
        if not isinstance(transforms, (list, tuple)):
            raise TypeError("Argument transforms should be a sequence")
        self.transforms = transforms

    def __call__(self, img):
        order = list(range(len(self.transforms)))
        random.shuffle(order)
        for i in order:
            img = self.transforms[i](img)
        return img

    def __repr__(self) -> str:
        return _listed(self, map(repr, self.transforms))


class RandomChoice:
    """One of several transforms, with the weights p, Python's `random` being asked. TypeError for no list."""

    def __init__(self, transforms, p=None):
        if not isinstance(transforms, (list, tuple)):
            raise TypeError("Argument transforms should be a sequence")
        if p is not None and not isinstance(p, (list, tuple)):
            raise TypeError("Argument p should be a sequence")
        self.transforms, self.p = transforms, p

    def __call__(self, *args):
        return random.choices(self.transforms, weights=self.p)[0](*args)

    def __repr__(self) -> str:
        return f"{_listed(self, map(repr, self.transforms))}(p={self.p})"


def _listed(transform, lines) -> str:
    return f"{type(transform).__name__}(" + "".join("\n    " + line for line in lines) + "\n)"


def erased_part(channels: int, height: int, width: int, scale, ratio, value):
    """Top, left, height and width of a rectangle, and what fills it: noise for None; the whole and None where none fits."""
    area = height * width
    for _ in range(10):
        target = area * uniform(*scale)
        proportion = log_uniform(*ratio)
        h, w = int(round(math.sqrt(target * proportion))), int(round(math.sqrt(target / proportion)))
        if not (h < height and w < width):
            continue
        fill = empty(channels, h, w).normal_() if value is None else tensor(value)[:, None, None]
        i, j = randint(0, height - h + 1, size=(1,)).item(), randint(0, width - w + 1, size=(1,)).item()
        return i, j, h, w, fill
    return 0, 0, height, width, None


class RandomErasing:
    """A random rectangle of a tensor overwritten, with probability p (Zhong et al. 2020).

    value: a number, one for each channel, or "random" for noise. TypeError and ValueError for what makes no sense.
    """

    def __init__(self, p: float = 0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0, inplace: bool = False):
        if not isinstance(value, (int, float, str, tuple, list)):
            raise TypeError("Argument value should be either a number or str or a sequence")
        if isinstance(value, str) and value != "random":
            raise ValueError("If value is str, it should be 'random'")
        if not (isinstance(scale, (tuple, list)) and isinstance(ratio, (tuple, list))):
            raise TypeError("Scale and ratio should be sequences")
        if scale[0] < 0 or scale[1] > 1:
            raise ValueError("Scale should be between 0 and 1")
        if not 0 <= p <= 1:
            raise ValueError("Random erasing probability should be between 0 and 1")
        self.p, self.scale, self.ratio, self.value, self.inplace = p, scale, ratio, value, inplace

    @staticmethod
    def get_params(img, scale, ratio, value=None):
        """Top, left, height and width of the rectangle, and what to fill it with; the whole image where none fits."""
        channels, height, width = img.shape[-3:]
        *part, fill = erased_part(channels, height, width, scale, ratio, value)
        return (*part, img if fill is None else fill)

    def __call__(self, img):
        if not rand(1) < self.p:
            return img
        value = None if self.value == "random" else self.value
        if isinstance(value, (int, float)):
            value = [float(value)]
        elif value is not None and len(value) not in (1, img.shape[-3]):
            raise ValueError(
                "If value is a sequence, it should have either a single value or "
                f"{img.shape[-3]} (number of input channels)"
            )
        return F.erase(img, *self.get_params(img, self.scale, self.ratio, value), self.inplace)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(p={self.p}, scale={self.scale}, ratio={self.ratio}, value={self.value}, "
            f"inplace={self.inplace})"
        )

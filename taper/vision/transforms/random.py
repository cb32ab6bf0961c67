"""Transforms that draw random numbers, from the default generator.

A transform that has `draw(height, width)`, the parameters for one image, also takes many images at once:
`batch_with(images, parameters)`.
"""

from __future__ import annotations

import math

import numpy as np

from ...tensor.creation import empty
from ...tensor.random import rand, randint, randperm
from . import functional as F
from .functional import InterpolationMode


def _uniform(low: float, high: float) -> float:
    return float(empty(1).uniform_(low, high))


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


class RandomCrop:
    """A random part of an image, which may be padded first. ValueError if the image is smaller."""

    def __init__(self, size, padding=None, pad_if_needed: bool = False, fill=0, padding_mode: str = "constant"):
        self.size = (
            (int(size), int(size))
            if isinstance(size, int)
            else (tuple(size) * 2)[:2]
            if len(size) == 1
            else tuple(size)
        )
        self.padding, self.pad_if_needed, self.fill, self.padding_mode = padding, pad_if_needed, fill, padding_mode

    def _corner(self, height: int, width: int) -> tuple[int, int]:
        """Top and left of the part."""
        th, tw = self.size
        if height < th or width < tw:
            raise ValueError(f"Required crop size {(th, tw)} is larger than input image size {(height, width)}")
        if (height, width) == (th, tw):
            return 0, 0
        return randint(0, height - th + 1, size=(1,)).item(), randint(0, width - tw + 1, size=(1,)).item()

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
        left, top, right, bottom = F._sides(self.padding) if self.padding is not None else (0, 0, 0, 0)
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
            left, top, right, bottom = F._sides(self.padding)
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
        self.size = (size, size) if isinstance(size, int) else (tuple(size) * 2)[:2] if len(size) == 1 else tuple(size)
        self.scale, self.ratio, self.interpolation, self.antialias = scale, ratio, interpolation, antialias

    @staticmethod
    def get_params(img, scale, ratio) -> tuple[int, int, int, int]:
        """Top, left, height and width of a part."""
        _, height, width = F.dimensions(img)
        area = height * width
        for _ in range(10):
            target = area * _uniform(scale[0], scale[1])
            proportion = math.exp(_uniform(math.log(ratio[0]), math.log(ratio[1])))
            w, h = int(round(math.sqrt(target * proportion))), int(round(math.sqrt(target / proportion)))
            if 0 < w <= width and 0 < h <= height:
                return randint(0, height - h + 1, size=(1,)).item(), randint(0, width - w + 1, size=(1,)).item(), h, w
        w, h = width, height
        if width / height < min(ratio):
            h = int(round(width / min(ratio)))
        elif width / height > max(ratio):
            w = int(round(height * max(ratio)))
        return (height - h) // 2, (width - w) // 2, h, w

    def __call__(self, img):
        return F.resized_crop(
            img, *self.get_params(img, self.scale, self.ratio), self.size, self.interpolation, self.antialias
        )


class RandomRotation:
    """The image turned by a random angle of [-degrees, degrees], or of a range."""

    def __init__(self, degrees, interpolation=InterpolationMode.NEAREST, expand: bool = False, center=None, fill=0):
        if isinstance(degrees, (int, float)):
            if degrees < 0:
                raise ValueError("If degrees is a single number, it must be positive.")
            degrees = (-degrees, degrees)
        elif len(degrees) != 2:
            raise ValueError("degrees should be a sequence of length 2.")
        self.degrees = [float(d) for d in degrees]
        self.interpolation, self.expand, self.center, self.fill = interpolation, expand, center, fill

    def __call__(self, img):
        return F.rotate(img, _uniform(*self.degrees), self.interpolation, self.expand, self.center, self.fill)

    def __repr__(self) -> str:
        mode = getattr(self.interpolation, "value", self.interpolation)
        return f"{type(self).__name__}(degrees={self.degrees}, interpolation={mode}, expand={self.expand}, fill={self.fill})"


class ColorJitter:
    """Brightness, contrast, saturation and hue changed at random, in random order."""

    def __init__(self, brightness=0, contrast=0, saturation=0, hue=0):
        self.brightness = self._range(brightness, "brightness")
        self.contrast = self._range(contrast, "contrast")
        self.saturation = self._range(saturation, "saturation")
        self.hue = self._range(hue, "hue", 0, (-0.5, 0.5), False)

    @staticmethod
    def _range(value, name: str, centre: float = 1, bound=(0, math.inf), clip: bool = True):
        """The range to draw from; None where there is nothing to change."""
        if isinstance(value, (int, float)):
            if value < 0:
                raise ValueError(f"If {name} is a single number, it must be non negative.")
            value = [centre - value, centre + value]
            if clip:
                value[0] = max(value[0], 0.0)
        elif not (isinstance(value, (tuple, list)) and len(value) == 2):
            raise TypeError(f"{name} should be a single number or a list/tuple with length 2.")
        if not bound[0] <= value[0] <= value[1] <= bound[1]:
            raise ValueError(f"{name} values should be between {bound}, but got {value}.")
        return None if value[0] == value[1] == centre else (float(value[0]), float(value[1]))

    def __call__(self, img):
        order = randperm(4).tolist()
        ranges = (self.brightness, self.contrast, self.saturation, self.hue)
        factors = [None if r is None else _uniform(*r) for r in ranges]
        steps = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for i in order:
            if factors[i] is not None:
                img = steps[i](img, factors[i])
        return img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(brightness={self.brightness}, contrast={self.contrast}, saturation={self.saturation}, hue={self.hue})"


class RandomGrayscale:
    """Grey with probability p."""

    def __init__(self, p: float = 0.1):
        self.p = p

    def __call__(self, img):
        channels = F.dimensions(img)[0]
        return F.rgb_to_grayscale(img, channels) if rand(1) < self.p else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


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


class RandomErasing:
    """A random rectangle of a tensor overwritten, with probability p (Zhong et al. 2020)."""

    def __init__(self, p: float = 0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0, inplace: bool = False):
        self.p, self.scale, self.ratio, self.value, self.inplace = p, scale, ratio, value, inplace

    def __call__(self, img):
        if not rand(1) < self.p:
            return img
        channels, height, width = F.dimensions(img)
        area = height * width
        for _ in range(10):
            target = area * _uniform(*self.scale)
            proportion = math.exp(_uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            h, w = int(round(math.sqrt(target * proportion))), int(round(math.sqrt(target / proportion)))
            if not (h < height and w < width):
                continue
            v = (
                empty(channels, h, w).normal_()
                if self.value == "random"
                else img.new_tensor(self.value).reshape(-1, 1, 1)
            )
            i, j = randint(0, height - h + 1, size=(1,)).item(), randint(0, width - w + 1, size=(1,)).item()
            return F.erase(img, i, j, h, w, v, self.inplace)
        return img


class GaussianBlur:
    """Blurred by a Gaussian of random deviation."""

    def __init__(self, kernel_size, sigma=(0.1, 2.0)):
        self.kernel_size = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
        if any(k <= 0 or k % 2 == 0 for k in self.kernel_size):
            raise ValueError("Kernel size value should be an odd and positive number.")
        self.sigma = (float(sigma),) * 2 if isinstance(sigma, (int, float)) else tuple(sigma)

    def __call__(self, img):
        return F.gaussian_blur(img, self.kernel_size, _uniform(*self.sigma))

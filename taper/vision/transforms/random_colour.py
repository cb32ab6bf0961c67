"""Transforms that change colours, or sharpness, at random."""

from __future__ import annotations

import math

from ...tensor.random import rand, randperm
from . import functional as F
from .random import uniform


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
        factors = [None if r is None else uniform(*r) for r in ranges]
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


class _Sometimes:
    """A change made with probability p."""

    def __init__(self, p: float = 0.5):
        self.p = p

    def change(self, img):
        """The changed image."""
        raise NotImplementedError

    def __call__(self, img):
        return self.change(img) if rand(1).item() < self.p else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomInvert(_Sometimes):
    """The negative with probability p."""

    def change(self, img):
        return F.invert(img)


class RandomAutocontrast(_Sometimes):
    """Values stretched from black to white with probability p."""

    def change(self, img):
        return F.autocontrast(img)


class RandomEqualize(_Sometimes):
    """Values spread so that all are about as frequent, with probability p."""

    def change(self, img):
        return F.equalize(img)


class RandomPosterize(_Sometimes):
    """Only the highest bits of each value with probability p."""

    def __init__(self, bits: int, p: float = 0.5):
        super().__init__(p)
        self.bits = bits

    def change(self, img):
        return F.posterize(img, self.bits)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(bits={self.bits},p={self.p})"


class RandomSolarize(_Sometimes):
    """All values from the threshold on inverted with probability p."""

    def __init__(self, threshold: float, p: float = 0.5):
        super().__init__(p)
        self.threshold = threshold

    def change(self, img):
        return F.solarize(img, self.threshold)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(threshold={self.threshold},p={self.p})"


class RandomAdjustSharpness(_Sometimes):
    """Sharper or smoother with probability p."""

    def __init__(self, sharpness_factor: float, p: float = 0.5):
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def change(self, img):
        return F.adjust_sharpness(img, self.sharpness_factor)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(sharpness_factor={self.sharpness_factor},p={self.p})"


class GaussianBlur:
    """Blurred by a Gaussian whose deviation is drawn from a range. ValueError for sizes that are even or not positive."""

    def __init__(self, kernel_size, sigma=(0.1, 2.0)):
        self.kernel_size = F.two(kernel_size)
        if any(k <= 0 or k % 2 == 0 for k in self.kernel_size):
            raise ValueError("Kernel size value should be an odd and positive number.")
        if isinstance(sigma, (int, float)):
            if sigma <= 0:
                raise ValueError("If sigma is a single number, it must be positive.")
            sigma = (sigma, sigma)
        elif len(sigma) != 2 or not 0.0 < sigma[0] <= sigma[1]:
            raise ValueError(f"sigma values should be positive and of the form (min, max). Got {sigma}")
        self.sigma = sigma

    @staticmethod
    def get_params(sigma_min: float, sigma_max: float) -> float:
        """A deviation."""
        return uniform(sigma_min, sigma_max)

    def __call__(self, img):
        sigma = self.get_params(self.sigma[0], self.sigma[1])
        return F.gaussian_blur(img, self.kernel_size, [sigma, sigma])

    def __repr__(self) -> str:
        return f"{type(self).__name__}(kernel_size={tuple(self.kernel_size)}, sigma={self.sigma})"

"""Colours, sharpness and noise: of the images of a sample; its masks and boxes stay as they are."""

from __future__ import annotations

from typing import Any

from ....tensor.random import rand, randint, randperm
from .. import random_colour
from ..random import uniform
from . import functional as F
from .transform import RandomApplyTransform, Transform, query_chw


class Grayscale(Transform):
    """In grey, with 1 or 3 channels."""

    def __init__(self, num_output_channels: int = 1):
        super().__init__()
        self.num_output_channels = num_output_channels

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """An image in grey."""
        return self._call_kernel(F.rgb_to_grayscale, inpt, num_output_channels=self.num_output_channels)


class RGB(Transform):
    """With three channels."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """An image with three channels."""
        return self._call_kernel(F.grayscale_to_rgb, inpt)


class RandomGrayscale(RandomApplyTransform):
    """Grey with probability p."""

    def __init__(self, p: float = 0.1):
        super().__init__(p)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The number of channels, which stays."""
        return {"num_output_channels": query_chw(flat_inputs)[0]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """An image in grey."""
        return self._call_kernel(F.rgb_to_grayscale, inpt, **params)


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue changed at random, in random order, as `transforms.ColorJitter`."""

    def __init__(self, brightness=None, contrast=None, saturation=None, hue=None):
        super().__init__()
        checked = random_colour.ColorJitter(brightness or 0, contrast or 0, saturation or 0, hue or 0)
        self.brightness, self.contrast = checked.brightness, checked.contrast
        self.saturation, self.hue = checked.saturation, checked.hue

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The order, and the factors."""
        order = randperm(4).tolist()
        ranges = (self.brightness, self.contrast, self.saturation, self.hue)
        return {"order": order, "factors": [None if r is None else uniform(*r) for r in ranges]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """An image with other colours."""
        steps = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for i in params["order"]:
            if params["factors"][i] is not None:
                inpt = self._call_kernel(steps[i], inpt, params["factors"][i])
        return inpt


class RandomChannelPermutation(Transform):
    """The channels in a random order."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """An order."""
        return {"permutation": randperm(query_chw(flat_inputs)[0]).tolist()}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """An image with its channels in another order."""
        return self._call_kernel(F.permute_channels, inpt, **params)


class GaussianBlur(Transform):
    """Blurred by a Gaussian whose deviation is drawn from a range, as `transforms.GaussianBlur`."""

    def __init__(self, kernel_size, sigma=(0.1, 2.0)):
        super().__init__()
        checked = random_colour.GaussianBlur(kernel_size, sigma)
        self.kernel_size, self.sigma = tuple(checked.kernel_size), list(checked.sigma)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """A deviation."""
        sigma = uniform(*self.sigma)
        return {"sigma": [sigma, sigma]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """An image blurred."""
        return self._call_kernel(F.gaussian_blur, inpt, self.kernel_size, **params)


class GaussianNoise(Transform):
    """Normal noise added to images of floats."""

    def __init__(self, mean: float = 0.0, sigma: float = 0.1, clip: bool = True):
        super().__init__()
        self.mean, self.sigma, self.clip = mean, sigma, clip

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """An image with noise."""
        return self._call_kernel(F.gaussian_noise, inpt, mean=self.mean, sigma=self.sigma, clip=self.clip)


class RandomInvert(RandomApplyTransform):
    """The negative with probability p."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The negative."""
        return self._call_kernel(F.invert, inpt)


class RandomAutocontrast(RandomApplyTransform):
    """Values stretched from black to white with probability p."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """An image with more contrast."""
        return self._call_kernel(F.autocontrast, inpt)


class RandomEqualize(RandomApplyTransform):
    """Values spread so that all are about as frequent, with probability p."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """An image with its values spread."""
        return self._call_kernel(F.equalize, inpt)


class RandomPosterize(RandomApplyTransform):
    """Only the highest bits of each value with probability p."""

    def __init__(self, bits: int, p: float = 0.5):
        super().__init__(p)
        self.bits = bits

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """An image with fewer values."""
        return self._call_kernel(F.posterize, inpt, bits=self.bits)


class RandomSolarize(RandomApplyTransform):
    """All values from the threshold on inverted with probability p."""

    def __init__(self, threshold: float, p: float = 0.5):
        super().__init__(p)
        self.threshold = threshold

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """An image with its bright values inverted."""
        return self._call_kernel(F.solarize, inpt, threshold=self.threshold)


class RandomAdjustSharpness(RandomApplyTransform):
    """Sharper or smoother with probability p."""

    def __init__(self, sharpness_factor: float, p: float = 0.5):
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """An image sharper or smoother."""
        return self._call_kernel(F.adjust_sharpness, inpt, sharpness_factor=self.sharpness_factor)


class RandomPhotometricDistort(Transform):
    """Brightness, contrast (before or after the colours), saturation, hue and the channels' order, each changed with probability p."""

    def __init__(
        self,
        brightness: tuple[float, float] = (0.875, 1.125),
        contrast: tuple[float, float] = (0.5, 1.5),
        saturation: tuple[float, float] = (0.5, 1.5),
        hue: tuple[float, float] = (-0.05, 0.05),
        p: float = 0.5,
    ):
        super().__init__()
        self.brightness, self.contrast, self.hue, self.saturation, self.p = brightness, contrast, hue, saturation, p

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The factors that are drawn, None for what stays; and the channels' order."""
        drawn = lambda low, high: uniform(low, high) if rand(1) < self.p else None
        channels = query_chw(flat_inputs)[0]
        params: dict[str, Any] = {
            "brightness": drawn(*self.brightness),
            "contrast": drawn(*self.contrast),
            "saturation": drawn(*self.saturation),
            "hue": drawn(*self.hue),
        }
        params["contrast_first"] = bool(rand(()) < 0.5)
        params["permutation"] = randperm(channels).tolist() if rand(1) < self.p else None
        return params

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """An image with other colours."""
        contrast = ("contrast", F.adjust_contrast)
        steps = [("brightness", F.adjust_brightness), ("saturation", F.adjust_saturation), ("hue", F.adjust_hue)]
        steps.insert(1 if params["contrast_first"] else 3, contrast)
        for name, functional in [*steps, ("permutation", F.permute_channels)]:
            if params[name] is not None:
                inpt = self._call_kernel(functional, inpt, params[name])
        return inpt


class JPEG(Transform):
    """Compressed as a JPEG file and read again, at a quality, or one drawn from a range. ValueError for one outside 1 to 100."""

    def __init__(self, quality):
        super().__init__()
        quality = [quality, quality] if isinstance(quality, int) else list(quality)
        if (
            len(quality) != 2
            or not all(isinstance(q, int) and 1 <= q <= 100 for q in quality)
            or quality[0] > quality[1]
        ):
            raise ValueError(
                f"quality must be an integer from 1 to 100, or a sequence of two with lower <= upper, got {quality}"
            )
        self.quality = quality

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """A quality."""
        return {"quality": int(randint(self.quality[0], self.quality[1] + 1, ()).item())}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """An image with JPEG's losses."""
        return self._call_kernel(F.jpeg, inpt, quality=params["quality"])

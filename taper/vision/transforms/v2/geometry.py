"""Sizes, parts, borders, mirror images, turns: the images of a sample and what lies on them, alike."""

from __future__ import annotations

from typing import Any

from ....tensor.random import rand, randint
from ... import tv_tensors
from .. import fixed, random, random_geometry
from ..functional.cutting import sides
from . import functional as F
from .transform import RandomApplyTransform, Transform, fill_for, has_any, query_size, setup_fill


def _pair(size, name: str = "size") -> tuple[int, ...]:
    """A size as a pair. TypeError and ValueError for what is none."""
    if not isinstance(size, (int, tuple, list)):
        raise TypeError(f"{name} should be an integer or a sequence of integers, got {type(size)}")
    size = (size, size) if isinstance(size, int) else tuple(size)
    if len(size) not in (1, 2):
        raise ValueError("Please provide only two dimensions (h, w) for size.")
    return size * 2 if len(size) == 1 else size


class RandomHorizontalFlip(RandomApplyTransform):
    """The mirror image with probability p."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """A part mirrored."""
        return self._call_kernel(F.horizontal_flip, inpt)


class RandomVerticalFlip(RandomApplyTransform):
    """Upside down with probability p."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """A part upside down."""
        return self._call_kernel(F.vertical_flip, inpt)


class Resize(Transform):
    """In another size: (height, width), a number for the shorter side, or None and max_size for the longer."""

    def __init__(self, size, interpolation="bilinear", max_size: int | None = None, antialias: bool | None = True):
        super().__init__()
        if size is not None and not isinstance(size, (int, tuple, list)):
            raise ValueError(f"size can be an integer, a sequence of one or two integers, or None, but got {size}")
        if size is None and not isinstance(max_size, int):
            raise ValueError(f"max_size must be an integer when size is None, but got {max_size} instead.")
        self.size = [size] if isinstance(size, int) else list(size) if size is not None else None
        self.interpolation, self.max_size, self.antialias = interpolation, max_size, antialias

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """A part resized."""
        return self._call_kernel(F.resize, inpt, self.size, self.interpolation, self.max_size, self.antialias)


class CenterCrop(Transform):
    """The middle."""

    def __init__(self, size):
        super().__init__()
        self.size = _pair(size)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The middle of a part."""
        return self._call_kernel(F.center_crop, inpt, self.size)


class _Crops(Transform):
    """Several parts of each image. TypeError for a sample with masks, boxes or points."""

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """Only images can be cut into several."""
        if has_any(flat_inputs, tv_tensors.BoundingBoxes, tv_tensors.Mask, tv_tensors.KeyPoints):
            raise TypeError(f"BoundingBoxes', Mask's and KeyPoints' are not supported by {type(self).__name__}()")


class FiveCrop(_Crops):
    """The four corners of an image and its middle, as a tuple."""

    def __init__(self, size):
        super().__init__()
        self.size = _pair(size)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Five parts."""
        return self._call_kernel(F.five_crop, inpt, self.size)


class TenCrop(_Crops):
    """The four corners and the middle of an image and of its mirror image, as a tuple."""

    def __init__(self, size, vertical_flip: bool = False):
        super().__init__()
        self.size, self.vertical_flip = _pair(size), vertical_flip

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Ten parts."""
        return self._call_kernel(F.ten_crop, inpt, self.size, self.vertical_flip)


class Pad(Transform):
    """With a border. fill: a colour, or one by class of value. ValueError for an unknown padding_mode."""

    def __init__(self, padding, fill: Any = 0, padding_mode: str = "constant"):
        super().__init__()
        fixed.Pad(padding, padding_mode=padding_mode)
        if not isinstance(padding, int) and (not isinstance(padding, (tuple, list)) or len(padding) not in (1, 2, 4)):
            raise ValueError(f"Padding must be an int or a 1, 2, or 4 element of tuple or list, got {padding}")
        self.padding = padding if isinstance(padding, int) else list(padding)
        self.fill, self._fill = fill, setup_fill(fill)
        self.padding_mode = padding_mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """A part with a border."""
        fill = fill_for(self._fill, inpt)
        return self._call_kernel(F.pad, inpt, padding=self.padding, fill=fill, padding_mode=self.padding_mode)


class RandomCrop(Transform):
    """A random part of a sample, which may be padded first. ValueError if the sample is smaller."""

    def __init__(self, size, padding=None, pad_if_needed: bool = False, fill: Any = 0, padding_mode: str = "constant"):
        super().__init__()
        self.size = _pair(size)
        if padding is not None:
            Pad(padding, padding_mode=padding_mode)
        self.padding = list(sides(padding)) if padding is not None else None
        self.pad_if_needed, self.fill, self._fill, self.padding_mode = (
            pad_if_needed,
            fill,
            setup_fill(fill),
            padding_mode,
        )

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The border, and where the part lies."""
        height, width = query_size(flat_inputs)
        left, top, right, bottom = self.padding if self.padding is not None else (0, 0, 0, 0)
        height, width = height + top + bottom, width + left + right
        th, tw = self.size
        if self.pad_if_needed:
            down, across = max(th - height, 0), max(tw - width, 0)
            top, bottom, left, right = top + down, bottom + down, left + across, right + across
            height, width = height + 2 * down, width + 2 * across
        if height < th or width < tw:
            raise ValueError(
                f"Required crop size {(th, tw)} is larger than {'padded ' if self.padding is not None else ''}"
                f"input image size {(height, width)}."
            )
        y = int(randint(0, height - th + 1, size=())) if height > th else 0
        x = int(randint(0, width - tw + 1, size=())) if width > tw else 0
        border = [left, top, right, bottom]
        return {"border": border if any(border) else None, "corner": (y, x) if (height, width) != (th, tw) else None}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The part of a part."""
        if params["border"] is not None:
            fill = fill_for(self._fill, inpt)
            inpt = self._call_kernel(F.pad, inpt, padding=params["border"], fill=fill, padding_mode=self.padding_mode)
        if params["corner"] is not None:
            inpt = self._call_kernel(F.crop, inpt, *params["corner"], *self.size)
        return inpt


class RandomResizedCrop(Transform):
    """A random part of random size and proportions, resized."""

    def __init__(
        self,
        size,
        scale=(0.08, 1.0),
        ratio=(3.0 / 4.0, 4.0 / 3.0),
        interpolation="bilinear",
        antialias: bool | None = True,
    ):
        super().__init__()
        self.size = _pair(size)
        if not isinstance(scale, (tuple, list)) or not isinstance(ratio, (tuple, list)):
            raise TypeError("Scale and ratio should be sequences")
        self.scale, self.ratio = scale, ratio
        self.interpolation, self.antialias = interpolation, antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Where the part lies."""
        return {"part": random.resized_part(*query_size(flat_inputs), self.scale, self.ratio)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The part of a part, resized."""
        return self._call_kernel(F.resized_crop, inpt, *params["part"], self.size, self.interpolation, self.antialias)


class RandomRotation(Transform):
    """Turned by a random angle of [-degrees, degrees], or of a range."""

    def __init__(self, degrees, interpolation="nearest", expand: bool = False, center=None, fill: Any = 0):
        super().__init__()
        self.degrees = random_geometry.RandomRotation(degrees, center=center).degrees
        self.interpolation, self.expand = interpolation, expand
        self.fill, self._fill, self.center = fill, setup_fill(fill), center

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """An angle."""
        return {"angle": random_geometry.RandomRotation.get_params(self.degrees)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """A part turned."""
        fill = fill_for(self._fill, inpt)
        options = {"interpolation": self.interpolation, "expand": self.expand, "center": self.center}
        return self._call_kernel(F.rotate, inpt, params["angle"], fill=_colour(fill, inpt), **options)


def _colour(fill, inpt):
    """A colour as the functions that turn images take it."""
    return fill if fill is None or not has_any([inpt], tv_tensors.Mask) or isinstance(fill, list) else [float(fill)]


class RandomAffine(Transform):
    """Turned, shifted, scaled and sheared by random amounts, as `transforms.RandomAffine`."""

    def __init__(
        self, degrees, translate=None, scale=None, shear=None, interpolation="nearest", fill: Any = 0, center=None
    ):
        super().__init__()
        checked = random_geometry.RandomAffine(degrees, translate, scale, shear)
        self.degrees, self.translate, self.scale = checked.degrees, translate, scale
        self.shear, self.interpolation = checked.shear, interpolation
        self.fill, self._fill, self.center = fill, setup_fill(fill), center

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Angle, shift, scale and shear."""
        height, width = query_size(flat_inputs)
        given = (self.degrees, self.translate, self.scale, self.shear, (width, height))
        return {"drawn": random_geometry.RandomAffine.get_params(*given)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """A part turned, shifted, scaled and sheared."""
        fill = _colour(fill_for(self._fill, inpt), inpt)
        options = {"interpolation": self.interpolation, "fill": fill, "center": self.center}
        return self._call_kernel(F.affine, inpt, *params["drawn"], **options)


class RandomPerspective(RandomApplyTransform):
    """Seen at a random angle, with probability p. ValueError for a distortion_scale outside [0, 1]."""

    def __init__(self, distortion_scale: float = 0.5, p: float = 0.5, interpolation="bilinear", fill: Any = 0):
        super().__init__(p)
        if not 0 <= distortion_scale <= 1:
            raise ValueError("Argument distortion_scale value should be between 0 and 1")
        self.distortion_scale, self.interpolation = distortion_scale, interpolation
        self.fill, self._fill = fill, setup_fill(fill)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Four points, and where they come to lie."""
        height, width = query_size(flat_inputs)
        return {"points": random_geometry.RandomPerspective.get_params(width, height, self.distortion_scale)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """A part seen at an angle."""
        fill = _colour(fill_for(self._fill, inpt), inpt)
        return self._call_kernel(F.perspective, inpt, *params["points"], self.interpolation, fill)


class ElasticTransform(Transform):
    """Pixels displaced by smooth noise, as `transforms.ElasticTransform`."""

    def __init__(self, alpha=50.0, sigma=5.0, interpolation="bilinear", fill: Any = 0):
        super().__init__()
        checked = random_geometry.ElasticTransform(alpha, sigma)
        self.alpha, self.sigma, self.interpolation = checked.alpha, checked.sigma, interpolation
        self.fill, self._fill = fill, setup_fill(fill)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The displacements."""
        size = list(query_size(flat_inputs))
        return {"displacement": random_geometry.ElasticTransform.get_params(self.alpha, self.sigma, size)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """A part displaced."""
        fill = _colour(fill_for(self._fill, inpt), inpt)
        return self._call_kernel(F.elastic, inpt, params["displacement"], self.interpolation, fill)


class RandomZoomOut(RandomApplyTransform):
    """On a canvas larger by a factor from side_range, with probability p. ValueError for factors below 1."""

    def __init__(self, fill: Any = 0, side_range=(1.0, 4.0), p: float = 0.5):
        super().__init__(p)
        if not isinstance(side_range, (tuple, list)) or len(side_range) != 2:
            raise TypeError("side_range should be a sequence of length 2.")
        if side_range[0] < 1.0 or side_range[0] > side_range[1]:
            raise ValueError(f"Invalid side range provided {side_range}.")
        self.fill, self._fill, self.side_range = fill, setup_fill(fill), side_range

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The border."""
        height, width = query_size(flat_inputs)
        factor = self.side_range[0] + rand(1) * (self.side_range[1] - self.side_range[0])
        canvas_width, canvas_height = int(width * factor), int(height * factor)
        shares = rand(2)
        left, top = int((canvas_width - width) * shares[0]), int((canvas_height - height) * shares[1])
        return {"border": [left, top, canvas_width - (left + width), canvas_height - (top + height)]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """A part on a larger canvas."""
        return self._call_kernel(F.pad, inpt, padding=params["border"], fill=fill_for(self._fill, inpt))


class _Resizing(Transform):
    """To a size that is drawn."""

    interpolation: Any
    antialias: bool | None

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """A part resized."""
        options = {"interpolation": self.interpolation, "antialias": self.antialias}
        return self._call_kernel(F.resize, inpt, params["size"], **options)


class RandomResize(_Resizing):
    """The shorter side drawn from [min_size, max_size)."""

    def __init__(self, min_size: int, max_size: int, interpolation="bilinear", antialias: bool | None = True):
        super().__init__()
        self.min_size, self.max_size = min_size, max_size
        self.interpolation, self.antialias = interpolation, antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """A size."""
        return {"size": [int(randint(self.min_size, self.max_size, ()))]}


class RandomShortestSize(_Resizing):
    """The shorter side drawn from a list, the longer one at most max_size."""

    def __init__(self, min_size, max_size: int | None = None, interpolation="bilinear", antialias: bool | None = True):
        super().__init__()
        self.min_size = [min_size] if isinstance(min_size, int) else list(min_size)
        self.max_size, self.interpolation, self.antialias = max_size, interpolation, antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """A size."""
        height, width = query_size(flat_inputs)
        factor = self.min_size[int(randint(len(self.min_size), ()))] / min(height, width)
        if self.max_size is not None:
            factor = min(factor, self.max_size / max(height, width))
        return {"size": (int(height * factor), int(width * factor))}


class ScaleJitter(_Resizing):
    """To the largest size within target_size, times a factor from scale_range."""

    def __init__(
        self,
        target_size: tuple[int, int],
        scale_range: tuple[float, float] = (0.1, 2.0),
        interpolation="bilinear",
        antialias: bool | None = True,
    ):
        super().__init__()
        self.target_size, self.scale_range = target_size, scale_range
        self.interpolation, self.antialias = interpolation, antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """A size."""
        height, width = query_size(flat_inputs)
        low, high = self.scale_range
        factor = min(self.target_size[1] / height, self.target_size[0] / width) * (low + rand(1) * (high - low)).item()
        return {"size": (int(height * factor), int(width * factor))}

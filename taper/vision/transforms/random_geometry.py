"""Transforms that turn, shift, scale, shear and bend images at random."""

from __future__ import annotations

from ...tensor.joining import cat
from ...tensor.random import rand, randint
from . import functional as F
from .functional import InterpolationMode
from .random import uniform


def _range(value, name: str, centre: float = 0, lengths: tuple[int, ...] = (2,)) -> list[float]:
    """A range to draw from, given as one number round the centre or as numbers."""
    if isinstance(value, (int, float)):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be positive.")
        return [float(centre - value), float(centre + value)]
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"{name} should be a sequence of length {' or '.join(map(str, lengths))}.")
    if len(value) not in lengths:
        raise ValueError(f"{name} should be a sequence of length {' or '.join(map(str, lengths))}.")
    return [float(v) for v in value]


def filling(fill, img):
    """A colour for an image: one number, or for a tensor one for each channel."""
    if fill is None or F.is_pil(img):
        return fill
    channels = F.dimensions(img)[0]
    return [float(fill)] * channels if isinstance(fill, (int, float)) else [float(f) for f in fill]


def _mode_name(interpolation) -> str:
    return getattr(interpolation, "value", interpolation)


def _check_fill(fill):
    if fill is None:
        return 0
    if not isinstance(fill, (int, float, tuple, list)):
        raise TypeError("Fill should be either a sequence or a number.")
    return fill


class RandomRotation:
    """The image turned by a random angle of [-degrees, degrees], or of a range."""

    def __init__(self, degrees, interpolation=InterpolationMode.NEAREST, expand: bool = False, center=None, fill=0):
        self.degrees = _range(degrees, "degrees")
        if center is not None and (not isinstance(center, (tuple, list)) or len(center) != 2):
            raise ValueError("center should be a sequence of length 2.")
        self.interpolation, self.expand, self.center = interpolation, expand, center
        self.fill = _check_fill(fill)

    @staticmethod
    def get_params(degrees) -> float:
        """An angle."""
        return uniform(float(degrees[0]), float(degrees[1]))

    def __call__(self, img):
        fill = filling(self.fill, img)
        return F.rotate(img, self.get_params(self.degrees), self.interpolation, self.expand, self.center, fill)

    def __repr__(self) -> str:
        words = f"degrees={self.degrees}, interpolation={_mode_name(self.interpolation)}, expand={self.expand}"
        words += f", center={self.center}" if self.center is not None else ""
        words += f", fill={self.fill}" if self.fill is not None else ""
        return f"{type(self).__name__}({words})"


class RandomAffine:
    """The image turned, shifted, scaled and sheared by random amounts.

    degrees, shear: a number for [-number, number], or a range; shear along y as well with four numbers. translate: the
    largest shares of width and height to shift by. scale: a range of factors.
    """

    def __init__(
        self,
        degrees,
        translate=None,
        scale=None,
        shear=None,
        interpolation=InterpolationMode.NEAREST,
        fill=0,
        center=None,
    ):
        self.degrees = _range(degrees, "degrees")
        if translate is not None:
            _range(tuple(translate) if isinstance(translate, (tuple, list)) else translate, "translate")
            if not all(0.0 <= t <= 1.0 for t in translate):
                raise ValueError("translation values should be between 0 and 1")
        if scale is not None and any(s <= 0 for s in _range(scale, "scale")):
            raise ValueError("scale values should be positive")
        self.translate, self.scale = translate, scale
        self.shear = None if shear is None else _range(shear, "shear", lengths=(2, 4))
        self.interpolation, self.fill, self.center = interpolation, _check_fill(fill), center

    @staticmethod
    def get_params(degrees, translate, scale_ranges, shears, img_size):
        """Angle, shift in pixels (x, y), scale and shear (x, y); img_size is (width, height)."""
        angle = uniform(float(degrees[0]), float(degrees[1]))
        shift = (0, 0)
        if translate is not None:
            across, down = float(translate[0] * img_size[0]), float(translate[1] * img_size[1])
            shift = (int(round(uniform(-across, across))), int(round(uniform(-down, down))))
        scale = uniform(scale_ranges[0], scale_ranges[1]) if scale_ranges is not None else 1.0
        shear_x = shear_y = 0.0
        if shears is not None:
            shear_x = uniform(shears[0], shears[1])
            if len(shears) == 4:
                shear_y = uniform(shears[2], shears[3])
        return angle, shift, scale, (shear_x, shear_y)

    def __call__(self, img):
        size = F.get_image_size(img)
        drawn = self.get_params(self.degrees, self.translate, self.scale, self.shear, size)
        return F.affine(img, *drawn, self.interpolation, filling(self.fill, img), self.center)

    def __repr__(self) -> str:
        words = [f"degrees={self.degrees}"]
        words += [f"{n}={getattr(self, n)}" for n in ("translate", "scale", "shear") if getattr(self, n) is not None]
        if self.interpolation != InterpolationMode.NEAREST:
            words.append(f"interpolation={_mode_name(self.interpolation)}")
        if self.fill != 0:
            words.append(f"fill={self.fill}")
        if self.center is not None:
            words.append(f"center={self.center}")
        return f"{type(self).__name__}({', '.join(words)})"


class RandomPerspective:
    """The image seen at a random angle, with probability p; distortion_scale, from 0 to 1, says how much."""

    def __init__(self, distortion_scale: float = 0.5, p: float = 0.5, interpolation=InterpolationMode.BILINEAR, fill=0):
        self.p, self.distortion_scale, self.interpolation = p, distortion_scale, interpolation
        self.fill = _check_fill(fill)

    @staticmethod
    def get_params(width: int, height: int, distortion_scale: float):
        """The four corners (x, y), and where they come to lie."""
        across, down = int(distortion_scale * (width // 2)), int(distortion_scale * (height // 2))
        draw = lambda low, high: int(randint(low, high, size=(1,)).item())
        left, right = (0, across + 1), (width - across - 1, width)
        top, bottom = (0, down + 1), (height - down - 1, height)
        ends = [[draw(*x), draw(*y)] for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))]
        return [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], ends

    def __call__(self, img):
        if not rand(1) < self.p:
            return img
        _, height, width = F.dimensions(img)
        points = self.get_params(width, height, self.distortion_scale)
        return F.perspective(img, *points, self.interpolation, filling(self.fill, img))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class ElasticTransform:
    """The image with its pixels displaced by smooth noise (Simard et al. 2003): by alpha, smoothed over sigma pixels."""

    def __init__(self, alpha=50.0, sigma=5.0, interpolation=InterpolationMode.BILINEAR, fill=0):
        self.alpha, self.sigma = (
            [float(v)] * 2 if isinstance(v, (int, float)) else [float(x) for x in v] * (2 if len(v) == 1 else 1)
            for v in (alpha, sigma)
        )
        self.interpolation, self.fill = interpolation, _check_fill(fill)

    @staticmethod
    def get_params(alpha, sigma, size):
        """The displacements, (1, H, W, 2), in units of half the image's size."""
        parts = []
        for strength, width, side in zip(alpha, sigma, reversed(size)):
            noise = rand([1, 1, *size]) * 2 - 1
            if width > 0.0:
                kernel = int(8 * width + 1)
                kernel += kernel % 2 == 0
                noise = F.gaussian_blur(noise, [kernel, kernel], sigma)
            parts.append(noise * strength / side)
        return cat(parts, 1).permute([0, 2, 3, 1])

    def __call__(self, img):
        _, height, width = F.dimensions(img)
        displacement = self.get_params(self.alpha, self.sigma, [height, width])
        return F.elastic_transform(img, displacement, self.interpolation, filling(self.fill, img))

    def __repr__(self) -> str:
        mode = _mode_name(self.interpolation)
        return f"{type(self).__name__}(alpha={self.alpha}, sigma={self.sigma}, interpolation={mode}, fill={self.fill})"

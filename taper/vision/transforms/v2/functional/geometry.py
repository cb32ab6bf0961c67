"""Sizes, parts, borders, mirror images, turns: of images, and of the masks, boxes and points that lie on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .....autograd.tape import Variable, wrap
from .....tensor import stack
from ....tv_tensors import BoundingBoxes, KeyPoints, Mask
from ....tv_tensors import wrap as wrap_like
from ... import functional as F
from ...functional import InterpolationMode
from ...functional.cutting import sides, target_size
from ...functional.warping import expanded_size, inverse_matrix, perspective_coefficients
from .boxes import clamp_bounding_boxes, corners_of, with_corners
from .dispatch import Functional


def _mode(interpolation: Any) -> Any:
    """An interpolation mode, which may be given by its name."""
    return InterpolationMode(interpolation) if isinstance(interpolation, str) else interpolation


def _on_planes(function, mask: Mask, *args, **options) -> Mask:
    """What a function of images does to masks; (H, W) is one plane."""
    plain = mask.unsqueeze(0) if mask.ndim == 2 else mask.view_as(mask)
    out = function(plain, *args, **options)
    return wrap_like(out.squeeze(0) if mask.ndim == 2 else out, like=mask)


def _moved(value, points, canvas: tuple[int, int], clamped: bool = True):
    """Boxes or points after `points`, which takes (x, y) of points to those of others: the boxes round the corners' places."""
    if isinstance(value, KeyPoints):
        x, y = points(value[..., 0].float(), value[..., 1].float())
        return wrap_like(stack((x, y), -1).to(value.dtype), like=value, canvas_size=canvas)
    x1, y1, x2, y2 = corners_of(value).unbind(-1)
    xs, ys = points(stack((x1, x2, x2, x1), -1), stack((y1, y1, y2, y2), -1))
    found = stack((xs.amin(-1), ys.amin(-1), xs.amax(-1), ys.amax(-1)), -1)
    out = with_corners(value, found, canvas)
    return clamp_bounding_boxes(out) if clamped else out


def _for_planes_and_points(functional: Functional):
    """Registers a kernel for boxes and points alike."""

    def known(kernel):
        functional.register(BoundingBoxes)(kernel)
        functional.register(KeyPoints)(kernel)
        return kernel

    return known


@Functional
def horizontal_flip(inpt):
    """The mirror image."""
    return F.hflip(inpt)


@horizontal_flip.register(Mask)
def _(inpt):
    return _on_planes(F.hflip, inpt)


@_for_planes_and_points(horizontal_flip)
def _(inpt):
    width = inpt.canvas_size[1]
    away = width - 1 if isinstance(inpt, KeyPoints) else width
    return _moved(inpt, lambda x, y: (away - x, y), inpt.canvas_size, clamped=False)


@Functional
def vertical_flip(inpt):
    """The image upside down."""
    return F.vflip(inpt)


@vertical_flip.register(Mask)
def _(inpt):
    return _on_planes(F.vflip, inpt)


@_for_planes_and_points(vertical_flip)
def _(inpt):
    height = inpt.canvas_size[0]
    away = height - 1 if isinstance(inpt, KeyPoints) else height
    return _moved(inpt, lambda x, y: (x, away - y), inpt.canvas_size, clamped=False)


@Functional
def resize(inpt, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """In another size, as `transforms.functional.resize`; masks by their nearest pixels."""
    return F.resize(inpt, size, _mode(interpolation), max_size, antialias)


@resize.register(Mask)
def _(inpt, size, interpolation=None, max_size=None, antialias=True):
    return _on_planes(F.resize, inpt, size, InterpolationMode.NEAREST, max_size)


@_for_planes_and_points(resize)
def _(inpt, size, interpolation=None, max_size=None, antialias=True):
    height, width = inpt.canvas_size
    canvas = target_size(height, width, size, max_size)
    across, down = canvas[1] / width, canvas[0] / height
    return _moved(inpt, lambda x, y: (x * across, y * down), canvas, clamped=False)


@Functional
def crop(inpt, top: int, left: int, height: int, width: int):
    """A part; what lies outside is black."""
    return F.crop(inpt, top, left, height, width)


@crop.register(Mask)
def _(inpt, top: int, left: int, height: int, width: int):
    return _on_planes(F.crop, inpt, top, left, height, width)


@_for_planes_and_points(crop)
def _(inpt, top: int, left: int, height: int, width: int):
    return _moved(inpt, lambda x, y: (x - left, y - top), (height, width))


@Functional
def center_crop(inpt, output_size):
    """The middle; what is smaller is padded with black."""
    return F.center_crop(inpt, output_size)


@center_crop.register(Mask)
def _(inpt, output_size):
    return _on_planes(F.center_crop, inpt, output_size)


@_for_planes_and_points(center_crop)
def _(inpt, output_size):
    th, tw = F.two(output_size)
    height, width = inpt.canvas_size
    return crop(inpt, int(round((height - th) / 2.0)), int(round((width - tw) / 2.0)), th, tw)


@Functional
def resized_crop(
    inpt, top: int, left: int, height: int, width: int, size, interpolation=InterpolationMode.BILINEAR, antialias=True
):
    """A part in another size."""
    return F.resized_crop(inpt, top, left, height, width, size, _mode(interpolation), antialias)


@resized_crop.register(Mask)
@resized_crop.register(BoundingBoxes)
@resized_crop.register(KeyPoints)
def _(inpt, top: int, left: int, height: int, width: int, size, interpolation=None, antialias=True):
    return resize(crop(inpt, top, left, height, width), size)


@Functional
def pad(inpt, padding, fill=None, padding_mode: str = "constant"):
    """With a border, as `transforms.functional.pad`. Boxes and points take borders of one colour only: ValueError."""
    return F.pad(inpt, padding, 0 if fill is None else fill, padding_mode)


@pad.register(Mask)
def _(inpt, padding, fill=None, padding_mode: str = "constant"):
    if isinstance(fill, (list, tuple)):
        raise ValueError("Non-scalar fill value is not supported for masks")
    return _on_planes(F.pad, inpt, padding, 0 if fill is None else fill, padding_mode)


@_for_planes_and_points(pad)
def _(inpt, padding, fill=None, padding_mode: str = "constant"):
    if padding_mode != "constant":
        raise ValueError(f"Padding mode '{padding_mode}' is not supported with bounding boxes and keypoints")
    left, top, right, bottom = sides(padding)
    height, width = inpt.canvas_size
    canvas = (height + top + bottom, width + left + right)
    return _moved(inpt, lambda x, y: (x + left, y + top), canvas)


def _by_matrix(inpt, inverse: list[float], expand: bool):
    """Boxes or points after a map whose inverse is given, two rows of three numbers."""
    m = np.linalg.inv(np.array([inverse[:3], inverse[3:], [0, 0, 1]], np.float64))
    height, width = inpt.canvas_size
    canvas = inpt.canvas_size
    if expand:
        edges = m @ np.array([[0, 0, width, width], [0, height, height, 0], [1, 1, 1, 1]])
        m[0, 2] -= edges[0].min()
        m[1, 2] -= edges[1].min()
        turned = [inverse[0], inverse[1], 0.0, inverse[3], inverse[4], 0.0]
        canvas = expanded_size(turned, width, height)[::-1]
    points = lambda x, y: (m[0, 0] * x + m[0, 1] * y + m[0, 2], m[1, 0] * x + m[1, 1] * y + m[1, 2])
    return _moved(inpt, points, canvas)


@Functional
def rotate(inpt, angle: float, interpolation=InterpolationMode.NEAREST, expand: bool = False, center=None, fill=None):
    """Turned by an angle in degrees, anticlockwise, as `transforms.functional.rotate`."""
    return F.rotate(inpt, angle, _mode(interpolation), expand, center, fill)


@rotate.register(Mask)
def _(inpt, angle: float, interpolation=None, expand: bool = False, center=None, fill=None):
    return _on_planes(F.rotate, inpt, angle, InterpolationMode.NEAREST, expand, center, fill)


def _middle(inpt, center) -> list[float]:
    height, width = inpt.canvas_size
    return [width * 0.5, height * 0.5] if center is None else list(center)


@_for_planes_and_points(rotate)
def _(inpt, angle: float, interpolation=None, expand: bool = False, center=None, fill=None):
    center = None if expand else center
    inverse = inverse_matrix(_middle(inpt, center), -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    return _by_matrix(inpt, inverse, expand)


@Functional
def affine(
    inpt, angle: float, translate, scale: float, shear, interpolation=InterpolationMode.NEAREST, fill=None, center=None
):
    """Sheared, scaled, turned and shifted, as `transforms.functional.affine`."""
    return F.affine(inpt, angle, translate, scale, shear, _mode(interpolation), fill, center)


@affine.register(Mask)
def _(inpt, angle: float, translate, scale: float, shear, interpolation=None, fill=None, center=None):
    return _on_planes(F.affine, inpt, angle, translate, scale, shear, InterpolationMode.NEAREST, fill, center)


@_for_planes_and_points(affine)
def _(inpt, angle: float, translate, scale: float, shear, interpolation=None, fill=None, center=None):
    shear = [shear, 0.0] if isinstance(shear, (int, float)) else list(shear)
    return _by_matrix(inpt, inverse_matrix(_middle(inpt, center), angle, translate, scale, shear), False)


@Functional
def perspective(inpt, startpoints, endpoints, interpolation=InterpolationMode.BILINEAR, fill=None):
    """Seen so that four points come to lie at others, as `transforms.functional.perspective`."""
    return F.perspective(inpt, startpoints, endpoints, _mode(interpolation), fill)


@perspective.register(Mask)
def _(inpt, startpoints, endpoints, interpolation=None, fill=None):
    return _on_planes(F.perspective, inpt, startpoints, endpoints, InterpolationMode.NEAREST, fill)


@_for_planes_and_points(perspective)
def _(inpt, startpoints, endpoints, interpolation=None, fill=None):
    a, b, c, d, e, f, g, h = perspective_coefficients(endpoints, startpoints)

    def points(x, y):
        below = g * x + h * y + 1
        return (a * x + b * y + c) / below, (d * x + e * y + f) / below

    return _moved(inpt, points, inpt.canvas_size)


@Functional
def elastic(inpt, displacement, interpolation=InterpolationMode.BILINEAR, fill=None):
    """Each pixel fetched from a place displaced, as `transforms.functional.elastic_transform`."""
    return F.elastic_transform(inpt, displacement, _mode(interpolation), fill)


@elastic.register(Mask)
def _(inpt, displacement, interpolation=None, fill=None):
    return _on_planes(F.elastic_transform, inpt, displacement, InterpolationMode.NEAREST, fill)


@_for_planes_and_points(elastic)
def _(inpt, displacement, interpolation=None, fill=None):
    # The inverse of a displacement is, for small ones, its negative.
    height, width = inpt.canvas_size
    away = displacement.detach().numpy()[0]

    def points(x: Variable, y: Variable):
        column = np.clip(np.ceil(x.numpy()).astype(np.int64), 0, width - 1)
        row = np.clip(np.ceil(y.numpy()).astype(np.int64), 0, height - 1)
        moved = away[row, column]
        return wrap(column - moved[..., 0] * (0.5 * width)), wrap(row - moved[..., 1] * (0.5 * height))

    return _moved(inpt, points, inpt.canvas_size)


elastic_transform = elastic


@Functional
def five_crop(inpt, size):
    """The four corners and the middle, as a tuple."""
    return F.five_crop(inpt, size)


@Functional
def ten_crop(inpt, size, vertical_flip: bool = False):
    """`five_crop` of an image, and of its mirror image."""
    return F.ten_crop(inpt, size, vertical_flip)


hflip, vflip = horizontal_flip, vertical_flip

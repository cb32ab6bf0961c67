"""Images turned, shifted, scaled, sheared and seen at an angle.

A matrix here leads from the pixels of the result to those of the image, in coordinates round the image's centre.
"""

from __future__ import annotations

import math

import numpy as np

from ....autograd.tape import wrap
from ....nn.functional import grid_sample
from ....tensor import as_tensor, cat, ones_like, where
from ...pillow import image_module
from .conversion import pil_to_tensor, to_pil_image
from .cutting import back
from .kinds import InterpolationMode, check_tensor, dimensions, is_pil, mode_of, pil_fill, pil_modes_mapping


def inverse_matrix(center, angle: float, translate, scale: float, shear) -> list[float]:
    """The inverse of: shear (x, then y), scale and turn round a centre, then shift; two rows of three numbers."""
    rot, sx, sy = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    a = math.cos(rot - sy) / math.cos(sy)
    b = -math.cos(rot - sy) * math.tan(sx) / math.cos(sy) - math.sin(rot)
    c = math.sin(rot - sy) / math.cos(sy)
    d = -math.sin(rot - sy) * math.tan(sx) / math.cos(sy) + math.cos(rot)
    # The determinant of turn and shear is 1.
    m = [v / scale for v in (d, -b, 0.0, -c, a, 0.0)]
    x, y = (-centre - shift for centre, shift in zip(center, translate))
    m[2] += m[0] * x + m[1] * y + center[0]
    m[5] += m[3] * x + m[4] * y + center[1]
    return m


def _from_centre(center, image) -> list[float]:
    """A point in pixels, as a distance from the image's centre."""
    if center is None:
        return [0.0, 0.0]
    _, height, width = dimensions(image)
    return [c - size * 0.5 for c, size in zip(center, (width, height))]


def _positions(width: int, height: int, dtype, centred: bool) -> np.ndarray:
    """The pixels' centres (x, y, 1), (height * width, 3), from the image's centre or its corner."""
    x = np.arange(width, dtype=np.float64) + (0.5 - width * 0.5 if centred else 0.5)
    y = np.arange(height, dtype=np.float64) + (0.5 - height * 0.5 if centred else 0.5)
    grid = np.ones((height, width, 3), dtype)
    grid[..., 0], grid[..., 1] = x, y[:, None]
    return grid.reshape(-1, 3)


def _rows(positions: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """positions @ matrix, summed from left to right, as the order decides which of two pixels is the nearest."""
    terms = positions[:, :, None] * matrix[None]
    return (terms[:, 0] + terms[:, 1]) + terms[:, 2]


def _affine_grid(matrix, w: int, h: int, ow: int, oh: int, dtype) -> np.ndarray:
    theta = np.array(matrix, dtype).reshape(2, 3).T / np.array([0.5 * w, 0.5 * h], dtype)
    return _rows(_positions(ow, oh, dtype, True), theta).reshape(1, oh, ow, 2)


def _sampled(img, grid: np.ndarray, mode: InterpolationMode, fill):
    """A tensor's values at positions; `fill` where they lie outside. ValueError for a mode that tensors do not have."""
    if mode not in (InterpolationMode.NEAREST, InterpolationMode.BILINEAR):
        raise ValueError(f"Interpolation mode '{mode.value}' is unsupported with Tensor input")
    channels = dimensions(img)[0]
    if isinstance(fill, (tuple, list)) and len(fill) > 1 and len(fill) != channels:
        raise ValueError(
            "The number of elements in 'fill' cannot broadcast to match the number of channels of the image "
            f"({len(fill)} != {channels})"
        )
    pixels = img if img.ndim >= 4 else img[None]
    pixels = pixels if img.dtype.is_floating_point else pixels.float()
    if fill is not None:
        pixels = cat((pixels, ones_like(pixels[:, :1])), 1)
    where_from = wrap(grid).expand(pixels.shape[0], *grid.shape[1:])
    out = grid_sample(pixels, where_from, mode=mode.value, padding_mode="zeros", align_corners=False)
    if fill is not None:
        inside, out = out[:, -1:], out[:, :-1]
        colour = as_tensor(fill if isinstance(fill, (tuple, list)) else [float(fill)], dtype=out.dtype).view(
            1, -1, 1, 1
        )
        if mode is InterpolationMode.NEAREST:
            out = where(inside < 0.5, colour, out)
        else:
            out = out * inside + (1.0 - inside) * colour
    return back(out if img.ndim >= 4 else out[0], img.dtype)


def _grid_dtype(img):
    return img._array.dtype if img.dtype.is_floating_point else np.dtype(np.float32)


def rotate(img, angle: float, interpolation=InterpolationMode.NEAREST, expand: bool = False, center=None, fill=None):
    """The image turned by an angle in degrees, anticlockwise.

    expand: the result is as large as the turned image needs. center: the point (x, y) in pixels to turn round. fill: the
    colour of what lies outside.
    """
    mode = mode_of(interpolation)
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")
    if is_pil(img):
        return img.rotate(angle, pil_modes_mapping[mode], expand, center, fillcolor=pil_fill(fill, img))
    check_tensor(img)
    matrix = inverse_matrix(_from_centre(center, img), -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    h, w = img.shape[-2:]
    ow, oh = expanded_size(matrix, w, h) if expand else (w, h)
    return _sampled(img, _affine_grid(matrix, w, h, ow, oh, _grid_dtype(img)), mode, fill)


def expanded_size(matrix, w: int, h: int) -> tuple[int, int]:
    """The width and height that hold all of a turned image."""
    corners = np.array([[-0.5 * w, -0.5 * h, 1], [-0.5 * w, 0.5 * h, 1], [0.5 * w, 0.5 * h, 1], [0.5 * w, -0.5 * h, 1]])
    found = (corners.astype(np.float32) @ np.array(matrix, np.float32).reshape(2, 3).T) + np.float32([w * 0.5, h * 0.5])
    # Below a ten-thousandth of a pixel is rounding.
    high, low = (np.trunc(v / np.float32(1e-4)) * np.float32(1e-4) for v in (found.max(0), found.min(0)))
    size = np.ceil(high) - np.floor(low)
    return int(size[0]), int(size[1])


def affine(
    img,
    angle: float,
    translate,
    scale: float,
    shear,
    interpolation=InterpolationMode.NEAREST,
    fill=None,
    center=None,
):
    """The image sheared, scaled, turned clockwise by an angle, all round its centre, and shifted by pixels (x, y).

    shear: degrees along x, or (x, y). ValueError for a scale that is not positive, and for sequences of other lengths.
    """
    mode = mode_of(interpolation)
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if not isinstance(translate, (list, tuple)):
        raise TypeError("Argument translate should be a sequence")
    if len(translate) != 2:
        raise ValueError("Argument translate should be a sequence of length 2")
    if scale <= 0.0:
        raise ValueError("Argument scale should be positive")
    if not isinstance(shear, (int, float, list, tuple)):
        raise TypeError("Shear should be either a single value or a sequence of two values")
    shear = [shear, 0.0] if isinstance(shear, (int, float)) else list(shear) * (2 if len(shear) == 1 else 1)
    if len(shear) != 2:
        raise ValueError(f"Shear should be a sequence containing two values. Got {shear}")
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")
    if is_pil(img):
        middle = [img.size[0] * 0.5, img.size[1] * 0.5] if center is None else center
        matrix = inverse_matrix(middle, angle, translate, scale, shear)
        how = image_module().Transform.AFFINE
        return img.transform(img.size, how, matrix, pil_modes_mapping[mode], fillcolor=pil_fill(fill, img))
    check_tensor(img)
    matrix = inverse_matrix(_from_centre(center, img), angle, translate, scale, shear)
    h, w = img.shape[-2:]
    return _sampled(img, _affine_grid(matrix, w, h, w, h, _grid_dtype(img)), mode, fill)


def perspective_coefficients(startpoints, endpoints) -> list[float]:
    """The eight numbers of the projection that takes the end points to the start points."""
    rows, wanted = [], []
    for (x, y), (u, v) in zip(endpoints, startpoints):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        wanted += [u, v]
    return (
        np.linalg.lstsq(np.array(rows, np.float64), np.array(wanted, np.float64), None)[0].astype(np.float32).tolist()
    )


def perspective(img, startpoints, endpoints, interpolation=InterpolationMode.BILINEAR, fill=None):
    """The image seen so that its points `startpoints` (x, y) come to lie at `endpoints`, four of each."""
    mode = mode_of(interpolation)
    m = perspective_coefficients(startpoints, endpoints)
    if is_pil(img):
        how = image_module().Transform.PERSPECTIVE
        return img.transform(img.size, how, m, pil_modes_mapping[mode], fillcolor=pil_fill(fill, img))
    check_tensor(img)
    h, w = img.shape[-2:]
    dtype = _grid_dtype(img)
    positions = _positions(w, h, dtype, False)
    above = np.array([m[0:3], m[3:6]], dtype).T / np.array([0.5 * w, 0.5 * h], dtype)
    below = np.array([[m[6], m[7], 1.0]] * 2, dtype).T
    grid = _rows(positions, above) / _rows(positions, below) - dtype.type(1)
    return _sampled(img, grid.reshape(1, h, w, 2), mode, fill)


def elastic_transform(img, displacement, interpolation=InterpolationMode.BILINEAR, fill=None):
    """The image with each pixel fetched from a place displaced by (1, H, W, 2), in units of half the image's size.

    TypeError for a displacement that is no tensor, ValueError for one of another shape.
    """
    mode = mode_of(interpolation)
    if not hasattr(displacement, "shape") or not hasattr(displacement, "numpy"):
        raise TypeError("Argument displacement should be a Tensor")
    pixels = pil_to_tensor(img) if is_pil(img) else img
    h, w = pixels.shape[-2:]
    if tuple(displacement.shape) != (1, h, w, 2):
        raise ValueError(f"Argument displacement shape should be {(1, h, w, 2)}, but given {tuple(displacement.shape)}")
    y, x = (np.linspace((1 - n) / n, (n - 1) / n, n, dtype=np.float32) for n in (h, w))
    grid = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), -1)[None]
    grid = (grid + displacement.detach().numpy()).astype(_grid_dtype(pixels))
    out = _sampled(pixels, grid, mode, fill)
    return to_pil_image(out, img.mode) if is_pil(img) else out

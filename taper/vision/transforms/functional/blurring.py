"""Blurred and sharpened images."""

from __future__ import annotations

import numpy as np

from ....autograd.tape import wrap
from ....nn.functional import conv2d
from ....nn.functional import pad as pad_tensor
from ...pillow import enhance_module
from .colour import blended, not_negative
from .conversion import pil_to_tensor, to_pil_image
from .cutting import back
from .kinds import check_channels, check_tensor, is_pil


def kernel_of(size: int, sigma: float, dtype=np.float64) -> np.ndarray:
    """A Gaussian's weights."""
    half = (size - 1) * 0.5
    x = np.linspace(-half, half, size).astype(dtype)
    weights = np.exp(dtype(-0.5) * (x / dtype(sigma)) ** 2)
    return weights / weights.sum()


def _convolved(img, kernel: np.ndarray, edge: tuple[int, int] = (0, 0)):
    """Every channel with the same kernel, mirrored at the edges as far as said."""
    pixels = img if img.ndim >= 4 else img[None]
    pixels = pixels if img.dtype.is_floating_point else pixels.float()
    channels = img.shape[-3]
    weights = wrap(np.ascontiguousarray(np.broadcast_to(kernel, (channels, 1, *kernel.shape)))).to(pixels.dtype)
    if any(edge):
        pixels = pad_tensor(pixels, [edge[0], edge[0], edge[1], edge[1]], mode="reflect")
    out = conv2d(pixels, weights, groups=channels)
    return back(out if img.ndim >= 4 else out[0], img.dtype)


def gaussian_blur(img, kernel_size, sigma=None):
    """The image blurred by a Gaussian of kernel_size (x, y) pixels; sigma defaults to 0.15 * kernel_size + 0.35.

    ValueError for sizes that are even or not positive, and for deviations that are not positive.
    """
    sizes = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if len(sizes) != 2:
        raise ValueError(f"If kernel_size is a sequence its length should be 2. Got {len(sizes)}")
    if any(k % 2 == 0 or k < 0 for k in sizes):
        raise ValueError(f"kernel_size should have odd and positive integers. Got {sizes}")
    if sigma is None:
        sigma = [k * 0.15 + 0.35 for k in sizes]
    sigmas = [float(sigma)] * 2 if isinstance(sigma, (int, float)) else list(sigma) * (2 if len(sigma) == 1 else 1)
    if len(sigmas) != 2:
        raise ValueError(f"If sigma is a sequence, its length should be 2. Got {len(sigmas)}")
    if any(s <= 0.0 for s in sigmas):
        raise ValueError(f"sigma should have positive values. Got {sigmas}")
    pixels = pil_to_tensor(img) if is_pil(img) else img
    check_tensor(pixels)
    dtype = pixels._array.dtype.type if pixels.dtype.is_floating_point else np.float32
    across, down = (kernel_of(k, s, dtype) for k, s in zip(sizes, sigmas))
    out = _convolved(pixels, down[:, None] * across[None, :], (sizes[0] // 2, sizes[1] // 2))
    return to_pil_image(out, img.mode) if is_pil(img) else out


def adjust_sharpness(img, sharpness_factor: float):
    """Sharper (> 1) or smoother (< 1). ValueError for a negative factor."""
    if is_pil(img):
        return enhance_module().Sharpness(img).enhance(sharpness_factor)
    check_tensor(img)
    not_negative(sharpness_factor, "sharpness_factor")
    check_channels(img)
    if min(img.shape[-2:]) <= 2:
        return img
    dtype = img._array.dtype.type if img.dtype.is_floating_point else np.float32
    kernel = np.ones((3, 3), dtype)
    kernel[1, 1] = 5
    smooth = img.clone()
    smooth[..., 1:-1, 1:-1] = _convolved(img, kernel / kernel.sum())
    return blended(img, smooth, sharpness_factor)

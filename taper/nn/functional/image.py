"""Rearranging and resampling of images and other grids."""

from __future__ import annotations

import math

import numpy as np

from ...autograd.tape import wrap
from ...tensor.products import matmul
from .padding import pad
from .pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from .sizes import per_dim


def pixel_shuffle(input, upscale_factor: int):
    """(..., C r^2, H, W) as (..., C, H r, W r) (Shi et al. 2016)."""
    *lead, c, h, w = input._array.shape
    r = upscale_factor
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    if c % (r * r):
        raise RuntimeError(
            f"pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but "
            f"input.size(-3)={c} is not divisible by {r * r}"
        )
    n = len(lead)
    x = input.reshape(*lead, c // (r * r), r, r, h, w)
    x = x.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return x.reshape(*lead, c // (r * r), h * r, w * r)


def pixel_unshuffle(input, downscale_factor: int):
    """(..., C, H r, W r) as (..., C r^2, H, W)."""
    *lead, c, h, w = input._array.shape
    r = downscale_factor
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    if h % r or w % r:
        raise RuntimeError(
            f"pixel_unshuffle expects height and width to be divisible by downscale_factor, but input of size {(h, w)} is not "
            f"divisible by {r}"
        )
    n = len(lead)
    x = input.reshape(*lead, c, h // r, r, w // r, r)
    x = x.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return x.reshape(*lead, c * r * r, h // r, w // r)


def channel_shuffle(input, groups: int):
    """The channels of `groups` groups interleaved (Zhang et al. 2018)."""
    n, c, *rest = input._array.shape
    if c % groups:
        raise RuntimeError(f"Number of channels must be divisible by groups. Got {c} channels and {groups} groups.")
    return input.reshape(n, groups, c // groups, *rest).transpose(1, 2).reshape(n, c, *rest)


native_channel_shuffle = channel_shuffle


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """All windows of images (N, C, H, W) as columns (N, C * window, number of windows)."""
    kernel, dilation = per_dim(kernel_size, 2, "kernel_size", "unfold"), per_dim(dilation, 2, "dilation", "unfold")
    padding, stride = per_dim(padding, 2, "padding", "unfold"), per_dim(stride, 2, "stride", "unfold")
    batched = input._array.ndim == 4
    if input._array.ndim not in (3, 4):
        raise RuntimeError(f"Expected 3D or 4D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but got: {list(input._array.shape)}")
    x = input if batched else input.unsqueeze(0)
    n, c, h, w = x._array.shape
    oh, ow = _grid((h, w), kernel, dilation, padding, stride)
    if oh < 1 or ow < 1:
        raise RuntimeError(f"Given input with spatial size {(h, w)}, kernel_size={kernel}, dilation={dilation}, padding={padding}, calculated shape of the array of sliding blocks as {(oh, ow)}, which is too small (non-positive).")
    x = pad(x, (padding[1], padding[1], padding[0], padding[0]))
    rows, columns = _places((oh, ow), kernel, dilation, stride)
    out = x[:, :, wrap(rows), wrap(columns)].reshape(n, c * kernel[0] * kernel[1], oh * ow)
    return out if batched else out.squeeze(0)


def _grid(size, kernel, dilation, padding, stride):
    return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, d, p, s in zip(size, kernel, dilation, padding, stride))


def _places(output, kernel, dilation, stride):
    """Rows and columns of every element of every window, (window, number of windows)."""
    i, j = np.meshgrid(np.arange(kernel[0]) * dilation[0], np.arange(kernel[1]) * dilation[1], indexing="ij")
    y, x = np.meshgrid(np.arange(output[0]) * stride[0], np.arange(output[1]) * stride[1], indexing="ij")
    return i.reshape(-1, 1) + y.reshape(1, -1), j.reshape(-1, 1) + x.reshape(1, -1)


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Columns of windows added up into images (N, C, *output_size): the reverse of `unfold`."""
    size, kernel = per_dim(output_size, 2, "output_size", "fold"), per_dim(kernel_size, 2, "kernel_size", "fold")
    dilation, stride = per_dim(dilation, 2, "dilation", "fold"), per_dim(stride, 2, "stride", "fold")
    padding = per_dim(padding, 2, "padding", "fold")
    batched = input._array.ndim == 3
    x = input if batched else input.unsqueeze(0)
    n, columns, count = x._array.shape
    area = kernel[0] * kernel[1]
    if columns % area:
        raise RuntimeError(f"Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)={columns} and kernel_size={kernel}.")
    oh, ow = _grid(size, kernel, dilation, padding, stride)
    if count != oh * ow:
        raise RuntimeError(f"Given output_size={size}, kernel_size={kernel}, dilation={dilation}, padding={padding}, stride={stride}, expected size of input's dimension 2 to match the calculated number of sliding blocks {oh} * {ow} = {oh * ow}, but got input.size(2)={count}.")
    c, h, w = columns // area, size[0] + 2 * padding[0], size[1] + 2 * padding[1]
    ys, xs = _places((oh, ow), kernel, dilation, stride)
    flat = wrap(np.ascontiguousarray(np.broadcast_to((ys * w + xs).reshape(1, 1, -1), (n, c, area * count))))
    out = x.new_zeros((n, c, h * w)).scatter_add(2, flat, x.reshape(n, c, area * count)).reshape(n, c, h, w)
    out = out[:, :, padding[0] : h - padding[0], padding[1] : w - padding[1]]
    return out if batched else out.squeeze(0)


def interpolate(
    input,
    size=None,
    scale_factor=None,
    mode: str = "nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias: bool = False,
):
    """Images (N, C, *spatial) resampled to a size, or by a factor.

    mode: "nearest", "nearest-exact", "area" (any dimensions), "linear" (1), "bilinear", "bicubic" (2), "trilinear" (3).
    align_corners: the corners' centres coincide instead of their edges. Each dimension is one product with a matrix of
    weights. ValueError for what does not fit together.
    """
    spatial = input._array.shape[2:]
    n = len(spatial)
    if align_corners is not None and mode in ("nearest", "area", "nearest-exact"):
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
        )
    wanted = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}.get(mode)
    if wanted is None and mode not in ("nearest", "area", "nearest-exact"):
        raise NotImplementedError(f"interpolate: unknown mode {mode!r}")
    if wanted is not None and wanted != n:
        raise NotImplementedError(f"Got {n + 2}D input, but {mode} mode needs {wanted + 2}D input")
    if (size is None) == (scale_factor is None):
        raise ValueError("either size or scale_factor should be defined" if size is None else "only one of size or scale_factor should be defined")
    if antialias:
        raise NotImplementedError("interpolate: antialias=True is not available. Resize with taper.vision.transforms.Resize.")
    scales = [None] * n
    if size is not None:
        size = [size] * n if isinstance(size, int) else [int(s) for s in size]
        if len(size) != n:
            raise ValueError(f"Input and output must have the same number of spatial dimensions, but got input with spatial dimensions of {list(spatial)} and output size of {size}.")
    else:
        factors = [scale_factor] * n if isinstance(scale_factor, (int, float)) else list(scale_factor)
        if len(factors) != n:
            raise ValueError(f"Input and scale_factor must have the same number of spatial dimensions, but got input with spatial dimensions of {list(spatial)} and scale_factor of shape {factors}.")
        size = [math.floor(s * f) for s, f in zip(spatial, factors)]
        if not recompute_scale_factor:
            scales = [1 / f for f in factors]
    if mode == "area":
        return (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[n - 1](input, size)
    out = input
    for i, (have, want, scale) in enumerate(zip(spatial, size, scales)):
        axis = i + 2
        if mode.startswith("nearest"):
            if want != have or scale not in (None, 1):
                out = out.index_select(axis, wrap(_nearest(have, want, scale, mode)))
            continue
        weights = _cubic(have, want, scale, align_corners) if mode == "bicubic" else _linear(have, want, scale, align_corners)
        matrix = wrap(weights.astype(out._array.dtype if out._array.dtype.kind == "f" else np.float32))
        out = matmul(out.movedim(axis, -1), matrix.t()).movedim(-1, axis)
    return out.contiguous()


def _nearest(have: int, want: int, scale, mode: str) -> np.ndarray:
    ratio = np.float32(have / want if scale is None else scale)
    at = np.arange(want, dtype=np.float32)
    at = (at + np.float32(0.5)) * ratio if mode == "nearest-exact" else at * ratio
    return np.minimum(np.floor(at).astype(np.int64), have - 1)


def _sources(have: int, want: int, scale, align: bool) -> np.ndarray:
    """Where each sample of the result lies in the source."""
    at = np.arange(want, dtype=np.float64)
    if align:
        return at * ((have - 1) / (want - 1) if want > 1 else 0.0)
    return (at + 0.5) * (have / want if scale is None else scale) - 0.5


def _linear(have: int, want: int, scale, align) -> np.ndarray:
    """The weights (want, have) of linear interpolation."""
    at = np.maximum(_sources(have, want, scale, bool(align)), 0)
    low = np.minimum(np.floor(at).astype(np.int64), have - 1)
    high, share = np.minimum(low + 1, have - 1), np.clip(at - low, 0, 1)
    out = np.zeros((want, have))
    rows = np.arange(want)
    np.add.at(out, (rows, low), 1 - share)
    np.add.at(out, (rows, high), share)
    return out


def _cubic(have: int, want: int, scale, align, a: float = -0.75) -> np.ndarray:
    """The weights (want, have) of cubic convolution (Keys 1981)."""
    at = _sources(have, want, scale, bool(align))
    low = np.floor(at).astype(np.int64)
    t = at - low
    near = lambda d: ((a + 2) * d - (a + 3)) * d * d + 1
    far = lambda d: ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    out, rows = np.zeros((want, have)), np.arange(want)
    for offset, weight in ((-1, far(t + 1)), (0, near(t)), (1, near(1 - t)), (2, far(2 - t))):
        np.add.at(out, (rows, np.clip(low + offset, 0, have - 1)), weight)
    return out


def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """Deprecated name of `interpolate`."""
    return interpolate(input, size, scale_factor, mode, align_corners)


def affine_grid(theta, size, align_corners=None):
    """The sampling grid (N, H, W, 2) of affine maps theta (N, 2, 3), for images of `size` (N, C, H, W)."""
    n, _, h, w = size

    def line(count):
        if align_corners:
            return np.linspace(-1, 1, count) if count > 1 else np.zeros(1)
        return (np.arange(count) * 2 + 1) / count - 1

    y, x = np.meshgrid(line(h), line(w), indexing="ij")
    base = np.stack([x, y, np.ones_like(x)], -1).reshape(1, h * w, 3).astype(theta._array.dtype)
    return matmul(wrap(np.repeat(base, n, 0)), theta.transpose(1, 2)).reshape(n, h, w, 2)


def grid_sample(input, grid, mode: str = "bilinear", padding_mode: str = "zeros", align_corners=None):
    """Images (N, C, H, W) sampled at the positions grid (N, H', W', 2), (x, y) from -1 to 1.

    mode: "bilinear" or "nearest". padding_mode: "zeros", "border" or "reflection".
    """
    if mode not in ("bilinear", "nearest"):
        raise NotImplementedError(f"grid_sample: mode {mode!r} is not available. Use 'bilinear' or 'nearest'.")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(f"nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: '{padding_mode}'")
    n, c, h, w = input._array.shape
    places = []
    for k, count in ((0, w), (1, h)):
        at = grid[..., k]
        at = (at + 1) / 2 * (count - 1) if align_corners else ((at + 1) * count - 1) / 2
        if padding_mode == "reflection":
            low, high = (0.0, count - 1.0) if align_corners else (-0.5, count - 0.5)
            span = high - low
            if span <= 0:
                at = at * 0
            else:
                off = (at - low).abs() % (2 * span)
                at = span - (off - span).abs() + low
        if padding_mode != "zeros":
            at = at.clamp(0, count - 1)
        places.append(at)
    x, y = places
    batch = wrap(np.arange(n).reshape(n, 1, 1))
    flat = input.permute(0, 2, 3, 1)

    def pick(ix, iy):
        inside = (ix >= 0) & (ix < w) & (iy >= 0) & (iy < h)
        ci, ri = ix.clamp(0, w - 1).long(), iy.clamp(0, h - 1).long()
        return flat[batch, ri, ci] * inside.unsqueeze(-1)

    if mode == "nearest":
        return pick(x.detach().round(), y.detach().round()).permute(0, 3, 1, 2)
    x0, y0 = x.detach().floor(), y.detach().floor()
    fx, fy = (x - x0).unsqueeze(-1), (y - y0).unsqueeze(-1)
    out = pick(x0, y0) * ((1 - fx) * (1 - fy)) + pick(x0 + 1, y0) * (fx * (1 - fy))
    out = out + pick(x0, y0 + 1) * ((1 - fx) * fy) + pick(x0 + 1, y0 + 1) * (fx * fy)
    return out.permute(0, 3, 1, 2)



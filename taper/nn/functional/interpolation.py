"""Resampling of grids to another size: each dimension is made anew from weighted elements of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ... import dtypes
from ...autograd.dispatch import apply
from ...autograd.naming import shown
from ...autograd.places import beside, brought
from ...autograd.tape import wrap
from ...backends.cpu.resampling import taps_at, taps_of
from ...errors import warn
from ...ops.resampling import resample
from .pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

DIMENSIONS = {"linear": 1, "bilinear": 2, "bicubic": 2, "lanczos": 2, "trilinear": 3}
NEAREST = ("nearest", "nearest-exact")
MODES = "nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact"


def interpolate(
    input,
    size=None,
    scale_factor=None,
    mode: str = "nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias: bool = False,
):
    """Grids (N, C, *spatial) resampled to a size, or by a factor.

    mode: "nearest", "nearest-exact" (pixel centres, as in Pillow), "area" (any dimensions), "linear" (1), "bilinear",
    "bicubic", "lanczos" (2), "trilinear" (3). align_corners: the centres of the corners coincide, not their edges.
    antialias: a smaller result averages over all that it covers ("bilinear", "bicubic", "lanczos").
    recompute_scale_factor: use the ratio of the sizes and not the factor given. ValueError for arguments that exclude
    each other, NotImplementedError for a mode that does not fit the dimensions or the dtype.
    """
    x = input._array
    spatial = x.shape[2:]
    n = len(spatial)
    if align_corners is not None and mode in (*NEAREST, "area"):
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
        )
    size, factors = _wanted(spatial, size, scale_factor, recompute_scale_factor)
    if antialias and not (mode in ("bilinear", "bicubic", "lanczos") and n == 2):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
        )
    if mode == "lanczos" and not antialias:
        raise ValueError("Lanczos mode requires antialias=True")
    if n not in (1, 2, 3) or (mode not in DIMENSIONS and mode not in (*NEAREST, "area")):
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {n + 2}D) for the modes: {MODES} (got "
            f"{mode})"
        )
    if DIMENSIONS.get(mode, n) != n:
        raise NotImplementedError(f"Got {n + 2}D input, but {mode} mode needs {DIMENSIONS[mode] + 2}D input")
    if min(spatial) < 1 or min(size) < 1:
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input {spatial} output {tuple(size)} "
            "(interpolate)"
        )
    if mode != "area" and 0 in x.shape[1:]:
        raise RuntimeError(f"Non-empty {n + 2}D data tensor expected but got a tensor with sizes {list(x.shape)}")
    if mode == "area":
        return (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[n - 1](input, size)
    if x.dtype.kind not in "fV" and not (x.dtype == np.uint8 and (mode in NEAREST or DIMENSIONS[mode] == 2)):
        raise NotImplementedError(
            f"interpolate: mode {mode!r} is not implemented for {input.dtype}. Use input.float()."
        )
    if mode in NEAREST and x.dtype != np.uint8:
        taps = tuple(
            None if want == have and factor in (None, 1) else _nearest_taps(have, want, factor, mode)
            for have, want, factor in zip(spatial, size, factors)
        )
        return shown(apply(resample, input, taps=taps), _name(mode, n)) if any(taps) else input.contiguous()
    if mode in NEAREST:
        for axis, (have, want, factor) in enumerate(zip(spatial, size, factors), 2):
            if want != have or factor not in (None, 1):
                input = input.index_select(axis, beside(input, _nearest(have, want, factor, mode)))
        return input.contiguous()
    if x.dtype == np.uint8:
        return wrap(_resampled_bytes(x, size, factors, mode, bool(align_corners), antialias))
    return shown(_resampled(input, size, factors, mode, bool(align_corners), antialias), _name(mode, n, antialias))


def _name(mode: str, n: int, antialias: bool = False) -> str:
    """What PyTorch calls the node of a mode: UpsampleNearestExact2DBackward0, UpsampleBilinear2DAaBackward0, ..."""
    return f"Upsample{mode.title().replace('-', '')}{n}D{'Aa' if antialias else ''}Backward0"


def _wanted(spatial, size, scale_factor, recompute) -> tuple[list[int], list]:
    """The size of each dimension, and what the distance of its samples is, None for the ratio of the sizes."""
    n = len(spatial)
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if size is not None:
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        if isinstance(size, (list, tuple)):
            _same_number(spatial, size, "output size of")
        sizes = list(size) if isinstance(size, (list, tuple)) else [size] * n
        if not all(hasattr(s, "__index__") for s in sizes):
            raise TypeError(
                "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got "
                f"size with types {[type(s) for s in sizes]}"
            )
        return [int(s) for s in sizes], [None] * n
    if isinstance(scale_factor, (list, tuple)):
        _same_number(spatial, scale_factor, "scale_factor of shape")
        factors = [float(f) for f in scale_factor]
    else:
        factors = [float(scale_factor)] * n
    sizes = [math.floor(s * f) for s, f in zip(spatial, factors)]
    return sizes, [None] * n if recompute or 0 in factors else [1 / f for f in factors]


def _same_number(spatial, given, what: str) -> None:
    if len(given) != len(spatial):
        raise ValueError(
            "Input and output must have the same number of spatial dimensions, but got input with spatial dimensions "
            f"of {list(spatial)} and {what} {tuple(given)}. Give one number for all, or one for each of d1, d2, ...,dK "
            "of the input (N, C, d1, d2, ...,dK)."
        )


def _resampled(input, size, factors, mode: str, align: bool, antialias: bool):
    """Half precision is computed in float32."""
    dtype = input._array.dtype
    x = input.to(dtypes.float32) if dtype in dtypes.HALF else input
    taps = tuple(
        # Dimensions that keep their size stay as they are, whatever the factor, as in PyTorch.
        None if want == have and (antialias or mode != "bicubic") else _taps(have, want, factor, mode, align, antialias)
        for have, want, factor in zip(x._array.shape[2:], size, factors)
    )
    if not any(taps):
        return input.clone()
    x = apply(resample, x, taps=taps)
    return x if x._array.dtype == dtype else x.to(input.dtype)


@lru_cache(256)
def _taps(have: int, want: int, factor, mode: str, align: bool, antialias: bool):
    return taps_of(_weights(have, want, factor, mode, align, antialias))


@lru_cache(256)
def _nearest_taps(have: int, want: int, factor, mode: str):
    return taps_at(have, _nearest(have, want, factor, mode)[None])


def _weights(have: int, want: int, factor, mode: str, align: bool, antialias: bool) -> np.ndarray:
    """The weights (want, have) of one dimension."""
    if antialias:
        return _filtered(have, want, factor, align, *FILTERS[mode])
    return (_cubic if mode == "bicubic" else _linear)(have, want, factor, align)


def _resampled_bytes(x: np.ndarray, size, factors, mode: str, align: bool, antialias: bool) -> np.ndarray:
    """Images of bytes: whole weights, and bytes between the two dimensions, as Pillow and PyTorch compute them."""
    for axis in (3, 2):
        have, want = x.shape[axis], size[axis - 2]
        if want == have:
            continue
        weights = _weights(have, want, factors[axis - 2], mode, align, antialias)
        # As many binary places as leave the largest weight below 2**15.
        places = next((p for p in range(22) if int(0.5 + weights.max() * 2 ** (p + 1)) >= 2**15), 22)
        scaled = weights * 2**places
        whole = np.where(scaled < 0, np.trunc(scaled - 0.5), np.trunc(scaled + 0.5)).astype(np.int64)
        sums = np.moveaxis(x, axis, -1).astype(np.int64) @ brought(x, whole.T) + (1 << (places - 1))
        x = np.moveaxis(np.clip(sums >> places, 0, 255).astype(np.uint8), -1, axis).copy()
    return x


def _nearest(have: int, want: int, factor, mode: str) -> np.ndarray:
    """Which element each sample takes; in float32, as the positions of PyTorch's samples are."""
    step = np.float32(have / want if factor is None else factor)
    at = np.arange(want, dtype=np.float32)
    at = (at + np.float32(0.5)) * step if mode == "nearest-exact" else at * step
    return np.minimum(np.floor(at).astype(np.int64), have - 1)


def _step(have: int, want: int, factor, align: bool) -> float:
    """The distance of two samples in the source."""
    if align:
        return (have - 1) / (want - 1) if want > 1 else 0.0
    return have / want if factor is None else factor


def _sources(have: int, want: int, factor, align: bool) -> np.ndarray:
    """Where each sample of the result lies in the source."""
    at, step = np.arange(want, dtype=np.float64), _step(have, want, factor, align)
    return at * step if align else (at + 0.5) * step - 0.5


def _linear(have: int, want: int, factor, align: bool) -> np.ndarray:
    """The weights (want, have) of linear interpolation."""
    at = np.maximum(_sources(have, want, factor, align), 0)
    low = np.minimum(np.floor(at).astype(np.int64), have - 1)
    high, share = np.minimum(low + 1, have - 1), np.clip(at - low, 0, 1)
    out, rows = np.zeros((want, have)), np.arange(want)
    np.add.at(out, (rows, low), 1 - share)
    np.add.at(out, (rows, high), share)
    return out


def _keys(d, a: float = -0.75):
    """The weight of an element at distance d in cubic convolution (Keys 1981)."""
    d = abs(d)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def _cubic(have: int, want: int, factor, align: bool) -> np.ndarray:
    """The weights (want, have) of cubic convolution."""
    at = _sources(have, want, factor, align)
    low = np.floor(at).astype(np.int64)
    out, rows = np.zeros((want, have)), np.arange(want)
    for offset in (-1, 0, 1, 2):
        np.add.at(out, (rows, np.clip(low + offset, 0, have - 1)), _keys(at - low - offset))
    return out


# Of the filters: how far they reach, and their weight at a distance.
FILTERS: dict[str, tuple[float, Callable]] = {
    "bilinear": (1.0, lambda d: np.maximum(1 - abs(d), 0)),
    "bicubic": (2.0, lambda d: _keys(d, -0.5)),
    "lanczos": (3.0, lambda d: np.where(abs(d) < 3, np.sinc(d) * np.sinc(d / 3), 0)),
}


def _filtered(have: int, want: int, factor, align: bool, reach: float, weight) -> np.ndarray:
    """The weights (want, have) of a filter that is as wide as what a sample of the result covers."""
    step = _step(have, want, factor, align)
    stretch = max(step, 1.0)
    centre = step * (np.arange(want) + 0.5)
    low = np.maximum((centre - reach * stretch + 0.5).astype(np.int64), 0)
    high = np.minimum((centre + reach * stretch + 0.5).astype(np.int64), have)
    at = np.arange(have)
    out = weight((at + 0.5 - centre[:, None]) / stretch)
    out = np.where((at >= low[:, None]) & (at < high[:, None]), out, 0)
    total = out.sum(1, keepdims=True)
    return out / np.where(total == 0, 1, total)


def _deprecated(name: str) -> None:
    warn(f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.")


def upsample(input, size=None, scale_factor=None, mode: str = "nearest", align_corners=None):
    """Deprecated name of `interpolate`."""
    _deprecated("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input, size=None, scale_factor=None):
    """Deprecated: `interpolate` in mode "nearest"."""
    _deprecated("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input, size=None, scale_factor=None):
    """Deprecated: `interpolate` in mode "bilinear" with align_corners=True."""
    _deprecated("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)

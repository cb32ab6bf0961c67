"""Sampling of images and volumes at given positions (spatial transformers, Jaderberg et al. 2015)."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np

from ... import dtypes
from ...autograd.casting import in_float32
from ...autograd.naming import shown
from ...autograd.places import beside
from ...autograd.tape import Variable, wrap
from ...backends.quiet import QUIET, enter, leave
from ...errors import warn
from ...tensor.creation import linspace
from ...tensor.products import matmul
from ...tensor.selection import where


def _default(align_corners) -> bool:
    if align_corners is None:
        warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please "
            "specify align_corners=True if the old behavior is desired. See the documentation of grid_sample for "
            "details."
        )
    return bool(align_corners)


def affine_grid(theta, size, align_corners=None):
    """The positions at which `grid_sample` makes affine images of `size` (N, C, *spatial).

    theta: (N, 2, 3) for images or (N, 3, 4) for volumes. Returns (N, *spatial, 2 or 3). align_corners: -1 and 1 are the
    centres of the border's pixels, not their edges. ValueError for another theta.
    """
    align = _default(align_corners)
    t = theta._array
    if t.dtype.kind not in "fV":
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    size = tuple(int(s) for s in size)
    n = len(size) - 2
    if n not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size "
            f"{tuple(size)}."
        )
    if t.ndim != 3 or t.shape[1:] != (n, n + 1):
        raise ValueError(
            f"Expected a batch of {n}D affine matrices of shape Nx{n}x{n + 1} for size {tuple(size)}. Got "
            f"{theta.shape}."
        )
    if min(size) < 1:
        raise ValueError(f"Expected non-zero, positive output size. Got {tuple(size)}")
    kind = np.dtype(np.float32) if t.dtype.kind == "V" else t.dtype
    lines = np.meshgrid(*(_line(s, align, kind) for s in size[2:]), indexing="ij")
    base = np.stack([*reversed(lines), np.ones(size[2:])], -1).reshape(1, prod(size[2:]), n + 1).astype(t.dtype)
    return matmul(beside(theta, base.repeat(size[0], 0)), theta.transpose(1, 2)).reshape(size[0], *size[2:], n)


def _line(count: int, align: bool, dtype: np.dtype) -> np.ndarray:
    """The positions of `count` pixels from -1 to 1.

    They are rounded as PyTorch rounds them: with the identity, samples lie on pixels, where the slope is another one on
    either side.
    """
    if count == 1:
        return np.zeros(1, dtype)
    line = linspace(-1, 1, count, dtype=dtypes.from_numpy(dtype))._array
    return line if align else line * dtype.type(count - 1) / dtype.type(count)


@in_float32
def grid_sample(input, grid, mode: str = "bilinear", padding_mode: str = "zeros", align_corners=None):
    """Images (N, C, H, W), or volumes (N, C, D, H, W), sampled at the positions grid (N, *output, 2 or 3).

    A position is (x, y) or (x, y, z), each from -1 to 1. mode: "bilinear", "nearest", or "bicubic" for images.
    padding_mode: what lies outside, "zeros", "border" or "reflection". align_corners: -1 and 1 are the centres of the
    border's pixels, not their edges. RuntimeError for shapes and dtypes that do not fit.
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    align = _default(align_corners)
    _check(input._array, grid._array, mode)
    sizes = input._array.shape[2:]
    places = []
    for i, size in enumerate(reversed(sizes)):
        at = grid[..., i]
        at = (at + 1) * ((size - 1) / 2) if align else ((at + 1) * size - 1) / 2
        if mode != "bicubic":
            at = _bounded(at, size, padding_mode, align)
            if padding_mode != "zeros":
                at = at.masked_fill(at.isnan(), 0)
        places.insert(0, at)
    if mode == "nearest":
        out = _picked(input, [np.rint(p._array) for p in places])
        # The grid has a gradient, though it is 0 wherever it exists.
        none = wrap(np.ones((), bool))
        out = out + grid.sum(-1).masked_fill(none, 0).unsqueeze(1) if grid.requires_grad else out
        return shown(out, f"GridSampler{len(sizes)}DBackward0")
    low = [np.floor(p._array) for p in places]
    shares = [p - wrap(b) for p, b in zip(places, low)]
    reach = (-1, 0, 1, 2) if mode == "bicubic" else (0, 1)
    weights = [[_weight(share, tap, mode).unsqueeze(1) for tap in reach] for share in shares]
    out = None
    for taps in product(range(len(reach)), repeat=len(sizes)):
        at = [b + reach[tap] for b, tap in zip(low, taps)]
        if mode == "bicubic":
            with np.errstate(invalid="ignore"):
                at = [_bounded(a, size, padding_mode, align) for a, size in zip(at, sizes)]
        term = _picked(input, at)
        for weight, tap in zip(weights, taps):
            term = term * weight[tap]
        out = term if out is None else out + term
    return shown(out, f"GridSampler{len(sizes)}DBackward0")


def _check(x, g, mode: str) -> None:
    shapes = f"got input with sizes {list(x.shape)} and grid with sizes {list(g.shape)}"
    if x.ndim not in (4, 5) or x.ndim != g.ndim:
        raise RuntimeError(
            f"grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but {shapes}"
        )
    if x.shape[0] != g.shape[0]:
        raise RuntimeError(f"grid_sampler(): expected grid and input to have same batch size, but {shapes}")
    if g.shape[-1] != x.ndim - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {x.ndim - 2} in last dimension, but got grid with sizes "
            f"{list(g.shape)}"
        )
    if 0 in x.shape[2:]:
        raise RuntimeError(f"grid_sampler(): expected input to have non-empty spatial dimensions, but {shapes}")
    if mode == "bicubic" and x.ndim != 4:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    if x.dtype.kind != "f" and x.dtype not in dtypes.HALF:
        raise NotImplementedError(
            f"grid_sample is not implemented for {x.dtype}. Use floating-point numbers: x.float()."
        )
    if x.dtype != g.dtype:
        raise RuntimeError(
            f"grid_sampler(): expected input and grid to have same dtype, but got {x.dtype} and {g.dtype}"
        )


def _bounded(at, size: int, padding: str, align: bool):
    """Positions brought inside as the padding says. For arrays and tensors alike."""
    if padding == "zeros":
        return at
    if padding == "reflection":
        low, high = (0.0, size - 1.0) if align else (-0.5, size - 0.5)
        span = high - low
        if span <= 0:
            return at * 0
        there = abs(at - low) % (2 * span)
        back = 2 * span - there
        at = (where(there < back, there, back) if isinstance(at, Variable) else np.minimum(there, back)) + low
    if not isinstance(at, Variable):
        return np.clip(at, 0, size - 1)
    # On the border itself the slope is that outside, 0, as in PyTorch.
    return where((at > 0) & (at < size - 1), at, at.detach().clamp(0, size - 1))


def _weight(share, tap: int, mode: str):
    """The weight of the element `tap` steps from the one below, for the fraction of a step that lies above it."""
    if mode != "bicubic":
        return share if tap else 1 - share
    d, a = abs(share - tap), -0.75
    if tap in (0, 1):
        return ((a + 2) * d - (a + 3)) * d * d + 1
    return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a


def _picked(input, places: list[np.ndarray]):
    """The elements (N, C, *output) at whole positions, zeros outside."""
    n, c, *sizes = input._array.shape
    flat, inside = np.zeros_like(places[0], np.int64), np.ones_like(places[0], bool)
    token = enter(QUIET)  # a position may be no number
    try:
        for at, size in zip(places, sizes):
            within = (at >= 0) & (at <= size - 1)
            flat = flat * size + np.where(within, at, 0).astype(np.int64)
            inside &= within
    finally:
        leave(token)
    output = flat.shape[1:]
    index = np.broadcast_to(flat.reshape(n, 1, prod(output)), (n, c, prod(output)))
    out = input.reshape(n, c, prod(sizes)).gather(2, wrap(index.copy())).reshape(n, c, *output)
    # Only NumPy's arrays are looked at: others are on a GPU, or not known while a step is captured.
    all_inside = inside.__class__ is np.ndarray and inside.all()
    return out if all_inside else where(wrap(inside[:, None]), out, 0.0)

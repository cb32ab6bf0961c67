"""Padding."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ...autograd import casting
from ...autograd.dispatch import apply
from ...autograd.naming import shown
from ...autograd.places import beside
from ...backends.cpu.layouts import is_channels_last
from ...backends.cpu.resampling import taps_at
from ...ops.indexing import put_part
from ...ops.resampling import resample
from ...tensor.selection import masked_fill

# What PyTorch calls the nodes; it writes a circular padding part by part.
NAMES = {
    "reflect": "ReflectionPad{}DBackward0",
    "replicate": "ReplicationPad{}DBackward0",
    "circular": "CopySlices",
}


def pad(input, pad, mode: str = "constant", value=None):
    """Elements added on both sides of the last dimensions: pad = (left, right) of the last, then of the one before, ...

    mode: "constant" (`value`, default 0), "reflect", "replicate" or "circular". Negative numbers crop, in mode
    "constant". RuntimeError for an odd number of numbers, too many, or more than a mode can take.
    """
    array = input._array
    pad = [int(p) for p in pad]
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(pad) // 2 > array.ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(pad)} and input of dimension {array.ndim}"
        )
    sides = [(pad[2 * i], pad[2 * i + 1]) for i in range(len(pad) // 2)][::-1]
    sides = [(0, 0)] * (array.ndim - len(sides)) + sides
    if mode == "constant":
        return _constant(input, sides, 0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if value:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if not (len(pad) // 2 in (1, 2, 3) and array.ndim - len(pad) // 2 in (1, 2)):
        raise NotImplementedError(
            f"Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now: mode {mode!r} pads the last "
            "1, 2 or 3 dimensions of a tensor with one or two more"
        )
    if mode != "circular" and 0 in array.shape[array.ndim - len(pad) // 2 - 1 :]:
        n = len(pad) // 2
        raise RuntimeError(
            f"Expected {n + 1}D or {n + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions "
            f"for input, but got: {list(array.shape)} (mode {mode!r})"
        )
    if array.dtype.kind == "b" and mode != "circular":
        raise NotImplementedError(f"\"{mode}_pad\" not implemented for 'Bool'. Convert it: x.byte().")
    if mode != "circular" and casting.scopes:
        (input,) = casting.widened(input)
    if input.is_floating_point():
        padded = range(min((i for i, side in enumerate(sides) if any(side)), default=array.ndim), array.ndim)
        if not padded:
            return input
        out = apply(resample, input, taps=tuple(_taps(array.shape[i], *sides[i], mode, i) for i in padded))
        return shown(out, NAMES[mode].format(len(pad) // 2))
    for axis, (before, after) in enumerate(sides):
        if before or after:
            input = input.index_select(axis, beside(input, _positions(array.shape[axis], before, after, mode, axis)))
    return input


def constant_pad_nd(input, pad, value=0):
    """`pad` in mode "constant"."""
    if len(pad) % 2:
        raise RuntimeError(f"Length of pad must be even but instead it equals {len(pad)}")
    return _pad(input, pad, "constant", value)


_pad = pad  # where `pad` is an argument's name


def _positions(n: int, before: int, after: int, mode: str, axis: int) -> np.ndarray:
    """Where each element of a padded dimension comes from."""
    if mode != "circular" and n + before + after < 1:
        raise RuntimeError(
            f"input is too small. Calculated output {n + before + after}: padding ({before}, {after}) at dimension {axis} "
            f"of input of size {n}"
        )
    at = np.arange(-before, n + after)
    if mode == "replicate":
        return np.clip(at, 0, n - 1)
    if mode == "circular":
        if before > n or after > n:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        if n + before + after < 0:
            raise RuntimeError(f"Negative padding value is resulting in an empty dimension: ({before}, {after}) of {n}")
        inner = np.arange(max(-before, 0), n - max(-after, 0))
        return inner[np.arange(-max(before, 0), len(inner) + max(after, 0)) % len(inner)]
    if before >= n or after >= n:
        raise RuntimeError(
            "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding "
            f"({before}, {after}) at dimension {axis} of input of size {n}"
        )
    at = np.abs(at)
    return np.where(at >= n, 2 * (n - 1) - at, at)


@lru_cache(256)
def _taps(n: int, before: int, after: int, mode: str, axis: int):
    """The same for `resample`; None if the dimension stays."""
    return taps_at(n, _positions(n, before, after, mode, axis)[None]) if before or after else None


def _constant(x, sides, value):
    """Crop where the numbers are negative, then put the rest into zeros, or into the value."""
    array = x._array
    if is_channels_last(array):
        # Seen in the order of memory, so that the result lies so, too.
        last = array.ndim - 1
        out = _constant(x.permute(0, *range(2, last + 1), 1), [sides[0], *sides[2:], sides[1]], value)
        return shown(out.permute(0, last, *range(1, last)), "ConstantPadNdBackward0")
    crop = tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(array.shape, sides))
    if any(a < 0 or b < 0 for a, b in sides):
        if any(s.stop - s.start < 0 for s in crop):
            raise RuntimeError(
                f"The input size {list(array.shape)}, plus negative padding, resulted in a negative output size"
            )
        x = x[crop]
    shape = tuple(n + a + b for n, (a, b) in zip(array.shape, sides))
    inner = tuple(slice(max(a, 0), max(a, 0) + n) for (a, _), n in zip(sides, x._array.shape))
    if all(a <= 0 and b <= 0 for a, b in sides):
        return shown(x.clone(), "ConstantPadNdBackward0")
    out = apply(put_part, x, shape=shape, index=inner)
    if value:
        outside = np.ones(shape, bool)
        outside[inner] = False
        out = masked_fill(out, beside(out, outside), value)
    return shown(out, "ConstantPadNdBackward0")

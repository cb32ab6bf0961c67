"""Images whose channels lie side by side in memory ("channels last"): which are, and results that keep it."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

__all__ = ["is_channels_last", "last_to_second", "lies_last", "second_to_last"]


def is_channels_last(x) -> bool:
    """Whether the strides of an array of images, 4 or 5 dimensions, say that its channels lie side by side.

    Strides decide where sizes of 1 leave the order open, as PyTorch's `suggest_memory_format` does: what could as well
    be in the order of its dimensions is.
    """
    ndim = x.ndim
    if ndim != 4 and ndim != 5:
        return False
    strides, shape = x.strides, x.shape
    least = strides[1]
    if least == 0:
        return False
    floor = 0
    for dim in (1, *range(ndim - 1, 1, -1), 0):
        if shape[dim] == 0 or strides[dim] < floor or (dim == 0 and floor == least):
            return False
        floor = strides[dim] * max(shape[dim], 1)
    return True


def lies_last(x: np.ndarray) -> bool:
    """Whether an array of images lies channels last, without gaps."""
    return is_channels_last(x) and second_to_last(x).flags.c_contiguous


def second_to_last(x):
    """A view with the channels, the second dimension, as the last one."""
    return x.transpose((0, *range(2, x.ndim), 1))


def last_to_second(x):
    """A view with the last dimension as the second one."""
    return x.transpose((0, x.ndim - 1, *range(1, x.ndim - 1)))


def laid_last(x: np.ndarray) -> np.ndarray:
    """The same elements with channels side by side."""
    if is_channels_last(x):
        return x
    # NumPy would keep strides of dimensions of size 1 that say something else.
    out = last_to_second(np.empty(second_to_last(x).shape, x.dtype))
    out[...] = x
    return out


def laid_out(x, last: bool):
    """An array with its channels last, or in the order of its dimensions, a copy if it lies otherwise; what is no array
    of NumPy's as it is."""
    if x.__class__ is not np.ndarray or is_channels_last(x) == last:
        return x
    return laid_last(x) if last else np.ascontiguousarray(x)


def in_given_order(images: int = 1) -> Callable:
    """A decorator of kernels: their results lie channels last where one of the first `images` arguments does."""

    def decorate(kernel: Callable) -> Callable:
        @functools.wraps(kernel)
        def call(*args):
            out = kernel(*args)
            for x in args[:images]:
                if is_channels_last(x):
                    return tuple(map(laid_last, out)) if isinstance(out, tuple) else laid_last(out)
            return out

        return call

    return decorate

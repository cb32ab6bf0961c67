"""Pooling over windows at random places (Graham 2014, "Fractional max-pooling")."""

from __future__ import annotations

import numpy as np

from ...autograd.dispatch import apply
from ...autograd.places import brought
from ...autograd.tape import wrap
from ...ops import pooling as ops
from ...tensor.random import rand
from .floating import needs_floating
from .sizes import per_dim


def _starts(samples: np.ndarray, size: int, window: int, count: int) -> np.ndarray:
    """Where the windows (..., count) along one dimension begin: a pseudo-random sequence for each sample (...)."""
    kind = samples.dtype.type
    starts = np.full_like(samples, size - window, np.int64, shape=(*samples.shape, count))
    if count > 1:
        step = kind(size - window) / kind(count - 1)
        u = samples[..., None]
        steps = brought(samples, np.arange(count - 1, dtype=samples.dtype))
        starts[..., :-1] = ((steps + u) * step).astype(np.int64) - (u * step).astype(np.int64)
    return starts


def _largest(x: np.ndarray, samples: np.ndarray, kernel: tuple, output: tuple) -> np.ndarray:
    """The flat positions (N, C, *output) of the largest elements of all windows."""
    n = len(kernel)
    sizes = x.shape[2:]
    # Of images the first number of a sample is for the width, of volumes for the depth.
    order = (1, 0) if n == 2 else (0, 1, 2)
    flat = np.zeros_like(x, np.int64, shape=(*x.shape[:2], *(1,) * (2 * n)))
    for d, (size, window, count) in enumerate(zip(sizes, kernel, output)):
        at = _starts(samples[..., order[d]], size, window, count)[..., None] + brought(x, np.arange(window))
        shape = [*x.shape[:2], *(1,) * (2 * n)]
        shape[2 + d], shape[2 + n + d] = count, window
        flat = flat * size + at.reshape(shape)
    if not x.size:
        return np.zeros_like(x, np.int64, shape=(*x.shape[:2], *output))
    windows = flat.reshape(*x.shape[:2], *output, -1)
    values = np.take_along_axis(x.reshape(*x.shape[:2], -1), windows.reshape(*x.shape[:2], -1), 2)
    best = values.reshape(windows.shape).argmax(-1)
    return np.take_along_axis(windows, best[..., None], -1)[..., 0]


def _output(n: int, name: str, spatial: tuple, output_size, output_ratio) -> tuple[int, ...]:
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if output_size is not None:
        return per_dim(output_size, n, "output_size", name)
    ratios = output_ratio if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * n
    if len(ratios) != n:
        raise ValueError(f"{name} requires output_ratio to either be a single Int or tuple of Ints.")
    return tuple(int(size * ratio) for size, ratio in zip(spatial, ratios))


def _pooled(n: int, name: str, input, kernel_size, output_size, output_ratio, samples):
    """(values, indices)"""
    x = input._array
    if x.ndim not in (n + 1, n + 2) or 0 in x.shape[x.ndim - n - 1 :]:
        raise (IndexError if x.ndim <= n else RuntimeError)(
            f"{name}: Expected {n + 1}D or {n + 2}D tensor with optional 0 dim batch size for input, but got: "
            f"{list(x.shape)}"
        )
    kernel = per_dim(kernel_size, n, "kernel_size", name)
    output = _output(n, name, x.shape[-n:], output_size, output_ratio)
    needs_floating("check_uniform_bounds", input)
    planes = (1 if x.ndim == n + 1 else x.shape[0], x.shape[-n - 1], n)
    if samples is None:
        samples = rand(*planes, dtype=input.dtype)
    if samples._array.dtype != x.dtype:
        raise RuntimeError("Expect _random_samples to have the same dtype as input")
    drawn = samples._array
    if drawn.ndim != 3 or drawn.shape[0] < planes[0] or drawn.shape[1:] != planes[1:]:
        raise RuntimeError(f"Expect _random_samples to have the shape {planes}; got {drawn.shape} ({name})")
    for size, window, count in zip(x.shape[-n:], kernel, output):
        if count + window - 1 > size or min(count, window) < 1:
            raise RuntimeError(
                f"{name}(): pool size {window} or output size {count} too large relative to input {size}"
            )
    batched = input if x.ndim == n + 2 else input.unsqueeze(0)
    drawn = drawn[: planes[0]] if x.dtype.kind == "f" else drawn[: planes[0]].astype(np.float32)
    where = wrap(_largest(batched._array, drawn, kernel, output))
    values = apply(ops.pooled_at, batched, where, shape=where._array.shape, windows=None)
    return (values, where) if x.ndim == n + 2 else (values.squeeze(0), where.squeeze(0))


def _fractional(n: int):
    name = f"fractional_max_pool{n}d"

    def function(input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None):
        found = _pooled(n, name, input, kernel_size, output_size, output_ratio, _random_samples)
        return found if return_indices else found[0]

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""The largest element of windows of kernel_size at random places over {n} dimensions.

    Of output_size (or the input's size times output_ratio); with return_indices also where they are. The places follow
    `manual_seed`. ValueError without a size, RuntimeError where the windows do not fit.
    """
    return function


fractional_max_pool2d, fractional_max_pool3d = _fractional(2), _fractional(3)


def fractional_max_pool2d_with_indices(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=True, _random_samples=None
):
    """`fractional_max_pool2d` with return_indices=True."""
    return fractional_max_pool2d(input, kernel_size, output_size, output_ratio, True, _random_samples)


def fractional_max_pool3d_with_indices(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=True, _random_samples=None
):
    """`fractional_max_pool3d` with return_indices=True."""
    return fractional_max_pool3d(input, kernel_size, output_size, output_ratio, True, _random_samples)

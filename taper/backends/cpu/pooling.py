"""Maximum and average pooling over the trailing spatial dimensions, and their gradients.

Arrays: x (N, C, *spatial), g (N, C, *output). `kernel`, `stride`, `padding` and `dilation` have one number for each
spatial dimension. An average is a sum taken dimension by dimension. A maximum goes over the taps of the kernel, one
strided slice for all windows together; where windows are cut off at a border, or their sizes differ (adaptive pooling),
a tap that would fall outside of its window repeats an element of it, which changes no maximum.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from math import prod
from typing import NamedTuple

import numpy as np

from .large import accelerated
from .layouts import in_given_order

__all__ = [
    "adaptive_avg_pool",
    "adaptive_avg_pool_grad",
    "adaptive_max_pool",
    "avg_pool",
    "avg_pool_grad",
    "max_pool",
    "max_pool_grad",
    "pool_output_shape",
    "pooled_at",
]

Sizes = tuple[int, ...]

NATIVE = 1 << 10
"""Elements, of an input or its gradient, from which pooling runs natively."""

# Elements handled at a time, so that what the taps read and compare stays in a core's L2 cache.
BLOCK = 1 << 17

# Beyond so many taps a call for each costs more than gathering whole windows.
MANY_TAPS = 64


def pool_output_shape(
    spatial: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> Sizes:
    """The spatial shape of a pooling's output.

    With `ceil_mode` a window may reach beyond the right padding, but must start inside the input or the left padding.
    RuntimeError for sizes that are not positive, for padding above half the kernel, and for an empty output.
    """
    if min(kernel) < 1:
        raise RuntimeError(f"pool: kernel size should be greater than zero, but got {kernel}")
    if min(stride) < 1:
        raise RuntimeError(f"pool: stride should not be zero, but got {stride}")
    if min(dilation) < 1:
        raise RuntimeError(f"pool: dilation should be greater than zero, but got {dilation}")
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation))
    if min(padding) < 0:
        raise RuntimeError(f"pool: pad must be non-negative, but got pad: {padding}")
    if any(p > r // 2 for p, r in zip(padding, reach)):
        raise RuntimeError(
            "pool: pad should be at most half of effective kernel size, "
            f"but got pad={padding}, kernel_size={kernel} and dilation={dilation}"
        )
    if any(p > k // 2 for p, k in zip(padding, kernel)):
        raise RuntimeError(
            f"pool: pad should be smaller than or equal to half of kernel size, but got pad={padding} and "
            f"kernel_size={kernel}: dilation does not widen the padding allowed"
        )
    output = []
    for n, r, s, p in zip(spatial, reach, stride, padding):
        size = (n + 2 * p - r + (s - 1 if ceil_mode else 0)) // s + 1
        output.append(size - 1 if ceil_mode and (size - 1) * s >= n + p else size)
    if min(output) < 1:
        raise RuntimeError(
            f"Given input size: ({'x'.join(map(str, spatial))}). Calculated output size: "
            f"({'x'.join(map(str, output))}). Output size is too small for kernel {kernel} with dilation {dilation} and "
            f"padding {padding} (pool)."
        )
    return tuple(output)


_large_input = functools.partial(accelerated, pays=lambda x, *rest: x.size >= NATIVE)
_large_gradient = functools.partial(accelerated, pays=lambda g, x_shape, *rest: prod(x_shape) >= NATIVE)


@in_given_order()
@_large_input
def max_pool(
    x: np.ndarray, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The maximum of each window and its position: (values of x's dtype, int64 indices), both (N, C, *output).

    An index is flat within its plane of x. The first maximum in row-major order wins; NaN counts as above everything,
    and then the last one wins, as in PyTorch. Padding is below everything. RuntimeError as `pool_output_shape`'s, and
    for a dilated window that holds padding alone.
    """
    spatial = x.shape[2:]
    output = pool_output_shape(spatial, kernel, stride, padding, dilation, ceil_mode)
    return _max_over(x, [_window_axis(*sizes) for sizes in zip(spatial, output, kernel, stride, padding, dilation)])


@in_given_order(2)
@functools.partial(accelerated, pays=lambda g, indices, x_shape, windows=None: windows and prod(x_shape) >= NATIVE)
def max_pool_grad(g: np.ndarray, indices: np.ndarray, x_shape: Sizes, windows=None) -> np.ndarray:
    """The gradient of the values of `max_pool` or `adaptive_max_pool` with respect to x: of shape x_shape.

    g, indices: (N, C, *output). Each element of g is added at the position that its index names. windows: of which
    windows the indices are, if that is known: (kernel, stride, padding, dilation), or "even" for adaptive pooling.
    """
    planes, size = prod(x_shape[:2]), prod(x_shape[2:])
    dx = np.zeros((planes, size), g.dtype)
    flat_g, flat_indices = (array.reshape(planes, prod(array.shape[2:])) for array in (g, indices))
    step = max(1, BLOCK // max(size, 1))
    for start in range(0, planes, step):
        block = dx[start : start + step].reshape(-1)
        places = flat_indices[start : start + step] + np.arange(0, block.size, size)[:, None]
        np.add.at(block, places.ravel(), flat_g[start : start + step].ravel())
    return dx.reshape(x_shape)


def pooled_at(x: np.ndarray, indices: np.ndarray, shape: Sizes, windows=None) -> np.ndarray:
    """The elements of x at indices flat within its planes, as `max_pool` gives them: of `shape`."""
    lead = x.shape[:2]
    flat, places = x.reshape(*lead, prod(x.shape[2:])), indices.reshape(*lead, prod(indices.shape[2:]))
    return np.take_along_axis(flat, places, 2).reshape(shape)


@in_given_order()
@_large_input
def adaptive_max_pool(x: np.ndarray, output_size: Sizes) -> tuple[np.ndarray, np.ndarray]:
    """The maximum over windows that divide x evenly into output_size: (values, indices) as `max_pool` gives them.

    Window i of n elements in m windows is [floor(i n / m), ceil((i + 1) n / m)). RuntimeError for an empty plane.
    """
    require_plane(x, "adaptive_max_pool")
    return _max_over(x, [_adaptive_axis(n, m) for n, m in zip(x.shape[2:], output_size)])


@in_given_order()
@_large_input
def avg_pool(
    x: np.ndarray,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> np.ndarray:
    """The sum of each window over its number of elements: (N, C, *output), of x's dtype.

    The number counts padding if `count_include_pad`, but never what lies beyond the padding; `divisor_override`
    replaces it. RuntimeError as `pool_output_shape`'s, and for a divisor of 0.
    """
    spatial = x.shape[2:]
    output = pool_output_shape(spatial, kernel, stride, padding, (1,) * len(kernel), ceil_mode)
    count = divisor(spatial, output, kernel, stride, padding, count_include_pad, divisor_override, x.dtype)
    sums = x
    for axis, (n, m, k, s, p) in enumerate(zip(spatial, output, kernel, stride, padding), 2):
        total = np.zeros((*sums.shape[:axis], m, *sums.shape[axis + 1 :]), x.dtype)
        for tap in range(k):
            there, here = _overlap(n, m, tap, s, p)
            total[_along(axis, there)] += sums[_along(axis, here)]
        sums = total
    return np.divide(sums, count, out=sums)


@in_given_order()
@_large_gradient
def avg_pool_grad(
    g: np.ndarray,
    x_shape: Sizes,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    count_include_pad: bool,
    divisor_override: int | None,
) -> np.ndarray:
    """The gradient of `avg_pool` with respect to x: of shape x_shape, of g's dtype. g's shape tells the ceil_mode."""
    spatial, output = x_shape[2:], g.shape[2:]
    dx = g / divisor(spatial, output, kernel, stride, padding, count_include_pad, divisor_override, g.dtype)
    for axis, (n, m, k, s, p) in enumerate(zip(spatial, output, kernel, stride, padding), 2):
        total = np.zeros((*dx.shape[:axis], n, *dx.shape[axis + 1 :]), g.dtype)
        for tap in range(k):
            there, here = _overlap(n, m, tap, s, p)
            total[_along(axis, here)] += dx[_along(axis, there)]
        dx = total
    return dx


@in_given_order()
@_large_input
def adaptive_avg_pool(x: np.ndarray, output_size: Sizes) -> np.ndarray:
    """The mean over windows that divide x evenly into output_size: (N, C, *output_size), of x's dtype.

    The windows are those of `adaptive_max_pool`. RuntimeError for an empty plane.
    """
    require_plane(x, "adaptive_avg_pool")
    spatial = x.shape[2:]
    if all(m and n % m == 0 for n, m in zip(spatial, output_size)):
        split = [size for n, m in zip(spatial, output_size) for size in (m, n // m)]
        sums = x.reshape(*x.shape[:2], *split).sum(tuple(range(3, 2 + len(split), 2)), dtype=x.dtype)
    else:
        sums = x
        for axis, (n, m) in enumerate(zip(spatial, output_size), 2):
            total = np.empty((*sums.shape[:axis], m, *sums.shape[axis + 1 :]), x.dtype)
            for i, window in enumerate(_adaptive_windows(n, m)):
                total[_along(axis, i)] = sums[_along(axis, window)].sum(axis)
            sums = total
    return np.divide(sums, adaptive_divisor(spatial, output_size, x.dtype), out=sums)


@in_given_order()
@_large_gradient
def adaptive_avg_pool_grad(g: np.ndarray, x_shape: Sizes) -> np.ndarray:
    """The gradient of `adaptive_avg_pool` with respect to x: of shape x_shape, of g's dtype."""
    dx = g / adaptive_divisor(x_shape[2:], g.shape[2:], g.dtype)
    for axis, (n, m) in enumerate(zip(x_shape[2:], g.shape[2:]), 2):
        total = np.zeros((*dx.shape[:axis], n, *dx.shape[axis + 1 :]), g.dtype)
        for i, window in enumerate(_adaptive_windows(n, m)):
            total[_along(axis, window)] += dx[_along(axis, slice(i, i + 1))]
        dx = total
    return dx


class _Axis(NamedTuple):
    """The windows along one dimension. positions[t, i] is the element that tap t of window i reads."""

    positions: np.ndarray
    selectors: list[slice] | list[np.ndarray]  # what picks, for each tap, its elements out of the dimension
    regular: bool  # positions[t, i] is a summand for t plus a summand for i


def _window_axis(n: int, m: int, kernel: int, stride: int, padding: int, dilation: int) -> _Axis:
    offsets = np.arange(kernel) * dilation
    positions = offsets[:, None] + (np.arange(m) * stride - padding)
    if positions[0, 0] >= 0 and positions[-1, -1] < n:
        return _Axis(positions, [slice(o, o + (m - 1) * stride + 1, stride) for o in offsets.tolist()], True)
    require_elements(n, m, kernel, stride, padding, dilation)
    inside = (positions >= 0) & (positions < n)
    low = np.where(inside, positions, n).min(0)
    high = np.where(inside, positions, -1).max(0)
    positions = np.clip(positions, low, high)
    return _Axis(positions, list(positions), False)


def require_elements(n: int, m: int, kernel: int, stride: int, padding: int, dilation: int) -> None:
    """RuntimeError if a window along one dimension holds nothing but padding."""
    positions = np.arange(kernel)[:, None] * dilation + (np.arange(m) * stride - padding)
    if not ((positions >= 0) & (positions < n)).any(0).all():
        raise RuntimeError(
            f"max_pool: a window of kernel size {kernel} and dilation {dilation} holds no element of an input of size "
            f"{n} with padding {padding}. Use a smaller dilation or padding."
        )


def _adaptive_axis(n: int, m: int) -> _Axis:
    if m and n % m == 0:
        return _window_axis(n, m, n // m, n // m, 0, 1)
    windows = _adaptive_windows(n, m)
    taps = range(max((window.stop - window.start for window in windows), default=1))
    positions = np.array([[min(w.start + t, w.stop - 1) for w in windows] for t in taps], np.int64)
    return _Axis(positions, list(positions), False)


def _max_over(x, axes: list[_Axis]) -> tuple[np.ndarray, np.ndarray]:
    spatial = x.shape[2:]
    output = tuple(axis.positions.shape[1] for axis in axes)
    planes = x.reshape(prod(x.shape[:2]), *spatial)
    values = np.empty((len(planes), *output), x.dtype)
    indices = np.empty(values.shape, np.int64)
    taps, windows = prod(len(axis.selectors) for axis in axes), prod(output)
    many = taps > MANY_TAPS
    flat = _flat_positions(axes, spatial)
    regular = all(axis.regular for axis in axes)
    step = max(1, BLOCK // max(1, taps * windows if many else prod(spatial)))
    for start in range(0, len(planes), step):
        block = planes[start : start + step]
        found = values[start : start + step]
        if many:
            chosen = _choose_in_windows(block, flat, found)
        else:
            chosen = _choose_by_taps([np.ascontiguousarray(tap) for tap in _taps(block, axes)], found)
        chosen = chosen.reshape(len(block), windows)
        if regular:
            place = np.take(flat[:, :1] - flat[:1, :1], chosen) + flat[:1]
        else:
            place = flat.take(chosen * np.int64(windows) + np.arange(windows))
        indices[start : start + step] = place.reshape(found.shape)
    return values.reshape(*x.shape[:2], *output), indices.reshape(*x.shape[:2], *output)


def _choose_by_taps(taps: list[np.ndarray], values: np.ndarray) -> np.ndarray:
    """Write the maximum of the taps into values; return which tap holds it."""
    values[...] = taps[0]
    chosen = np.zeros(values.shape, np.uint8)
    for number, tap in enumerate(taps[1:], 1):
        # The tap that last exceeded all before it: numbers grow, so a maximum keeps it without a masked write.
        better = np.greater(tap, values).view(np.uint8)
        np.maximum(values, tap, out=values)
        np.multiply(better, np.uint8(number), out=better)
        np.maximum(chosen, better, out=chosen)
    if np.isnan(values).any():
        for number, tap in enumerate(taps):
            chosen[np.isnan(tap)] = number
    return chosen


def _choose_in_windows(block: np.ndarray, flat: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Write the maximum of each window into values; return which tap holds it. flat: (taps, windows) positions."""
    windows = block.reshape(len(block), -1).take(flat.T, 1)
    chosen = windows.argmax(-1)
    result = np.take_along_axis(windows, chosen[..., None], -1)[..., 0]
    missing = np.isnan(result)
    if missing.any():
        rows = windows[missing]
        chosen[missing] = rows.shape[1] - 1 - np.isnan(rows)[:, ::-1].argmax(1)
    values[...] = result.reshape(values.shape)
    return chosen


def _taps(block: np.ndarray, axes: list[_Axis], axis: int = 0) -> Iterator[np.ndarray]:
    """The elements of one tap of all windows, tap after tap in row-major order."""
    if axis == len(axes):
        yield block
        return
    for selector in axes[axis].selectors:
        part = block[_along(axis + 1, selector)] if isinstance(selector, slice) else block.take(selector, axis + 1)
        yield from _taps(part, axes, axis + 1)


def _flat_positions(axes: list[_Axis], spatial: Sizes) -> np.ndarray:
    """The position within the flat plane that each tap reads for each window: (taps, windows)."""
    flat = np.zeros((1, 1), np.int64)
    for axis, n in zip(axes, spatial):
        wide = flat[:, None, :, None] * n + axis.positions[None, :, None, :]
        flat = wide.reshape(wide.shape[0] * wide.shape[1], -1)
    return flat


def _overlap(n: int, m: int, tap: int, stride: int, padding: int) -> tuple[slice, slice]:
    """The windows of m whose tap lies inside n elements, and the elements that it reads there."""
    first = max(0, -((tap - padding) // stride))
    last = min(m, (n - 1 - tap + padding) // stride + 1)
    if last <= first:
        return slice(0, 0), slice(0, 0)
    start = first * stride + tap - padding
    return slice(first, last), slice(start, start + (last - first - 1) * stride + 1, stride)


def divisor(spatial, output, kernel, stride, padding, count_include_pad, divisor_override, dtype) -> np.ndarray:
    """The divisors of average pooling, of shape (*output) or ()."""
    if divisor_override is not None:
        if divisor_override == 0:
            raise RuntimeError("avg_pool: divisor must be not zero, but got divisor_override=0")
        return np.array(divisor_override, dtype)
    counts = []
    for n, m, k, s, p in zip(spatial, output, kernel, stride, padding):
        start = np.arange(m) * s - p
        stop = np.minimum(start + k, n + p)
        counts.append(stop - start if count_include_pad else np.minimum(stop, n) - np.maximum(start, 0))
    return _outer(counts, dtype)


def adaptive_divisor(spatial: Sizes, output: Sizes, dtype) -> np.ndarray:
    counts = [np.array([w.stop - w.start for w in _adaptive_windows(n, m)]) for n, m in zip(spatial, output)]
    return _outer(counts, dtype)


def _outer(counts: list[np.ndarray], dtype) -> np.ndarray:
    result = np.ones((), np.int64)
    for count in counts:
        result = result[..., None] * count
    return result.astype(dtype)


def _adaptive_windows(n: int, m: int) -> list[slice]:
    return [slice(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]


def _along(axis: int, selector) -> tuple:
    return (slice(None),) * axis + (selector,)


def require_plane(x: np.ndarray, operator: str) -> None:
    if 0 in x.shape[2:]:
        raise RuntimeError(
            f"{operator}: Expected input to have non-zero size for non-batch dimensions, but input has shape {x.shape}"
        )

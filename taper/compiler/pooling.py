"""Pooling of symbols, as the CPU namespace has it: nodes over windows, which the rest reshapes."""

from __future__ import annotations

import math

import numpy as np

from ..backends import cpu
from ..backends.cpu import pooling as kernels
from ..backends.cpu.resampling import taps_at, transposed
from .computing import applied, reduced
from .graph import Node
from .layouts import lying_last, second_to_last
from .positions import flat_scatter, take_along
from .recording import graph
from .resampling import resample
from .symbol import Symbol, made, node_for, symbol_of
from .windows import Axes, Axis, Even

__all__ = [
    "adaptive_avg_pool",
    "adaptive_avg_pool_grad",
    "adaptive_max_pool",
    "avg_pool",
    "avg_pool_grad",
    "max_pool",
    "max_pool_grad",
    "pooled_at",
]

LONG = 16
"""Elements of a window along the last dimension from which sums of windows that lie side by side are sums of rows."""


def max_pool(x, kernel, stride, padding, dilation, ceil_mode):
    axes = _axes(x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    for axis in axes:
        kernels.require_elements(*axis)
    return _largest(x, axes)


def adaptive_max_pool(x, output_size):
    kernels.require_plane(x, "adaptive_max_pool")
    return _largest(x, _even(x.shape[2:], output_size))


def _largest(x, axes: Axes):
    g, shape = graph(), (*x.shape[:2], *(a.m for a in axes))
    if cpu.is_channels_last(x):
        axes, node, shape = _last(x, axes)
        values = g.cast(g.reshape(g.window("window_max", axes, node), shape), x.dtype)
        places = g.cast(g.reshape(g.window("window_place", axes, node), shape), np.int64)
        places = g.elementwise("floor_divide", places, g.scalar(x.shape[1], np.int64)) if x.shape[1] > 1 else places
        return lying_last(g, values), lying_last(g, places)
    node = g.cast(x.node(), np.float32) if _is_half(x) else x.node()
    values = g.cast(g.reshape(g.window("window_max", axes, node), shape), x.dtype)
    places = g.reshape(g.window("window_place", axes, node), shape)
    return made(values), made(g.cast(places, np.int64))


def _last(x, axes: Axes) -> tuple[Axes, Node, tuple[int, ...]]:
    """The windows of images with channels last, one channel to each along that dimension; the images as a node, widened;
    the shape of what windows give."""
    g, channels = graph(), x.shape[1]
    node = second_to_last(g, x.node())
    node = g.cast(node, np.float32) if _is_half(x) else node
    return (*axes, Axis(channels, channels, 1, 1, 0, 1)), node, (x.shape[0], *(a.m for a in axes), channels)


def max_pool_grad(g, indices, x_shape, windows):
    """windows: where the indices come from, as the operator says."""
    n, x_shape = graph(), tuple(x_shape)
    g, indices = symbol_of(g), symbol_of(indices)
    planes, size = math.prod(x_shape[:2]), math.prod(x_shape[2:])
    if windows is None:
        at = applied(np.add, (indices.reshape(planes, -1), np.arange(0, planes * size, max(size, 1))[:, None])).node()
        flat = flat_scatter(n.reshape(g.node(), (g.size,)), n.reshape(at, (g.size,)), planes * size)
        return made(n.reshape(flat, x_shape))
    if windows == "even":
        axes = _even(x_shape[2:], g.shape[2:])
    else:
        axes = _regular(x_shape[2:], g.shape[2:], *windows)
    places = node_for(indices)
    if cpu.is_channels_last(g) or cpu.is_channels_last(indices):
        channels = x_shape[1]
        axes, node, _ = _last(g, axes)
        here = second_to_last(n, places)
        numbers = n.constant(np.arange(channels, dtype=np.int64))
        here = n.elementwise("multiply", here, n.scalar(channels, np.int64))
        here = n.cast(n.elementwise("add", here, numbers), np.int32)
        made_last = n.window("window_put", axes, node, here)
        lying = (x_shape[0], *x_shape[2:], channels)
        return lying_last(n, n.cast(n.reshape(made_last, lying), g.dtype))
    if places.op == "cast" and places.inputs[0].dtype == np.int32:
        places = places.inputs[0]
    node = n.window("window_put", axes, n.cast(g.node(), np.float32) if _is_half(g) else g.node(), places)
    return made(n.cast(n.reshape(node, x_shape), g.dtype))


def pooled_at(x, indices, shape, windows=None):
    lead = x.shape[:2]
    flat, places = x.reshape(*lead, math.prod(x.shape[2:])), indices.reshape(*lead, math.prod(indices.shape[2:]))
    return take_along(flat, places, 2).reshape(tuple(shape))


def avg_pool(x, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override):
    axes = _axes(x.shape[2:], kernel, stride, padding, (1,) * len(kernel), ceil_mode)
    divisor = _divisor(x, axes, count_include_pad, divisor_override)
    return _sums(x, axes) / divisor


def avg_pool_grad(g, x_shape, kernel, stride, padding, count_include_pad, divisor_override):
    axes = _regular(x_shape[2:], g.shape[2:], kernel, stride, padding, (1,) * len(kernel))
    return _spread(g / _divisor(g, axes, count_include_pad, divisor_override), axes, x_shape)


def _divisor(x, axes: Axes, count_include_pad, divisor_override):
    n, m, kernel, stride, padding, _ = zip(*axes)
    return _plain(kernels.divisor(n, m, kernel, stride, padding, count_include_pad, divisor_override, x.dtype))


def adaptive_avg_pool(x, output_size):
    kernels.require_plane(x, "adaptive_avg_pool")
    axes = _even(x.shape[2:], output_size)
    return _sums(x, axes) / _plain(kernels.adaptive_divisor(x.shape[2:], tuple(output_size), x.dtype))


def adaptive_avg_pool_grad(g, x_shape):
    divisor = _plain(kernels.adaptive_divisor(x_shape[2:], g.shape[2:], g.dtype))
    return _spread(g / divisor, _even(x_shape[2:], g.shape[2:]), x_shape)


def _plain(divisor: np.ndarray):
    """Divisors that are all equal as one."""
    return divisor.flat[0] if divisor.size and (divisor == divisor.flat[0]).all() else divisor


def _sums(x, axes: Axes) -> Symbol:
    if cpu.is_channels_last(x):
        g = graph()
        axes, node, shape = _last(x, axes)
        return lying_last(g, g.cast(g.reshape(g.window("window_sum", axes, node), shape), x.dtype))
    if any(isinstance(a, Even) for a in axes):
        return resample(x, _taps(axes))
    g, shape = graph(), (*x.shape[:2], *(a.m for a in axes))
    if _in_rows(axes) and not _is_half(x):
        cut = x[(..., *[slice(a.m * a.kernel) for a in axes])]
        split = [size for a in axes for size in (a.m, a.kernel)]
        gone = tuple(range(3, 2 + len(split), 2))
        return reduced("sum", cut.reshape(*x.shape[:2], *split), gone, False)
    node = g.cast(x.node(), np.float32) if _is_half(x) else x.node()
    return made(g.cast(g.reshape(g.window("window_sum", axes, node), shape), x.dtype))


def _spread(g, axes: Axes, x_shape) -> Symbol:
    if cpu.is_channels_last(g):
        n, lying = graph(), (x_shape[0], *x_shape[2:], x_shape[1])
        axes, node, _ = _last(g, axes)
        return lying_last(n, n.cast(n.reshape(n.window("window_spread", axes, node), lying), g.dtype))
    if any(isinstance(a, Even) for a in axes):
        return resample(g, tuple(map(transposed, _taps(axes))))
    n, x_shape = graph(), tuple(x_shape)
    if _in_rows(axes) and all(a.m * a.kernel == a.n for a in axes):
        apart = [size for a in axes for size in (a.m, 1)]
        split = [size for a in axes for size in (a.m, a.kernel)]
        wide = n.expand(n.reshape(g.node(), (*x_shape[:2], *apart)), (*x_shape[:2], *split))
        return made(n.reshape(wide, x_shape))
    node = n.window("window_spread", axes, n.cast(g.node(), np.float32) if _is_half(g) else g.node())
    return made(n.cast(n.reshape(node, x_shape), g.dtype))


def _taps(axes: Axes) -> tuple:
    return tuple(taps_at(a.n, a.positions()) for a in axes)


def _in_rows(axes: Axes) -> bool:
    """Whether windows lie side by side, and long enough along the last dimension (or alone in it) to be rows."""
    regular = [a for a in axes if isinstance(a, Axis)]
    if len(regular) < len(axes) or any((a.stride, a.padding, a.dilation) != (a.kernel, 0, 1) for a in regular):
        return False
    return all(a.m * a.kernel <= a.n for a in regular) and (regular[-1].m == 1 or regular[-1].kernel >= LONG)


def _axes(spatial, kernel, stride, padding, dilation, ceil_mode) -> Axes:
    output = cpu.pool_output_shape(spatial, kernel, stride, padding, dilation, ceil_mode)
    return _regular(spatial, output, kernel, stride, padding, dilation)


def _regular(*sizes) -> Axes:
    return tuple(Axis(*map(int, one)) for one in zip(*sizes))


def _even(spatial, output) -> Axes:
    return tuple(Axis(n, m, n // m, n // m, 0, 1) if m and n % m == 0 else Even(n, m) for n, m in zip(spatial, output))


def _is_half(x) -> bool:
    return x.dtype.name in ("float16", "bfloat16")

"""What layers compute in evaluation, as links of a chain: a formula over an array namespace, its arrays and its options.

A link is (formula, arrays, options): the layer gives `formula(xp, x, *arrays, *options)`. `AFTER` tells of each formula
what shape comes out. Only what a program can join is here; a layer that is set up in any other way has no link.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from ...backends.cpu.pooling import pool_output_shape, require_elements
from ...ops import activation as activations
from ...ops import elementwise
from ..module import Module
from .activation import Hardswish, Hardtanh, LeakyReLU, ReLU, ReLU6, Sigmoid, SiLU, Tanh
from .batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from .conv import Conv1d, Conv2d, Conv3d
from .dropout import Dropout, Dropout1d, Dropout2d, Dropout3d
from .flatten import Flatten
from .linear import Identity, Linear
from .pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
)

Shape = tuple[int, ...]
Link = tuple[Callable, tuple, tuple]


def is_plain(module: Module) -> bool:
    """Whether calling a module is what its class says, and no more."""
    held = module.__dict__
    return not (
        held["_forward_hooks"]
        or held["_forward_pre_hooks"]
        or held["_backward_hooks"]
        or held["_backward_pre_hooks"]
        or "_compiled_call" in held
        or "forward" in held
    )


# Formulas.


def convolved(xp, x, w, b, *sizes):
    return xp.conv(x, w, *sizes, b)


def normed(xp, x, mean, variance, weight, bias, eps, dims):
    return xp.batch_norm_by(x, mean, variance, weight, bias, eps)


def activated(xp, x, function, options):
    return function(xp, x, **dict(options))


def mapped(xp, x, w, b):
    return xp.affine(x, w, b)


def flattened(xp, x):
    return xp.reshape(x, (x.shape[0], prod(x.shape[1:])))


def same(xp, x):
    return x


def added(xp, x, other):
    return xp.add(x, other)


def largest(xp, x, kernel, stride, padding, dilation, ceil_mode):
    return xp.max_pool(x, kernel, stride, padding, dilation, ceil_mode)[0]


def averaged(xp, x, kernel, stride, padding, ceil_mode, include_pad, divisor):
    return xp.avg_pool(x, kernel, stride, padding, ceil_mode, include_pad, divisor)


def averaged_to(xp, x, size):
    return xp.adaptive_avg_pool(x, size)


# Links of layers.


def _conv(m) -> Link | None:
    held, sizes = m._parameters, (m.stride, m.padding, m.dilation)
    if "weight" not in held or m.padding_mode != "zeros" or any([size.__class__ is not tuple for size in sizes]):
        return None
    bias = held["bias"]
    return convolved, (held["weight"]._array, None if bias is None else bias._array), (*sizes, m.groups)


def _norm(*dims: int):
    def link(m) -> Link | None:
        held, buffers = m._parameters, m._buffers
        mean, variance = buffers["running_mean"], buffers["running_var"]
        if m.training or mean is None or variance is None or "weight" not in held:
            return None
        affine = [None if p is None else p._array for p in (held["weight"], held["bias"])]
        return normed, (mean._array, variance._array, *affine), (m.eps, dims)

    return link


def _activation(function: Callable, options: Callable[[Any], tuple] = lambda m: ()):
    return lambda m: (activated, (), (function, options(m)))


def _linear(m) -> Link | None:
    held = m._parameters
    if "weight" not in held:
        return None
    bias = held["bias"]
    return mapped, (held["weight"]._array, None if bias is None else bias._array), ()


def _flatten(m) -> Link | None:
    return (flattened, (), ()) if m.start_dim == 1 and m.end_dim == -1 else None


def _dropout(m) -> Link | None:
    return None if m.training else (same, (), ())


def _sizes(n: int, *values) -> list[Shape] | None:
    """A number for each of n dimensions, of each of several sizes; None where they are given in any other way."""
    found = [(v,) * n if v.__class__ is int else v for v in values]
    return None if any([v.__class__ is not tuple or len(v) != n for v in found]) else found


def _max_pool(n: int):
    def link(m) -> Link | None:
        sizes = _sizes(n, m.kernel_size, m.stride, m.padding, m.dilation)
        return None if sizes is None or m.return_indices else (largest, (), (*sizes, bool(m.ceil_mode)))

    return link


def _avg_pool(n: int):
    def link(m) -> Link | None:
        sizes = _sizes(n, m.kernel_size, m.stride, m.padding)
        if sizes is None:
            return None
        return (
            averaged,
            (),
            (*sizes, bool(m.ceil_mode), bool(m.count_include_pad), getattr(m, "divisor_override", None)),
        )

    return link


def _adaptive_pool(n: int):
    def link(m) -> Link | None:
        sizes = _sizes(n, m.output_size)
        return None if sizes is None else (averaged_to, (), (sizes[0],))

    return link


LINKS: dict[type, Callable[[Any], Link | None]] = {
    Conv1d: _conv,
    Conv2d: _conv,
    Conv3d: _conv,
    BatchNorm1d: _norm(2, 3),
    BatchNorm2d: _norm(4),
    BatchNorm3d: _norm(5),
    ReLU: _activation(activations.relu.forward),
    ReLU6: _activation(activations.hardtanh.forward, lambda m: (("low", m.min_val), ("high", m.max_val))),
    Hardtanh: _activation(activations.hardtanh.forward, lambda m: (("low", m.min_val), ("high", m.max_val))),
    SiLU: _activation(activations.silu.forward),
    Hardswish: _activation(activations.hardswish.forward),
    LeakyReLU: _activation(activations.leaky_relu.forward, lambda m: (("slope", m.negative_slope),)),
    Sigmoid: _activation(elementwise.sigmoid.forward),
    Tanh: _activation(elementwise.tanh.forward),
    Linear: _linear,
    Flatten: _flatten,
    Identity: lambda m: (same, (), ()),
    Dropout: _dropout,
    Dropout1d: _dropout,
    Dropout2d: _dropout,
    Dropout3d: _dropout,
    MaxPool1d: _max_pool(1),
    MaxPool2d: _max_pool(2),
    MaxPool3d: _max_pool(3),
    AvgPool1d: _avg_pool(1),
    AvgPool2d: _avg_pool(2),
    AvgPool3d: _avg_pool(3),
    AdaptiveAvgPool1d: _adaptive_pool(1),
    AdaptiveAvgPool2d: _adaptive_pool(2),
    AdaptiveAvgPool3d: _adaptive_pool(3),
}
"""By class: a layer's link, or None."""

FIRST = frozenset([Conv1d, Conv2d, Conv3d, BatchNorm1d, BatchNorm2d, BatchNorm3d])
"""What chains begin with: layers that never write to their input."""

MERGED = frozenset([normed, activated, added, flattened, same])
"""Formulas that a program computes with what is before them: nothing between is ever in memory."""


# Shapes.


def _after_conv(shape: Shape, sizes, stride, padding, dilation, groups) -> Shape | None:
    w, b = sizes
    n = len(w) - 2
    if len(shape) != n + 2 or n != len(stride) or shape[1] != w[1] * groups or w[0] % groups or b not in (None, w[:1]):
        return None
    reach = [d * (k - 1) + 1 for k, d in zip(w[2:], dilation)]
    if any(p < 0 or i + 2 * p < r for i, r, p in zip(shape[2:], reach, padding)):
        return None
    return shape[0], w[0], *((i + 2 * p - r) // s + 1 for i, r, p, s in zip(shape[2:], reach, padding, stride))


def _after_norm(shape: Shape, sizes, eps, dims) -> Shape | None:
    return shape if len(shape) in dims and all(size in (None, shape[1:2]) for size in sizes) else None


def _after_linear(shape: Shape, sizes) -> Shape | None:
    w, b = sizes
    return (shape[0], w[0]) if len(shape) == len(w) == 2 and shape[1] == w[1] and b in (None, w[:1]) else None


def _after_max(shape: Shape, sizes, kernel, stride, padding, dilation, ceil_mode) -> Shape | None:
    if len(shape) != len(kernel) + 2:
        return None
    output = pool_output_shape(shape[2:], kernel, stride, padding, dilation, ceil_mode)
    for axis in zip(shape[2:], output, kernel, stride, padding, dilation):
        require_elements(*axis)
    return *shape[:2], *output


def _after_average(shape: Shape, sizes, kernel, stride, padding, ceil_mode, include_pad, divisor) -> Shape | None:
    if len(shape) != len(kernel) + 2 or divisor == 0:
        return None
    return *shape[:2], *pool_output_shape(shape[2:], kernel, stride, padding, (1,) * len(kernel), ceil_mode)


def _after_adaptive(shape: Shape, sizes, size) -> Shape | None:
    return (*shape[:2], *size) if len(shape) == len(size) + 2 and min(size) > 0 else None


AFTER: dict[Callable, Callable[..., Shape | None]] = {
    convolved: _after_conv,
    normed: _after_norm,
    mapped: _after_linear,
    activated: lambda shape, *rest: shape,
    added: lambda shape, sizes: shape if sizes == (shape,) else None,
    same: lambda shape, *rest: shape,
    flattened: lambda shape, *rest: (shape[0], prod(shape[1:])) if len(shape) > 1 else None,
    largest: _after_max,
    averaged: _after_average,
    averaged_to: _after_adaptive,
}
"""By formula: `after(shape, shapes of the arrays, *options)`, the shape that comes out; None where it does not fit."""

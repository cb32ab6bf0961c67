"""Layers called one after the other: where nothing is recorded, a convolution takes the norm and the activation behind it
into its own kernel.

What the layers between would give is then never in memory, which is what a network of many small layers spends its time
on. It happens only where nobody could see those tensors: exact classes without hooks, in evaluation, outside of autocast
and profiles. Everything else is called layer by layer.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from ...autograd import casting
from ...autograd.modes import is_grad_enabled
from ...autograd.tape import wrap
from ...backends.cpu.convolution import NATIVE
from ...backends.cpu.large import Native
from ...backends.cpu.layouts import is_channels_last
from ...dtypes import float32, float64
from ...ops import activation as ops
from ..hooks import EVERYWHERE
from ..module import Module
from .activation import Hardswish, Hardtanh, LeakyReLU, ReLU, ReLU6, SiLU
from .batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from .conv import Conv1d, Conv2d, Conv3d

_NORMS = {Conv1d: BatchNorm1d, Conv2d: BatchNorm2d, Conv3d: BatchNorm3d}
_ACTIVATIONS: dict[type, tuple[Callable, Callable[[Any], tuple]]] = {
    ReLU: (ops.relu.forward, lambda m: ()),
    ReLU6: (ops.hardtanh.forward, lambda m: (("low", m.min_val), ("high", m.max_val))),
    Hardtanh: (ops.hardtanh.forward, lambda m: (("low", m.min_val), ("high", m.max_val))),
    SiLU: (ops.silu.forward, lambda m: ()),
    Hardswish: (ops.hardswish.forward, lambda m: ()),
    LeakyReLU: (ops.leaky_relu.forward, lambda m: (("slope", m.negative_slope),)),
}
"""Activations by class: what they compute, and with which options."""


def called_in_turn(modules: Sequence[Module], x):
    """The last module's output: each is called with the output of the one before."""
    if is_grad_enabled() or Native.run is None or casting.scopes or EVERYWHERE.calls or sys.getprofile() is not None:
        for module in modules:
            x = module(x)
        return x
    at, count = 0, len(modules)
    while at < count:
        module = modules[at]
        at += 1
        kind = _NORMS.get(module.__class__)
        if kind is not None and at < count and _is_plain(module):
            norm = activation = None
            after = at
            if modules[after].__class__ is kind and _is_plain(modules[after]) and _is_fixed(modules[after]):
                norm = modules[after]
                after += 1
            if after < count and modules[after].__class__ in _ACTIVATIONS and _is_plain(modules[after]):
                activation = modules[after]
                after += 1
            made = _joined(x, module, norm, activation) if after > at else None
            if made is not None:
                x, at = made, after
                continue
        x = module(x)
    return x


def _is_plain(module: Module) -> bool:
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


def _is_fixed(norm) -> bool:
    """Whether a batch norm goes by its running statistics."""
    buffers = norm._buffers
    return not norm.training and buffers["running_mean"] is not None and buffers["running_var"] is not None


def _joined(x, conv, norm, activation):
    """The three in one kernel; None where they do not fit together, or are too small to gain, or not contiguous."""
    array = getattr(x, "_array", None)
    held, sizes = conv._parameters, (conv.stride, conv.padding, conv.dilation)
    if array.__class__ is not np.ndarray or "weight" not in held or conv.padding_mode != "zeros":
        return None
    if any([size.__class__ is not tuple for size in sizes]):
        return None
    w, bias = held["weight"]._array, held["bias"]
    if array.ndim != len(conv.kernel_size) + 2 or array.shape[1] != conv.in_channels:
        return None
    if array.size // max(array.shape[1], 1) * w.size // prod(conv.stride) < NATIVE:
        return None
    if any([n + 2 * p <= d * (k - 1) for n, k, p, d in zip(array.shape[2:], conv.kernel_size, *sizes[1:])]):
        return None
    arrays = [w, None if bias is None else bias._array]
    channels, eps = (conv.out_channels,), 0.0
    if norm is not None:
        held, buffers, eps = norm._parameters, norm._buffers, norm.eps
        arrays += [buffers["running_mean"]._array, buffers["running_var"]._array]
        arrays += [None if p is None else p._array for p in (held["weight"], held["bias"])]
    dtype = array.dtype
    if dtype is not float32.np and dtype is not float64.np:
        return None
    for a in arrays:
        if a is not None and (a.__class__ is not np.ndarray or a.dtype is not dtype):
            return None
    if w.shape != (*channels, conv.in_channels // conv.groups, *conv.kernel_size):
        return None
    if any([a is not None and a.shape != channels for a in arrays[1:]]):
        return None
    if not (array.flags.c_contiguous or is_channels_last(array)) or not (w.flags.c_contiguous or is_channels_last(w)):
        return None
    last = None
    if activation is not None:
        function, options = _ACTIVATIONS[activation.__class__]
        last = function, options(activation)
    sizes = (*sizes, conv.groups)
    run = Native.run
    assert run is not None  # asked before
    if norm is None:
        made = run(_convolved, (array, *arrays, sizes, last), {})
    else:
        made = run(_normed, (array, *arrays, sizes, eps, last), {})
    return None if made is NotImplemented else wrap(made)


def _convolved(xp, x, w, b, sizes, last):
    out = xp.conv(x, w, *sizes, b)
    return out if last is None else last[0](xp, out, **dict(last[1]))


def _normed(xp, x, w, b, mean, variance, weight, bias, sizes, eps, last):
    out = xp.batch_norm_by(xp.conv(x, w, *sizes, b), mean, variance, weight, bias, eps)
    return out if last is None else last[0](xp, out, **dict(last[1]))

"""Convolutions of symbols, as the CPU namespace has them: a node each, which the rest reshapes."""

from __future__ import annotations

from ..backends import cpu
from .host import host
from .recording import graph
from .symbol import Symbol, made, symbol_of

__all__ = ["conv", "conv_input_grad", "conv_weight_grad"]


def conv(x, w, stride, padding, dilation, groups, bias=None) -> Symbol:
    if not _is_native(x, w):
        return host(cpu.conv, x, w, stride, padding, dilation, groups, bias)
    output = cpu.conv_output_shape(x.shape[2:], w.shape[2:], stride, padding, dilation)
    if all(k == 1 for k in w.shape[2:]) and any(s > 1 for s in stride) and not any(padding):
        # What single weights see, side by side: a matrix product then, which would read every panel of x several times.
        seen = symbol_of(x)[(slice(None), slice(None), *(slice(None, None, s) for s in stride))]
        x, stride = made(graph().copied(seen.node())), (1,) * len(stride)
    out = _convolution("conv", x, w, (x.shape[0], w.shape[0], *output), stride, padding, dilation, groups)
    return out if bias is None else out + bias.reshape(-1, *(1,) * len(output))


def conv_input_grad(g, w, x_shape, stride, padding, dilation, groups) -> Symbol:
    if not _is_native(g, w):
        return host(cpu.conv_input_grad, g, w, x_shape, stride, padding, dilation, groups)
    return _convolution("conv_input", g, w, x_shape, stride, padding, dilation, groups)


def conv_weight_grad(g, x, w_shape, stride, padding, dilation, groups) -> Symbol:
    if not _is_native(g, x):
        return host(cpu.conv_weight_grad, g, x, w_shape, stride, padding, dilation, groups)
    return _convolution("conv_weight", g, x, w_shape, stride, padding, dilation, groups)


def _is_native(x, y) -> bool:
    return x.dtype == y.dtype and x.dtype.name in ("float32", "float64")


def _convolution(op: str, x, y, shape, *options) -> Symbol:
    g = graph()
    node = g.convolution(op, symbol_of(x).node(), symbol_of(y).node(), tuple(shape), *options, cpu.winograd)
    return made(g.reshape(node, tuple(shape)))

"""Convolutions of symbols, as the CPU namespace has them: a node each, which the rest reshapes."""

from __future__ import annotations

from ..backends import cpu
from .host import host
from .layouts import lying_last, second_to_last
from .recording import graph, recording
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
    g, shape = graph(), tuple(shape)
    x, y = symbol_of(x), symbol_of(y)
    if op == "conv_weight" or not (cpu.is_channels_last(x) or cpu.is_channels_last(y)):
        return made(g.reshape(g.convolution(op, x.node(), y.node(), shape, *options, cpu.winograd), shape))
    lying = (shape[0], *shape[2:], shape[1])
    if not recording.gpu and pays_last(op, x, y, shape, *options):
        node = g.convolution(op, second_to_last(g, x.node()), y.node(), shape, *options, cpu.winograd, True)
        out = g.reshape(node, lying)
    else:
        out = g.reshape(g.convolution(op, x.node(), y.node(), shape, *options, cpu.winograd), shape)
        out = second_to_last(g, out)
    return lying_last(g, out)


def pays_last(op: str, x: Symbol, y: Symbol, shape, stride, padding, dilation, groups) -> bool:
    """Whether kernels whose rows are pixels are the faster ones for images x that lie channels last."""
    if 0 in shape or 0 in x.shape or 0 in y.shape:
        return False
    # Planning asks llvmlite for the processor; graphs are made without it, too.
    from .convolution_costs import pixels_pay

    sizes = (tuple(map(int, s)) for s in (stride, padding, dilation))
    last = cpu.is_channels_last(y), bool(cpu.winograd)
    return pixels_pay(op, shape, x.shape, y.shape, *last, x.dtype.name, *sizes, int(groups))

"""Convolution and its gradients by cuDNN, for arrays on a GPU; by products of columns where cuDNN does not.

Arrays as in `backends/cpu/convolution.py`.
"""

# CuPy is not there where types are checked.
# pyright: reportMissingImports=false

from __future__ import annotations

from collections.abc import Callable

import cupy
import numpy

from ..cpu.convolution import conv_output_shape
from . import cudnn_graphs
from .cudnn_problems import TYPES, Sizes, convolution, dense


def _laid(a, last: bool):
    """An array without gaps, channels-last if asked, copied where it is not so."""
    if not last:
        return cupy.ascontiguousarray(a)
    return cupy.moveaxis(cupy.ascontiguousarray(cupy.moveaxis(a, 1, -1)), -1, 1)


def _is_channels_last(a) -> bool:
    return a.ndim > 3 and not a.flags.c_contiguous and cupy.moveaxis(a, 1, -1).flags.c_contiguous


def _empty(shape: Sizes, dtype, last: bool):
    if not last:
        return cupy.empty(shape, dtype=dtype)
    return cupy.moveaxis(cupy.empty((shape[0], *shape[2:], shape[1]), dtype=dtype), -1, 1)


def _by_cudnn(op: str, first, second, shape: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes):
    """The result, or None where cuDNN does not compute it."""
    name = first.dtype.name
    if name not in TYPES or second.dtype.name != name or not (first.size and second.size and 0 not in shape):
        return None
    last = _is_channels_last(first) or _is_channels_last(second)
    operands = [dense(s, name, last) for s in (first.shape, second.shape, shape)]
    plan = cudnn_graphs.plan(convolution(op, *operands, stride, padding, dilation))
    if plan is None:
        return None
    first, second, out = _laid(first, last), _laid(second, last), _empty(shape, first.dtype, last)
    plan.run([a.data.ptr for a in (first, second, out)])
    return out


def _in_float32(function: Callable) -> Callable:
    """A function of two arrays that computes half precision in float32."""

    def call(first, second, *options):
        dtype = first.dtype
        if dtype.itemsize != 2:
            return function(first, second, *options)
        first, second, *options = (
            a.astype(numpy.float32) if isinstance(a, cupy.ndarray) else a for a in (first, second, *options)
        )
        return function(first, second, *options).astype(dtype)

    return call


def over(conv: Callable, conv_input_grad: Callable, conv_weight_grad: Callable) -> tuple[Callable, Callable, Callable]:
    """The three operators by cuDNN; by the given functions of float32 and wider where it does not compute them."""
    conv_else, input_else, weight_else = map(_in_float32, (conv, conv_input_grad, conv_weight_grad))

    def convolved(x, w, stride, padding, dilation, groups, bias=None):
        """The convolution of x with w. RuntimeError where the kernel does not fit into the input."""
        output = conv_output_shape(x.shape[2:], w.shape[2:], stride, padding, dilation)
        shape = (x.shape[0], w.shape[0], *output)
        made = _by_cudnn("conv", x, w, shape, stride, padding, dilation)
        if made is None:
            return conv_else(x, w, stride, padding, dilation, groups, bias)
        if bias is not None:
            made += bias.reshape(-1, *(1,) * len(output))
        return made

    def input_gradient(g, w, x_shape, stride, padding, dilation, groups):
        """The gradient of the input, of shape x_shape; a transposed convolution."""
        made = None
        # A transposed convolution may have more rows than any window reaches.
        if conv_output_shape(x_shape[2:], w.shape[2:], stride, padding, dilation) == g.shape[2:]:
            made = _by_cudnn("conv_input", g, w, tuple(x_shape), stride, padding, dilation)
        return input_else(g, w, x_shape, stride, padding, dilation, groups) if made is None else made

    def weight_gradient(g, x, w_shape, stride, padding, dilation, groups):
        """The gradient of the weights, of shape w_shape."""
        made = None
        if conv_output_shape(x.shape[2:], w_shape[2:], stride, padding, dilation) == g.shape[2:]:
            made = _by_cudnn("conv_weight", g, x, tuple(w_shape), stride, padding, dilation)
        return weight_else(g, x, w_shape, stride, padding, dilation, groups) if made is None else made

    return convolved, input_gradient, weight_gradient

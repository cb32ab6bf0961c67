"""Convolution and its two gradients, each the others' derivative; and sliding windows as columns."""

from __future__ import annotations

from numpy import ndarray

from ..backends.cpu.layouts import is_channels_last, laid_out
from .elementwise import conj
from .operator import op

# x (N, C, *spatial), w (O, C / groups, *kernel), b (O) or None; stride, padding, dilation: a number for each spatial
# dimension.
conv = op(
    "conv",
    lambda xp, x, w, b, *, stride, padding, dilation, groups: xp.conv(x, w, stride, padding, dilation, groups, b),
    grad_name="ConvolutionBackward0",
    x=lambda xp, g, w, x_shape, x_last, stride, padding, dilation, groups: _lying(
        xp.conv_input_grad(g, conj(xp, w), x_shape, stride, padding, dilation, groups), x_last, w
    ),
    w=lambda xp, g, x, w_shape, w_last, stride, padding, dilation, groups: _lying(
        xp.conv_weight_grad(g, conj(xp, x), w_shape, stride, padding, dilation, groups), w_last, x
    ),
    b=lambda xp, g: xp.channel_sums(g),
)

conv_input_grad = op(
    "conv_input_grad",
    lambda xp, g, w, *, shape, stride, padding, dilation, groups: xp.conv_input_grad(
        g, w, shape, stride, padding, dilation, groups
    ),
    grad_name="ConvolutionBackward0",
    g=lambda xp, h, w, g_shape, g_last, stride, padding, dilation, groups: _lying(
        _fit(xp.conv(h, conj(xp, w), stride, padding, dilation, groups), g_shape), g_last, w
    ),
    w=lambda xp, h, g, w_shape, w_last, stride, padding, dilation, groups: _lying(
        xp.conv_weight_grad(conj(xp, g), h, w_shape, stride, padding, dilation, groups), w_last, g
    ),
)
"""The gradient of a convolution's input of a given shape; a transposed convolution."""

conv_weight_grad = op(
    "conv_weight_grad",
    lambda xp, g, x, *, shape, stride, padding, dilation, groups: xp.conv_weight_grad(
        g, x, shape, stride, padding, dilation, groups
    ),
    grad_name="ConvolutionBackwardBackward0",
    g=lambda xp, h, x, g_shape, stride, padding, dilation, groups: _fit(
        xp.conv(conj(xp, x), h, stride, padding, dilation, groups), g_shape
    ),
    x=lambda xp, h, g, x_shape, stride, padding, dilation, groups: xp.conv_input_grad(
        conj(xp, g), h, x_shape, stride, padding, dilation, groups
    ),
)
"""The gradient of a convolution's weight of a given shape."""

im2col = op(
    "im2col",
    lambda xp, x, *, kernel, stride, padding, dilation: xp.im2col(x, kernel, stride, padding, dilation),
    half_native=True,
    grad_name="Im2ColBackward0",
    x=lambda xp, g, x_shape, kernel, stride, padding, dilation: xp.col2im(
        g, x_shape, kernel, stride, padding, dilation
    ),
)
"""All windows of x as columns (N, C * window, number of windows)."""

col2im = op(
    "col2im",
    lambda xp, g, *, shape, kernel, stride, padding, dilation: xp.col2im(g, shape, kernel, stride, padding, dilation),
    grad_name="Col2ImBackward0",
    g=lambda xp, h, kernel, stride, padding, dilation: xp.im2col(h, kernel, stride, padding, dilation),
)
"""Columns added up where their windows lie, in zeros of a given shape."""


def _lying(out, last: bool, other):
    """A gradient with its channels last if what it is of lies so, or what that was multiplied with."""
    if out.__class__ is not ndarray:
        return out
    return laid_out(out, last or is_channels_last(other))


def _fit(out, shape):
    """A convolution's output cropped to the shape of what it stands for: a transposed one may have left rows out."""
    if out.shape == shape:
        return out
    return out[tuple(slice(n) for n in shape)]

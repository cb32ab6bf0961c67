"""Convolution and pooling."""

from __future__ import annotations

from ...autograd.dispatch import apply
from ...ops import convolution as _convolution
from ...ops import pooling as _pooling
from ...ops import resampling as _resampling

__all__ = [
    "adaptive_avg_pool",
    "adaptive_avg_pool_grad",
    "adaptive_max_pool",
    "avg_pool",
    "avg_pool_grad",
    "col2im",
    "conv",
    "conv_input_grad",
    "conv_weight_grad",
    "im2col",
    "max_pool",
    "max_pool_grad",
    "pooled_at",
    "resample",
]


def conv(x, w, stride, padding, dilation, groups):
    """Cross-correlation."""
    return apply(_convolution.conv, x, w, None, stride=stride, padding=padding, dilation=dilation, groups=groups)


def conv_input_grad(g, w, shape, stride, padding, dilation, groups):
    """The gradient of a convolution's input."""
    sizes = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
    return apply(_convolution.conv_input_grad, g, w, shape=tuple(shape), **sizes)


def conv_weight_grad(g, x, shape, stride, padding, dilation, groups):
    """The gradient of a convolution's weight."""
    sizes = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
    return apply(_convolution.conv_weight_grad, g, x, shape=tuple(shape), **sizes)


def im2col(x, kernel, stride, padding, dilation):
    """All windows as columns."""
    return apply(_convolution.im2col, x, kernel=kernel, stride=stride, padding=padding, dilation=dilation)


def col2im(g, shape, kernel, stride, padding, dilation):
    """Columns added up where their windows lie."""
    sizes = dict(kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    return apply(_convolution.col2im, g, shape=tuple(shape), **sizes)


def max_pool(x, kernel, stride, padding, dilation, ceil_mode):
    """The largest of each window, and where it is."""
    sizes = dict(kernel=kernel, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
    return apply(_pooling.max_pool, x, **sizes)


def adaptive_max_pool(x, size):
    """The largest of each window, and where it is."""
    return apply(_pooling.adaptive_max_pool, x, size=size)


def max_pool_grad(g, indices, shape, windows=None):
    """g put back where the largest elements were."""
    return apply(_pooling.max_pool_grad, g, indices, shape=tuple(shape), windows=windows)


def pooled_at(x, indices, shape, windows=None):
    """The elements of x at indices flat within its planes."""
    return apply(_pooling.pooled_at, x, indices, shape=tuple(shape), windows=windows)


def resample(x, taps):
    """The last dimensions made anew."""
    return apply(_resampling.resample, x, taps=taps)


def avg_pool(x, kernel, stride, padding, ceil_mode, include_pad, divisor):
    """The mean of each window."""
    sizes = dict(kernel=kernel, stride=stride, padding=padding, ceil_mode=ceil_mode)
    return apply(_pooling.avg_pool, x, include_pad=include_pad, divisor=divisor, **sizes)


def avg_pool_grad(g, shape, kernel, stride, padding, include_pad, divisor):
    """The gradient of means of windows."""
    sizes = dict(kernel=kernel, stride=stride, padding=padding)
    return apply(_pooling.avg_pool_grad, g, shape=tuple(shape), include_pad=include_pad, divisor=divisor, **sizes)


def adaptive_avg_pool(x, size):
    """The mean of windows that divide x evenly."""
    return apply(_pooling.adaptive_avg_pool, x, size=tuple(size))


def adaptive_avg_pool_grad(g, shape):
    """The gradient of means of windows that divide x evenly."""
    return apply(_pooling.adaptive_avg_pool_grad, g, shape=tuple(shape))

"""Tensors as arrays: the array-namespace functions, on tensors, in which derivative rules run once more.

`grad(create_graph=True)` runs a rule with this module as its `xp`, so that what the rule computes is itself recorded.
Names and keywords are those of the array API standard, as in `backends/`; each function is one recorded operation or a
composition of such.
"""

from __future__ import annotations

import math

import numpy as np

from .. import dtypes
from ..autograd.dispatch import apply
from ..autograd.tape import Variable, wrap
from ..ops import activation as _activation
from ..ops import convolution as _convolution
from ..ops import cumulative as _cumulative
from ..ops import elementwise as _elementwise
from ..ops import indexing as _indexing
from ..ops import movement as _movement
from ..ops import pooling as _pooling
from ..ops import reduction as _reduction
from ..ops.movement import split_back  # noqa: F401
from .activation import log_softmax as _log_softmax
from .arithmetic import abs, square  # noqa: F401
from .comparison import isfinite, isnan  # noqa: F401
from .creation import full_like, ones_like, zeros_like  # noqa: F401
from .elementwise import (  # noqa: F401
    conj,
    cos,
    cosh,
    exp,
    exp2,
    floor,
    log1p,
    maximum,
    minimum,
    real,
    sigmoid,
    sign,
    sin,
    sinh,
    sqrt,
    tanh,
    trunc,
    xlogy,
)
from .elementwise import complex as make_complex  # noqa: F401
from .elementwise import imag as _imag
from .elementwise import log as _log
from .joining import cat
from .joining import stack as _stack
from .products import matmul  # noqa: F401
from .selection import where as _where
from .special import digamma, i0, i0e, i1, i1e, ndtr, polygamma, zeta  # noqa: F401

float32 = np.dtype(np.float32)


def where(condition, x, y):
    """Elements of x where the condition holds, else of y."""
    if not isinstance(condition, Variable):
        condition = wrap(np.asarray(condition))
    return _where(condition, x, y)


def log(x):
    """The natural logarithm, also of a Python number."""
    return _log(x if isinstance(x, Variable) else wrap(np.asarray(x, np.float64)))


def imag(x):
    """The imaginary part."""
    return _imag(x)


def trigamma(x):
    """The derivative of digamma."""
    return polygamma(1, x)


def power(x, y):
    """x ** y"""
    return apply(_elementwise.pow, x, y)


def astype(x, dtype):
    """x in a NumPy dtype, or that of a tensor; itself if it has it."""
    dtype = dtype.np if isinstance(dtype, dtypes.dtype) else np.dtype(dtype)
    return x if x._array.dtype == dtype else apply(_movement.astype, x, dtype=dtype)


def reshape(x, shape):
    """x in another shape."""
    return x.reshape(tuple(shape))


def permute_dims(x, axes):
    """The axes in another order."""
    return x.permute(*axes) if axes else x


def matrix_transpose(x):
    """The last two axes exchanged."""
    return x.transpose(-2, -1)


def broadcast_to(x, shape):
    """x expanded to a shape."""
    return x.expand(*shape) if tuple(x._array.shape) != tuple(shape) else x


def expand_dims(x, axis):
    """x with an axis of size 1 more."""
    return x.unsqueeze(axis)


def concat(xs, axis):
    """Arrays one after the other along an axis."""
    return cat(list(xs), axis)


def stack(xs, axis):
    """Arrays along a new axis."""
    return _stack(list(xs), axis)


def sum(x, axis=None, keepdims=False):
    """The sum over axes."""
    if axis == ():
        return x
    return apply(_reduction.sum, x, axis=axis, keepdims=keepdims)


def prod(x, axis=None, keepdims=False):
    """The product over axes."""
    return apply(_reduction.prod, x, axis=axis, keepdims=keepdims)


def column_sums(x):
    """The sum over the first axis of a matrix."""
    return sum(x, axis=(0,))


def cumsum(x, axis):
    """Running sums along an axis."""
    return apply(_cumulative.cumsum, x, axis=axis)


def reversed_cumsum(x, axis):
    """Running sums from the end."""
    return apply(_cumulative.reversed_cumsum, x, axis=axis)


def cumprod(x, axis):
    """Running products along an axis."""
    return apply(_cumulative.cumprod, x, axis=axis)


def logcumsumexp(x, axis):
    """log(cumsum(exp(x)))"""
    return apply(_cumulative.logcumsumexp, x, axis=axis)


def flip(x, axis):
    """The order reversed along axes."""
    return apply(_movement.flip, x, axes=axis)


def roll(x, shifts, axis):
    """Elements shifted along axes."""
    return apply(_movement.roll, x, shifts=shifts, axes=axis)


def tril(x, k):
    """The lower triangle."""
    return apply(_movement.tril, x, k=k)


def triu(x, k):
    """The upper triangle."""
    return apply(_movement.triu, x, k=k)


def diagonal(x, offset, axis1, axis2):
    """A diagonal as the last axis."""
    return apply(_movement.diagonal, x, offset=offset, axis1=axis1, axis2=axis2)


def put_diagonal(g, shape, offset, axis1, axis2):
    """Zeros of a shape with g on a diagonal."""
    return apply(_movement.put_diagonal, g, shape=shape, offset=offset, axis1=axis1, axis2=axis2)


def bits(x, dtype):
    """The same memory read as another dtype."""
    return apply(_movement.bits, x.contiguous(), dtype=dtype)


def window_of(x, shape, strides, offset):
    """A strided view of the memory of x."""
    return apply(_movement.strided, x.contiguous(), shape=shape, strides=strides, offset=offset)


def add_strided(g, shape, strides, offset):
    """Zeros of a shape with g added through a strided window."""
    return apply(_movement.add_strided, g, shape=shape, strides=strides, offset=offset)


def sliding_windows(x, axis, size, step):
    """Windows along an axis as a new last axis."""
    return apply(_movement.unfold, x, axis=axis, size=size, step=step)


def add_windows(g, shape, axis, size, step):
    """Zeros of a shape with windows added where they lie."""
    return apply(_movement.add_windows, g, shape=shape, axis=axis, size=size, step=step)


def put_part(g, shape, index):
    """Zeros of a shape with g where an index of numbers and slices points."""
    return apply(_indexing.put_part, g, shape=tuple(shape), index=index)


def take_at(x, indices, spec):
    """x at arrays of positions."""
    return apply(_indexing.take_at, x, *indices, spec=spec)


def add_at(g, shape, indices, spec):
    """Zeros of a shape with g added at arrays of positions."""
    return apply(_indexing.add_at, g, *indices, shape=tuple(shape), spec=spec)


def put_at(x, value, indices, spec, accumulate):
    """A copy of x with values written, or added, at arrays of positions."""
    if not isinstance(value, Variable):
        value = wrap(np.asarray(value, x._array.dtype))
    return apply(_indexing.put_at, x, value, *indices, spec=spec, accumulate=accumulate)


def take_along(x, index, axis):
    """x at positions along an axis."""
    return apply(_indexing.gather, x, index, axis=axis)


def scatter_along(g, index, axis, shape):
    """Zeros of a shape with g added at positions along an axis."""
    return apply(_indexing.scatter_along, g, index, axis=axis, shape=tuple(shape))


def scatter(x, source, index, axis):
    """A copy of x with source written at positions along an axis."""
    return apply(_indexing.scatter, x, source, index, axis=axis)


def zeros(shape, dtype):
    """Zeros of a shape and dtype."""
    dtype = dtype.np if isinstance(dtype, dtypes.dtype) else dtype
    return wrap(np.zeros(tuple(shape), dtype))


def take(x, index, axis):
    """Slices at positions along an axis."""
    shape = x._array.shape
    flat = apply(_indexing.index_select, x, index.reshape(-1), axis=axis)
    return flat.reshape(*shape[:axis], *index._array.shape, *shape[axis + 1 :])


def add_rows(g, index, axis, shape):
    """Zeros of a shape with slices of g added at positions along an axis."""
    return apply(_indexing.add_rows, g, index if isinstance(index, Variable) else wrap(index), axis=axis, shape=tuple(shape))


def add_embedding(g, index, shape, padding):
    """The gradient of an embedding's weight."""
    out = add_rows(g.reshape(-1, shape[1]), index.reshape(-1), 0, shape)
    if padding >= 0:
        kept = np.ones((shape[0], 1), g._array.dtype)
        kept[padding] = 0
        out = out * wrap(kept)
    return out


def put_masked(g, mask, shape):
    """Zeros of a shape with the elements of g where a mask is set."""
    return apply(_indexing.put_masked, g, mask, shape=tuple(shape))


def pick_masked(x, mask):
    """The elements of x where a mask is set."""
    return apply(_indexing.masked_select, x, mask)


def run_numbers(like, counts, n):
    """0 repeated counts[0] times, 1 repeated counts[1] times, and so on."""
    return np.repeat(np.arange(n), counts)


def conv(x, w, stride, padding, dilation, groups):
    """Cross-correlation."""
    return apply(_convolution.conv, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups)


def conv_input_grad(g, w, shape, stride, padding, dilation, groups):
    """The gradient of a convolution's input."""
    sizes = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
    return apply(_convolution.conv_input_grad, g, w, shape=tuple(shape), **sizes)


def conv_weight_grad(g, x, shape, stride, padding, dilation, groups):
    """The gradient of a convolution's weight."""
    sizes = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
    return apply(_convolution.conv_weight_grad, g, x, shape=tuple(shape), **sizes)


def max_pool(x, kernel, stride, padding, dilation, ceil_mode):
    """The largest of each window, and where it is."""
    sizes = dict(kernel=kernel, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
    where_ = apply(_pooling.max_pool_indices, x, **sizes)
    return pooled_at(x, where_, where_._array.shape), where_


def adaptive_max_pool(x, size):
    """The largest of each window, and where it is."""
    where_ = apply(_pooling.adaptive_max_pool_indices, x, size=size)
    return pooled_at(x, where_, where_._array.shape), where_


def max_pool_grad(g, indices, shape):
    """g put back where the largest elements were."""
    return apply(_pooling.max_pool_grad, g, indices, shape=tuple(shape))


def pooled_at(x, indices, shape):
    """The elements of x at indices flat within its planes."""
    return apply(_pooling.pooled_at, x, indices, shape=tuple(shape))


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


def softmax(x, axis):
    """exp(x) / sum(exp(x)) along an axis."""
    return apply(_activation.softmax, x, axis=axis)


def _statistics(x, axes, eps):
    """Mean and 1 / deviation with the axes kept, differentiable."""
    n = math.prod([x._array.shape[i] for i in axes])
    mean = sum(x, axes, True) / n
    variance = sum(square(x - mean), axes, True) / n
    return mean, (variance + eps).rsqrt()


def batch_norm(x, weight, bias, eps):
    """What batch_norm keeps for its gradient: the results themselves are not needed again."""
    mean, rstd = _statistics(x, (0, *range(2, x._array.ndim)), eps)
    return None, None, None, mean, rstd


def layer_norm(x, weight, bias, axes, eps):
    """What layer_norm keeps for its gradient."""
    return None, *_statistics(x, axes, eps)


def rms_norm(x, weight, axes, eps):
    """What rms_norm keeps for its gradient."""
    n = math.prod([x._array.shape[i] for i in axes])
    return None, (sum(square(x), axes, True) / n + eps).rsqrt()


def cross_entropy(x, target, weight, ignore, smoothing, reduction):
    """What cross_entropy keeps for its gradient: log-probabilities, sample weights and their sum."""
    kept = target._array != ignore
    safe = np.where(kept, target._array, 0)
    w = kept.astype(x._array.dtype)
    if weight is not None:
        w = w * weight._array[safe]
    return None, _log_softmax(x, 1), wrap(w), wrap(np.asarray(w.sum()))


def cross_entropy_grad(g, logp, target, weight, w, total, ignore, smoothing, reduction):
    """(probabilities - targets) times the weights: see backends/cpu/softmax.py."""
    shape, classes = logp._array.shape, logp._array.shape[1]
    kept = target._array != ignore
    hot = np.moveaxis(np.eye(classes, dtype=logp._array.dtype)[np.where(kept, target._array, 0)], -1, 1)
    share = np.full(shape, smoothing / classes, logp._array.dtype) * np.expand_dims(kept, 1)
    if weight is not None:
        share = share * weight._array.reshape(1, -1, *(1,) * (len(shape) - 2))
    aim = wrap(hot * np.expand_dims((1 - smoothing) * w._array, 1) + share)
    scale = g / total if reduction == "mean" else g
    if reduction != "none":
        scale = scale.expand(*target._array.shape)
    return (exp(logp) * sum(aim, (1,), True) - aim) * scale.unsqueeze(1)


def ctc(x, rows, lengths, blank):
    """The gradient of ctc_loss is not differentiable again."""
    raise NotImplementedError("the derivative of ctc_loss is not differentiable: create_graph=True does not reach through it")

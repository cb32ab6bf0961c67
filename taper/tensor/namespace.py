"""Tensors as arrays: the array-namespace functions, on tensors, in which derivative rules run once more.

`grad(create_graph=True)` runs a rule with this module as its `xp`, so that what the rule computes is itself recorded.
Names and keywords are those of the array API standard, as in `backends/`; each function is one recorded operation or a
composition of such.
"""

from __future__ import annotations

import math
import sys

import numpy as np

from .. import dtypes
from ..autograd.dispatch import apply, beside
from ..autograd.tape import Variable, wrap
from ..backends import namespace_of
from ..backends.transfer import place_of
from ..ops import activation as _activation
from ..ops import attention as _attention
from ..ops import convolution as _convolution
from ..ops import ctc as _ctc
from ..ops import cumulative as _cumulative
from ..ops import elementwise as _elementwise
from ..ops import fourier as _fourier
from ..ops import indexing as _indexing
from ..ops import linalg as _linalg
from ..ops import movement as _movement
from ..ops import pooling as _pooling
from ..ops import reduction as _reduction
from ..ops import resampling as _resampling
from ..ops.movement import split_back  # noqa: F401
from .arithmetic import abs, square  # noqa: F401
from .comparison import isfinite, isnan  # noqa: F401
from .complex_numbers import complex as make_complex  # noqa: F401
from .complex_numbers import conj, real  # noqa: F401
from .complex_numbers import imag as _imag
from .creation import full_like, ones_like, zeros_like  # noqa: F401
from .elementwise import (  # noqa: F401
    cos,
    cosh,
    exp,
    exp2,
    floor,
    log1p,
    sigmoid,
    sign,
    sin,
    sinh,
    sqrt,
    tanh,
    trunc,
    xlogy,
)
from .elementwise import log as _log
from .joining import cat
from .joining import stack as _stack
from .products import matmul  # noqa: F401
from .selection import where as _where
from .special import digamma, erfcx, i0, i0e, i1, i1e, lgamma, ndtr, polygamma, zeta  # noqa: F401

float32 = np.dtype(np.float32)


_xp = sys.modules[__name__]


def where(condition, x, y):
    """Elements of x where the condition holds, else of y."""
    if not isinstance(condition, Variable):
        there = x if isinstance(x, Variable) else y
        condition = wrap(condition) if condition.__class__ is not np.ndarray else beside(there, condition)
    return _where(condition, x, y)


def found(condition) -> bool:
    """Whether any element is true: for what an operator refuses."""
    return namespace_of(condition._array).found(condition._array)


def kept(x, condition):
    """x where the condition holds, else 0."""
    return where(condition, x, 0.0)


def dropped(x, condition):
    """0 where the condition holds, else x."""
    return where(condition, 0.0, x)


def moved(x, where, non_blocking=False):
    """x on another device."""
    source = place_of(x._array)
    return apply(_movement.to_device, x, where=where, source=source, non_blocking=non_blocking)


def maximum(x, y):
    """The larger of both, tensors or numbers."""
    return apply(_elementwise.maximum, x, y)


def minimum(x, y):
    """The smaller of both, tensors or numbers."""
    return apply(_elementwise.minimum, x, y)


def floor_divide(x, y):
    """x / y rounded down, a constant for derivatives."""
    return apply(_elementwise.rounded_divide, x, y)


def trunc_divide(x, y):
    """x / y rounded to zero, a constant for derivatives."""
    return apply(_elementwise.trunc_divide, x, y)


def frexp(x):
    """Mantissa and exponent."""
    return apply(_elementwise.frexp, x)


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


def rot90(x, turns, axes):
    """Turned by quarter turns in the plane of two axes."""
    return apply(_movement.rot90, x, turns=turns % 4, axes=axes)


def tril(x, k):
    """The lower triangle."""
    return apply(_movement.tril, x, k=k)


def triu(x, k):
    """The upper triangle."""
    return apply(_movement.triu, x, k=k)


def diagonal_of(x, offset, axis1, axis2):
    """A diagonal as the last axis."""
    return apply(_movement.diagonal, x, offset=offset, axis1=axis1, axis2=axis2)


def put_diagonal(g, shape, offset, axis1, axis2):
    """Zeros of a shape with g on a diagonal."""
    return apply(_movement.put_diagonal, g, shape=shape, offset=offset, axis1=axis1, axis2=axis2)


def bits(x, dtype):
    """The same memory read as another dtype."""
    return apply(_movement.bits, x.contiguous(), dtype=dtype)


def laid_over(g, strides, offset, shape, onto_strides, onto_offset):
    """g added into memory of zeros at one stride and offset, then read from it at another."""
    attrs = dict(strides=strides, offset=offset, shape=tuple(shape), onto_strides=onto_strides, onto_offset=onto_offset)
    return apply(_movement.laid_over, g, **attrs)


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
        value = beside(x, np.asarray(value, x._array.dtype))
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


def scatter_reduce(x, source, index, axis, how, include_self):
    """A copy of x into which source is reduced at positions along an axis."""
    return apply(_indexing.reduce_at, x, source, index, axis=axis, how=how, include_self=include_self)


def max(x, axis, keepdims=False):
    """The largest along axes."""
    return apply(_reduction.amax, x, axis=axis, keepdims=keepdims)


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
    return apply(
        _indexing.add_rows, g, index if isinstance(index, Variable) else beside(g, index), axis=axis, shape=tuple(shape)
    )


def add_embedding(g, index, shape, padding):
    """The gradient of an embedding's weight."""
    out = add_rows(g.reshape(-1, shape[1]), index.reshape(-1), 0, shape)
    if padding >= 0:
        kept = np.ones((shape[0], 1), g._array.dtype)
        kept[padding] = 0
        out = out * beside(out, kept)
    return out


def put_masked(g, mask, shape):
    """Zeros of a shape with the elements of g where a mask is set."""
    return apply(_indexing.put_masked, g, mask, shape=tuple(shape))


def pick_masked(x, mask):
    """The elements of x where a mask is set."""
    return apply(_indexing.masked_select, x, mask)


def run_numbers(like, counts, n):
    """0 repeated counts[0] times, 1 repeated counts[1] times, and so on."""
    return namespace_of(like._array).run_numbers(like._array, counts, n)


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


def channel_sums(x):
    """The sum over all axes but 1."""
    return sum(x, axis=(0, *range(2, x._array.ndim)))


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


def softmax(x, axis):
    """exp(x) / sum(exp(x)) along an axis."""
    return apply(_activation.softmax, x, axis=axis)


def _statistics(x, axes, eps):
    """Mean and 1 / deviation with the axes kept, differentiable."""
    n = math.prod([x._array.shape[i] for i in axes])
    mean = sum(x, axes, True) / n
    variance = sum(square(x - mean), axes, True) / n
    return mean, (variance + eps).rsqrt()


def _normalized_grad(g, x, mean, rstd, axes):
    """The gradient of (x - mean) * rstd where mean and rstd are x's own over `axes`."""
    n = math.prod([x._array.shape[i] for i in axes])
    unit = (x - mean) * rstd
    return rstd * (g - (sum(g, axes, True) + unit * sum(g * unit, axes, True)) / n)


def _batch_axes(x) -> tuple:
    return (0, *range(2, x._array.ndim))


def _leading_axes(x, axes) -> tuple:
    return tuple(range(x._array.ndim - len(axes)))


def _per_channel(v, x):
    return v.reshape(1, -1, *(1,) * (x._array.ndim - 2))


def _wanted(gradients, needs) -> tuple:
    return tuple(g() if need else None for g, need in zip(gradients, needs))


def batch_norm(x, weight, bias, eps):
    """What batch_norm keeps for its gradient: the results themselves are not needed again."""
    return None, None, None, *_statistics(x, _batch_axes(x), eps)


def batch_norm_grad(g, x, weight, mean, rstd, needs):
    """The gradients of x, weight and bias."""
    axes = _batch_axes(x)
    return _wanted(
        (
            lambda: _normalized_grad(g if weight is None else g * _per_channel(weight, x), x, mean, rstd, axes),
            lambda: sum(g * ((x - mean) * rstd), axes),
            lambda: sum(g, axes),
        ),
        needs,
    )


def batch_norm_by_grad(g, x, mean, variance, weight, eps, needs):
    """The gradients of x, the statistics (none), weight and bias."""
    rstd = (variance.detach() + eps).rsqrt()
    return _wanted(
        (
            lambda: g * _per_channel(rstd if weight is None else rstd * weight, x),
            lambda: None,
            lambda: None,
            lambda: sum(g * (x - _per_channel(mean.detach(), x)), _batch_axes(x)) * rstd,
            lambda: sum(g, _batch_axes(x)),
        ),
        needs,
    )


def layer_norm(x, weight, bias, axes, eps):
    """What layer_norm keeps for its gradient."""
    return None, *_statistics(x, axes, eps)


def layer_norm_grad(g, x, weight, mean, rstd, axes, needs):
    """The gradients of x, weight and bias."""
    return _wanted(
        (
            lambda: _normalized_grad(g if weight is None else g * weight, x, mean, rstd, axes),
            lambda: sum(g * ((x - mean) * rstd), _leading_axes(x, axes)),
            lambda: sum(g, _leading_axes(x, axes)),
        ),
        needs,
    )


def rms_norm(x, weight, axes, eps):
    """What rms_norm keeps for its gradient."""
    n = math.prod([x._array.shape[i] for i in axes])
    return None, (sum(square(x), axes, True) / n + eps).rsqrt()


def rms_norm_grad(g, x, weight, rrms, axes, needs):
    """The gradients of x and weight."""
    n = math.prod([x._array.shape[i] for i in axes])
    unit, slope = x * rrms, g if weight is None else g * weight
    return _wanted(
        (
            lambda: rrms * (slope - unit * (sum(slope * unit, axes, True) / n)),
            lambda: sum(g * unit, _leading_axes(x, axes)),
        ),
        needs,
    )


def attention(q, k, v, mask, drop, scale, causal):
    """What attention keeps for its gradient: the weights."""
    return None, _attention.weights_of(_xp, q, k, mask, scale, causal)


def attention_grad(g, q, k, v, mask, drop, out, weights, scale, causal, needs):
    """The gradients of q, k, v and mask."""
    return _attention.slopes(_xp, g, q, k, v, drop, weights, scale, needs)


def rejoined(parts):
    """Arrays (N, H, L, D) beside each other, as (N, L, 3 H D)."""
    return _attention.beside(_xp, parts)


def recurrence(cell, x, h, c, w, b, project, sizes, reverse):
    """A recurrent layer's results and what it keeps for its gradient."""
    return cell.unrolled(_xp, x, h, c, w, b, project, sizes, reverse)


def recurrence_grad(cell, gradients, before_h, before_c, saved, w, project, sizes, reverse):
    """The gradients of the gates' shares, of the first states, and of each h as it was projected."""
    return cell.unrolled_grad(_xp, gradients, before_h, before_c, saved, w, project, sizes, reverse)


def tri(rows, columns, dtype):
    """Ones up to the diagonal."""
    return wrap(np.tri(rows, columns, dtype=dtype))


def triangle_beside(x):
    """For the matrices of x, True up to the diagonal."""
    return beside(x, np.tri(*x._array.shape[-2:], dtype=bool))


def zeros_beside(x, shape):
    """Zeros of a shape, of x's element type and where x is."""
    return x.new_zeros(shape)


def all(x, axis, keepdims=False):
    """Whether all elements along an axis are true."""
    return x.all(axis, keepdim=keepdims)


def class_targets(target, classes, ignore):
    """Target classes that are all valid, and which of them count; constants for derivatives."""
    safe, counted = namespace_of(target._array).class_targets(target._array, classes, ignore)
    return wrap(safe), None if counted is None else wrap(counted)


def class_scores(x):
    """Scores (N, C, ...) as (samples, classes, positions)."""
    return x.reshape(x.shape[0], x.shape[1], math.prod(x.shape[2:]))


class_scores_back = reshape


def class_exponentials(x, axis):
    """The largest score, exp of what the others are below it, and the sum of these."""
    top = max(x, (axis,), keepdims=True) if x.numel() else x
    e = (x - top).exp()
    return top, e, e.sum(axis, keepdim=True)


def class_picked(x, at):
    """The elements of x (samples, classes, positions) at the classes `at` (samples, positions)."""
    return take_along(x, at.unsqueeze(1), 1).squeeze(1)


def class_lowered(x, at, strength):
    """x with a number, or numbers (samples, positions), taken off at the classes `at`."""
    hit = at.unsqueeze(1) == beside(at, np.arange(x.shape[1]).reshape(1, -1, 1))
    return x - kept(strength.unsqueeze(1) if strength.ndim else strength, hit)


def ctc(x, labels, lengths, label_lengths, blank, zero_infinity):
    """The gradient of ctc_loss, which comes with its value."""
    sizes = dict(lengths=lengths, label_lengths=label_lengths, blank=blank, zero_infinity=zero_infinity)
    return None, apply(_ctc.ctc_slope, x, labels, **sizes)


def inverse(x):
    """The inverse of square matrices."""
    return apply(_linalg.inv, x)[0]


def det(x):
    """The determinant of square matrices."""
    return apply(_linalg.det, x)


def solve_matrix(a, b):
    """x with a x = b for stacks of matrices."""
    return apply(_linalg.solve, a, b)[0]


def solve_triangular(a, b, upper, left, unit):
    """x with a x = b, or x a = b, where a is a triangle."""
    return apply(_linalg.solve_triangular, a, b, upper=upper, left=left, unit=unit)


def cholesky_solve(b, factor, upper):
    """x with a x = b, from a's Cholesky factor."""
    return apply(_linalg.cholesky_solve, b, factor, upper=upper)


def svd(x, full):
    """(U, S, V^H)"""
    return apply(_linalg.svd, x, full=full)


def eigh(x, lower):
    """(eigenvalues, eigenvectors) of Hermitian matrices."""
    return apply(_linalg.eigh, x, lower=lower)


def eig(x):
    """(eigenvalues, eigenvectors) of square matrices."""
    return apply(_linalg.eig, x)


def lu_with_permutation(x):
    """(LU, pivots, info, P) with x = P L U."""
    lu, pivots, info = apply(_linalg.lu_factor, x)
    attrs = dict(rows=x._array.shape[-2], dtype=x._array.dtype)
    return lu, pivots, info, apply(_linalg.permutation_matrix, pivots, **attrs)


def pseudo_inverse(x, cutoff, hermitian):
    """The pseudo-inverse."""
    return apply(_linalg.pinv, x, cutoff=cutoff, hermitian=hermitian)


def exp_of_matrix(x):
    """The exponential of square matrices."""
    return apply(_linalg.matrix_exp, x)


def fourier(x, axes, forward, scale):
    """The Fourier transform over axes."""
    return apply(_fourier.c2c, x, axes=axes, forward=forward, scale=scale)


def real_to_fourier(x, axis, scale):
    """The first half of the Fourier transform of real numbers."""
    return apply(_fourier.r2c, x, axis=axis, scale=scale)


def fourier_to_real(x, axis, n, scale):
    """The real numbers of which x is the first half of the Fourier transform."""
    return apply(_fourier.c2r, x, axis=axis, n=n, scale=scale)

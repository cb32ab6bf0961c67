"""Sums, products and the largest along axes, whole or running."""

from __future__ import annotations

from ...autograd.dispatch import apply
from ...ops import activation as _activation
from ...ops import cumulative as _cumulative
from ...ops import reduction as _reduction

__all__ = [
    "all",
    "channel_sums",
    "column_sums",
    "cumprod",
    "cumsum",
    "logcumsumexp",
    "max",
    "prod",
    "reversed_cumsum",
    "softmax",
    "sum",
]


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


def max(x, axis, keepdims=False):
    """The largest along axes."""
    return apply(_reduction.amax, x, axis=axis, keepdims=keepdims)


def channel_sums(x):
    """The sum over all axes but 1."""
    return sum(x, axis=(0, *range(2, x._array.ndim)))


def softmax(x, axis):
    """exp(x) / sum(exp(x)) along an axis."""
    return apply(_activation.softmax, x, axis=axis)


def all(x, axis, keepdims=False):
    """Whether all elements along an axis are true."""
    return x.all(axis, keepdim=keepdims)

"""Functions of each element, choices between elements, and types."""

from __future__ import annotations

import numpy as np

from ... import dtypes
from ...autograd.dispatch import apply
from ...autograd.places import beside
from ...autograd.tape import Variable, wrap
from ...backends import namespace_of
from ...backends.transfer import place_of
from ...ops import elementwise as _elementwise
from ...ops import movement as _movement
from ..complex_numbers import imag as _imag
from ..elementwise import log as _log
from ..selection import where as _where
from ..special import polygamma

__all__ = [
    "astype",
    "dropped",
    "floor_divide",
    "found",
    "frexp",
    "imag",
    "kept",
    "log",
    "maximum",
    "minimum",
    "moved",
    "power",
    "trigamma",
    "trunc_divide",
    "where",
]


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

"""Python's operators on tensors: `+ - * / // % **`, their reflected and their in-place forms."""

from __future__ import annotations

import numbers

import numpy as np
from numpy import ndarray

from ..autograd.callables import binary
from ..autograd.inplace import inplace
from ..autograd.tape import Variable
from ..autograd.updates import binary_inplace
from ..ops import elementwise as ops
from .arithmetic import (
    abs,
    floor_divide,
    integer_power,
    kind_of,
    neg,
    no_bools,
    no_zero_divisor,
    positive,
    pow,
    remainder,
)

_add, _mul, _div = (binary(operator, protocol=True) for operator in (ops.add, ops.mul, ops.div))
_sub = binary(ops.sub, protocol=True, check=no_bools)
_pow, _reflected_pow = (
    binary(ops.pow, protocol=True),
    binary(ops.pow, swapped=True, protocol=True, grad_name="PowBackward2"),
)

_INTEGERS = ("b", "i", "u")


def _power(self, other):
    """self ** other"""
    return pow(self, other) if isinstance(other, (Variable, numbers.Real)) else _pow(self, other)


def _power_of(self, other):
    """other ** self"""
    array = self._array
    if array.dtype.kind == "i" and kind_of(other) in _INTEGERS and array.size:
        # Of values that are not known yet, some may be negative.
        if array.__class__ is not ndarray or array.min() < 0:
            return integer_power(other, self)
    return _reflected_pow(self, other)


class OperatorMethods:
    """Arithmetic as Python's operators."""

    __slots__ = ()

    __add__ = __radd__ = _add
    __sub__ = _sub
    __rsub__ = binary(ops.sub, swapped=True, protocol=True, check=no_bools, grad_name="RsubBackward1")
    __mul__ = __rmul__ = _mul
    __truediv__ = _div
    # PyTorch multiplies the reciprocal, and names that.
    __rtruediv__ = binary(ops.div, swapped=True, protocol=True, grad_name="MulBackward0")
    __floordiv__ = binary(ops.floor_divide, protocol=True, check=no_zero_divisor)
    __rfloordiv__ = binary(ops.floor_divide, swapped=True, protocol=True, check=no_zero_divisor)
    __mod__ = binary(ops.remainder, protocol=True, check=no_zero_divisor)
    __rmod__ = binary(ops.remainder, swapped=True, protocol=True, check=no_zero_divisor)
    __pow__ = _power
    __rpow__ = _power_of
    __neg__ = neg
    __pos__ = positive
    __abs__ = abs
    __iadd__ = binary_inplace(np.add, _add, "__iadd__")
    __isub__ = binary_inplace(np.subtract, _sub, "__isub__")
    __imul__ = binary_inplace(np.multiply, _mul, "__imul__")
    __itruediv__ = binary_inplace(np.divide, _div, "__itruediv__")
    __ifloordiv__ = inplace(floor_divide, "__ifloordiv__")
    __imod__ = inplace(remainder, "__imod__")
    __ipow__ = inplace(pow, "__ipow__")

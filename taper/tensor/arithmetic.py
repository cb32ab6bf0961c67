"""Arithmetic: functions, methods, in-place methods, and Python's operators."""

from __future__ import annotations

import numbers

import numpy as np

from .. import dtypes
from ..autograd.dispatch import apply, binary, binary_inplace, into, unary
from ..autograd.inplace import assign, inplace
from ..autograd.tape import Variable
from ..ops import elementwise as ops
from ..ops.movement import astype

__all__ = [
    "add",
    "sub",
    "subtract",
    "mul",
    "multiply",
    "div",
    "divide",
    "true_divide",
    "floor_divide",
    "remainder",
    "fmod",
    "pow",
    "rsub",
    "neg",
    "negative",
    "positive",
    "abs",
    "absolute",
    "square",
    "reciprocal",
    "addcmul",
    "addcdiv",
    "lerp",
    "float_power",
]

_add, _mul, _div, _sub = binary(ops.add), binary(ops.mul), binary(ops.div), binary(ops.sub)
_floor, _trunc, _pow = binary(ops.floor_divide), binary(ops.trunc_divide), binary(ops.pow)
_rounded = binary(ops.rounded_divide)
_remainder, _fmod = binary(ops.remainder), binary(ops.fmod)


def _is_bool(value) -> bool:
    return value is True or value is False or (isinstance(value, Variable) and value._array.dtype.kind == "b")


def _no_bools(x, y) -> None:
    """RuntimeError where `-` would mean something else for bools."""
    if _is_bool(x) and _is_bool(y):
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` "
            "operator instead."
        )
    if x.__class__ is bool or y.__class__ is bool or any(_is_bool(t) and isinstance(t, Variable) for t in (x, y)):
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, "
            "use the `~` or `logical_not()` operator instead."
        )


def _scaled(other, alpha, x):
    """alpha * other, refusing a fraction of integers."""
    if alpha == 1:
        return other
    both = [v._array if isinstance(v, Variable) else v for v in (x, other)]
    common = dtypes.result_type(both)
    if isinstance(alpha, float) and dtypes.category(common) < dtypes.FLOATING:
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    if isinstance(alpha, bool) and common.kind != "b":
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    return _mul(other, alpha) if isinstance(other, Variable) else other * alpha


def add(input, other, *, alpha=1, out=None):
    """input + alpha * other, broadcast and promoted."""
    if alpha != 1:
        other = _scaled(other, alpha, input)
    return _add(input, other, out=out)


def sub(input, other, *, alpha=1, out=None):
    """input - alpha * other, broadcast and promoted. RuntimeError for bools."""
    _no_bools(input, other)
    if alpha != 1:
        other = _scaled(other, alpha, input)
    return _sub(input, other, out=out)


def rsub(input, other, *, alpha=1):
    """other - alpha * input."""
    return sub(other, input, alpha=alpha) if isinstance(other, Variable) else _rsub(_scaled(input, alpha, input), other)


def mul(input, other, *, out=None):
    """input * other, broadcast and promoted."""
    return _mul(input, other, out=out)


def div(input, other, *, rounding_mode=None, out=None):
    """input / other; integers give floats. rounding_mode: "floor" or "trunc" keeps integers and rounds the quotient."""
    if rounding_mode is None:
        return _div(input, other, out=out)
    if rounding_mode not in ("floor", "trunc"):
        raise RuntimeError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '" + str(rounding_mode) + "'"
        )
    _refuse_zero(other, input)
    return (_rounded if rounding_mode == "floor" else _trunc)(input, other, out=out)


def _refuse_zero(y, x) -> None:
    """RuntimeError for the division of integers by zero."""
    if isinstance(x, Variable) and x._array.dtype.kind in "fcV" or isinstance(x, float):
        return
    if isinstance(y, Variable):
        if y._array.dtype.kind in "biu" and y._array.size and not y._array.all():
            raise RuntimeError("ZeroDivisionError")
    elif y == 0 and not isinstance(y, float):
        raise RuntimeError("ZeroDivisionError")


def true_divide(input, other, *, out=None):
    """input / other, as `div`."""
    return _div(input, other, out=out)


def floor_divide(input, other, *, out=None):
    """The largest integer not above input / other. RuntimeError for integers divided by zero."""
    _refuse_zero(other, input)
    return _floor(input, other, out=out)


def remainder(input, other, *, out=None):
    """input - other * floor(input / other): the sign is that of `other`. RuntimeError for integers divided by zero."""
    _refuse_zero(other, input)
    return _remainder(input, other, out=out)


def fmod(input, other, *, out=None):
    """input - other * trunc(input / other): the sign is that of `input`. RuntimeError for integers divided by zero."""
    _refuse_zero(other, input)
    return _fmod(input, other, out=out)


def pow(input, exponent, *, out=None):
    """input ** exponent. RuntimeError for integers to a negative integer power."""
    if exponent.__class__ in (int, float) and isinstance(input, Variable):
        kind = input._array.dtype.kind
        if exponent == 2 and kind in "fV":
            result = square(input)
            return result if out is None else into(out, result)
        if exponent < 0 and exponent.__class__ is int and kind in "iu":
            raise RuntimeError("Integers to negative integer powers are not allowed.")
        if exponent == 0.5 and kind == "f":
            result = _sqrt(input)
            return result if out is None else into(out, result)
    elif isinstance(exponent, Variable) and exponent._array.dtype.kind == "i":
        base = (
            input._array.dtype.kind
            if isinstance(input, Variable)
            else ("f" if isinstance(input, (float, complex)) else "i")
        )
        if base in "iub" and exponent._array.size and exponent._array.min() < 0:
            return _integer_power(input, exponent)
    return _pow(input, exponent, out=out)


def _integer_power(x, y):
    """Integers to integer powers of which some are negative: 1 and -1 have such powers, of others they round to 0."""
    base = x if isinstance(x, Variable) else apply(astype, y, dtype=y._array.dtype) * 0 + x
    positive = _pow(base, y.clamp(min=0))
    odd = y % 2 != 0
    inverse = (base == 1) * 1 + (base == -1) * (1 - 2 * odd.to(y.dtype))
    return (y >= 0) * positive + (y < 0) * inverse.to(positive.dtype)


def float_power(input, exponent, *, out=None):
    """input ** exponent in double precision."""

    def wide(v):
        if not isinstance(v, Variable):
            return v
        return v.to(dtypes.complex128 if v._array.dtype.kind == "c" else dtypes.float64)

    x, y = wide(input), wide(exponent)
    if not isinstance(x, Variable):
        x = y * 0 + x
    return pow(x, y, out=out)


square = unary(ops.square, "The square of each element.")
_sqrt = unary(ops.sqrt)
reciprocal = unary(ops.reciprocal, "1 / input; integers give floats.")
_neg = unary(ops.neg)
_abs = unary(ops.abs)


def neg(input, *, out=None):
    """-input. RuntimeError for bool."""
    if input._array.dtype.kind == "b":
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the "
            "`~` or `logical_not()` operator instead."
        )
    return _neg(input, out=out)


def positive(input):
    """The tensor itself. RuntimeError for bool."""
    if input._array.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


def abs(input, *, out=None):
    """The absolute value; the modulus of complex numbers."""
    if input._array.dtype.kind == "b":
        raise RuntimeError("abs: not supported for bool tensors. Convert first: input.int().")
    return _abs(input, out=out)


def addcmul(input, tensor1, tensor2, *, value=1, out=None):
    """input + value * tensor1 * tensor2."""
    result = apply(ops.addcmul, input, tensor1, tensor2, value=value)
    return result if out is None else into(out, result)


def addcdiv(input, tensor1, tensor2, *, value=1, out=None):
    """input + value * tensor1 / tensor2. RuntimeError for integers."""
    if all(t._array.dtype.kind in "biu" for t in (tensor1, tensor2)):
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future release addcdiv will perform a true "
            "division of tensor1 and tensor2. Convert the tensors to a floating type first."
        )
    result = apply(ops.addcdiv, input, tensor1, tensor2, value=value)
    return result if out is None else into(out, result)


def lerp(input, end, weight, *, out=None):
    """input + weight * (end - input). RuntimeError for different dtypes."""
    for t in (end, weight):
        if isinstance(t, Variable) and t._array.dtype != input._array.dtype:
            raise RuntimeError(
                f"expected dtype {input.dtype!r} for `end` and `weight` but got dtype {t.dtype!r}".replace("torch.", "")
            )
    result = apply(ops.lerp, input, end, weight)
    return result if out is None else into(out, result)


def _checked(function, check):
    """A function of two operands behind a check of them."""

    def call(self, other):
        check(self, other)
        return function(self, other)

    call.__name__ = function.__name__
    return call


_rsub = binary(ops.sub, swapped=True, protocol=True)
__add__, __mul__ = binary(ops.add, protocol=True), binary(ops.mul, protocol=True)
_quick_sub, _quick_pow = binary(ops.sub, protocol=True), binary(ops.pow, protocol=True)
_rpow = binary(ops.pow, swapped=True, protocol=True)
_rfloor, _rremainder = (
    binary(ops.floor_divide, swapped=True, protocol=True),
    binary(ops.remainder, swapped=True, protocol=True),
)
_pfloor, _premainder = binary(ops.floor_divide, protocol=True), binary(ops.remainder, protocol=True)


def __sub__(self, other):
    if self._array.dtype.kind == "b" or other is True or other is False or _is_bool(other):
        _no_bools(self, other)
    return _quick_sub(self, other)


def __rsub__(self, other):
    if self._array.dtype.kind == "b":
        _no_bools(other, self)
    return _rsub(self, other)


def __pow__(self, other):
    if isinstance(other, (Variable, numbers.Real)):
        return pow(self, other)
    return _quick_pow(self, other)


def __rpow__(self, other):
    if isinstance(other, int) and self._array.dtype.kind == "i" and self._array.size and self._array.min() < 0:
        return _integer_power(other, self)
    return _rpow(self, other)


def _foreign(other) -> bool:
    return not isinstance(other, (Variable, numbers.Number, np.ndarray, np.generic))


def __floordiv__(self, other):
    if _foreign(other):
        return NotImplemented
    _refuse_zero(other, self)
    return _pfloor(self, other)


def __rfloordiv__(self, other):
    if _foreign(other):
        return NotImplemented
    _refuse_zero(self, other)
    return _rfloor(self, other)


def __mod__(self, other):
    if _foreign(other):
        return NotImplemented
    _refuse_zero(other, self)
    return _premainder(self, other)


def __rmod__(self, other):
    if _foreign(other):
        return NotImplemented
    _refuse_zero(self, other)
    return _rremainder(self, other)


subtract, multiply, divide, absolute, negative = sub, mul, div, abs, neg


def ipow(self, other):
    return assign(self, pow(self, other))


class ArithmeticMethods:
    """Arithmetic as methods and as Python's operators."""

    __slots__ = ()

    add = add
    add_ = binary_inplace(np.add, add, "add_")
    sub = subtract = sub
    sub_ = subtract_ = binary_inplace(np.subtract, sub, "sub_")
    mul = multiply = mul
    mul_ = multiply_ = binary_inplace(np.multiply, mul, "mul_")
    div = divide = div
    div_ = divide_ = binary_inplace(np.divide, div, "div_")
    true_divide = true_divide
    true_divide_ = inplace(true_divide)
    floor_divide = floor_divide
    floor_divide_ = inplace(floor_divide)
    remainder = remainder
    remainder_ = inplace(remainder)
    fmod = fmod
    fmod_ = inplace(fmod)
    pow = pow
    pow_ = inplace(pow)
    float_power = float_power
    float_power_ = inplace(float_power)
    neg = negative = neg
    neg_ = negative_ = inplace(neg)
    positive = positive
    abs = absolute = abs
    abs_ = absolute_ = inplace(abs)
    square = square
    square_ = inplace(square)
    reciprocal = reciprocal
    reciprocal_ = inplace(reciprocal)
    addcmul = addcmul
    addcmul_ = inplace(addcmul)
    addcdiv = addcdiv
    addcdiv_ = inplace(addcdiv)
    lerp = lerp
    lerp_ = inplace(lerp)

    __add__ = __radd__ = __add__
    __sub__ = __sub__
    __rsub__ = __rsub__
    __mul__ = __rmul__ = __mul__
    __truediv__ = binary(ops.div, protocol=True)
    __rtruediv__ = binary(ops.div, swapped=True, protocol=True)
    __floordiv__ = __floordiv__
    __rfloordiv__ = __rfloordiv__
    __mod__ = __mod__
    __rmod__ = __rmod__
    __pow__ = __pow__
    __rpow__ = __rpow__
    __neg__ = neg
    __pos__ = positive
    __abs__ = abs
    __iadd__ = binary_inplace(np.add, __add__, "__iadd__")
    __isub__ = binary_inplace(np.subtract, __sub__, "__isub__")
    __imul__ = binary_inplace(np.multiply, __mul__, "__imul__")
    __itruediv__ = binary_inplace(np.divide, __truediv__, "__itruediv__")
    __ifloordiv__ = inplace(floor_divide, "__ifloordiv__")
    __imod__ = inplace(remainder, "__imod__")
    __ipow__ = ipow

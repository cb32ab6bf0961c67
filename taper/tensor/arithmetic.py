"""Arithmetic: functions, methods and in-place methods. Python's operators are in operators.py."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..autograd.callables import binary, unary
from ..autograd.dispatch import apply
from ..autograd.inplace import inplace, legacy_name
from ..autograd.naming import shown
from ..autograd.outputs import FOUND, into
from ..autograd.refusals import only_tensors
from ..autograd.tape import Variable
from ..autograd.updates import binary_inplace, unary_inplace, update
from ..backends import namespace_of
from ..ops import elementwise as ops
from ..ops.comparison import logical_or
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

_KINDS = {bool: "b", int: "i", float: "f", complex: "c"}


def kind_of(value) -> str:
    """NumPy's letter for the kind of a tensor's dtype or of a Python number; empty for anything else."""
    return value._array.dtype.kind if isinstance(value, Variable) else _KINDS.get(value.__class__, "")


def no_bools(x, y) -> None:
    """RuntimeError where `-` would mean something else for bools."""
    bools = (kind_of(x) == "b") + (kind_of(y) == "b")
    if bools == 2:
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` "
            "operator instead."
        )
    if bools:
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, "
            "use the `~` or `logical_not()` operator instead."
        )


def no_zero_divisor(x, y) -> None:
    """RuntimeError for the division of integers by zero."""
    kinds = kind_of(x) + kind_of(y)
    if len(kinds) < 2 or kinds == "bb" or not set(kinds) <= set("biu"):
        return
    if isinstance(x, Variable) and not x._array.size:
        return
    if namespace_of(y._array).found(y._array == 0) if isinstance(y, Variable) else y == 0:
        raise RuntimeError("ZeroDivisionError")


def fitting(x, y) -> None:
    """RuntimeError for a number that the tensor's integer type cannot hold."""
    for t, number in ((x, y), (y, x)):
        if kind_of(t) in "iu" and isinstance(t, Variable) and number.__class__ is int:
            limits = np.iinfo(t._array.dtype)
            if not limits.min <= number <= limits.max:
                raise RuntimeError(f"value cannot be converted to type {t._array.dtype} without overflow: {number}")


_add, _mul, _div = (binary(operator, scalars="both") for operator in (ops.add, ops.mul, ops.div))
_sub = binary(ops.sub, scalars="both", check=no_bools)
_pow, _or = binary(ops.pow, check=fitting), binary(logical_or)
_rounded, _trunc = (
    binary(operator, scalars="both", check=no_zero_divisor) for operator in (ops.rounded_divide, ops.trunc_divide)
)


def _scaled(other, alpha, x):
    """alpha * other, refusing an alpha that the result's dtype cannot hold."""
    common = dtypes.result_type([v._array if isinstance(v, Variable) else v for v in (x, other)])
    if isinstance(alpha, bool) and common.kind != "b":
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if isinstance(alpha, float) and dtypes.category(common) < dtypes.FLOATING:
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    if isinstance(alpha, complex) and dtypes.category(common) < dtypes.COMPLEX:
        raise RuntimeError("For non-complex input tensors, argument alpha must not be a complex number.")
    if alpha.__class__ is int and common.kind in "iu":
        from .writing import number_for

        alpha = number_for(alpha, common, "alpha")
    return _mul(other, alpha) if isinstance(other, Variable) else other * alpha


def add(input, other, *, alpha=1, out=None):
    """input + alpha * other, broadcast and promoted."""
    if alpha.__class__ is not int or alpha != 1:
        other = _scaled(other, alpha, input)
    return _add(input, other, out=out)


def sub(input, other, *, alpha=1, out=None):
    """input - alpha * other, broadcast and promoted. RuntimeError for bools."""
    if alpha.__class__ is not int or alpha != 1:
        no_bools(input, other)
        other = _scaled(other, alpha, input)
    return _sub(input, other, out=out)


def rsub(input, other, *, alpha=1):
    """other - alpha * input."""
    only_tensors("rsub", input=input)
    return shown(sub(other, input, alpha=alpha), f"RsubBackward{0 if isinstance(other, Variable) else 1}")


def mul(input, other, *, out=None):
    """input * other, broadcast and promoted."""
    return _mul(input, other, out=out)


def div(input, other, *, rounding_mode=None, out=None):
    """input / other; integers give floats. rounding_mode: "floor" or "trunc" keeps integers and rounds the quotient."""
    if rounding_mode is None:
        return _div(input, other, out=out)
    if rounding_mode not in ("floor", "trunc"):
        if not isinstance(rounding_mode, str):
            raise TypeError(f"div(): argument 'rounding_mode' must be str, not {rounding_mode.__class__.__name__}")
        raise RuntimeError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '" + str(rounding_mode) + "'"
        )
    if rounding_mode == "trunc" and any(
        isinstance(t, Variable) and t._array.dtype in dtypes.HALF for t in (input, other)
    ):
        # PyTorch rounds the quotient to half precision first, which may carry it to the next integer.
        return trunc(_div(input, other), out=out)
    return (_rounded if rounding_mode == "floor" else _trunc)(input, other, out=out)


def true_divide(input, other, *, out=None):
    """input / other, as `div`."""
    return _div(input, other, out=out)


floor_divide = binary(
    ops.floor_divide,
    "The largest integer not above input / other. RuntimeError for integers divided by zero.",
    scalars="both",
    check=no_zero_divisor,
)
remainder = binary(
    ops.remainder,
    "input - other * floor(input / other): the sign is that of `other`. RuntimeError for integers divided by zero.",
    check=no_zero_divisor,
)
fmod = binary(
    ops.fmod,
    "input - other * trunc(input / other): the sign is that of `input`. RuntimeError for integers divided by zero.",
    scalars="second",
    check=no_zero_divisor,
)


def pow(input, exponent, *, out=None):
    """input ** exponent. RuntimeError for integers to a negative integer power."""
    if exponent.__class__ in (int, float) and isinstance(input, Variable):
        kind = input._array.dtype.kind
        if exponent == 2 and kind in "fV":
            return square(input, out=out)
        if exponent < 0 and exponent.__class__ is int and kind in "iu":
            raise RuntimeError("Integers to negative integer powers are not allowed.")
        if exponent == 0.5 and kind == "f":
            return shown(_sqrt(input, out=out), "PowBackward0")
    elif kind_of(exponent) == "i" and isinstance(exponent, Variable) and kind_of(input) in "iub":
        array = exponent._array
        # Of values that are not known yet, some may be negative.
        if array.size and (array.__class__ is not np.ndarray or array.min() < 0):
            result = integer_power(input, exponent)
            return result if out is None else into(out, result)
    elif exponent.__class__ is bool and kind_of(input) == "b":
        return _or(input, not exponent, out=out)
    result = _pow(input, exponent, out=out)
    if isinstance(exponent, Variable):
        shown(result, "PowBackward1" if isinstance(input, Variable) else "PowBackward2")
    return result


def integer_power(x, y):
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


def _float_power_in_place(input, exponent):
    """RuntimeError for a tensor that is not of double precision."""
    wide = dtypes.complex128 if "c" in kind_of(input) + kind_of(exponent) else dtypes.float64
    if input._array.dtype != wide.np:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {legacy_name(input._array.dtype)} but the operation's result "
            f"requires dtype {legacy_name(wide.np)}. Use input.float_power(exponent)."
        )
    return float_power(input, exponent)


def _not_of_bool(input):
    """RuntimeError for the negative of a bool."""
    if input._array.dtype.kind == "b":
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the "
            "`~` or `logical_not()` operator instead."
        )
    return input


def _counted(input):
    """A bool as the integer that it is in a power."""
    return apply(astype, input, dtype=dtypes.int64.np) if input._array.dtype.kind == "b" else input


trunc = unary(ops.trunc, "Each element without its fraction.", exact=FOUND)
square = unary(ops.square, "The square of each element.", check=_counted)
_sqrt = unary(ops.sqrt)
reciprocal = unary(ops.reciprocal, "1 / input; integers give floats.")
neg = unary(ops.neg, "-input. RuntimeError for bool.", check=_not_of_bool, exact=FOUND)
abs = unary(ops.abs, "The absolute value; the modulus of complex numbers.", exact=FOUND)


def _abs_in_place(input):
    """RuntimeError for complex numbers, whose moduli are real."""
    if input._array.dtype.kind == "c":
        raise RuntimeError("In-place abs is not supported for complex tensors. Use input.abs().")
    return abs(input)


def positive(input):
    """The tensor itself. RuntimeError for bool."""
    if input._array.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


def addcmul(input, tensor1, tensor2, *, value=1, out=None):
    """input + value * tensor1 * tensor2."""
    result = apply(ops.addcmul, input, tensor1, tensor2, value=value)
    return result if out is None else into(out, result)


def addcdiv(input, tensor1, tensor2, *, value=1, out=None):
    """input + value * tensor1 / tensor2. RuntimeError for integers."""
    if all(kind_of(t) in "biu" for t in (tensor1, tensor2)):
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future release addcdiv will perform a true "
            "division of tensor1 and tensor2. Convert the tensors to a floating type first."
        )
    result = apply(ops.addcdiv, input, tensor1, tensor2, value=value)
    return result if out is None else into(out, result)


def lerp(input, end, weight, *, out=None):
    """input + weight * (end - input). RuntimeError for different dtypes."""
    if input._array.dtype.kind in "biu":
        raise NotImplementedError(
            f"\"lerp\" not implemented for '{legacy_name(input._array.dtype)}'. Convert it first."
        )
    for name, t in (("end", end), ("weight", weight)):
        if isinstance(t, Variable) and t._array.dtype != input._array.dtype:
            raise RuntimeError(f"expected dtype {input.dtype} for `{name}` but got dtype {t.dtype}. Convert it first.")
    result = apply(ops.lerp, input, end, weight)
    return result if out is None else into(out, result, FOUND if isinstance(weight, Variable) else "")


def _add_product(array, a, b, value=None):
    np.add(array, a * b if value is None else value * a * b, array)


def _add_quotient(array, a, b, value=None):
    np.add(array, a / b if value is None else value * a / b, array)


def _move_towards(array, end, weight):
    """As the operator does it; a weight for each element is left to that."""
    if weight.ndim:
        return False
    if np.abs(weight) < 0.5:
        return np.add(array, weight * (end - array), array)
    return np.subtract(end, (end - array) * (1 - weight), array)


subtract, multiply, divide, absolute, negative = sub, mul, div, abs, neg


class ArithmeticMethods:
    """Arithmetic as methods."""

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
    true_divide_ = binary_inplace(np.divide, true_divide, "true_divide_")
    floor_divide = floor_divide
    floor_divide_ = inplace(floor_divide)
    remainder = remainder
    remainder_ = inplace(remainder)
    fmod = fmod
    fmod_ = inplace(fmod)
    pow = pow
    pow_ = inplace(pow)
    float_power = float_power
    float_power_ = inplace(_float_power_in_place, "float_power_")
    neg = negative = neg
    neg_ = negative_ = unary_inplace(np.negative, neg)
    positive = positive
    abs = absolute = abs
    abs_ = absolute_ = unary_inplace(np.abs, _abs_in_place, "abs_")
    square = square
    square_ = unary_inplace(np.square, square)
    reciprocal = reciprocal
    reciprocal_ = unary_inplace(np.reciprocal, reciprocal)
    addcmul = addcmul
    addcmul_ = update(_add_product, addcmul)
    addcdiv = addcdiv
    addcdiv_ = update(_add_quotient, addcdiv)
    lerp = lerp
    lerp_ = update(_move_towards, lerp)

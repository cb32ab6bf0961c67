"""Comparison and logic, element by element, and bits of integers."""

from __future__ import annotations

import numpy as np

from ..autograd.callables import binary, unary
from ..autograd.dispatch import apply
from ..autograd.inplace import inplace, legacy_name
from ..autograd.outputs import FOUND, into
from ..autograd.places import beside
from ..autograd.refusals import only_tensors
from ..autograd.tape import Variable, elsewhere, wrap
from ..backends import namespace_of
from ..ops import comparison as ops

__all__ = [
    "eq",
    "ne",
    "not_equal",
    "lt",
    "less",
    "le",
    "less_equal",
    "gt",
    "greater",
    "ge",
    "greater_equal",
    "equal",
    "isclose",
    "allclose",
    "isnan",
    "isinf",
    "isfinite",
    "isposinf",
    "isneginf",
    "isreal",
    "signbit",
    "logical_and",
    "logical_or",
    "logical_xor",
    "logical_not",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "bitwise_not",
    "bitwise_left_shift",
    "bitwise_right_shift",
    "gcd",
    "lcm",
]

eq = binary(ops.eq, "Where input == other: a bool tensor.", scalars="second")
ne = not_equal = binary(ops.ne, "Where input != other: a bool tensor.", scalars="second")
lt = less = binary(ops.lt, "Where input < other: a bool tensor.", scalars="second")
le = less_equal = binary(ops.le, "Where input <= other: a bool tensor.", scalars="second")
gt = greater = binary(ops.gt, "Where input > other: a bool tensor.", scalars="second")
ge = greater_equal = binary(ops.ge, "Where input >= other: a bool tensor.", scalars="second")

logical_and = binary(ops.logical_and, "Where both are nonzero: a bool tensor.", scalars="none")
logical_or = binary(ops.logical_or, "Where either is nonzero: a bool tensor.", scalars="none")
logical_xor = binary(ops.logical_xor, "Where just one is nonzero: a bool tensor.", scalars="none")
logical_not = unary(ops.logical_not, "Where the elements are zero: a bool tensor.")


def _with_a_sign(input):
    if input._array.dtype.kind == "c":
        raise NotImplementedError("signbit is not implemented for complex tensors.")
    return input


isnan = unary(ops.isnan, "Where the elements are NaN: a bool tensor.")
isinf = unary(ops.isinf, "Where the elements are infinite: a bool tensor.")
isfinite = unary(ops.isfinite, "Where the elements are neither infinite nor NaN: a bool tensor.")
_signbit = unary(ops.signbit, check=_with_a_sign)


def signbit(input, *, out=None):
    """Where the sign bit is set, also that of -0.0: a bool tensor. NotImplementedError for complex numbers."""
    result = _signbit(input)
    return result if out is None else into(out, result, "signbit does not support non-boolean outputs: {1}.")


def _is_infinity(input, infinity: float, name: str, out):
    only_tensors(name, input=input)
    if input._array.dtype.kind == "c":
        raise RuntimeError(f"{name} does not support complex inputs.")
    result = eq(input, infinity)
    return result if out is None else into(out, result, f"{name} does not support non-boolean outputs. Got {{1}}.")


def isposinf(input, *, out=None):
    """Where the elements are +infinity. RuntimeError for complex numbers."""
    return _is_infinity(input, float("inf"), "isposinf", out)


def isneginf(input, *, out=None):
    """Where the elements are -infinity. RuntimeError for complex numbers."""
    return _is_infinity(input, float("-inf"), "isneginf", out)


def isreal(input):
    """Where the elements have no imaginary part."""
    array = input._array
    with elsewhere((array,)):
        return wrap(namespace_of(array).isreal(array))


def equal(input, other) -> bool:
    """Whether both have the same shape and the same elements."""
    only_tensors("equal", input=input, other=other)
    if input._array.dtype != other._array.dtype and {input._array.dtype.kind, other._array.dtype.kind} - set("biufcV"):
        return False
    if input._array.shape != other._array.shape:
        return False
    if input._array.__class__ is other._array.__class__ is np.ndarray:
        return bool((input._array == other._array).all())
    return apply(ops.eq, input, other).all().item()


def isclose(input, other, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False):
    """Where |input - other| <= atol + rtol * |other|. RuntimeError for different dtypes."""
    only_tensors("isclose", input=input, other=other)
    if input._array.dtype != other._array.dtype:
        raise RuntimeError(f"{legacy_name(input._array.dtype)} did not match {legacy_name(other._array.dtype)}")
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if not tolerance >= 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {tolerance}")
    return apply(ops.isclose, input, other, rtol=rtol, atol=atol, equal_nan=equal_nan)


def allclose(input, other, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether `isclose` holds everywhere."""
    return bool(isclose(input, other, rtol, atol, equal_nan)._array.all())


bitwise_and = binary(ops.bitwise_and, "The bits set in both; the logical and of bools.")
bitwise_or = binary(ops.bitwise_or, "The bits set in either; the logical or of bools.")
bitwise_xor = binary(ops.bitwise_xor, "The bits set in just one.")
bitwise_left_shift = binary(ops.left_shift, "input * 2 ** other.")
bitwise_right_shift = binary(ops.right_shift, "input / 2 ** other, rounded down.")
gcd = binary(ops.gcd, "The greatest common divisor.", scalars="none")
lcm = binary(ops.lcm, "The least common multiple.", scalars="none")
bitwise_not = unary(
    ops.bitwise_not,
    "All bits turned round; the logical not of bools. NotImplementedError for floating numbers.",
    exact=FOUND,
)


def _python(operator):
    return binary(operator, protocol=True)


def _python_integers(function, name: str):
    """A function of integers as Python's `&` and the like."""

    def method(self, other):
        if not isinstance(other, (Variable, int, float, complex, np.ndarray, np.generic)):
            return NotImplemented
        return function(self, wrap(other) if isinstance(other, np.ndarray) else other)

    method.__name__ = name
    return method


def _reflected_integers(function, name: str):
    def method(self, other):
        if not isinstance(other, int):
            return NotImplemented
        return function(
            beside(self, np.asarray(other, self._array.dtype if not isinstance(other, bool) else None)), self
        )

    method.__name__ = name
    return method


class ComparisonMethods:
    """Comparison and logic as methods and as Python's operators. Tensors hash by identity."""

    __slots__ = ()

    eq = eq
    eq_ = inplace(eq, "eq_")
    ne = not_equal = ne
    ne_ = not_equal_ = inplace(ne, "ne_")
    lt = less = lt
    lt_ = less_ = inplace(lt, "lt_")
    le = less_equal = le
    le_ = less_equal_ = inplace(le, "le_")
    gt = greater = gt
    gt_ = greater_ = inplace(gt, "gt_")
    ge = greater_equal = ge
    ge_ = greater_equal_ = inplace(ge, "ge_")
    equal = equal
    isclose = isclose
    allclose = allclose
    isnan = isnan
    isinf = isinf
    isfinite = isfinite
    isposinf = isposinf
    isneginf = isneginf
    isreal = isreal
    signbit = signbit
    logical_and = logical_and
    logical_and_ = inplace(logical_and)
    logical_or = logical_or
    logical_or_ = inplace(logical_or)
    logical_xor = logical_xor
    logical_xor_ = inplace(logical_xor)
    logical_not = logical_not
    logical_not_ = inplace(logical_not)
    bitwise_and = bitwise_and
    bitwise_and_ = inplace(bitwise_and)
    bitwise_or = bitwise_or
    bitwise_or_ = inplace(bitwise_or)
    bitwise_xor = bitwise_xor
    bitwise_xor_ = inplace(bitwise_xor)
    bitwise_not = bitwise_not
    bitwise_not_ = inplace(bitwise_not)
    bitwise_left_shift = bitwise_left_shift
    bitwise_left_shift_ = inplace(bitwise_left_shift, "bitwise_left_shift_")
    bitwise_right_shift = bitwise_right_shift
    bitwise_right_shift_ = inplace(bitwise_right_shift, "bitwise_right_shift_")
    gcd = gcd
    gcd_ = inplace(gcd)
    lcm = lcm
    lcm_ = inplace(lcm)

    __eq__ = _python(ops.eq)
    __ne__ = _python(ops.ne)
    __lt__ = _python(ops.lt)
    __le__ = _python(ops.le)
    __gt__ = _python(ops.gt)
    __ge__ = _python(ops.ge)
    __and__ = __rand__ = _python_integers(bitwise_and, "__and__")
    __or__ = __ror__ = _python_integers(bitwise_or, "__or__")
    __xor__ = __rxor__ = _python_integers(bitwise_xor, "__xor__")
    __lshift__ = _python_integers(bitwise_left_shift, "__lshift__")
    __rshift__ = _python_integers(bitwise_right_shift, "__rshift__")
    __rlshift__ = _reflected_integers(bitwise_left_shift, "__rlshift__")
    __rrshift__ = _reflected_integers(bitwise_right_shift, "__rrshift__")
    __iand__ = inplace(bitwise_and, "__iand__")
    __ior__ = inplace(bitwise_or, "__ior__")
    __ixor__ = inplace(bitwise_xor, "__ixor__")
    __ilshift__ = inplace(bitwise_left_shift, "__ilshift__")
    __irshift__ = inplace(bitwise_right_shift, "__irshift__")

    def __invert__(self):
        """`~x`: all bits turned round, the logical not of bools. TypeError for floating numbers."""
        if self._array.dtype.kind in "fcV":
            raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
        return bitwise_not(self)

    def __hash__(self) -> int:
        return id(self)

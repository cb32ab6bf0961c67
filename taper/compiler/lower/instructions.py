"""How each elementwise primitive becomes instructions: the meaning of `elementwise.py`, for any number of lanes.

A function takes the builder, the operands (already of the dtype the primitive computes in) and that dtype.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ...native import vector_math
from ...native.text import BITS, Builder, Value, const, element, is_float, lanes, vector

LLVM = {
    "bool": "i1", "int8": "i8", "uint8": "i8", "int16": "i16", "uint16": "i16", "int32": "i32", "uint32": "i32",
    "int64": "i64", "uint64": "i64", "float16": "half", "bfloat16": "bfloat", "float32": "float", "float64": "double",
}  # fmt: skip
"""LLVM's name of each dtype that kernels know."""

Emit = Callable[..., Value]


def _multiply(b: Builder, x: Value, y: Value, dtype) -> Value:
    """A product rounded by itself, as in eager execution: what is subtracted from it may be equal to it."""
    if dtype.kind == "b":
        return b.logical("and", x, y)
    return b.exact("fmul", x, y) if is_float(x.type) else b.mul(x, y)


def _compare(relation: str) -> Emit:
    return lambda b, x, y, dtype: b.compare(relation, x, y, signed=dtype.kind not in "ub")


def _larger(b: Builder, x: Value, y: Value, dtype, relation: str) -> Value:
    """The larger (or smaller) of two; NaN where either is NaN."""
    taken = b.select(b.compare(relation, x, y, signed=dtype.kind not in "ub"), x, y)
    if not is_float(x.type):
        return taken
    return b.select(b.is_nan(x), x, taken)


def _known(b: Builder, x: Value, y: Value, dtype, relation: str) -> Value:
    """The larger (or smaller) of two; the other one where one is NaN."""
    taken = b.select(b.compare(relation, x, y, signed=dtype.kind not in "ub"), x, y)
    return taken if not is_float(x.type) else b.select(b.is_nan(x), y, b.select(b.is_nan(y), x, taken))


def _bools(name: str) -> Emit:
    def emit(b, x, y, dtype):
        zero = const(0, x.type)
        return b.logical(name, b.compare("!=", x, zero), b.compare("!=", y, zero))

    return emit


def _truth(b: Builder, x: Value) -> Value:
    return b.compare("!=", x, const(0, x.type))


def _divide_floor(b: Builder, x: Value, y: Value, dtype) -> Value:
    if is_float(x.type):
        # As Python's: through the remainder, so that the quotient is exact.
        rest = vector_math.modulo(b, x, y)
        quotient = b.div(b.exact("fsub", x, rest), y)
        opposite = b.compare("<", b.exact("fmul", rest, y), const(0, x.type))
        wrong = b.logical("and", b.compare("!=", rest, const(0, x.type)), opposite)
        quotient = b.select(wrong, b.exact("fsub", quotient, const(1, x.type)), quotient)
        floor = b.round_to("floor", quotient)
        up = b.compare(">", b.exact("fsub", quotient, floor), const(0.5, x.type))
        floor = b.select(up, b.exact("fadd", floor, const(1, x.type)), floor)
        return b.select(b.compare("==", y, const(0, x.type)), b.div(x, y), floor)
    safe, none = _nonzero(b, y), b.compare("==", y, const(0, y.type))
    if dtype.kind == "u":
        return b.select(none, const(0, x.type), b.div(x, safe, signed=False))
    quotient, rest = b.div(x, safe), b.rem(x, safe)
    down = b.logical(
        "and", b.compare("!=", rest, const(0, x.type)), b.compare("<", b.logical("xor", rest, safe), const(0, x.type))
    )
    return b.select(none, const(0, x.type), b.select(down, b.sub(quotient, const(1, x.type)), quotient))


def _nonzero(b: Builder, y: Value) -> Value:
    """An integer divisor that does not trap."""
    return b.select(b.compare("==", y, const(0, y.type)), const(1, y.type), y)


def _remainder(b: Builder, x: Value, y: Value, dtype) -> Value:
    if is_float(x.type):
        rest = vector_math.modulo(b, x, y)
        opposite = b.logical("xor", b.compare("<", rest, const(0, x.type)), b.compare("<", y, const(0, x.type)))
        wrong = b.logical("and", b.compare("!=", rest, const(0, x.type)), opposite)
        return b.select(wrong, b.exact("fadd", rest, y), rest)
    safe = _nonzero(b, y)
    rest = b.rem(x, safe, signed=dtype.kind not in "ub")
    if dtype.kind == "u":
        return rest
    wrong = b.logical(
        "and", b.compare("!=", rest, const(0, x.type)), b.compare("<", b.logical("xor", rest, safe), const(0, x.type))
    )
    return b.select(wrong, b.add(rest, safe), rest)


def _fmod(b: Builder, x: Value, y: Value, dtype) -> Value:
    if is_float(x.type):
        return vector_math.modulo(b, x, y)
    return b.rem(x, _nonzero(b, y), signed=dtype.kind not in "ub")


def _sign(b: Builder, x: Value, dtype) -> Value:
    zero, one = const(0, x.type), const(1, x.type)
    if dtype.kind == "u":
        return b.select(b.compare("==", x, zero), zero, one)
    made = b.select(b.compare(">", x, zero), one, b.select(b.compare("<", x, zero), const(-1, x.type), zero))
    return b.select(b.is_nan(x), x, made) if is_float(x.type) else made


def _heaviside(b: Builder, x: Value, y: Value, dtype) -> Value:
    zero = const(0, x.type)
    made = b.select(b.compare("<", x, zero), zero, b.select(b.compare(">", x, zero), const(1, x.type), y))
    return b.select(b.is_nan(x), x, made)


def _shift(instruction: str) -> Emit:
    def emit(b, x, y, dtype):
        name = "lshr" if instruction == "ashr" and dtype.kind == "u" else instruction
        bits = BITS[element(x.type)]
        inside = b.compare("<", y, const(bits, y.type), signed=False)
        shifted = b.logical(name, x, b.select(inside, y, const(0, y.type)))
        beyond = b.logical("ashr", x, const(bits - 1, x.type)) if name == "ashr" else const(0, x.type)
        return b.select(inside, shifted, beyond)

    return emit


def _hypot(b: Builder, x: Value, y: Value, dtype) -> Value:
    x, y = b.abs(x), b.abs(y)
    big, small = _known(b, x, y, dtype, ">"), _known(b, x, y, dtype, "<")
    ratio = b.div(small, b.select(b.compare("==", big, const(0, x.type)), const(1, x.type), big))
    root = b.mul(big, b.sqrt(b.fma(ratio, ratio, const(1, x.type))))
    infinite = const(math.inf, x.type)
    nan = b.logical("or", b.is_nan(x), b.is_nan(y))
    root = b.select(nan, b.add(x, y), root)
    return b.select(b.compare("==", big, infinite), infinite, root)


def _logaddexp(b: Builder, x: Value, y: Value, dtype) -> Value:
    top = _larger(b, x, y, dtype, ">")
    same = b.compare("==", x, y)
    gap = b.neg(b.abs(b.sub(x, y)))
    made = b.add(top, vector_math.log1p(b, vector_math.exp(b, gap)))
    return b.select(same, b.add(x, const(math.log(2), x.type)), made)


def _copysign(b: Builder, x: Value, y: Value, dtype) -> Value:
    return b.intrinsic("copysign", x.type, x, y)


def _signbit(b: Builder, x: Value, dtype) -> Value:
    integer = vector(f"i{BITS[element(x.type)]}", lanes(x.type)) if is_float(x.type) else x.type
    return b.compare("<", b.bitcast(x, integer), const(0, integer))


def _power(b: Builder, x: Value, y: Value, dtype) -> Value:
    return vector_math.pow(b, x, y)


def _absolute(b: Builder, x: Value, dtype) -> Value:
    return x if dtype.kind in "ub" else b.abs(x)


def _rounded(how: str) -> Emit:
    return lambda b, x, dtype: b.round_to(how, x) if is_float(x.type) else x


def _bitwise(instruction: str) -> Emit:
    return lambda b, x, y, dtype: b.logical(instruction, x, y)


# fmt: off
INSTRUCTIONS: dict[str, Emit] = {
    "add": lambda b, x, y, t: b.add(x, y) if t.kind != "b" else b.logical("or", x, y),
    "subtract": lambda b, x, y, t: b.sub(x, y),
    "multiply": _multiply,
    "divide": lambda b, x, y, t: b.div(x, y),
    "floor_divide": _divide_floor,
    "remainder": _remainder,
    "fmod": _fmod,
    "power": _power,
    "negative": lambda b, x, t: b.neg(x),
    "positive": lambda b, x, t: x,
    "settle": lambda b, x, t: x,
    "check": lambda b, x, t: x,
    "absolute": _absolute,
    "sign": _sign,
    "square": lambda b, x, t: _multiply(b, x, x, t),
    "sqrt": lambda b, x, t: b.sqrt(x),
    "rsqrt": lambda b, x, t: b.div(const(1, x.type), b.sqrt(x)),
    "reciprocal": lambda b, x, t: b.div(const(1, x.type), x),
    "maximum": lambda b, x, y, t: _larger(b, x, y, t, ">"),
    "minimum": lambda b, x, y, t: _larger(b, x, y, t, "<"),
    "fmax": lambda b, x, y, t: _known(b, x, y, t, ">"),
    "fmin": lambda b, x, y, t: _known(b, x, y, t, "<"),
    "copysign": _copysign,
    "heaviside": _heaviside,
    "floor": _rounded("floor"), "ceil": _rounded("ceil"), "trunc": _rounded("trunc"), "rint": _rounded("roundeven"),
    "hypot": _hypot,
    "logaddexp": _logaddexp,
    "bitwise_and": _bitwise("and"), "bitwise_or": _bitwise("or"), "bitwise_xor": _bitwise("xor"),
    "invert": lambda b, x, t: b.invert(x),
    "left_shift": _shift("shl"), "right_shift": _shift("ashr"),
    "less": _compare("<"), "less_equal": _compare("<="), "greater": _compare(">"), "greater_equal": _compare(">="),
    "equal": _compare("=="), "not_equal": _compare("!="),
    "logical_and": _bools("and"), "logical_or": _bools("or"), "logical_xor": _bools("xor"),
    "logical_not": lambda b, x, t: b.invert(_truth(b, x)),
    "isnan": lambda b, x, t: b.is_nan(x) if is_float(x.type) else const(0, vector("i1", lanes(x.type))),
    "isinf": lambda b, x, t: b.compare("==", b.abs(x), const(math.inf, x.type)) if is_float(x.type) else const(0, vector("i1", lanes(x.type))),
    "isfinite": lambda b, x, t: b.compare("<", b.abs(x), const(math.inf, x.type)) if is_float(x.type) else const(1, vector("i1", lanes(x.type))),
    "signbit": _signbit,
    "where": lambda b, c, x, y, t: b.select(c, x, y),
}
# fmt: on

_MATHEMATICS = {
    "exp": "exp", "exp2": "exp2", "expm1": "expm1", "log": "log", "log2": "log2", "log10": "log10", "log1p": "log1p",
    "sin": "sin", "cos": "cos", "tan": "tan", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2",
    "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh",
    "sigmoid": "sigmoid", "erf": "erf", "erfc": "erfc", "erfinv": "erfinv", "ndtr": "ndtr",
}  # fmt: skip
"""Primitives that are functions of native/vector_math."""

for _name, _function in _MATHEMATICS.items():
    if hasattr(vector_math, _function):
        _emit = getattr(vector_math, _function)
        INSTRUCTIONS[_name] = lambda b, *args, _emit=_emit: _emit(b, *args[:-1])

COSTLY = frozenset([*_MATHEMATICS, "power", "logaddexp", "floor_divide", "remainder", "fmod", "hypot"])
"""Primitives that take so long that storing a result is cheaper than computing it twice."""

FLOATING_ONLY = frozenset(
    [*_MATHEMATICS, "power", "sqrt", "rsqrt", "reciprocal", "divide", "hypot", "logaddexp", "copysign"]
)


def known(name: str, dtype: np.dtype) -> bool:
    """Whether kernels compute this primitive in this dtype (of its last operand)."""
    if name not in INSTRUCTIONS or dtype.name not in LLVM:
        return False
    if name in FLOATING_ONLY:
        return dtype.name in ("float32", "float64")
    if dtype.name in ("float16", "bfloat16"):
        return name in ("where", "positive", "settle")
    return True

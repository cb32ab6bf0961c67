"""Box and Muller's transform in single precision, rounded as PyTorch's CPU kernels round it.

Eight lanes at a time, the Cephes polynomials, and one rounding for each multiplication with the addition after it:
`backends/streams_normal.py` says why, and does the same on NumPy.
Source: S. L. Moshier, Cephes 2.2 (logf, sinf, cosf); Box and Muller (1958).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..text import Builder, Module, Value, const, i64, vector

_LANES = 8
_F, _I = vector("float", _LANES), vector("i32", _LANES)

# fmt: off
_LOG = (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
        -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)
_LN2_LOW, _LN2_HIGH = -2.12194440e-4, 0.693359375
_MINUS_QUARTER_PI = (-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)
_SIN = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_COS = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
# fmt: on


def emit_normals(module: Module) -> None:
    """`normals(samples, groups, mean, std)`: in place, each 16 uniform numbers become 16 normal ones."""
    b = Builder(module, "taper_normals", ["ptr", "i64", "float", "float"])
    samples, groups, mean, std = b.args
    mean, std = b.splat(mean, _LANES), b.splat(std, _LANES)
    with b.loop(i64(0), b.mul(groups, i64(2 * _LANES)), i64(2 * _LANES)) as loop:
        first = b.offset(samples, loop.index, "float")
        second = b.offset(first, i64(_LANES), "float")
        radius = b.sqrt(_times(b, _log(b, b.exact("fsub", _number(1.0), b.load(_F, first))), -2.0))
        sine, cosine = _sine_and_cosine(b, b.load(_F, second))
        b.store(b.fma(b.exact("fmul", cosine, radius), std, mean), first)
        b.store(b.fma(b.exact("fmul", sine, radius), std, mean), second)
    b.finish()


def _number(value: float) -> Value:
    return const(value, _F)


def _times(b: Builder, x: Value, factor: float) -> Value:
    return b.exact("fmul", x, _number(factor))


def _bits(value: int) -> Value:
    return const(value, _I)


def _horner(b: Builder, x: Value, coefficients: Sequence[float]) -> Value:
    y = _number(coefficients[0])
    for coefficient in coefficients[1:]:
        y = b.fma(y, x, _number(coefficient))
    return y


def _log(b: Builder, u: Value) -> Value:
    """log u for normal positive u."""
    bits = b.bitcast(u, _I)
    mantissa = b.logical("or", b.logical("and", bits, _bits(0x007FFFFF)), _bits(0x3F000000))
    x = b.bitcast(mantissa, _F)
    below = b.compare("<", x, _number(math.sqrt(0.5)))
    exponent = b.sub(b.logical("lshr", bits, _bits(23)), b.select(below, _bits(127), _bits(126)))
    exponent = b.convert(exponent, "float")
    x = b.exact("fsub", b.select(below, b.exact("fadd", x, x), x), _number(1.0))
    square = b.exact("fmul", x, x)
    y = b.exact("fmul", _horner(b, x, _LOG), x)
    y = b.fma(y, square, _times(b, exponent, _LN2_LOW))
    y = b.fma(square, _number(-0.5), y)
    return b.fma(exponent, _number(_LN2_HIGH), b.exact("fadd", x, y))


def _sine_and_cosine(b: Builder, u: Value) -> tuple[Value, Value]:
    """sin and cos of 2 pi u for u in [0, 1): reduced to [-pi/4, pi/4], then one polynomial each."""
    x = _times(b, u, 2.0 * math.pi)
    eighth = b.emit(_I, f"fptosi {_times(b, x, 4.0 / math.pi)} to {_I}")
    octant = b.logical("and", b.add(eighth, _bits(1)), _bits(-2))
    turns = b.convert(octant, "float")
    for part in _MINUS_QUARTER_PI:
        x = b.fma(turns, _number(part), x)
    square = b.exact("fmul", x, x)
    sine = b.exact("fmul", _horner(b, square, _SIN), square)
    sine = b.fma(sine, x, x)
    cosine = b.exact("fmul", _horner(b, square, _COS), square)
    cosine = b.fma(cosine, square, _times(b, square, -0.5))
    cosine = b.exact("fadd", cosine, _number(1.0))
    # In every second quarter turn they change places; the signs change after two quarters, the cosine's one earlier.
    odd = b.compare("!=", b.logical("and", octant, _bits(2)), _bits(0))
    sine, cosine = b.select(odd, cosine, sine), b.select(odd, sine, cosine)
    return _signed(b, sine, octant), _signed(b, cosine, b.add(octant, _bits(2)))


def _signed(b: Builder, x: Value, octant: Value) -> Value:
    """Minus x in the third and the fourth quarter turn."""
    sign = b.logical("shl", b.logical("and", octant, _bits(4)), _bits(29))
    return b.bitcast(b.logical("xor", b.bitcast(x, _I), sign), _F)

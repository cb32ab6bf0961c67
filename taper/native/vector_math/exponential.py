"""exp, exp2 and expm1.

x = n ln 2 + r with |r| <= ln 2 / 2; e**r is a polynomial and 2**n is written into exponents, in two factors where the
result may be subnormal or overflow. The coefficients are minimax fits (Remez exchange, rounded one after the other).
"""

from __future__ import annotations

import math

from ..text import Builder, Value
from .lanes import Lanes

# ln 2 in two parts; the first has few enough bits that n times it is exact.
LN2 = {"float": (0.693145751953125, 1.428606765330187e-06), "double": (0.693147180559663, 2.8235290563031577e-13)}

# (e**r - 1 - r) / r**2, relative to e**r and, for expm1, relative to e**r - 1.
_EXP = {
    "float": (0.4999999403953552, 0.16666516661643982, 0.041668105870485306, 0.008369190618395805, 0.0013838415034115314),
    "double": (
        0.5000000000000011, 0.1666666666666622, 0.04166666666652319, 0.008333333333628928, 0.0013888888946003354,
        0.00019841269196503548, 2.4801490218389043e-05, 2.7557871455963406e-06, 2.763139219213284e-07,
        2.490984616582594e-08,
    ),
}  # fmt: skip
_EXPM1 = {
    "float": (
        0.5, 0.1666666567325592, 0.04166646674275398, 0.008333643898367882, 0.0013935043243691325,
        0.0001966296840691939,
    ),
    "double": (
        0.5000000000000001, 0.1666666666666667, 0.041666666666648415, 0.008333333333324876, 0.0013888888896918536,
        0.00019841269880296682, 2.480157309067071e-05, 2.7557247873433617e-06, 2.7568239252880504e-07,
        2.5108448931689966e-08, 1.7853130529298115e-09,
    ),
}  # fmt: skip
# The first in double, to 2**-28 only.
_SHORT = (0.4999999343215509, 0.16666520402422108, 0.041668390791088035, 0.008368744732674625, 0.0013814538757162367)

# (2**r - 1) / r.
_EXP2 = {
    "float": (
        0.6931472420692444, 0.24022655189037323, 0.05550272762775421, 0.009617065079510212, 0.001341774594038725,
        0.0001582348922966048,
    ),
    "double": (
        0.6931471805599457, 0.240226506959101, 0.055504108664789054, 0.009618129107606904, 0.0013333558153683402,
        0.00015403530441048387, 1.5252727156257226e-05, 1.321544314331563e-06, 1.0180747738956605e-07,
        7.072468179218232e-09, 4.0621662867646775e-10,
    ),
}  # fmt: skip

# Beyond these e**x is 0 or infinite, and n still fits into the exponents.
LOWEST = {"float": -104.5, "double": -746.0}
_HIGHEST = {"float": 89.5, "double": 710.0}
_EXP2_RANGE = {"float": (-151.0, 129.0), "double": (-1076.0, 1025.0)}
_EXPM1_RANGE = {"float": (-20.0, 89.0), "double": (-40.0, 709.9)}


def nearest(m: Lanes, x: Value, scale: float, offset: int) -> tuple[Value, Value]:
    """n, the integer nearest to `scale` x, twice: as bits whose low ones are n + offset, and as a number."""
    shift = m.format.ones + offset
    t = m.add(x, shift) if scale == 1 else m.fma(x, scale, shift)
    return m.to_bits(t), m.sub(t, shift)


def reduced(m: Lanes, x: Value, offset: int) -> tuple[Value, Value]:
    """x = n ln 2 + r: bits whose low ones are n + offset, and r."""
    bits, n = nearest(m, x, 1 / math.log(2), offset)
    high, low = LN2[m.element]
    return bits, m.fma(n, -low, m.fma(n, -high, x))


def power_of_two(m: Lanes, bits: Value) -> Value:
    """2**n, normal, for bits whose low ones are n + bias."""
    return m.from_bits(m.integer_op("shl", bits, m.format.fraction))


def scaled(m: Lanes, p: Value, bits: Value) -> Value:
    """p 2**n, rounded once, for bits whose low ones are n + 2 bias."""
    half = m.integer_op("lshr", bits, 1)
    return m.mul(m.mul(p, power_of_two(m, half)), power_of_two(m, m.integer_op("sub", bits, half)))


def near_one(m: Lanes, r: Value) -> Value:
    """e**r for |r| <= ln 2 / 2."""
    return m.polynomial(r, (1.0, 1.0, *_EXP[m.element]))


def exp_in_range(m: Lanes, x: Value) -> Value:
    """e**x where it is a normal number."""
    bits, r = reduced(m, x, m.format.bias)
    return m.mul(near_one(m, r), power_of_two(m, bits))


def short_exp(m: Lanes, x: Value) -> Value:
    """e**x in double, to the precision of a float result and within its exponents."""
    bits, r = reduced(m, m.at_most(m.at_least(x, -110.0), 90.0), m.format.bias)
    return m.mul(m.polynomial(r, (1.0, 1.0, *_SHORT)), power_of_two(m, bits))


def exp_less_one(m: Lanes, r: Value) -> Value:
    """e**r - 1 for |r| <= ln 2 / 2."""
    return m.fma(m.mul(r, r), m.polynomial(r, _EXPM1[m.element]), r)


def exp(b: Builder, x: Value) -> Value:
    """e**x."""
    m = Lanes(b, x.type)
    bits, r = reduced(m, m.at_most(m.at_least(x, LOWEST[m.element]), _HIGHEST[m.element]), 2 * m.format.bias)
    return scaled(m, near_one(m, r), bits)


def exp2(b: Builder, x: Value) -> Value:
    """2**x."""
    m = Lanes(b, x.type)
    low, high = _EXP2_RANGE[m.element]
    x = m.at_most(m.at_least(x, low), high)
    bits, n = nearest(m, x, 1, 2 * m.format.bias)
    return scaled(m, m.polynomial(m.sub(x, n), (1.0, *_EXP2[m.element])), bits)


def expm1(b: Builder, x: Value) -> Value:
    """e**x - 1, without cancellation near 0."""
    m = Lanes(b, x.type)
    low, high = _EXPM1_RANGE[m.element]
    # Half of 2**n, since 2**n itself may overflow where the result does not.
    bits, r = reduced(m, m.at_most(m.at_least(x, low), high), m.format.bias - 1)
    half = power_of_two(m, bits)
    y = m.mul(m.fma(half, exp_less_one(m, r), m.sub(half, 0.5)), 2.0)
    return m.select(m.compare("<", m.abs(x), 2.0 ** -(m.format.fraction + 3)), x, y)

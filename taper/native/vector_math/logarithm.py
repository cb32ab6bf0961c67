"""log, log2, log10 and log1p.

x = 2**k (1 + f) with 1 + f between sqrt(1/2) and sqrt(2), and log(1 + f) = f + e with a small e: a polynomial in float,
the series in s = f / (2 + f) in double (as in FDLIBM's e_log). Coefficients are minimax fits (Remez exchange).
"""

from __future__ import annotations

import math

from ..text import Builder, Value
from .exponential import LN2
from .lanes import Lanes

_ROOT = math.sqrt(0.5)

# (log(1 + f) - f) / f**2.
_SINGLE = (
    -0.5, 0.3333333134651184, -0.250008225440979, 0.20001260936260223, -0.16623321175575256, 0.1420094072818756,
    -0.13159704208374023, 0.1276715099811554, -0.07642795145511627,
)  # fmt: skip
# (log((1 + s) / (1 - s)) - 2 s) / s**3 in s**2.
_DOUBLE = (
    0.6666666666666734, 0.3999999999941666, 0.28571428742026606, 0.22222198604964039, 0.1818356286633565,
    0.1531408422790188, 0.14795641778573146,
)  # fmt: skip
# The first in double, to 2**-37.
_SHORT = (
    -0.5,
    0.33333333892336375, -0.2500000078992747, 0.19999922263572936, -0.16666652428481926, 0.14289587789417107,
    -0.12501054121574043, 0.11024037905978562, -0.09920039231467061, 0.0995018338476302, -0.09794406853256785,
    0.05310337937262784,
)  # fmt: skip

# 1 / ln b as a power of two and the rest, and log_b(2) in two parts; what the first parts multiply is exact.
_BASE_2 = {
    "float": ((1.0, 0.4426950514316559), (1.0, 0.0)),
    "double": ((1.0, 0.4426950408889634), (1.0, 0.0)),
}
_BASE_10 = {
    "float": ((0.5, -0.06570551544427872), (0.301025390625, 4.605039066518657e-06)),
    "double": ((0.5, -0.06570551809674817), (0.30102999566383914, 1.42050232272661e-13)),
}


def exponent(m: Lanes, x: Value) -> tuple[Value, Value]:
    """For a normal positive x = 2**k (1 + f): k + bias as an integer, and the bits of 1 + f."""
    one, root = m.bits_of(1.0), m.bits_of(_ROOT)
    bits = m.integer_op("add", m.to_bits(x), one - root)
    k = m.integer_op("lshr", bits, m.format.fraction)
    fraction = m.integer_op("and", bits, (1 << m.format.fraction) - 1)
    return k, m.integer_op("add", fraction, root)


def as_number(m: Lanes, k: Value, less: float | Value) -> Value:
    """A small non-negative integer k as a number, minus `less`, which has 2**fraction added already."""
    base = 2.0**m.format.fraction
    return m.sub(m.from_bits(m.integer_op("or", k, m.bits_of(base))), less)


def decomposed(m: Lanes, x: Value) -> tuple[Value, Value]:
    """k and f of a positive finite x, as numbers."""
    lift = m.format.fraction + 1
    small = m.compare("<", x, m.format.tiny)
    k, one_and_f = exponent(m, m.select(small, m.mul(x, 2.0**lift), x))
    base = 2.0**m.format.fraction + m.format.bias
    return as_number(m, k, m.select(small, base + lift, base)), m.sub(m.from_bits(one_and_f), 1.0)


def correction(m: Lanes, f: Value) -> Value:
    """log(1 + f) - f."""
    if m.single:
        return m.mul(m.mul(f, f), m.polynomial(f, _SINGLE))
    s = m.div(f, m.add(f, 2.0))
    z = m.mul(s, s)
    half = m.mul(m.mul(f, f), 0.5)
    return m.sub(m.mul(s, m.fma(z, m.polynomial(z, _DOUBLE), half)), half)


def natural(m: Lanes, k: Value, f: Value) -> Value:
    """k ln 2 + log(1 + f)."""
    high, low = LN2[m.element]
    return m.fma(k, high, m.add(f, m.fma(k, low, correction(m, f))))


def special(m: Lanes, x: Value, y: Value) -> Value:
    """y where x is positive and finite, and elsewhere the logarithm's values at infinity, 0, NaN and below 0."""
    y = m.select(m.compare("<", x, math.inf), y, x)
    pole = m.select(m.compare("==", x, 0.0), -math.inf, math.nan)
    return m.select(m.compare(">", x, 0.0), y, pole)


def positive_log(m: Lanes, x: Value) -> Value:
    """The natural logarithm of a positive finite x."""
    return natural(m, *decomposed(m, x))


def short_log(m: Lanes, x: Value) -> Value:
    """The natural logarithm of a normal positive x in double, to the precision of a float result."""
    k, one_and_f = exponent(m, x)
    f = m.sub(m.from_bits(one_and_f), 1.0)
    y = m.fma(m.mul(f, f), m.polynomial(f, _SHORT), f)
    return m.fma(as_number(m, k, 2.0**m.format.fraction + m.format.bias), math.log(2), y)


def log(b: Builder, x: Value) -> Value:
    """The natural logarithm."""
    m = Lanes(b, x.type)
    return special(m, x, positive_log(m, x))


def _to_base(b: Builder, x: Value, base: dict) -> Value:
    m = Lanes(b, x.type)
    (high, low), (k_high, k_low) = base[m.element]
    k, f = decomposed(m, x)
    y = m.fma(correction(m, f), high + low, m.mul(f, low))
    y = m.fma(f, high, m.fma(k, k_low, y) if k_low else y)
    return special(m, x, m.fma(k, k_high, y))


def log2(b: Builder, x: Value) -> Value:
    """The logarithm to base 2."""
    return _to_base(b, x, _BASE_2)


def log10(b: Builder, x: Value) -> Value:
    """The logarithm to base 10."""
    return _to_base(b, x, _BASE_10)


def log_one_plus(m: Lanes, x: Value, more: float | Value = 0.0) -> Value:
    """log(1 + x) + more ln 2 for finite x > -1."""
    # Huge x are scaled down by 2**64, where 1 no longer counts, so that 2**-k stays normal.
    big = m.compare(">", x, 2.0**60)
    x = m.select(big, m.mul(x, 2.0**-64), x)
    k, _ = exponent(m, m.add(x, m.select(big, 0.0, 1.0)))
    scale = m.from_bits(m.integer_op("shl", m.integer_op("sub", 2 * m.format.bias, k), m.format.fraction))
    # 2**k (1 + f) = 1 + x: here f has one rounding, and none for k = 0, however small x is.
    f = m.fma(x, scale, m.select(big, -1.0, m.sub(scale, 1.0)))
    base = 2.0**m.format.fraction + m.format.bias
    less = m.select(big, base - 64, base)
    return natural(m, as_number(m, k, less if isinstance(more, float) and not more else m.sub(less, more)), f)


def log1p(b: Builder, x: Value) -> Value:
    """log(1 + x), without cancellation near 0."""
    m = Lanes(b, x.type)
    y = m.sign_of(log_one_plus(m, x), x)
    y = m.select(m.compare("<", x, math.inf), y, x)
    pole = m.select(m.compare("==", x, -1.0), -math.inf, math.nan)
    return m.select(m.compare(">", x, -1.0), y, pole)

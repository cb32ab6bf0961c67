"""sqrt, rsqrt and pow.

|x|**y = e**(y log|x|) needs the logarithm to ten more bits than the result has: in double it is a sum of two numbers,
in float it is evaluated in double. Coefficients are minimax fits (Remez exchange).
"""

from __future__ import annotations

import math

from ..text import Builder, Value
from .exponential import LN2, LOWEST, near_one, reduced, scaled, short_exp
from .lanes import Lanes
from .logarithm import decomposed, short_log

# (log((1 + s) / (1 - s)) - 2 s - 2 s**3 / 3) / s**5 in s**2, and 2 / 3 in two parts.
_LOG_TAIL = (
    0.40000000000002256, 0.2857142857009963, 0.2222222251990234, 0.1818178437022767, 0.15386757124596118,
    0.13256823974405457, 0.13196258942718964,
)  # fmt: skip
_TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)


def sqrt(b: Builder, x: Value) -> Value:
    """The square root, correctly rounded."""
    return Lanes(b, x.type).sqrt(x)


def rsqrt(b: Builder, x: Value) -> Value:
    """1 / sqrt(x): infinity with the sign of the zero at 0, NaN below."""
    m = Lanes(b, x.type)
    return m.div(1.0, m.sqrt(x))


def _log_in_two_parts(m: Lanes, x: Value) -> tuple[Value, Value]:
    """log of a positive finite x as a sum, to about 2**-64."""
    k, f = decomposed(m, x)
    d, d_low = m.fast_two_sum(2.0, f)
    inverse = m.div(1.0, d)
    s = m.mul(f, inverse)
    p, p_low = m.two_product(s, d)
    rest = m.sub(m.sub(m.sub(f, p), p_low), m.mul(s, d_low))
    s_low = m.mul(rest, inverse)
    z, z_low = m.two_product(s, s)
    z_low = m.fma(m.add(s, s), s_low, z_low)
    # log(1 + f) = 2 s + s z (2 / 3 + z tail).
    c, c_low = m.fast_two_sum(_TWO_THIRDS[0], m.mul(z, m.polynomial(z, _LOG_TAIL)))
    c_low = m.add(c_low, _TWO_THIRDS[1])
    u, u_low = m.two_product(z, c)
    u_low = m.add(u_low, m.fma(z, c_low, m.mul(z_low, c)))
    w, w_low = m.two_product(s, u)
    w_low = m.add(w_low, m.fma(s, u_low, m.mul(s_low, u)))
    high, low = m.fast_two_sum(m.add(s, s), w)
    low = m.add(low, m.fma(s_low, 2.0, w_low))
    ln2, ln2_low = LN2[m.element]
    high, carry = m.fast_two_sum(m.mul(k, ln2), high)
    return m.fast_two_sum(high, m.add(carry, m.fma(k, ln2_low, low)))


def _at_the_ends(m: Lanes, x: Value, log: Value) -> Value:
    """log where x is positive and finite, the logarithm's values where x is 0, infinite or NaN."""
    log = m.select(m.compare("<", x, math.inf), log, x)
    return m.select(m.compare("==", x, 0.0), -math.inf, log)


def _magnitude(m: Lanes, x: Value, y: Value) -> Value:
    """x**y for x >= 0 or NaN, in double."""
    log, log_low = _log_in_two_parts(m, x)
    log = _at_the_ends(m, x, log)
    e, e_low = m.two_product(y, log)
    e_low = m.fma(y, log_low, e_low)
    # The low part of a huge product may be NaN, and means nothing.
    e_low = m.select(m.compare("<", m.abs(e), 1000.0), e_low, 0.0)
    bits, r = reduced(m, m.at_most(m.at_least(e, LOWEST[m.element]), 710.0), 2 * m.format.bias)
    return scaled(m, near_one(m, m.add(r, e_low)), bits)


def _magnitude_single(m: Lanes, x: Value, y: Value) -> Value:
    """x**y for x >= 0 or NaN: given and returned in float, evaluated in double."""
    b = m.b
    wide_x, wide_y = b.convert(x, "double"), b.convert(y, "double")
    w = Lanes(b, wide_x.type)
    return b.convert(short_exp(w, w.mul(wide_y, _at_the_ends(w, wide_x, short_log(w, wide_x)))), "float")


def _whole(m: Lanes, a: Value) -> Value:
    """Whether a non-negative number below 2**fraction is an integer; false for greater ones that lose a bit."""
    unit = 2.0**m.format.fraction
    return m.compare("==", m.sub(m.add(a, unit), unit), a)


def pow(b: Builder, x: Value, y: Value) -> Value:
    """x**y with C99's special cases: NaN for x below 0 unless y is an integer; x**0 and 1**y are 1 even for NaN."""
    m = Lanes(b, x.type)
    ax, ay = m.abs(x), m.abs(y)
    z = _magnitude_single(m, ax, y) if m.single else _magnitude(m, ax, y)
    unit = 2.0**m.format.fraction
    integer = m.either(_whole(m, ay), m.compare(">=", ay, unit))
    even = m.either(_whole(m, m.mul(ay, 0.5)), m.compare(">=", ay, 2 * unit))
    z = m.select(m.either(even, b.invert(integer)), z, m.sign_of(z, x))
    below = m.both(m.compare("<", x, 0.0), m.compare(">", x, -math.inf))
    z = m.select(m.both(below, b.invert(integer)), math.nan, z)
    one = m.either(m.compare("==", y, 0.0), m.compare("==", x, 1.0))
    one = m.either(one, m.both(m.compare("==", x, -1.0), m.compare(">=", ay, 2 * unit)))
    return m.select(one, 1.0, z)

"""asin, acos, atan and atan2.

asin(x) is a polynomial up to 1/2 and pi / 2 - 2 asin(sqrt((1 - x) / 2)) above; arctangents are those of a quotient that
is at most 1, taken from pi / 2 or pi where it was turned over. Coefficients are minimax fits (Remez exchange).
"""

from __future__ import annotations

import math

from ..text import Builder, Value
from .lanes import Lanes

# (asin(s) / s - 1) / s**2 in s**2, for |s| <= 1 / 2.
_ASIN = {
    "float": (0.16666753590106964, 0.07495251297950745, 0.045476075261831284, 0.024152232334017754, 0.042211197316646576),
    "double": (
        0.1666666666666538, 0.07500000000343596, 0.04464285682300209, 0.030381959351888928, 0.022371753012839026,
        0.017359778986452516, 0.013884519324214169, 0.01217380490106296, 0.006508564647073431, 0.019580188923718544,
        -0.016303933436374745, 0.03196570858263578,
    ),
}  # fmt: skip

# (atan(t) / t - 1) / t**2 in t**2, for |t| <= 1.
_ATAN = {
    "float": (
        -0.33333301544189453, 0.1999862641096115, -0.14265111088752747, 0.10956882685422897, -0.08417496085166931,
        0.05820230394601822, -0.03142503276467323, 0.011048766784369946, -0.0018238805932924151,
    ),
    "double": (
        -0.33333333333331994, 0.19999999999774756, -0.14285714272351333, 0.11111110705433261, -0.09090901655950348,
        0.07692217295726281, -0.06665891995664484, 0.058774741431492854, -0.05239884992798895, 0.046758866427209625,
        -0.040970461492305196, 0.034144958066369954, -0.02593043170512408, 0.017083923907235253, -0.00926535270805084,
        0.0039005448826541843, -0.0011808602365596128, 0.0002268854322727724, -2.0668116119083986e-05,
    ),
}  # fmt: skip

# pi in two parts.
_PI = {"float": (3.1415927410125732, -8.742277657347586e-08), "double": (math.pi, 1.2246467991473532e-16)}


def _half_angle(m: Lanes, x: Value) -> tuple[Value, Value, Value]:
    """Whether |x| is above 1/2; then half of acos(|x|), else asin(|x|), as a sum."""
    a = m.abs(x)
    far = m.compare(">", a, 0.5)
    z = m.select(far, m.fma(a, -0.5, 0.5), m.mul(a, a))
    s = m.select(far, m.sqrt(z), a)
    return far, s, m.mul(m.mul(s, z), m.polynomial(z, _ASIN[m.element]))


def asin(b: Builder, x: Value) -> Value:
    """The inverse sine, NaN beyond 1."""
    m = Lanes(b, x.type)
    far, s, rest = _half_angle(m, x)
    high, low = _PI[m.element]
    turned, error = m.fast_two_sum(high / 2, m.mul(s, -2.0))
    turned = m.add(turned, m.fma(rest, -2.0, m.add(error, low / 2)))
    return m.sign_of(m.select(far, turned, m.add(s, rest)), x)


def acos(b: Builder, x: Value) -> Value:
    """The inverse cosine, NaN beyond 1; relatively exact near 1 too."""
    m = Lanes(b, x.type)
    far, s, rest = _half_angle(m, x)
    t = m.add(s, rest)
    high, low = _PI[m.element]
    negative = m.compare("<", x, 0.0)
    angle = m.select(far, m.add(t, t), m.sign_of(t, x))
    # pi / 2 - asin(x) near 0; far from it acos(|x|), from pi if x is negative.
    turned = m.either(negative, m.b.invert(far))
    base = m.select(far, high, high / 2)
    return m.select(turned, m.sub(base, m.sub(angle, m.select(far, low, low / 2))), angle)


def atan(b: Builder, x: Value) -> Value:
    """The inverse tangent."""
    m = Lanes(b, x.type)
    a = m.abs(x)
    steep = m.compare(">", a, 1.0)
    t = m.select(steep, m.div(1.0, a), a)
    return m.sign_of(_turned(m, _atan_up_to_one(m, t), steep), x)


def atan2(b: Builder, y: Value, x: Value) -> Value:
    """The angle of the point (x, y), between -pi and pi, with C99's values for zeros and infinities."""
    m = Lanes(b, x.type)
    ax, ay = m.abs(x), m.abs(y)
    steep = m.compare(">", ay, ax)
    small, large = m.select(steep, ax, ay), m.select(steep, ay, ax)
    # Equal sizes, zeros and infinities too, make a quotient that is known without dividing.
    t = m.select(m.compare("==", ax, ay), m.select(m.compare("==", ax, 0.0), 0.0, 1.0), m.div(small, large))
    angle = _turned(m, _atan_up_to_one(m, t), steep)
    high, low = _PI[m.element]
    left = m.compare("<", m.sign_of(1.0, x), 0.0)
    angle = m.select(left, m.sub(high, m.sub(angle, low)), angle)
    nan = b.emit(left.type, f"fcmp uno {x}, {y.text}")
    return m.sign_of(m.select(nan, math.nan, angle), y)


def _atan_up_to_one(m: Lanes, t: Value) -> Value:
    z = m.mul(t, t)
    return m.fma(m.mul(t, z), m.polynomial(z, _ATAN[m.element]), t)


def _turned(m: Lanes, angle: Value, steep: Value) -> Value:
    """pi / 2 minus the angle where it was taken of the quotient's inverse."""
    high, low = _PI[m.element]
    return m.select(steep, m.sub(high / 2, m.sub(angle, low / 2)), angle)

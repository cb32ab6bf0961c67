"""tanh, sigmoid, sinh, cosh and the inverses asinh, acosh, atanh.

tanh and sigmoid are one exponential and one division, arranged so that nothing cancels: tanh uses a polynomial below ln(3) / 2 and
1 - 2 / (e**2|x| + 1) above, where the quotient is at most one half. Coefficients are minimax fits (Remez exchange).
"""

from __future__ import annotations

import math

from ..text import Builder, Value, vector
from .exponential import LOWEST, exp_in_range, near_one, power_of_two, reduced, scaled
from .lanes import Lanes
from .logarithm import log_one_plus, short_log

# (tanh(x) / x - 1) / x**2 in x**2, for |x| <= ln(3) / 2.
_TANH = {
    "float": (-0.33333319425582886, 0.13332636654376984, -0.05385686457157135, 0.021088464185595512, -0.0062960125505924225),
    "double": (
        -0.333333333333333, 0.1333333333332656, -0.05396825396373789, 0.021869488385850785, -0.008863232613692542,
        0.0035920922764736663, -0.0014555451413204904, 0.0005884564649823241, -0.0002334175082236592,
        8.337453420499493e-05, -1.9533936585088145e-05,
    ),
}  # fmt: skip

# (sinh(r) / r - 1) / r**2 and (cosh(r) - 1) / r**2 in r**2, for |r| <= ln 2 / 2.
_SINH = {
    "float": (0.1666666716337204, 0.00833317544311285, 0.0001997409708565101),
    "double": (
        0.16666666666666677, 0.008333333333321386, 0.0001984126988675778, 2.755724358351605e-06, 2.5109249288650396e-08,
    ),
}  # fmt: skip
_COSH = {
    "float": (0.5, 0.041666459292173386, 0.0013935428578406572),
    "double": (
        0.5, 0.041666666666666685, 0.0013888888888873283, 2.4801587349201182e-05, 2.755725182158094e-07,
        2.0921768972667557e-09,
    ),
}  # fmt: skip


def tanh(b: Builder, x: Value) -> Value:
    """The hyperbolic tangent."""
    m = Lanes(b, x.type)
    a = m.abs(x)
    z = m.mul(a, a)
    near = m.fma(m.mul(a, z), m.polynomial(z, _TANH[m.element]), a)
    e = exp_in_range(m, m.at_most(m.add(a, a), 20.0 if m.single else 40.0))
    far = m.sub(1.0, m.div(2.0, m.add(e, 1.0)))
    return m.sign_of(m.select(m.compare("<", a, math.log(3) / 2), near, far), x)


def sigmoid(b: Builder, x: Value) -> Value:
    """1 / (1 + e**-x), and e**x / (1 + e**x) below 0: never infinity over infinity, small results exact to the last bits."""
    m = Lanes(b, x.type)
    bits, r = reduced(m, m.at_least(m.neg(m.abs(x)), LOWEST[m.element]), 2 * m.format.bias)
    e = scaled(m, near_one(m, r), bits)
    q = m.div(e, m.add(e, 1.0))
    # e - e q = e / (1 + e) with a smaller rounding error than the quotient's, and 1 - q = 1 / (1 + e).
    whole = m.select(m.compare("<", x, 0.0), e, 1.0)
    return m.fma(m.neg(whole), q, whole)


def _exponential_parts(m: Lanes, a: Value) -> tuple[Value, Value, Value, Value]:
    """For a = n ln 2 + r, n >= 0: sinh(r), cosh(r) - 1, and quarters of e**(n ln 2) and e**-(n ln 2)."""
    bits, r = reduced(m, m.at_most(a, 89.6 if m.single else 710.6), m.format.bias - 2)
    z = m.mul(r, r)
    sine = m.fma(m.mul(r, z), m.polynomial(z, _SINH[m.element]), r)
    cosine = m.mul(z, m.polynomial(z, _COSH[m.element]))
    up = power_of_two(m, bits)
    # 2**(n - 2) 2**(-n - 2) = 2**-4; the quotient underflows only where it no longer counts.
    return sine, cosine, up, m.div(2.0**-4, up)


def sinh(b: Builder, x: Value) -> Value:
    """The hyperbolic sine: sinh(r) cosh(n ln 2) + cosh(r) sinh(n ln 2), where nothing cancels."""
    m = Lanes(b, x.type)
    a = m.abs(x)
    sine, cosine, up, down = _exponential_parts(m, a)
    grows = m.sub(up, down)
    y = m.mul(m.add(grows, m.fma(sine, m.add(up, down), m.mul(cosine, grows))), 2.0)
    return m.sign_of(m.select(m.compare("<", a, 2.0 ** -(m.format.fraction // 2 + 2)), a, y), x)


def cosh(b: Builder, x: Value) -> Value:
    """The hyperbolic cosine: cosh(r) cosh(n ln 2) + sinh(r) sinh(n ln 2)."""
    m = Lanes(b, x.type)
    sine, cosine, up, down = _exponential_parts(m, m.abs(x))
    # The smaller power joins the small terms: added to the larger one it would lose its bits.
    rest = m.fma(sine, m.sub(up, down), m.fma(cosine, m.add(up, down), down))
    return m.mul(m.add(up, rest), 2.0)


def asinh(b: Builder, x: Value) -> Value:
    """The inverse hyperbolic sine: log(a + sqrt(a**2 + 1)) with the sign of x."""
    m = Lanes(b, x.type)
    a = m.abs(x)
    if m.single:
        w = Lanes(b, vector("double", m.width))
        d = b.convert(a, "double")
        y = short_log(w, w.add(d, w.sqrt(w.fma(d, d, 1.0))))
        y = m.select(m.compare("<", a, 2.0**-13), a, b.convert(y, "float"))
    else:
        # a + sqrt(a**2 + 1) = 1 + (a + a**2 / (1 + sqrt(a**2 + 1))), and 2 a for huge a.
        huge = m.compare(">", a, 2.0**60)
        square = m.mul(a, a)
        t = m.add(a, m.div(square, m.add(m.sqrt(m.add(square, 1.0)), 1.0)))
        y = log_one_plus(m, m.select(huge, a, t), m.select(huge, 1.0, 0.0))
    return m.sign_of(m.select(m.compare("<", a, math.inf), y, a), x)


def acosh(b: Builder, x: Value) -> Value:
    """The inverse hyperbolic cosine: log(x + sqrt(x**2 - 1)), NaN below 1."""
    m = Lanes(b, x.type)
    if m.single:
        w = Lanes(b, vector("double", m.width))
        d = b.convert(x, "double")
        y = b.convert(short_log(w, w.add(d, w.sqrt(w.fma(d, d, -1.0)))), "float")
    else:
        huge = m.compare(">", x, 2.0**60)
        t = m.sub(x, 1.0)
        t = m.add(t, m.sqrt(m.fma(t, t, m.add(t, t))))
        y = log_one_plus(m, m.select(huge, x, t), m.select(huge, 1.0, 0.0))
    y = m.select(m.compare("<", x, math.inf), y, x)
    return m.select(m.compare(">=", x, 1.0), y, math.nan)


def atanh(b: Builder, x: Value) -> Value:
    """The inverse hyperbolic tangent: log((1 + a) / (1 - a)) / 2 with the sign of x, NaN beyond 1."""
    m = Lanes(b, x.type)
    a = m.abs(x)
    if m.single:
        w = Lanes(b, vector("double", m.width))
        d = b.convert(a, "double")
        y = w.mul(short_log(w, w.div(w.add(d, 1.0), w.sub(1.0, d))), 0.5)
        y = m.select(m.compare("<", a, 2.0**-13), a, b.convert(y, "float"))
    else:
        y = m.mul(log_one_plus(m, m.div(m.add(a, a), m.sub(1.0, a))), 0.5)
        y = m.select(m.compare("<", a, 2.0**-30), a, y)
    y = m.select(m.compare("==", a, 1.0), math.inf, y)
    return m.sign_of(m.select(m.compare("<=", a, 1.0), y, math.nan), x)

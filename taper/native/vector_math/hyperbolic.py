"""tanh and sigmoid.

Each is one exponential and one division, arranged so that nothing cancels: tanh uses a polynomial below ln(3) / 2 and
1 - 2 / (e**2|x| + 1) above, where the quotient is at most one half. Coefficients are minimax fits (Remez exchange).
"""

from __future__ import annotations

import math

from ..text import Builder, Value
from .exponential import LOWEST, exp_in_range, near_one, reduced, scaled
from .lanes import Lanes

# (tanh(x) / x - 1) / x**2 in x**2, for |x| <= ln(3) / 2.
_TANH = {
    "float": (-0.33333319425582886, 0.13332636654376984, -0.05385686457157135, 0.021088464185595512, -0.0062960125505924225),
    "double": (
        -0.333333333333333, 0.1333333333332656, -0.05396825396373789, 0.021869488385850785, -0.008863232613692542,
        0.0035920922764736663, -0.0014555451413204904, 0.0005884564649823241, -0.0002334175082236592,
        8.337453420499493e-05, -1.9533936585088145e-05,
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

"""sin, cos and tan.

x = n pi + r (cosine: (n + 1/2) pi + r) with |r| <= pi / 2, where one odd polynomial serves: n times the parts of pi is
subtracted by fused steps (Cody and Waite). Arguments too large for that take a detour. Coefficients are minimax fits
(Remez exchange).
"""

from __future__ import annotations

import math

from ..text import BITS, Builder, Value
from .lanes import Lanes
from .reduction import quadrant

# (sin(r) / r - 1) / r**2 in r**2, for |r| <= pi / 2.
_SIN = {
    "float": (-0.16666659712791443, 0.00833306647837162, -0.00019809383957181126, 2.604872634037747e-06),
    "double": (
        -0.16666666666666666, 0.008333333333333212, -0.00019841269841215246, 2.755731921212451e-06,
        -2.5052106959425755e-08, 1.6058943888191214e-10, -7.643096243541234e-13, 2.7222385142835724e-15,
    ),
}  # fmt: skip

# For |r| <= pi / 4: the same, and (cos(r) - 1) / r**2 in r**2; first for results in float, then in double.
_SIN_QUARTER = {
    "float": (-0.1666666664158894, 0.008333329381464243, -0.0001983933337378259, 2.718297232280637e-06),
    "double": (
        -0.16666666666666632, 0.008333333333322484, -0.00019841269829853442, 2.75573137054616e-06,
        -2.5050759979041516e-08, 1.589689201456054e-10,
    ),
}  # fmt: skip
_COS_QUARTER = {
    "float": (-0.49999999724691185, 0.04166662327523072, -0.0013886762171174617, 2.4390292379934257e-05),
    "double": (
        -0.4999999999999948, 0.04166666666650232, -0.0013888888871652048, 2.480157898918028e-05,
        -2.755529191862081e-07, 2.063332244844989e-09,
    ),
}  # fmt: skip

# Parts of pi, none of them negative so that 0 keeps its sign; the second line with so few bits each that multiples of
# them are exact without fused operations.
_PI = {
    "float": (3.141592502593994, 1.5099578831723193e-07, 1.0780605906948477e-14),
    "double": (3.141592653589793, 1.224646799147353e-16, 2.165713347843828e-32),
}
_PI_SPLIT = (3.1415926534682512, 1.215420100718692e-10, 5.8254641096454e-20, 2.5413117520279757e-29)

# The greatest |x| for which multiples of those parts are subtracted.
_LIMIT = {"float": 1e5, "double": 2.0**30}
_LIMIT_SPLIT = 1e6


def _limit(m: Lanes) -> float:
    return _LIMIT[m.element] if m.b.module.fused else _LIMIT_SPLIT


def _less_multiple(m: Lanes, x: Value, n: Value, scale: float) -> Value:
    """x - n pi `scale`, a power of two."""
    for part in _PI[m.element] if m.b.module.fused else _PI_SPLIT:
        x = m.fma(n, -part * scale, x)
    return x


def _circular(b: Builder, x: Value, shifted: bool) -> Value:
    """sin(x), or cos(x) if `shifted`."""
    m = Lanes(b, x.type)
    if m.single and not b.module.fused:
        return b.convert(_circular(b, b.convert(x, "double"), shifted), "float")
    ones = m.format.ones
    turns = m.add(m.fma(x, 1 / math.pi, -0.5), ones) if shifted else m.fma(x, 1 / math.pi, ones)
    n = m.sub(turns, ones)
    r = _less_multiple(m, x, m.add(n, 0.5) if shifted else n, 1.0)
    # The lowest bit of n as the sign: sin(n pi + r) = sin(r) for even n, cos((n + 1/2) pi + r) = sin(r) for odd n.
    odd = m.integer_op("shl", m.to_bits(turns), BITS[m.format.integer] - 1)
    flip = b.invert(odd) if shifted else odd
    large = b.any(m.compare(">", m.abs(x), _limit(m)))
    if m.single:
        y = _odd_part(m, r, flip)
        with b.detour(large, [y]) as way:
            way.values = [b.convert(_circular(b, b.convert(x, "double"), shifted), "float")]
        return way.results[0]
    with b.detour(large, [r, flip]) as way:
        way.values = list(_from_quadrant(m, x, r, flip, shifted))
    return _odd_part(m, *way.results)


def _odd_part(m: Lanes, r: Value, flip: Value) -> Value:
    """sin(r) for |r| <= pi / 2, negated where the highest bit of `flip` is set."""
    z = m.mul(r, r)
    y = m.fma(m.mul(r, z), m.polynomial(z, _SIN[m.element]), r)
    return m.sign_of(y, m.from_bits(m.integer_op("xor", flip, m.to_bits(r))))


def _from_quadrant(m: Lanes, x: Value, r: Value, flip: Value, shifted: bool) -> tuple[Value, Value]:
    """r and flip where |x| is large, from x = q pi / 2 + s with |s| <= pi / 4."""
    large = m.compare(">", m.abs(x), _limit(m))
    q, s = quadrant(m, x)
    if shifted:
        q = m.integer_op("add", q, 1)
    swap = m.b.compare("!=", m.integer_op("and", q, 1), m.whole(0))
    s = m.select(swap, m.sub(math.pi / 2, m.abs(s)), s)
    sign = m.integer_op("shl", m.integer_op("lshr", q, 1), BITS[m.format.integer] - 1)
    return m.select(large, s, r), m.b.select(large, sign, flip)


def sin(b: Builder, x: Value) -> Value:
    """The sine."""
    return _circular(b, x, False)


def cos(b: Builder, x: Value) -> Value:
    """The cosine."""
    return _circular(b, x, True)


def tan(b: Builder, x: Value) -> Value:
    """The tangent."""
    m = Lanes(b, x.type)
    if m.single:
        return b.convert(_tangent(b, b.convert(x, "double"), "float"), "float")
    return _tangent(b, x, "double")


def _tangent(b: Builder, x: Value, precision: str) -> Value:
    """tan(x) in double, to the precision of a float or double result."""
    m = Lanes(b, x.type)
    turns = m.fma(x, 2 / math.pi, m.format.ones)
    n = m.sub(turns, m.format.ones)
    r, q = _less_multiple(m, x, n, 0.5), m.to_bits(turns)
    large = m.compare(">", m.abs(x), _limit(m))
    with b.detour(b.any(large), [r, q]) as way:
        q_large, r_large = quadrant(m, x)
        way.values = [m.select(large, r_large, r), b.select(large, q_large, q)]
    r, q = way.results
    z = m.mul(r, r)
    sine = m.fma(m.mul(r, z), m.polynomial(z, _SIN_QUARTER[precision]), r)
    cosine = m.fma(z, m.polynomial(z, _COS_QUARTER[precision]), 1.0)
    # tan(q pi / 2 + r) is sin / cos for even q and -cos / sin for odd q.
    odd = b.compare("!=", m.integer_op("and", q, 1), m.whole(0))
    y = m.div(m.select(odd, m.neg(cosine), sine), m.select(odd, sine, cosine))
    return m.select(m.compare("==", x, 0.0), x, y)

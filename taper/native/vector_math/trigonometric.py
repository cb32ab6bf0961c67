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

# (tan(r) / r - 1) / r**2 in r**2, for |r| <= pi / 4.
_TAN = {
    "float": (
        0.3333335220813751, 0.13332583010196686, 0.05406865105032921, 0.021238617599010468, 0.010945514775812626,
        -4.615710349753499e-05, 0.004441825207322836,
    ),
    "double": (
        0.3333333333333338, 0.13333333333325256, 0.05396825397296447, 0.02186948839758333, 0.008863237948829802,
        0.0035921006373889073, 0.0014560469735706717, 0.0005888592137357828, 0.00024376355585851411,
        8.354483957870843e-05, 6.721406978062119e-05, -2.55810853876876e-05, 4.855643441695598e-05,
        -2.4217309019973614e-05, 9.78272232039017e-06,
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
    large = m.compare(">", m.abs(x), _limit(m))
    if m.single:
        y = _odd_part(m, r, flip)
        with b.detour(b.any(large), [y]) as way:
            wide = _circular(b, b.convert(x, "double"), shifted)
            way.values = [m.select(large, b.convert(wide, "float"), y)]
        return way.results[0]
    with b.detour(b.any(large), [r, flip]) as way:
        s, sign = _from_quadrant(m, x, shifted)
        way.values = [m.select(large, s, r), b.select(large, sign, flip)]
    return _odd_part(m, *way.results)


def _odd_part(m: Lanes, r: Value, flip: Value) -> Value:
    """sin(r) for |r| <= pi / 2, negated where the highest bit of `flip` is set."""
    z = m.mul(r, r)
    y = m.fma(m.mul(r, z), m.polynomial(z, _SIN[m.element]), r)
    # No sine exceeds 1, not by a rounding either.
    y = m.at_most(m.abs(y), 1.0)
    return m.sign_of(y, m.from_bits(m.integer_op("xor", flip, m.to_bits(r))))


def _from_quadrant(m: Lanes, x: Value, shifted: bool) -> tuple[Value, Value]:
    """r and flip of huge arguments, from x = q pi / 2 + s with |s| <= pi / 4."""
    q, s = quadrant(m, x)
    if shifted:
        q = m.integer_op("add", q, 1)
    swap = m.b.compare("!=", m.integer_op("and", q, 1), m.whole(0))
    sign = m.integer_op("shl", m.integer_op("lshr", q, 1), BITS[m.format.integer] - 1)
    return m.select(swap, m.sub(math.pi / 2, m.abs(s)), s), sign


def sin(b: Builder, x: Value) -> Value:
    """The sine."""
    return _circular(b, x, False)


def cos(b: Builder, x: Value) -> Value:
    """The cosine."""
    return _circular(b, x, True)


def tan(b: Builder, x: Value) -> Value:
    """The tangent."""
    m = Lanes(b, x.type)
    if m.single and not b.module.fused:
        return b.convert(tan(b, b.convert(x, "double")), "float")
    turns = m.fma(x, 2 / math.pi, m.format.ones)
    n = m.sub(turns, m.format.ones)
    # x = n pi / 2 + r + low, where low holds what r loses: the first step loses nothing.
    parts = [part / 2 for part in (_PI[m.element] if b.module.fused else _PI_SPLIT)]
    first = m.fma(n, -parts[0], x)
    if b.module.fused:
        second, error = m.two_product(n, m.of(parts[1]))
    else:
        second, error = m.mul(n, parts[1]), m.of(0.0)
    r = m.sub(first, second)
    low = m.sub(m.sub(m.sub(first, r), second), error)
    for part in parts[2:]:
        low = m.fma(n, -part, low)
    if not b.module.fused:
        r, low = m.fast_two_sum(r, low)
    large = m.compare(">", m.abs(x), _limit(m))
    if m.single:
        y = _tangent(m, m.to_bits(turns), r, low)
        with b.detour(b.any(large), [y]) as way:
            way.values = [m.select(large, b.convert(tan(b, b.convert(x, "double")), "float"), y)]
        y = way.results[0]
    else:
        with b.detour(b.any(large), [m.to_bits(turns), r, low]) as way:
            q_large, r_large = quadrant(m, x)
            q = b.select(large, q_large, m.to_bits(turns))
            way.values = [q, m.select(large, r_large, r), m.select(large, 0.0, low)]
        y = _tangent(m, *way.results)
    return m.select(m.compare("==", x, 0.0), x, y)


def _tangent(m: Lanes, q: Value, r: Value, low: Value) -> Value:
    """tan(q pi / 2 + r + low) for |r| <= pi / 4 and a tiny low: t, or -1 / t for odd q."""
    z = m.mul(r, r)
    t = m.add(r, m.fma(m.mul(r, z), m.polynomial(z, _TAN[m.element]), m.fma(low, z, low)))
    odd = m.b.compare("!=", m.integer_op("and", q, 1), m.whole(0))
    return m.div(m.select(odd, -1.0, t), m.select(odd, t, 1.0))

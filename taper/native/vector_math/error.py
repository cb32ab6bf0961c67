"""erf, erfc, erfinv and ndtr, the normal distribution's cumulative function.

Far from 0 erfc(a) = e**-a**2 g(a) with a slowly varying g, a polynomial in 1 / (a + 4); the square is kept to twice the
precision. erfinv is a polynomial in x**2 near 0 and elsewhere one in (s - 1.5) / (s + 1.5) with s = sqrt(-log(1 - |x|)).
Those that need care in float are evaluated in double, to fewer terms. Coefficients are minimax fits (Remez exchange).
"""

from __future__ import annotations

import math

from ..text import Builder, Value
from .exponential import exp, exp_in_range, exp_less_one, reduced, scaled, short_exp
from .lanes import Lanes
from .logarithm import positive_log, short_log

# erf(x) / x - 1 in x**2: for |x| <= 0.9 in float, |x| <= 3 / 4 in double; and in double to 2**-29 for |x| <= 1 / 2.
_NEAR = {
    "float": (
        0.12837916612625122, -0.3761262893676758, 0.11283624172210693, -0.026855578646063805, 0.005191890988498926,
        -0.0008042764384299517, 7.963242387631908e-05,
    ),
    "double": (
        0.1283791670955126, -0.3761263890318418, 0.11283791670979529, -0.026866170650500315,
        0.005223977685038963, -0.000854833077890741, 0.0001205547397688494, -1.492878492205353e-05,
        1.6499722725726077e-06, -1.65154253447763e-07, 1.3511201891306814e-08,
    ),
}  # fmt: skip
_NEAR_SHORT = (
    0.12837916561311719, -0.37612609106351724, 0.11282832473242162, -0.026757739967698053, 0.004718978017858191,
)  # fmt: skip

# -log(erfc(x)) for 0.9 <= x <= 4.
_FAR_SINGLE = (
    -0.00016921009228099138, 1.129488468170166, 0.6334006190299988, 0.10822079330682755, -0.025081004947423935,
    0.00415645819157362, -0.0004314485122449696, 2.0834562747040763e-05,
)  # fmt: skip

# (a + 4) e**a**2 erfc(a) in 1 / 4 - 8 / (a + 4): for 1 / 2 <= a <= 28, and to 2**-30 for a <= 10.3.
_SCALED = (
    0.6443776628548569, -0.3644704281861264, 0.19763287650671693, -0.10229660987567957, 0.05026880551494494,
    -0.02328436009605322, 0.01006698422059351, -0.00400509617901463, 0.0014327965967633799,
    -0.0004441903040589896, 0.00010308136202539142, -2.272742884262015e-05, -1.842730381272238e-05,
    -1.617181115851467e-05, -2.0812277617386683e-05, -1.5425543699233024e-05, -9.132666649800011e-06,
    -4.01494761746589e-06, -1.121769403746302e-06, -1.7540985280488342e-07, -1.1783507557776511e-08,
)  # fmt: skip
_SCALED_SHORT = (
    0.6443681193335231, -0.36462735051031714, 0.19649842425596636, -0.10705479543060645, 0.037408815023565176,
    -0.04678061314050457, -0.019480943301845546, -0.029439294006001964, -0.013046652823156271,
    -0.005428265000965043, -0.0006861799152809103,
)  # fmt: skip

# erfinv(x) / x - 1 in x**2 for |x| <= 1 / 2; erfinv / s in (s - 1.5) / (s + 1.5) beyond. The short ones: to 2**-30,
# the second in (s - 1) / (s + 1) and for |x| <= 1 - 2**-24.
_INVERSE_NEAR = (
    -0.11377307454724199, 0.23201366653465968, 0.1275561753042675, 0.08655212937539014, 0.06495961073566879,
    0.05173150132157162, 0.04283228957844008, 0.03652640597366794, 0.031117608607143004, 0.03174650168229548,
    0.007873414331238716, 0.07482966825710774, -0.07800746322849328, 0.11434023369708443,
)  # fmt: skip
_INVERSE_NEAR_SHORT = (
    -0.11377307382761975, 0.2320133940843554, 0.1275729901248422, 0.08616552523951872, 0.06913423960562971,
    0.029266927518938456, 0.09827218313074053,
)  # fmt: skip
_INVERSE_FAR = (
    0.7633091880364665, 0.5524487453882198, -0.40549023560556313, 0.026063198954838145, 0.17272480878007393,
    -0.15305390773191468, 0.01385081617150038, 0.0916094413957774, -0.092642925630529, 0.01496324878902191,
    0.057790497548238846, -0.06665236359512364, 0.01616339096383729, 0.039485107364715964, -0.051953351882510566,
    0.016925198067456522, 0.027891494789286233, -0.04195599410735487, 0.017343796341034314, 0.017457744099059886,
    -0.030620461096114403, 0.019432153308058978, -0.005036258753324033,
)  # fmt: skip
_INVERSE_FAR_SHORT = (
    0.636716136909715, 0.6826029424571353, -0.2025150081209219, -0.25766297064536803, 0.1287230334569803,
    0.11318668937449641, -0.11809171089823062, -0.03713306816678713, 0.09546782492526222, -0.04124765364720062,
)  # fmt: skip

# sqrt(1 / 2) less its value in double.
_ROOT_LOW = -4.833646656726457e-17


def erf(b: Builder, x: Value) -> Value:
    """The error function."""
    m = Lanes(b, x.type)
    a = m.abs(x)
    near = m.fma(a, m.polynomial(m.mul(a, a), _NEAR[m.element]), a)
    if m.single:
        bound = 0.9
        e = exp_in_range(m, m.neg(m.polynomial(m.at_most(a, 4.0), _FAR_SINGLE)))
    else:
        bound = 0.75
        e = _complement(m, m.at_most(a, 6.0), halved=False, short=False)
    return m.sign_of(m.select(m.compare("<", a, bound), near, m.sub(1.0, e)), x)


def _complement(m: Lanes, a: Value, halved: bool, short: bool) -> Value:
    """erfc(a), or erfc(a / sqrt(2)) / 2 if `halved`, in double, where the argument is between 1/2 and 28 (`short`: 10.3)."""
    scale = -0.5 if halved else -1.0
    if short:
        z = m.mul(a, math.sqrt(0.5)) if halved else a
        r = m.div(1.0, m.add(z, 4.0))
        g = m.mul(r, m.polynomial(m.fma(r, -8.0, 0.25), _SCALED_SHORT))
        return m.mul(m.mul(short_exp(m, m.mul(m.mul(a, a), scale)), g), -scale)
    # Errors of a + 4 and of the quotient would count several times: both are found and taken back.
    z, z_low = m.two_product(a, m.of(math.sqrt(0.5))) if halved else (a, m.of(0.0))
    t, t_low = m.two_sum(z, 4.0)
    if halved:
        t_low = m.add(t_low, m.fma(a, _ROOT_LOW, z_low))
    r = m.div(1.0, t)
    p, p_low = m.two_product(r, t)
    r_low = m.mul(r, m.sub(m.sub(1.0, p), m.fma(r, t_low, p_low)))
    u = m.fma(r_low, -8.0, m.fma(r, -8.0, 0.25))
    g = m.polynomial(u, _SCALED)
    g = m.mul(m.fma(r, g, m.mul(r_low, g)), -scale)
    square, low = m.two_product(a, a)
    bits, r = reduced(m, m.mul(square, scale), 2 * m.format.bias)
    return scaled(m, m.fma(g, exp_less_one(m, m.fma(low, scale, r)), g), bits)


def _widened(b: Builder, x: Value, function) -> Value:
    """`function` of a Lanes and a value, in double; for float to the precision that a float result needs."""
    if Lanes(b, x.type).single:
        wide = b.convert(x, "double")
        return b.convert(function(Lanes(b, wide.type), wide, True), "float")
    return function(Lanes(b, x.type), x, False)


def erfc(b: Builder, x: Value) -> Value:
    """1 - erf(x), relatively exact where it is small."""
    return _widened(b, x, _erfc)


def _erfc(m: Lanes, x: Value, short: bool) -> Value:
    a = m.at_most(m.abs(x), 10.3 if short else 28.0)
    near = m.fma(x, m.polynomial(m.mul(x, x), _NEAR_SHORT if short else _NEAR["double"]), x)
    far = _complement(m, a, halved=False, short=short)
    far = m.select(m.compare("<", x, 0.0), m.sub(2.0, far), far)
    return m.select(m.compare("<", a, 0.5), m.sub(1.0, near), far)


def ndtr(b: Builder, x: Value) -> Value:
    """The probability that a standard normal variable is below x: erfc(-x / sqrt(2)) / 2."""
    return _ndtr_single(b, x) if Lanes(b, x.type).single else _ndtr(Lanes(b, x.type), x, False)


def _ndtr_single(b: Builder, x: Value) -> Value:
    """ndtr in float alone: three times as fast as through double, at up to 6 units in the last place."""
    m = Lanes(b, x.type)
    a = m.at_most(m.abs(x), 14.5)
    r = m.div(1.0, m.fma(a, math.sqrt(0.5), 4.0))
    g = m.mul(r, m.polynomial(m.fma(r, -8.0, 0.25), _SCALED_SHORT))
    # e**(-a**2 / 2) with the square's rounding error taken back.
    square, error = m.two_product(a, a)
    e = exp(b, m.mul(square, -0.5))
    far = m.mul(m.mul(m.fma(e, m.mul(error, -0.5), e), g), 0.5)
    far = m.select(m.compare(">", x, 0.0), m.sub(1.0, far), far)
    z = m.mul(x, math.sqrt(0.5))
    near = m.fma(z, m.polynomial(m.mul(z, z), _NEAR["float"]), z)
    return m.select(m.compare("<", a, 1.0), m.fma(near, 0.5, 0.5), far)


def _ndtr(m: Lanes, x: Value, short: bool) -> Value:
    a = m.at_most(m.abs(x), 14.5 if short else 39.0)
    z = m.mul(x, math.sqrt(0.5))
    near = m.fma(z, m.polynomial(m.mul(z, z), _NEAR_SHORT if short else _NEAR["double"]), z)
    far = _complement(m, a, halved=True, short=short)
    far = m.select(m.compare(">", x, 0.0), m.sub(1.0, far), far)
    return m.select(m.compare("<", m.abs(z), 0.5), m.fma(near, 0.5, 0.5), far)


def erfinv(b: Builder, x: Value) -> Value:
    """The inverse of erf: infinite at -1 and 1, NaN beyond."""
    return _widened(b, x, _erfinv)


def _erfinv(m: Lanes, x: Value, short: bool) -> Value:
    a = m.abs(x)
    near = m.fma(a, m.polynomial(m.mul(a, a), _INVERSE_NEAR_SHORT if short else _INVERSE_NEAR), a)
    rest = m.sub(1.0, a)
    s = m.sqrt(m.neg(short_log(m, rest) if short else positive_log(m, rest)))
    centre = 1.0 if short else 1.5
    u = m.div(m.sub(s, centre), m.add(s, centre))
    far = m.mul(s, m.polynomial(u, _INVERSE_FAR_SHORT if short else _INVERSE_FAR))
    y = m.select(m.compare("<", a, 0.5), near, far)
    y = m.select(m.compare("==", a, 1.0), math.inf, y)
    return m.sign_of(m.select(m.compare("<=", a, 1.0), y, math.nan), x)

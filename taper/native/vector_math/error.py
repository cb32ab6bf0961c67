"""erf.

Coefficients are minimax fits (Remez exchange) of the functions that their comments name.
"""

from __future__ import annotations

from ..text import Builder, Value
from .exponential import exp_in_range, near_one, reduced, scaled
from .lanes import Lanes

# erf(x) / x - 1 in x**2: for |x| <= 0.9 in float, |x| <= 1 / 2 in double.
_NEAR = {
    "float": (
        0.12837916612625122, -0.3761262893676758, 0.11283624172210693, -0.026855578646063805, 0.005191890988498926,
        -0.0008042764384299517, 7.963242387631908e-05,
    ),
    "double": (
        0.1283791670955126, -0.37612638903184553, 0.1128379167104011, -0.02686617067985482, 0.005223978335994942,
        -0.0008548408681925901, 0.00012060842769095184, -1.5142043996726213e-05, 2.102851380041644e-06,
        -5.588832387661776e-07,
    ),
}  # fmt: skip

# -log(erfc(x)) for 0.9 <= x <= 4.
_FAR_SINGLE = (
    -0.00016921009228099138, 1.129488468170166, 0.6334006190299988, 0.10822079330682755, -0.025081004947423935,
    0.00415645819157362, -0.0004314485122449696, 2.0834562747040763e-05,
)  # fmt: skip

# (x + 3) e**x**2 erfc(x) in u = 1 - 6 / (x + 3), for 1 / 2 <= x <= 28.
_SCALED = (
    1.0740069070883396, -0.8833944531698819, 0.5902283571041195, -0.31046726190078633, 0.11952776128636454,
    -0.02682723461662743, -0.0012124166087695554, 0.0030340618730167425, -0.0005483098720810336,
    -0.0002767767068387215, 0.00010756244944266932, 3.039214968491746e-05, -1.747344081673521e-05,
    -4.729668365303249e-06, 2.7698688938629246e-06, 9.596655420088797e-07, -4.1045387724479793e-07,
    -1.8680633356300607e-07, 4.470605672162079e-08, 2.064634766833725e-08,
)  # fmt: skip


def erf_near_zero(m: Lanes, x: Value, z: Value) -> Value:
    """erf(x) for small |x|, z = x**2."""
    return m.fma(x, m.polynomial(z, _NEAR[m.element]), x)


def scaled_erfc(m: Lanes, a: Value) -> Value:
    """e**a**2 erfc(a) for 1 / 2 <= a <= 28, in double."""
    r = m.div(1.0, m.add(a, 3.0))
    return m.mul(r, m.polynomial(m.fma(r, -6.0, 1.0), _SCALED))


def gauss_times(m: Lanes, a: Value, factor: Value) -> Value:
    """e**-a**2 times a factor, for 0 <= a <= 28."""
    high, low = m.two_product(a, a)
    bits, r = reduced(m, m.neg(high), 2 * m.format.bias)
    return scaled(m, m.mul(near_one(m, m.sub(r, low)), factor), bits)


def erf(b: Builder, x: Value) -> Value:
    """The error function."""
    m = Lanes(b, x.type)
    a = m.abs(x)
    near = erf_near_zero(m, a, m.mul(a, a))
    if m.single:
        bound = 0.9
        e = exp_in_range(m, m.neg(m.polynomial(m.at_most(a, 4.0), _FAR_SINGLE)))
    else:
        bound = 0.5
        far = m.at_most(a, 6.0)
        e = gauss_times(m, far, scaled_erfc(m, far))
    return m.sign_of(m.select(m.compare("<", a, bound), near, m.sub(1.0, e)), x)

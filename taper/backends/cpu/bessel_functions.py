"""Modified Bessel functions of the first kind, of orders 0 and 1, plain and scaled by exp(-|x|)."""

from __future__ import annotations

import math

import numpy as np

from .elementwise import polynomial, through_float64

__all__ = ["i0", "i0e", "i1", "i1e"]

# Up to 8, the power series in (x/2)^2: its terms are positive, so no digits cancel, and the 26th is below 2^-60.
SPLIT = 8.0
SERIES_0 = tuple(1 / math.factorial(k) ** 2 for k in range(26))
SERIES_1 = tuple(1 / (math.factorial(k) * math.factorial(k + 1)) for k in range(26))

# Beyond, sqrt(x) exp(-x) I(x) in powers of 16/x - 1, interpolated at Chebyshev points computed with 50 digits.
ASYMPTOTIC_0 = (
    0.4021765094450081, 0.0033605519836678614, 0.0001362160743919305, 1.1143033790932038e-05, 1.4838475658279249e-06,
    2.9735985885673923e-07, 8.872219737904054e-08, 3.932584334552952e-08, 2.1548377974791598e-08,
    7.554691881248808e-09, -6.747657956107524e-09, -1.340891754008974e-08, -5.404771567579958e-09,
    7.552583062123384e-09, 7.4304646503254255e-09, -3.505966530879332e-09, -5.95356943826489e-09,
    1.5200816953924232e-09, 3.6379546359011143e-09, -5.715843864202709e-10, -1.6189806836246817e-09,
    1.5279202694981569e-10, 4.5770876316436224e-10, -2.0260604287413626e-11, -6.067631570603006e-11,
)  # fmt: skip
ASYMPTOTIC_1 = (
    0.38939845902587233, -0.009749577193235737, -0.00021923576383388928, -1.5038547200567216e-05,
    -1.8349101326980946e-06, -3.483855761044295e-07, -1.0001288294864884e-07, -4.312917729178349e-08,
    -2.337392820814264e-08, -8.427766093735185e-09, 6.734464815301592e-09, 1.4034238782067183e-08,
    5.974437608040264e-09, -7.64239413436356e-09, -7.888351507862078e-09, 3.4262341490077958e-09,
    6.242741219786445e-09, -1.4387250533041013e-09, -3.794670896208339e-09, 5.295625441161261e-10,
    1.6848984479705146e-09, -1.4011625179770627e-10, -4.758818838703853e-10, 1.8515118828852956e-11,
    6.305965197150056e-11,
)  # fmt: skip


@through_float64
def i0(x):
    """The modified Bessel function of order 0. NaN at +-inf, as PyTorch's. Returns x's shape and dtype."""
    size = np.abs(x)
    return _pieces(size, SERIES_0, ASYMPTOTIC_0, near=1.0, far=np.exp(size))


@through_float64
def i0e(x):
    """exp(-|x|) i0(x). x: any shape, floating. Returns its shape and dtype."""
    size = np.abs(x)
    return _pieces(size, SERIES_0, ASYMPTOTIC_0, near=np.exp(-size), far=1.0)


@through_float64
def i1(x):
    """The modified Bessel function of order 1. NaN at +-inf, as PyTorch's. Returns x's shape and dtype."""
    size = np.abs(x)
    return _pieces(size, SERIES_1, ASYMPTOTIC_1, near=0.5 * x, far=np.copysign(np.exp(size), x))


@through_float64
def i1e(x):
    """exp(-|x|) i1(x). x: any shape, floating. Returns its shape and dtype."""
    size = np.abs(x)
    return _pieces(size, SERIES_1, ASYMPTOTIC_1, near=0.5 * x * np.exp(-size), far=np.sign(x))


def _pieces(size, series, asymptotic, near, far):
    """near * series for small sizes, far * asymptotic / sqrt(size) for large ones."""
    half = 0.5 * np.minimum(size, SPLIT)
    beyond = np.maximum(size, SPLIT)
    tail = far * polynomial(asymptotic, 2 * SPLIT / beyond - 1) / np.sqrt(beyond)
    return np.where(size > SPLIT, tail, near * polynomial(series, half * half))

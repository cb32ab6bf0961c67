"""Special functions and their derivatives; the functions themselves are in backends/."""

from __future__ import annotations

import math

from .elementwise import TWO_OVER_SQRT_PI, conj
from .operator import ARITHMETIC, FLOAT, op

ROOT_PI_HALF = math.sqrt(math.pi) / 2
ROOT_TWO = math.sqrt(2)
ONE_OVER_ROOT_2PI = 1 / math.sqrt(2 * math.pi)

# fmt: off
erf = op("erf", lambda xp, x: xp.erf(x), promote=FLOAT, fused=3, refuses="c",
         x=lambda xp, g, x: g * (TWO_OVER_SQRT_PI * xp.exp(-x * x)))

erfc = op("erfc", lambda xp, x: xp.erfc(x), promote=FLOAT, fused=20, refuses="c",
          x=lambda xp, g, x: g * (-TWO_OVER_SQRT_PI * xp.exp(-x * x)))

erfcx = op("erfcx", lambda xp, x: xp.erfcx(x), promote=FLOAT, refuses="ch",
           x=lambda xp, g, x, out: g * (2 * x * out - TWO_OVER_SQRT_PI))

erfinv = op("erfinv", lambda xp, x: xp.erfinv(x), promote=FLOAT, fused=70, refuses="c",
            x=lambda xp, g, out: g * (ROOT_PI_HALF * xp.exp(out * out)))

ndtr = op("ndtr", lambda xp, x: xp.ndtr(x), promote=FLOAT, fused=20, refuses="c",
          x=lambda xp, g, x: g * (ONE_OVER_ROOT_2PI * xp.exp(-0.5 * x * x)))

ndtri = op("ndtri", lambda xp, x: xp.ndtri(x), promote=FLOAT, refuses="ch",
           x=lambda xp, g, out: g * (xp.exp(0.5 * out * out) / ONE_OVER_ROOT_2PI))

log_ndtr = op("log_ndtr", lambda xp, x: xp.log_ndtr(x), promote=FLOAT, refuses="ch",
              x=lambda xp, g, x: g * _log_ndtr_slope(xp, x))

lgamma = op("lgamma", lambda xp, x: xp.lgamma(x), promote=FLOAT, refuses="c",
            x=lambda xp, g, x: g * xp.digamma(x))

digamma = op("digamma", lambda xp, x: xp.digamma(x), promote=FLOAT, refuses="c",
             x=lambda xp, g, x: g * xp.trigamma(x))

polygamma = op("polygamma", lambda xp, x, *, n: xp.polygamma(n, x), promote=FLOAT, refuses="c",
               x=lambda xp, g, x, n: g * xp.polygamma(n + 1, x))

zeta = op("zeta", lambda xp, x, y: xp.zeta(x, y), promote=FLOAT, refuses="ch",
          y=lambda xp, g, x, y: g * (-x * xp.zeta(x + 1, y)))

i0 = op("i0", lambda xp, x: xp.i0(x), promote=FLOAT, refuses="c",
        x=lambda xp, g, x: g * xp.i1(x))

i0e = op("i0e", lambda xp, x: xp.i0e(x), promote=FLOAT, refuses="c",
         x=lambda xp, g, x, out: g * (xp.i1e(x) - xp.sign(x) * out))

i1 = op("i1", lambda xp, x: xp.i1(x), promote=FLOAT, refuses="c",
        x=lambda xp, g, x, out: g * _i1_slope(xp, x, xp.i0(x), out))

i1e = op("i1e", lambda xp, x: xp.i1e(x), promote=FLOAT, refuses="c",
         x=lambda xp, g, x, out: g * (_i1_slope(xp, x, xp.i0e(x), out) - xp.sign(x) * out))

sinc = op("sinc", lambda xp, x: xp.sinc(x), promote=FLOAT,
          x=lambda xp, g, x: g * conj(xp, _sinc_slope(xp, x)))

# PyTorch has no derivative by the concentration either.
gammainc = op("gammainc", lambda xp, a, x: xp.gammainc(a, x), promote=ARITHMETIC, refuses="biuc", grad_name="IgammaBackward0",
              a=lambda xp, g: _refused("igamma"), x=lambda xp, g, a, x: g * _gamma_density(xp, a, x))

gammaincc = op("gammaincc", lambda xp, a, x: xp.gammaincc(a, x), promote=ARITHMETIC, refuses="biuc", grad_name="IgammacBackward0",
               a=lambda xp, g: _refused("igammac"), x=lambda xp, g, a, x: -g * _gamma_density(xp, a, x))

entr = op("entr", lambda xp, x: xp.where(x > 0, -x * xp.log(x), xp.where(x >= 0, xp.zeros_like(x), xp.where(x < 0, xp.full_like(x, -math.inf), x))), promote=FLOAT, fused=3, refuses="c",
          x=lambda xp, g, x: g * (-xp.log(x) - 1))

xlog1py = op("xlog1py", lambda xp, x, y: xp.where((x == 0) & (y == y), 0.0, x * xp.log1p(_filled(xp, y, x))), promote=FLOAT, refuses="c",
             x=lambda xp, g, x, y: g * xp.where((x == 0) & (y <= -1), 0.0, xp.log1p(_filled(xp, y, x))),
             y=lambda xp, g, x, y: g * x / (y + 1))

# PyTorch has no derivatives of these.
airy_ai = op("airy_ai", lambda xp, x: xp.airy_ai(x), promote=FLOAT, refuses="ch")
bessel_j0 = op("bessel_j0", lambda xp, x: xp.bessel_j0(x), promote=FLOAT, refuses="ch")
bessel_j1 = op("bessel_j1", lambda xp, x: xp.bessel_j1(x), promote=FLOAT, refuses="ch")
bessel_y0 = op("bessel_y0", lambda xp, x: xp.bessel_y0(x), promote=FLOAT, refuses="ch")
bessel_y1 = op("bessel_y1", lambda xp, x: xp.bessel_y1(x), promote=FLOAT, refuses="ch")
modified_bessel_i0 = op("modified_bessel_i0", lambda xp, x: xp.i0(x), promote=FLOAT, refuses="ch")
modified_bessel_i1 = op("modified_bessel_i1", lambda xp, x: xp.i1(x), promote=FLOAT, refuses="ch")
modified_bessel_k0 = op("modified_bessel_k0", lambda xp, x: xp.modified_bessel_k0(x), promote=FLOAT, refuses="ch")
modified_bessel_k1 = op("modified_bessel_k1", lambda xp, x: xp.modified_bessel_k1(x), promote=FLOAT, refuses="ch")
scaled_modified_bessel_k0 = op("scaled_modified_bessel_k0", lambda xp, x: xp.scaled_modified_bessel_k0(x), promote=FLOAT, refuses="ch")
scaled_modified_bessel_k1 = op("scaled_modified_bessel_k1", lambda xp, x: xp.scaled_modified_bessel_k1(x), promote=FLOAT, refuses="ch")
spherical_bessel_j0 = op("spherical_bessel_j0", lambda xp, x: xp.spherical_bessel_j0(x), promote=FLOAT, refuses="ch")

chebyshev_polynomial_t = op("chebyshev_polynomial_t", lambda xp, x, n: xp.chebyshev_polynomial_t(x, n), promote=FLOAT, refuses="ch")
chebyshev_polynomial_u = op("chebyshev_polynomial_u", lambda xp, x, n: xp.chebyshev_polynomial_u(x, n), promote=FLOAT, refuses="ch")
chebyshev_polynomial_v = op("chebyshev_polynomial_v", lambda xp, x, n: xp.chebyshev_polynomial_v(x, n), promote=FLOAT, refuses="ch")
chebyshev_polynomial_w = op("chebyshev_polynomial_w", lambda xp, x, n: xp.chebyshev_polynomial_w(x, n), promote=FLOAT, refuses="ch")
hermite_polynomial_h = op("hermite_polynomial_h", lambda xp, x, n: xp.hermite_polynomial_h(x, n), promote=FLOAT, refuses="ch")
hermite_polynomial_he = op("hermite_polynomial_he", lambda xp, x, n: xp.hermite_polynomial_he(x, n), promote=FLOAT, refuses="ch")
laguerre_polynomial_l = op("laguerre_polynomial_l", lambda xp, x, n: xp.laguerre_polynomial_l(x, n), promote=FLOAT, refuses="ch")
legendre_polynomial_p = op("legendre_polynomial_p", lambda xp, x, n: xp.legendre_polynomial_p(x, n), promote=FLOAT, refuses="ch")
shifted_chebyshev_polynomial_t = op("shifted_chebyshev_polynomial_t", lambda xp, x, n: xp.shifted_chebyshev_polynomial_t(x, n), promote=FLOAT, refuses="ch")
shifted_chebyshev_polynomial_u = op("shifted_chebyshev_polynomial_u", lambda xp, x, n: xp.shifted_chebyshev_polynomial_u(x, n), promote=FLOAT, refuses="ch")
shifted_chebyshev_polynomial_v = op("shifted_chebyshev_polynomial_v", lambda xp, x, n: xp.shifted_chebyshev_polynomial_v(x, n), promote=FLOAT, refuses="ch")
shifted_chebyshev_polynomial_w = op("shifted_chebyshev_polynomial_w", lambda xp, x, n: xp.shifted_chebyshev_polynomial_w(x, n), promote=FLOAT, refuses="ch")
# fmt: on


def _filled(xp, y, x):
    """y; a number as an array like x, so that the result has x's precision."""
    return y if hasattr(y, "dtype") else xp.full_like(x, y)


def _refused(name: str):
    raise NotImplementedError(f"the derivative for '{name}: input' is not implemented; that by other is.")


def _log_ndtr_slope(xp, x):
    """The density divided by ndtr, by erfcx on the left, where both vanish."""
    left, right = xp.kept(x, x < 0), xp.dropped(x, x < 0)
    tail = 1 / (ROOT_PI_HALF * ROOT_TWO * xp.erfcx(-left / ROOT_TWO))
    return xp.where(x < 0, tail, ONE_OVER_ROOT_2PI * xp.exp(-0.5 * right * right) / xp.ndtr(right))


def _gamma_density(xp, a, x):
    return xp.exp((a - 1) * xp.log(x) - x - xp.lgamma(a))


def _i1_slope(xp, x, i0, i1):
    """i0 - i1 / x, 1/2 at 0."""
    zero = x == 0
    return xp.where(zero, xp.ones_like(x) / 2, i0 - i1 / xp.where(zero, xp.ones_like(x), x))


def _sinc_slope(xp, x):
    zero = x * x == 0  # also where the square is too small for a number
    a = math.pi * xp.where(zero, xp.ones_like(x), x)
    return xp.where(zero, xp.zeros_like(x), (a * xp.cos(a) - xp.sin(a)) / (a * a) * math.pi)

"""Incomplete gamma and beta integrals, and how quantiles move with the parameters, by one quadrature.

Each is an integral from x to the nearer end of the distribution. With t = x exp(-w) below the mode and t = x exp(w)
above it (logit(t) = logit(x) -+ w for beta), the integrand falls monotonically from w = 0, and the density at x goes out
of the integral. What remains is taken by the double exponential rule, w = L exp(pi/2 sinh(u)) with L the distance over
which the integrand falls (Takahasi and Mori 1974), to about 1e-12.

If F(x; a) is the distribution function and f its density, x moves by dx/da = -(dF/da) / f for a fixed quantile: the
derivative of a random number with respect to its parameter (Figurnov et al. 2018, arXiv 1805.08498).
"""

from __future__ import annotations

import numpy as np

from .error_functions import erfc
from .gamma_functions import digamma, lgamma

__all__ = ["beta_quantile_slope", "gamma_quantile_slope", "gammainc", "gammaincc"]

_STEP = 0.03125
_U = np.arange(-4.0, 2.6, _STEP)
_W = np.exp(np.pi / 2 * np.sinh(_U))
_WEIGHTS = _STEP * np.pi / 2 * np.cosh(_U) * _W


def _integral(rate, integrand):
    """The integral of integrand(w) over (0, inf), which falls over a distance of 1 / rate."""
    total = np.zeros_like(rate)
    with np.errstate(all="ignore"):
        for w, weight in zip(_W.tolist(), _WEIGHTS.tolist()):
            value = integrand(w / rate)
            total += np.where(np.isfinite(value), value, 0) * weight
        return total / rate


def _shaped(*arrays):
    arrays = np.broadcast_arrays(*(np.asarray(a) for a in arrays))
    return [a.astype(np.float64) for a in arrays], np.result_type(*arrays)


def _tail(a, x, lower):
    """The share of the gamma distribution that lies on one side of x, for x inside."""
    with np.errstate(all="ignore"):
        rate = np.abs(a - x) + np.sqrt(x)
        sign = np.where(lower, -1.0, 1.0)
        integral = _integral(rate, lambda w: np.exp(sign * a * w - x * np.expm1(sign * w)))
        return np.exp(a * np.log(x) - x - lgamma(a)) * integral


_LARGE = 1e6


def _tail_of_large(a, x, lower):
    """The same for large a, by the first two terms of the uniform expansion (Temme 1979): nearly the normal tail."""
    with np.errstate(all="ignore"):
        mu = (x - a) / a
        series = mu * mu * (1 / 2 - mu * (1 / 3 - mu * (1 / 4 - mu * (1 / 5 - mu / 6))))
        fall = np.where(np.abs(mu) < 1e-3, series, mu - np.log1p(mu))
        eta = np.sign(mu) * np.sqrt(2 * fall)
        near = -1 / 3 + eta * (1 / 12 - eta * (2 / 135))
        further = np.where(np.abs(eta) < 1e-3, near, 1 / mu - 1 / eta) * np.exp(-a * fall) / np.sqrt(2 * np.pi * a)
        return 0.5 * erfc(np.sqrt(a * fall)) + np.where(lower, -further, further)


def _gamma_share(a, x, below: bool):
    (a, x), dtype = _shaped(a, x)
    lower = x < a
    inside = (a > 0) & (x > 0) & np.isfinite(x) & np.isfinite(a)
    share = np.array(_tail(np.where(inside, a, 1.0), np.where(inside, x, 1.0), np.where(inside, lower, False)))
    large = inside & (a > _LARGE)
    if large.any():
        share[large] = _tail_of_large(a[large], x[large], lower[large])
    share = np.where(lower == below, share, 1 - share)
    nothing, everything = (0.0, 1.0) if below else (1.0, 0.0)
    share = np.where(inside, share, np.nan)
    share = np.where((x == 0) & (a > 0), nothing, share)
    share = np.where(np.isposinf(x) & np.isfinite(a) & (a >= 0), everything, share)
    share = np.where((a == 0) & (x > 0), everything, share)
    share = np.where(np.isposinf(a) & np.isfinite(x) & (x >= 0), nothing, share)
    return np.asarray(share).astype(dtype)


def gammainc(a, x):
    """The share of the gamma distribution of concentration a below x; NaN outside of a >= 0, x >= 0."""
    return _gamma_share(a, x, True)


def gammaincc(a, x):
    """The share of the gamma distribution of concentration a above x."""
    return _gamma_share(a, x, False)


def gamma_quantile_slope(a, x):
    """How fast the quantile x of the gamma distribution moves with its concentration a."""
    (a, x), dtype = _shaped(a, x)
    lower = x < a
    sign = np.where(lower, -1.0, 1.0)
    with np.errstate(all="ignore"):
        offset = np.log(x) - digamma(a)
        rate = np.abs(a - x) + np.sqrt(x)
        exponent = lambda w: np.exp(sign * a * w - x * np.expm1(sign * w))
        slope = sign * x * _integral(rate, lambda w: exponent(w) * (offset + sign * w))
    return np.asarray(np.where(x > 0, slope, 0.0)).astype(dtype)


def beta_quantile_slope(a, b, x):
    """How fast the quantile x of the beta distribution of concentrations a and b moves with a."""
    (a, b, x), dtype = _shaped(a, b, x)
    with np.errstate(all="ignore"):
        lower = x < a / (a + b)
        sign = np.where(lower, -1.0, 1.0)
        log_x, log_y = np.log(x), np.log1p(-x)
        at = log_x - log_y
        expected = digamma(a) - digamma(a + b)

        def integrand(w):
            logit = at + sign * w
            log_t, log_rest = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
            return np.exp(a * (log_t - log_x) + b * (log_rest - log_y)) * (log_t - expected)

        # The exponent falls by a (1 - t) - b t, and bends by (a + b) t (1 - t).
        rate = np.abs(a * (1 - x) - b * x) + np.sqrt((a + b) * x * (1 - x))
        slope = sign * x * (1 - x) * _integral(rate, integrand)
    return np.asarray(np.where((x > 0) & (x < 1), slope, 0.0)).astype(dtype)

"""The logarithm of the gamma function, its derivatives, and Hurwitz's zeta function."""

from __future__ import annotations

import math

import numpy as np

from .elementwise import polynomial, through_float64

__all__ = ["digamma", "lgamma", "polygamma", "trigamma", "zeta"]

# lgamma(2 + u/2) / (u/2) for u in [-1, 1], interpolated at Chebyshev points computed with 50 digits.
LGAMMA_NEAR_2 = (
    0.42278433509846713, 0.16123351671205663, -0.016838075263299536, 0.002572601053472542, -0.000461596939291756,
    9.032844784489912e-05, -1.8636779875052926e-05, 3.981793088659667e-06, -8.716982449081134e-07,
    1.9425327031438992e-07, -4.387339030049162e-08, 1.001249236957858e-08, -2.3043102744274226e-09,
    5.352455971471404e-10, -1.2481294697143873e-10, 2.8075860826633894e-11, -6.566215046625873e-12,
    2.1270762170785405e-12, -5.117684453811745e-13,
)  # fmt: skip

# B(2k) / (2k)! for k = 1, 2, ... with Bernoulli's numbers B.
BERNOULLI_OVER_FACTORIAL = (
    0.08333333333333333, -0.001388888888888889, 3.306878306878307e-05, -8.267195767195768e-07, 2.08767569878681e-08,
    -5.284190138687493e-10, 1.3382536530684679e-11, -3.3896802963225827e-13, 8.586062056277845e-15,
    -2.174868698558062e-16, 5.5090028283602295e-18, -1.3954464685812522e-19,
)  # fmt: skip

# Stirling's series of lgamma in 1/x^2, from 1/x on, and its derivative's: B(2k) / (2k (2k - 1)) and B(2k) / (2k).
STIRLING = tuple(b * math.factorial(2 * k - 2) for k, b in enumerate(BERNOULLI_OVER_FACTORIAL[:9], 1))
STIRLING_DERIVATIVE = tuple(b * math.factorial(2 * k - 1) for k, b in enumerate(BERNOULLI_OVER_FACTORIAL[:9], 1))
HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)

# From here on the asymptotic series are exact to the last bit.
ASYMPTOTIC = 10


@through_float64
def lgamma(x):
    """log |gamma(x)|; infinite at 0 and the negative integers. x: any shape, floating. Returns its shape and dtype."""
    mirrored = x < 0
    value = _lgamma_positive(np.where(mirrored, 1 - x, x))
    if mirrored.any():
        # gamma(x) gamma(1 - x) = pi / sin(pi x), with the fraction of x for x: the sine repeats.
        fraction = x - np.round(x)
        value = np.where(mirrored, math.log(math.pi) - np.log(np.abs(np.sin(math.pi * fraction))) - value, value)
        value[np.isneginf(x)] = np.inf
    return value


def _lgamma_positive(x):
    inverse = 1 / x
    value = (x - 0.5) * (np.log(x) - 1) + (HALF_LOG_TWO_PI - 0.5) + inverse * polynomial(STIRLING, inverse * inverse)
    # Large x: x * (log(x) - 1) overflows exactly where the result does, and is inf - inf nowhere.
    small = np.flatnonzero(x < ASYMPTOTIC)
    if small.size:
        value[small] = _lgamma_small(x[small])
    return value


def _lgamma_small(x):
    """lgamma on [0, 10): the recurrence leads into [1.5, 2.5], whose fit has the zero at 2 as a factor."""
    # x + 1 - 2 would round away the distance from the zero at 1; x - 1 is exact.
    u = np.where(x < 0.5, x, np.where(x < 1.5, x - 1, x - 2))
    below = np.where(x < 0.5, x * (x + 1), np.where(x < 1.5, x, 1.0))
    above = np.ones_like(x)
    while (high := u > 0.5).any():
        above *= np.where(high, u + 1, 1.0)
        u = np.where(high, u - 1, u)
    return u * polynomial(LGAMMA_NEAR_2, 2 * u) + np.log(above) - np.log(below)


@through_float64
def digamma(x):
    """The derivative of lgamma. -inf at 0, inf at -0.0, NaN at the negative integers. Returns x's shape and dtype."""
    mirrored = x < 0
    positive = np.where(mirrored, 1 - x, x)
    small = positive < ASYMPTOTIC
    shifted = np.where(small, positive + ASYMPTOTIC, positive)
    inverse = 1 / shifted
    value = np.log(shifted) - 0.5 * inverse - inverse * inverse * polynomial(STIRLING_DERIVATIVE, inverse * inverse)
    where = np.flatnonzero(small)
    if where.size:
        start = positive[where]
        steps = sum(1 / (start + k) for k in range(ASYMPTOTIC - 1, 0, -1))
        value[where] -= steps
        value[where] -= 1 / start
    if mirrored.any():
        fraction = x - np.round(x)
        value = np.where(mirrored, value - math.pi / np.tan(math.pi * fraction), value)
        value[mirrored & ((fraction == 0) | np.isinf(x))] = np.nan
    return value


def polygamma(n: int, x):
    """The nth derivative of digamma, n >= 0. x: any shape, floating. Returns its shape and dtype.

    Infinite at 0 and the negative integers for n > 0. RuntimeError for n < 0.
    """
    if n < 0:
        raise RuntimeError(f"polygamma(n, x) does not support negative n, got n = {n}")
    if n == 0:
        return digamma(x)
    if n == 1:
        return trigamma(x)
    factor = math.inf if n > 170 else float(math.factorial(n))
    return _polygamma(x, n + 1, factor if n % 2 else -factor)


def trigamma(x):
    """The derivative of digamma. 0 at infinity, NaN at minus infinity. Returns x's shape and dtype."""
    x = np.asarray(x)
    value = _polygamma(x, 2, 1.0)
    value[np.isposinf(x)] = 0
    value[np.isneginf(x)] = np.nan
    return value


def _polygamma(x, order: int, factor: float):
    x = np.asarray(x)
    return through_float64(lambda q: factor * _zeta(np.full_like(q, order), q))(x)


@through_float64
def zeta(x, q):
    """Hurwitz's zeta function, the sum of (k + q)^-x over k >= 0, for x > 1. x, q: broadcastable, floating.

    Returns their broadcast shape and common dtype. As PyTorch's: infinite for x = 1 and for q zero or a negative
    integer, NaN for x < 1, for negative q with a fractional x, and for infinite q.
    """
    return _zeta(x, q)


def _zeta(s, q):
    s = np.minimum(s, 1e300)  # infinity behaves as a large number, without inf * 0
    u = -q
    steps = np.where(q < 0, np.ceil(u), 0.0)
    value = _zeta_positive(s, np.where(q < 0, steps - u, q))
    left = np.flatnonzero(q < 0)
    if left.size:
        # The terms left of 0 are (-1)^s (j - r)^-s, a difference of two sums: no loop over them, however many.
        order, size = s[left], u[left]
        skipped = _zeta_positive(order, size - (steps[left] - 1)) - _zeta_positive(order, size + 1)
        value[left] += np.where(np.fmod(order, 2) == 0, skipped, -skipped)
        value[left] = np.where(order == np.floor(order), value[left], np.nan)
    value = np.where((q <= 0) & (q == np.floor(q)), np.inf, value)
    value = np.where(s < 1, np.nan, value)
    return np.where(s == 1, np.inf, value)


def _zeta_positive(s, q):
    """Hurwitz's zeta for s > 1, q >= 0: ten terms, then Euler and Maclaurin's formula for the rest."""
    end = q + ASYMPTOTIC
    power = np.power(end, -s)
    value = power * end / (s - 1) + 0.5 * power
    term = power * s / end
    for k, coefficient in enumerate(BERNOULLI_OVER_FACTORIAL):
        value += coefficient * term
        term = term * ((s + (2 * k + 1)) / end) * ((s + (2 * k + 2)) / end)
    for k in range(ASYMPTOTIC - 1, -1, -1):
        value += np.power(q + k, -s)
    return value

"""Distributions sampled one number at a time, since how many draws a sample takes depends on the draws.

`uniform` and `normal` give the next standard uniform and the next standard normal number as Python floats. Where
PyTorch computes in the tensor's precision rather than in float64, so do these: the type of `rate`, `concentration`,
`count` and `p` (NumPy scalars) decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Draw = Callable[[], float]


def poisson(rate: float, uniform: Draw) -> int:
    """Events in a unit of time: Knuth's product below a rate of 10, from there Hormann's PTRS (1993)."""
    if rate == 0:
        return 0
    if rate < 10:
        limit, product, events = math.exp(-rate), uniform(), 0
        while product > limit:
            product *= uniform()
            events += 1
        return events
    log_rate = math.log(rate)
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    limit = 0.9277 - 3.6224 / (b - 2)
    while True:
        u = uniform() - 0.5
        v = uniform()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + rate + 0.43)
        if us >= 0.07 and v <= limit:
            return k
        if k < 0 or (us < 0.013 and v > us):
            continue
        density = -rate + k * log_rate - math.lgamma(k + 1.0)
        if math.log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b) <= density:
            return k


def gamma(concentration: np.floating, uniform: Draw, normal: Draw) -> float:
    """A gamma number of rate 1 by Marsaglia and Tsang's method (2000)."""
    one = concentration.dtype.type(1)
    scale = 1.0
    if concentration < 1:
        if concentration == 0:
            return 0.0
        scale = (1 - uniform()) ** float(one / concentration)
        concentration += one
    d = float(concentration - concentration.dtype.type(np.float32(1) / np.float32(3)))
    c = 1 / math.sqrt(9 * d)
    squeeze = float(np.float32(0.0331))
    while True:
        x = normal()
        y = 1 + c * x
        if y <= 0:
            continue
        v = y * y * y
        u = 1 - uniform()
        square = x * x
        if u < 1 - squeeze * square * square or math.log(u) < 0.5 * square + d * (1 - v + math.log(v)):
            return scale * d * v


def binomial(count: np.floating, p: np.floating, uniform: Draw) -> float:
    """Successes among `count` trials: geometric waiting times up to a mean of 10, from there Hormann's BTRS (1993)."""
    if count <= 0 or p <= 0:
        return 0.0
    if p >= 1:
        return float(count)
    if math.isnan(p):
        return math.nan
    rarer = p if p <= 0.5 else p.dtype.type(1.0 - float(p))
    sample = _transformed_rejection if count * rarer >= 10 else _waiting_times
    successes = sample(count, rarer, uniform)
    return successes if p <= 0.5 else float(count) - successes


def _waiting_times(count, p, uniform):
    log_failure = float(p.dtype.type(math.log1p(-p)))
    successes, trials = 0.0, 0.0
    while True:
        u = uniform()
        trials += math.ceil(math.log(u) / log_failure) if u else math.inf
        if trials > count:
            return successes
        successes += 1


def _transformed_rejection(count, p, uniform):
    one = p.dtype.type(1)
    deviation = float(np.sqrt(count * p * (one - p)))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * float(p)
    centre = float(count * p) + 0.5
    limit = 0.92 - 4.2 / b
    odds = float(p / (one - p))
    alpha = (2.83 + 5.1 / b) * deviation
    mode = float(np.floor((count + one) * p))
    n = float(count)
    while True:
        u = uniform() - 0.5
        v = uniform()
        us = 0.5 - abs(u)
        k = float(p.dtype.type(math.floor((2 * a / us + b) * u + centre)))
        if k < 0 or k > n:
            continue
        if us >= 0.07 and v <= limit:
            return k
        bound = (mode + 0.5) * math.log((mode + 1) / (odds * (n - mode + 1)))
        bound += (n + 1) * math.log((n - mode + 1) / (n - k + 1))
        bound += (k + 0.5) * math.log(odds * (n - k + 1) / (k + 1))
        bound += _stirling_rest(mode) + _stirling_rest(n - mode) - _stirling_rest(k) - _stirling_rest(n - k)
        if v == 0 or math.log(v * alpha / (a / (us * us) + b)) <= bound:
            return k


def _stirling_rest(k):
    """What Stirling's formula lacks of log k!: log k! - ((k + 1/2) log(k + 1) - (k + 1) + log(2 pi) / 2)."""
    if k < 10:
        return math.lgamma(k + 1) - (k + 0.5) * math.log(k + 1) + (k + 1) - 0.5 * math.log(2 * math.pi)
    after = k + 1
    return (1 / 12 - (1 / 360 - 1 / 1260 / (after * after)) / (after * after)) / after

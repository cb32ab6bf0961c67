"""The continuous Bernoulli distribution. Source: arXiv 1907.06845."""

from __future__ import annotations

import math

import taper as T

from ..nn.functional import binary_cross_entropy_with_logits
from ..tensor.size import Size
from . import constraints
from .binary import BinaryParameters
from .distribution import ExponentialFamily
from .utils import broadcast_all, clamp_probs, is_number

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(BinaryParameters, ExponentialFamily):
    """Numbers in [0, 1] with density in proportion to probs ** x (1 - probs) ** (1 - x).

    Between `lims`, around probs = 1/2 where the formulas lose their precision, their Taylor series is used.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(self, probs=None, logits=None, lims=(0.499, 0.501), validate_args=None):
        shape = self._given(probs, logits)
        if probs is not None:
            if validate_args is not None and not self.arg_constraints["probs"].check(self.probs).all():
                raise ValueError("The parameter probs has invalid values")
            self.probs = clamp_probs(self.probs)
        self._lims = lims
        super().__init__(
            Size() if is_number(probs if probs is not None else logits) else shape, validate_args=validate_args
        )

    def expand(self, batch_shape, _instance=None):
        new = self._get_checked_instance(ContinuousBernoulli, _instance)
        new._lims = self._lims
        return self._expanded(ContinuousBernoulli, batch_shape, new, **self._parameters())

    def _outside_unstable_region(self):
        return (self.probs <= self._lims[0]) | (self.probs > self._lims[1])

    def _cut_probs(self):
        """The probabilities, where they are near 1/2 a harmless value beside it."""
        return T.where(self._outside_unstable_region(), self.probs, self._lims[0] * T.ones_like(self.probs))

    def _cont_bern_log_norm(self):
        cut = self._cut_probs()
        below = T.where(cut <= 0.5, cut, T.zeros_like(cut))
        above = T.where(cut >= 0.5, cut, T.ones_like(cut))
        log_norm = T.log(T.abs(T.log1p(-cut) - T.log(cut))) - T.where(
            cut <= 0.5, T.log1p(-2.0 * below), T.log(2.0 * above - 1.0)
        )
        x = T.pow(self.probs - 0.5, 2)
        taylor = math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x
        return T.where(self._outside_unstable_region(), log_norm, taylor)

    @property
    def mean(self):
        cut = self._cut_probs()
        mean = cut / (2.0 * cut - 1.0) + 1.0 / (T.log1p(-cut) - T.log(cut))
        x = self.probs - 0.5
        taylor = 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * T.pow(x, 2)) * x
        return T.where(self._outside_unstable_region(), mean, taylor)

    @property
    def stddev(self):
        return T.sqrt(self.variance)

    @property
    def variance(self):
        cut = self._cut_probs()
        variance = cut * (cut - 1.0) / T.pow(1.0 - 2.0 * cut, 2) + 1.0 / T.pow(T.log1p(-cut) - T.log(cut), 2)
        x = T.pow(self.probs - 0.5, 2)
        taylor = 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x
        return T.where(self._outside_unstable_region(), variance, taylor)

    def sample(self, sample_shape=Size()):  # noqa: B008
        from ..autograd.modes import no_grad

        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=Size()):  # noqa: B008
        return self.icdf(T.rand(self._extended_shape(sample_shape), dtype=self.probs.dtype))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none") + self._cont_bern_log_norm()

    def cdf(self, value):
        if self._validate_args:
            self._validate_sample(value)
        cut = self._cut_probs()
        shares = (T.pow(cut, value) * T.pow(1.0 - cut, 1.0 - value) + cut - 1.0) / (2.0 * cut - 1.0)
        unbounded = T.where(self._outside_unstable_region(), shares, value)
        return T.where(value.le(0), T.zeros_like(value), T.where(value.ge(1), T.ones_like(value), unbounded))

    def icdf(self, value):
        cut = self._cut_probs()
        found = (T.log1p(-cut + value * (2.0 * cut - 1.0)) - T.log1p(-cut)) / (T.log(cut) - T.log1p(-cut))
        return T.where(self._outside_unstable_region(), found, value)

    def entropy(self):
        log_rest = T.log1p(-self.probs)
        return self.mean * (log_rest - T.log(self.probs)) - self._cont_bern_log_norm() - log_rest

    @property
    def _natural_params(self):
        return (self.logits,)

    def _log_normalizer(self, x):
        outside = (x <= self._lims[0] - 0.5) | (x > self._lims[1] - 0.5)
        cut = T.where(outside, x, (self._lims[0] - 0.5) * T.ones_like(x))
        log_norm = T.log(T.abs(T.special.expm1(cut))) - T.log(T.abs(cut))
        taylor = 0.5 * x + T.pow(x, 2) / 24.0 - T.pow(x, 4) / 2880.0
        return T.where(outside, log_norm, taylor)

"""The generalized Pareto distribution."""

from __future__ import annotations

import math

import taper as T

from ..tensor.size import Size
from . import constraints
from .distribution import Distribution
from .utils import broadcast_all, is_number

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """Excesses over a threshold `loc`, of width `scale`; `concentration` says how heavy the tail is (0: exponential)."""

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    def __init__(self, loc, scale, concentration, validate_args=None):
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        scalar = is_number(loc) and is_number(scale) and is_number(concentration)
        super().__init__(Size() if scalar else self.loc.size(), validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        parameters = dict(loc=self.loc, scale=self.scale, concentration=self.concentration)
        return self._expanded(GeneralizedPareto, batch_shape, _instance, **parameters)

    @property
    def _exponential(self):
        """Where the tail is that of the exponential distribution."""
        return T.isclose(self.concentration, T.zeros_like(self.concentration))

    @property
    def _safe(self):
        return T.where(self._exponential, T.ones_like(self.concentration), self.concentration)

    def rsample(self, sample_shape=Size()):  # noqa: B008
        return self.icdf(T.rand(self._extended_shape(sample_shape), dtype=self.loc.dtype))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        z = (value - self.loc) / self.scale
        heavy = -(1 + 1 / self._safe) * T.log1p(self._safe * z)
        return -self.scale.log() + T.where(self._exponential, -z, heavy)

    def log_survival_function(self, value):
        """The logarithm of the probability of being above the values."""
        if self._validate_args:
            self._validate_sample(value)
        z = (value - self.loc) / self.scale
        return T.where(self._exponential, -z, -T.log1p(self._safe * z) / self._safe)

    def log_cdf(self, value):
        """The logarithm of `cdf`."""
        return T.log1p(-T.exp(self.log_survival_function(value)))

    def cdf(self, value):
        return T.exp(self.log_cdf(value))

    def icdf(self, value):
        log_rest = T.log1p(-value)
        heavy = T.expm1(-self._safe * log_rest) / self._safe
        return self.loc + self.scale * T.where(self._exponential, -log_rest, heavy)

    @property
    def mean(self):
        mean = self.loc + self.scale / (1 - self.concentration)
        return T.where(self.concentration < 1, mean, math.inf)

    @property
    def variance(self):
        k = self.concentration
        return T.where(k < 0.5, self.scale**2 / ((1 - k) ** 2 * (1 - 2 * k)), math.inf)

    def entropy(self):
        return (T.log(self.scale) + self.concentration + 1).expand(self._batch_shape)

    @property
    def mode(self):
        return self.loc

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self):
        upper = T.where(self.concentration < 0, self.loc - self.scale / self.concentration, math.inf)
        return constraints.interval(self.loc, upper)

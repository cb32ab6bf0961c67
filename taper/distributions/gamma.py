"""The gamma distribution."""

from __future__ import annotations

import taper as T

from ..dtypes import finfo
from ..tensor.size import Size
from . import constraints
from .distribution import ExponentialFamily
from .random import standard_gamma
from .utils import batch_of, broadcast_all

__all__ = ["Gamma"]


class Gamma(ExponentialFamily):
    """The gamma distribution of shape `concentration` and `rate`."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(self, concentration, rate, validate_args=None):
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(batch_of(concentration, rate, self.concentration), validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        parameters = dict(concentration=self.concentration, rate=self.rate)
        return self._expanded(Gamma, batch_shape, _instance, **parameters)

    @property
    def mean(self):
        return self.concentration / self.rate

    @property
    def mode(self):
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self):
        return self.concentration / self.rate.pow(2)

    def rsample(self, sample_shape=Size()):  # noqa: B008
        shape = self._extended_shape(sample_shape)
        value = standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        # Tiny values may have become 0, which no density takes.
        value.detach().clamp_(min=finfo(value.dtype).tiny)
        return value

    def log_prob(self, value):
        value = T.as_tensor(value, dtype=self.rate.dtype)
        if self._validate_args:
            self._validate_sample(value)
        return (
            T.xlogy(self.concentration, self.rate)
            + T.xlogy(self.concentration - 1, value)
            - self.rate * value
            - T.lgamma(self.concentration)
        )

    def cdf(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return T.special.gammainc(self.concentration, self.rate * value)

    def entropy(self):
        return (
            self.concentration
            - T.log(self.rate)
            + T.lgamma(self.concentration)
            + (1.0 - self.concentration) * T.digamma(self.concentration)
        )

    @property
    def _natural_params(self):
        return self.concentration - 1, -self.rate

    def _log_normalizer(self, x, y):
        return T.lgamma(x + 1) + (x + 1) * T.log(-y.reciprocal())

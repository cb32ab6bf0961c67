"""The Kumaraswamy distribution."""

from __future__ import annotations

import taper as T

from . import constraints
from .transformed_distribution import TransformedDistribution, expanded
from .transforms import AffineTransform, PowerTransform
from .uniform import Uniform
from .utils import broadcast_all, euler_constant

__all__ = ["Kumaraswamy"]


def _moment(a, b, n: int):
    """The n-th moment."""
    arg = 1 + n / a
    return b * T.exp(T.lgamma(arg) + T.lgamma(b) - T.lgamma(arg + b))


class Kumaraswamy(TransformedDistribution):
    """Much like the beta distribution, with distribution function 1 - (1 - x ** concentration1) ** concentration0."""

    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1, concentration0, validate_args=None):
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        base = Uniform(
            T.full_like(self.concentration0, 0), T.full_like(self.concentration0, 1), validate_args=validate_args
        )
        transforms = [
            PowerTransform(exponent=self.concentration0.reciprocal()),
            AffineTransform(loc=1.0, scale=-1.0),
            PowerTransform(exponent=self.concentration1.reciprocal()),
        ]
        super().__init__(base, transforms, validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        new = self._get_checked_instance(Kumaraswamy, _instance)
        parameters = dict(concentration1=self.concentration1, concentration0=self.concentration0)
        return expanded(new, self, batch_shape, **parameters)

    @property
    def mean(self):
        return _moment(self.concentration1, self.concentration0, 1)

    @property
    def mode(self):
        a, b = self.concentration1, self.concentration0
        mode = (a.reciprocal() * T.log((a - 1) / (a * b - 1))).exp()
        mode[(a < 1) | (b < 1)] = T.nan
        return mode

    @property
    def variance(self):
        return _moment(self.concentration1, self.concentration0, 2) - self.mean.pow(2)

    def entropy(self):
        t1 = 1 - self.concentration1.reciprocal()
        t0 = 1 - self.concentration0.reciprocal()
        harmonic = T.digamma(self.concentration0 + 1) + euler_constant
        return t0 + t1 * harmonic - T.log(self.concentration1) - T.log(self.concentration0)

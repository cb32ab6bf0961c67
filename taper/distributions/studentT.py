"""Student's t-distribution."""

from __future__ import annotations

import math

import taper as T

from ..tensor.size import Size
from . import constraints
from .chi2 import Chi2
from .distribution import Distribution
from .utils import broadcast_all, is_number, standard_normal

__all__ = ["StudentT"]


class StudentT(Distribution):
    """Student's t-distribution of `df` degrees of freedom, moved to `loc` and stretched by `scale`."""

    arg_constraints = {"df": constraints.positive, "loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, df, loc=0.0, scale=1.0, validate_args=None):
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        self._chi2 = Chi2(self.df)
        batch_shape = Size() if is_number(df) and is_number(loc) and is_number(scale) else self.df.size()
        super().__init__(batch_shape, validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        new = self._get_checked_instance(StudentT, _instance)
        new._chi2 = self._chi2.expand(Size(batch_shape))
        return self._expanded(StudentT, batch_shape, new, df=self.df, loc=self.loc, scale=self.scale)

    @property
    def mean(self):
        mean = self.loc.clone()
        mean[self.df <= 1] = T.nan
        return mean

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        var = self.df.clone()
        wide = self.df > 2
        var[wide] = self.scale[wide].pow(2) * self.df[wide] / (self.df[wide] - 2)
        var[(self.df <= 2) & (self.df > 1)] = math.inf
        var[self.df <= 1] = math.nan
        return var

    def rsample(self, sample_shape=Size()):  # noqa: B008
        shape = self._extended_shape(sample_shape)
        x = standard_normal(shape, self.df.dtype)
        z = self._chi2.rsample(sample_shape)
        return self.loc + self.scale * (x * T.rsqrt(z / self.df))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        y = (value - self.loc) / self.scale
        normalizer = (
            self.scale.log()
            + 0.5 * self.df.log()
            + 0.5 * math.log(math.pi)
            + T.lgamma(0.5 * self.df)
            - T.lgamma(0.5 * (self.df + 1.0))
        )
        return -0.5 * (self.df + 1.0) * T.log1p(y**2.0 / self.df) - normalizer

    def entropy(self):
        half = 0.5 * self.df
        beta = T.lgamma(half) + math.lgamma(0.5) - T.lgamma(0.5 + half)
        return (
            self.scale.log()
            + 0.5 * (self.df + 1) * (T.digamma(0.5 * (self.df + 1)) - T.digamma(half))
            + 0.5 * self.df.log()
            + beta
        )

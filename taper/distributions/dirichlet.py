"""The Dirichlet distribution."""

from __future__ import annotations

import taper as T

from ..tensor.size import Size
from . import constraints
from .distribution import ExponentialFamily
from .random import dirichlet

__all__ = ["Dirichlet"]


class Dirichlet(ExponentialFamily):
    """Points of the simplex with density in proportion to the product of x_k ** (concentration_k - 1)."""

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration, validate_args=None):
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        shape = concentration.shape
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        parameters = dict(concentration=self.concentration)
        return self._expanded(Dirichlet, batch_shape, _instance, self.event_shape, **parameters)

    @property
    def mean(self):
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self):
        above = (self.concentration - 1).clamp(min=0.0)
        mode = above / above.sum(-1, True)
        corner = (self.concentration < 1).all(dim=-1)
        at = T.nn.functional.one_hot(mode[corner].argmax(dim=-1), above.shape[-1]).to(mode)
        mode[corner] = at
        return mode

    @property
    def variance(self):
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape=Size()):  # noqa: B008
        return dirichlet(self.concentration.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return (
            T.xlogy(self.concentration - 1.0, value).sum(-1)
            + T.lgamma(self.concentration.sum(-1))
            - T.lgamma(self.concentration).sum(-1)
        )

    def entropy(self):
        k = self.concentration.size(-1)
        total = self.concentration.sum(-1)
        return (
            T.lgamma(self.concentration).sum(-1)
            - T.lgamma(total)
            - (k - total) * T.digamma(total)
            - ((self.concentration - 1.0) * T.digamma(self.concentration)).sum(-1)
        )

    @property
    def _natural_params(self):
        return (self.concentration,)

    def _log_normalizer(self, x):
        return x.lgamma().sum(-1) - T.lgamma(x.sum(-1))

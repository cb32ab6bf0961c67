"""The LKJ distribution of correlation matrices.

Source: Lewandowski, Kurowicka and Joe 2009, "Generating random correlation matrices based on vines and extended onion
method".
"""

from __future__ import annotations

import math

import taper as T

from ..autograd.modes import no_grad
from ..dtypes import finfo
from ..tensor.size import Size
from . import constraints
from .beta import Beta
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """Cholesky factors of dim x dim correlation matrices of density in proportion to det ** (concentration - 1)."""

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim, concentration=1.0, validate_args=None):
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        batch_shape = self.concentration.size()
        marginal = self.concentration + 0.5 * (self.dim - 2)
        offset = T.arange(self.dim - 1, dtype=self.concentration.dtype)
        offset = T.cat([offset.new_zeros((1,)), offset])
        self._beta = Beta(offset + 0.5, marginal.unsqueeze(-1) - 0.5 * offset)
        super().__init__(batch_shape, Size((dim, dim)), validate_args)

    def expand(self, batch_shape, _instance=None):
        new = self._get_checked_instance(LKJCholesky, _instance)
        new.dim = self.dim
        new.concentration = self.concentration.expand(batch_shape)
        new._beta = self._beta.expand((*batch_shape, self.dim))
        Distribution.__init__(new, Size(batch_shape), self.event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def sample(self, sample_shape=Size()):  # noqa: B008
        with no_grad():
            y = self._beta.sample(sample_shape).unsqueeze(-1)
            u = T.randn(self._extended_shape(sample_shape), dtype=y.dtype).tril(-1)
            u = u / T.sqrt((u * u).sum(-1, keepdim=True))
            # The first row has no direction.
            u[..., 0, :].fill_(0.0)
            w = T.sqrt(y) * u
            diagonal = T.clamp(1 - T.sum(w**2, dim=-1), min=finfo(w.dtype).tiny).sqrt()
            return w + T.diag_embed(diagonal)

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        diagonal = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        order = T.arange(2, self.dim + 1)
        order = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - order
        unnormalized = T.sum(order * diagonal.log(), dim=-1)
        less = self.dim - 1
        alpha = self.concentration + 0.5 * less
        denominator = T.lgamma(alpha) * less
        numerator = T.mvlgamma(alpha - 0.5, less)
        constant = 0.5 * less * math.log(math.pi)
        return unnormalized - (constant + numerator - denominator)

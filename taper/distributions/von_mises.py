"""The von Mises distribution on the circle. Source: Best and Fisher 1979, "Efficient simulation of the von Mises distribution"."""

from __future__ import annotations

import math

import taper as T

from ..autograd.modes import no_grad
from ..tensor.size import Size
from . import constraints
from .distribution import Distribution
from .utils import broadcast_all, lazy_property

__all__ = ["VonMises"]


def _log_bessel(x, order: int):
    """log I_order(x), in the precision of x."""
    scaled = T.special.i0e(x) if order == 0 else T.special.i1e(x)
    return T.log(scaled) + x


class VonMises(Distribution):
    """Angles around `loc`, the narrower the greater `concentration`."""

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False

    def __init__(self, loc, concentration, validate_args=None):
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, Size(), validate_args)

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return (
            self.concentration * T.cos(value - self.loc)
            - math.log(2 * math.pi)
            - _log_bessel(self.concentration, order=0)
        )

    @lazy_property
    def _loc(self):
        return self.loc.to(T.double)

    @lazy_property
    def _concentration(self):
        return self.concentration.to(T.double)

    @lazy_property
    def _proposal_r(self):
        kappa = self._concentration
        tau = 1 + (1 + 4 * kappa**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * kappa)
        # For small concentrations the formula loses its precision.
        return T.where(kappa < 1e-5, 1 / kappa + kappa, (1 + rho**2) / (2 * rho))

    def sample(self, sample_shape=Size()):  # noqa: B008
        with no_grad():
            shape = self._extended_shape(sample_shape)
            loc, kappa, r = (t.expand(shape) for t in (self._loc, self._concentration, self._proposal_r))
            x = T.empty(shape, dtype=T.double)
            done = T.zeros(shape, dtype=T.bool)
            while not done.all():
                u1, u2, u3 = T.rand((3, *shape), dtype=T.double).unbind()
                z = T.cos(math.pi * u1)
                f = (1 + r * z) / (r + z)
                c = kappa * (r - f)
                accept = ((c * (2 - c) - u2) > 0) | ((c / u2).log() + 1 - c >= 0)
                if accept.any():
                    x = T.where(accept, (u3 - 0.5).sign() * f.acos(), x)
                    done = done | accept
            return ((x + math.pi + loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)

    def expand(self, batch_shape, _instance=None):
        parameters = dict(loc=self.loc, concentration=self.concentration)
        return self._expanded(VonMises, batch_shape, _instance, **parameters)

    @property
    def mean(self):
        return self.loc

    @property
    def mode(self):
        return self.loc

    @lazy_property
    def variance(self):  # pyright: ignore
        return 1 - (_log_bessel(self.concentration, 1) - _log_bessel(self.concentration, 0)).exp()

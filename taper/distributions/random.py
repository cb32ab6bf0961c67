"""Gamma and Dirichlet numbers whose gradients say how they move with the parameters.

The numbers are PyTorch's for the same seed. The gradient is implicit (arXiv 1805.08498): that of the value at a fixed
quantile.
"""

from __future__ import annotations

from ..autograd.function import Function, once_differentiable
from ..autograd.tape import wrap
from ..backends import namespace_of
from ..backends.transfer import place_of
from ..tensor.random import stream_of


class _StandardGamma(Function):
    @staticmethod
    def forward(ctx, concentration):
        made = wrap(stream_of(None, place_of(concentration._array)).gamma(concentration._array))
        ctx.save_for_backward(concentration, made)
        return made

    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        concentration, made = ctx.saved_tensors
        return g * wrap(namespace_of(made._array).gamma_quantile_slope(concentration._array, made._array))


class _Dirichlet(Function):
    @staticmethod
    def forward(ctx, concentration):
        made = wrap(stream_of(None, place_of(concentration._array)).dirichlet(concentration._array))
        ctx.save_for_backward(concentration, made)
        return made

    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        concentration, x = ctx.saved_tensors
        total = concentration.sum(-1, True).expand_as(concentration)
        slope = wrap(
            namespace_of(x._array).beta_quantile_slope(concentration._array, (total - concentration)._array, x._array)
        )
        # When one share moves, the others keep their proportions.
        slope = slope / (1 - x)
        return slope * (g - (x * g).sum(-1, True))


def standard_gamma(concentration):
    """A gamma number of rate 1 for each element."""
    return _StandardGamma.apply(concentration)


def dirichlet(concentration):
    """A point of the simplex for each row of concentrations."""
    return _Dirichlet.apply(concentration)

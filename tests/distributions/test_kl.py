"""Divergences of every pair of families against PyTorch."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import taper

from .cases import table

FAMILIES = (
    *("Normal", "Uniform", "Bernoulli", "Binomial", "Categorical", "OneHotCategorical", "Exponential", "Gamma", "Beta"),
    *("Dirichlet", "Cauchy", "Laplace", "Geometric", "Poisson", "LogNormal", "HalfNormal", "Gumbel", "Pareto"),
    *("ContinuousBernoulli", "MultivariateNormal", "LowRankMultivariateNormal", "Independent", "StudentT"),
    *("TransformedDistribution", "Chi2", "Weibull"),
)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def divergence(T, p, q):
    tables = table(T)
    (make_p, params_p), (make_q, params_q) = tables[p], tables[q]
    # The second distribution has other parameters than the first of the same family.
    moved = [(x.detach() * 0.9 + 0.07 * x.detach().abs()).requires_grad_() for x in params_q]
    if q in ("Categorical", "OneHotCategorical"):
        moved = [T.softmax(x * 3, -1) for x in moved]
    if q == "Uniform" and p in ("Uniform", "Beta", "ContinuousBernoulli"):
        moved = [x - 3 if i == 0 else x + 5 for i, x in enumerate(moved)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            kl = T.distributions.kl_divergence(make_p(*params_p), make_q(*moved))
        except (NotImplementedError, RuntimeError, ValueError) as error:
            return type(error)
    wanted = [x for x in (*params_p, *moved) if x.is_leaf]
    gradients = T.autograd.grad(kl.sum(), wanted, allow_unused=True) if kl.requires_grad else ()
    return kl, gradients


@pytest.mark.parametrize("p", FAMILIES)
def test_divergences_are_pytorchs(torch, p):
    for q in FAMILIES:
        found, expected = divergence(taper, p, q), divergence(torch, p, q)
        if isinstance(expected, type):
            assert isinstance(found, type) and issubclass(found, expected), (p, q, found, expected)
            continue
        assert not isinstance(found, type), (p, q, found)
        assert tuple(found[0].shape) == tuple(expected[0].shape), (p, q)
        np.testing.assert_allclose(
            found[0].detach().numpy(), expected[0].detach().numpy(), rtol=1e-8, atol=1e-9, err_msg=f"{p}, {q}"
        )
        for a, b in zip(found[1], expected[1]):
            if a is not None and b is not None:
                np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6, atol=1e-8, err_msg=f"{p}, {q}")


def test_the_table_can_be_extended():
    D = taper.distributions

    class Mine(D.Normal):
        pass

    @D.register_kl(Mine, D.Normal)
    def mine(p, q):
        return taper.tensor(42.0)

    plain, own = D.Normal(0.0, 1.0), Mine(0.0, 1.0)
    assert D.kl_divergence(own, plain) == 42 and D.kl_divergence(plain, plain) == 0
    with pytest.raises(TypeError, match="Distribution subclass"):
        D.register_kl(int, D.Normal)

"""Every distribution against PyTorch: the same numbers from the same seed, densities, moments, gradients."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

import taper

from .cases import table

NAMES = list(table(taper))
# PyTorch draws valid Wishart matrices again, and so gives others.
SAMPLED = [name for name in NAMES if name != "Wishart"]
pytestmark = pytest.mark.filterwarnings("ignore:Singular sample")
# PyTorch's own derivatives of gamma and Dirichlet numbers are approximations good to a thousandth.
SINGLE = ("GeneralizedPareto",)  # PyTorch refuses float64 here
IMPLICIT = ("Gamma", "Chi2", "Beta", "Dirichlet", "StudentT", "FisherSnedecor", "InverseGamma", "Wishart")


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def outcome(call):
    """What a call gives, or which error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call()
    except (NotImplementedError, RuntimeError, ValueError) as error:
        return type(error)


def array(value):
    return value.detach().numpy() if hasattr(value, "detach") else value


def same(found, expected, rtol=1e-9, atol=1e-10):
    if isinstance(expected, type):
        assert found is expected or (isinstance(found, type) and issubclass(found, expected)), (found, expected)
        return
    assert not isinstance(found, type), found
    assert tuple(found.shape) == tuple(expected.shape) and str(found.dtype) == str(expected.dtype)
    np.testing.assert_allclose(array(found), array(expected), rtol=rtol, atol=atol)


def both(torch, name):
    for T in (taper, torch):
        make, parameters = table(T)[name]
        if name in SINGLE:
            parameters = [p.detach().float().requires_grad_() for p in parameters]
        yield T, make(*parameters), parameters


@pytest.mark.parametrize("name", SAMPLED)
def test_samples_densities_and_gradients(torch, name):
    results = []
    for T, d, parameters in both(torch, name):
        T.manual_seed(7)
        draw = d.rsample if d.has_rsample else d.sample
        x = draw((5,))
        value = x.detach()
        log_prob = d.log_prob(value)
        wanted = [p for p in parameters if p.requires_grad]
        score = T.autograd.grad(log_prob.sum(), wanted, allow_unused=True, retain_graph=True) if wanted else ()
        path = T.autograd.grad((x * x).sum(), wanted, allow_unused=True) if wanted and x.requires_grad else ()
        results.append((x, log_prob, score, path, T.rand(3), d))
    (x1, l1, s1, p1, r1, d1), (x2, l2, s2, p2, r2, d2) = results
    same(x1, x2, rtol=1e-6, atol=1e-6 if name in SINGLE else 1e-9)
    same(l1, l2, rtol=1e-6, atol=1e-8)
    np.testing.assert_array_equal(array(r1), array(r2))
    approximate = any(name.startswith(word) for word in IMPLICIT)
    for found, expected, rtol in (
        *((a, b, 1e-5) for a, b in zip(s1, s2)),
        *((a, b, 4e-3 if approximate else 1e-5) for a, b in zip(p1, p2)),
    ):
        assert (found is None) == (expected is None)
        if found is not None:
            np.testing.assert_allclose(array(found), array(expected), rtol=rtol, atol=1e-7 if rtol < 1e-3 else 2e-3)
    assert (tuple(d1.batch_shape), tuple(d1.event_shape)) == (tuple(d2.batch_shape), tuple(d2.event_shape))
    assert d1.has_rsample == d2.has_rsample and d1.has_enumerate_support == d2.has_enumerate_support


@pytest.mark.parametrize("name", NAMES)
def test_moments_entropy_and_functions(torch, name):
    (_, d1, _), (T2, d2, _) = both(torch, name)
    for what in ("mean", "variance", "stddev", "mode"):
        if (name, what) == ("Kumaraswamy", "mode"):
            continue  # PyTorch gives NaN
        same(
            outcome(lambda what=what: getattr(d1, what)),
            outcome(lambda what=what: getattr(d2, what)),
            1e-5 if name in SINGLE else 1e-7,
        )
    rtol = 1e-5 if name in SINGLE else 1e-7
    same(outcome(d1.entropy), outcome(d2.entropy), rtol)
    torch.manual_seed(1)
    value = d2.sample((4,)).detach()
    x1 = taper.from_numpy(value.numpy().copy())
    same(outcome(lambda: d1.cdf(x1)), outcome(lambda: d2.cdf(value)), 1e-5 if name in SINGLE else 1e-6, 1e-8)
    q = np.linspace(0.1, 0.9, 4).astype(value.numpy().dtype).reshape(4, *(1,) * len(d2.batch_shape + d2.event_shape))
    same(
        outcome(lambda: d1.icdf(taper.from_numpy(q))),
        outcome(lambda: d2.icdf(torch.from_numpy(q))),
        rtol,
        1e-7 if name in SINGLE else 1e-10,
    )
    same(outcome(d1.enumerate_support), outcome(d2.enumerate_support))
    assert repr(d1) == repr(d2)


@pytest.mark.parametrize("name", SAMPLED)
def test_expanded(torch, name):
    results = []
    for T, d, _ in both(torch, name):
        wide = d.expand((2, *d.batch_shape))
        T.manual_seed(3)
        x = wide.sample((2,))
        results.append((x, wide.log_prob(x), T.tensor(list(wide.batch_shape))))
    same(results[0][0], results[1][0], 1e-6, 1e-6 if name in SINGLE else 1e-9)
    same(results[0][1], results[1][1], 1e-5 if name in SINGLE else 1e-6, 1e-6 if name in SINGLE else 1e-8)
    assert results[0][2].tolist() == results[1][2].tolist()


def test_float32_samples_are_pytorchs(torch):
    draws = {
        "Normal": lambda D: D.Normal(0.5, 2.0),
        "Gamma": lambda D: D.Gamma(0.7, 2.0),
        "Beta": lambda D: D.Beta(0.5, 2.0),
        "Poisson": lambda D: D.Poisson(20.0),
        "StudentT": lambda D: D.StudentT(3.0),
        "Categorical": lambda D: D.Categorical(logits=D.utils.broadcast_all(0.0, 1.0)[1].expand(5)),
        "Laplace": lambda D: D.Laplace(0.0, 1.0),
        "Gumbel": lambda D: D.Gumbel(0.0, 1.0),
    }
    for name, make in draws.items():
        found, expected = [], []
        for T, into in ((taper, found), (torch, expected)):
            T.manual_seed(11)
            into.append(make(T.distributions).sample((50,)))
        np.testing.assert_allclose(array(found[0]), array(expected[0]), rtol=2e-6, err_msg=name)


BAD = {
    "negative scale": lambda D, t: D.Normal(0.0, -1.0),
    "shapes": lambda D, t: D.Normal(t([0.0, 0]), t([1.0, 1, 1])),
    "neither": lambda D, t: D.Categorical(),
    "both": lambda D, t: D.Categorical(t([0.5, 0.5]), t([0.0, 0.0])),
    "probability": lambda D, t: D.Bernoulli(2.0),
    "nan value": lambda D, t: D.Normal(0.0, 1.0).log_prob(t(float("nan"))),
    "interval": lambda D, t: D.Uniform(1.0, 0.0),
    "value's shape": lambda D, t: D.Normal(t([0.0, 0]), 1.0).log_prob(t([0.0, 0, 0])),
    "no tensor": lambda D, t: D.Normal(0.0, 1.0).log_prob(1.0),
    "no rsample": lambda D, t: D.Bernoulli(0.5).rsample(),
    "zero-dim": lambda D, t: D.Categorical(t(1.0)),
    "not a number": lambda D, t: D.Normal("a", 1.0),
    "too many dims": lambda D, t: D.Independent(D.Normal(0.0, 1.0), 1),
    "not an integer": lambda D, t: D.Poisson(1.0).log_prob(t(1.5)),
    "beyond": lambda D, t: D.Categorical(t([1.0, 1])).log_prob(t(3)),
    "singular": lambda D, t: D.MultivariateNormal(t([0.0, 0]), t([[1.0, 1], [1, 1]])),
    "no matrix": lambda D, t: D.MultivariateNormal(t([0.0, 0])),
    "no mean": lambda D, t: D.Distribution(validate_args=False).mean,
    "no divergence": lambda D, t: D.kl_divergence(D.Gamma(1.0, 1.0), D.Cauchy(0.0, 1.0)),
    "no cdf": lambda D, t: D.Beta(1.0, 1.0).cdf(t(0.5)),
    "transforms": lambda D, t: D.TransformedDistribution(D.Normal(0.0, 1.0), 3),
    "mixture": lambda D, t: D.MixtureSameFamily(D.Categorical(t([1.0, 1])), D.Normal(t([0.0, 0, 0]), 1.0)),
}


@pytest.mark.parametrize("name", BAD)
def test_refusals_are_pytorchs(torch, name, monkeypatch):
    # Importing PyTorch's own test cases, as other tests do, switches its checks off.
    monkeypatch.setattr(torch.distributions.Distribution, "_validate_args", True)
    errors = []
    for T in (taper, torch):
        with pytest.raises((ValueError, NotImplementedError, RuntimeError, TypeError)) as caught:
            BAD[name](T.distributions, T.tensor)
        errors.append((caught.type, re.split(" must match|;", str(caught.value))[0].split(" (")[0]))
    assert errors[0] == errors[1]


def test_validation_can_be_switched_off():
    D = taper.distributions
    D.Normal(0.0, -1.0, validate_args=False)
    D.Distribution.set_default_validate_args(False)
    try:
        D.Normal(0.0, -1.0)
    finally:
        D.Distribution.set_default_validate_args(True)
    with pytest.raises(ValueError, match="scale"):
        D.Normal(0.0, -1.0)


def test_gamma_numbers_move_with_their_concentration():
    """The implicit gradient against quantiles found by bisection."""
    from taper.backends import cpu

    for a in (0.2, 1.0, 4.0, 50.0):
        taper.manual_seed(0)
        concentration = taper.tensor(a, dtype=taper.float64, requires_grad=True)
        x = taper.distributions.Gamma(concentration, 1.0).rsample()
        (slope,) = taper.autograd.grad(x, concentration)
        share = cpu.gammainc(np.float64(a), x.detach().numpy())

        def quantile(a, share=share):
            low, high = 0.0, 1e4
            for _ in range(200):
                middle = (low + high) / 2
                low, high = (middle, high) if cpu.gammainc(np.float64(a), np.float64(middle)) < share else (low, middle)
            return low

        step = 1e-5
        expected = (quantile(a * (1 + step)) - quantile(a * (1 - step))) / (2 * a * step)
        np.testing.assert_allclose(slope.item(), expected, rtol=1e-5)


def test_wishart(torch):
    """Densities of PyTorch's matrices; the mean of many of Taper's."""
    (_, d1, p1), (_, d2, p2) = both(torch, "Wishart")
    torch.manual_seed(0)
    value = d2.sample((6,))
    x = taper.from_numpy(value.numpy().copy())
    same(d1.log_prob(x), d2.log_prob(value), 1e-8)
    taper.manual_seed(0)
    many = d1.sample((4000,))
    mean, expected = array(many).mean(0), array(d1.mean)
    np.testing.assert_allclose(mean, expected, atol=5 * np.sqrt(array(d1.variance) / 4000).max())
    (slope,) = taper.autograd.grad(d1.rsample((2,)).sum(), p1)
    assert np.isfinite(array(slope)).all()
    assert d1.expand((2,)).sample((3,)).shape == (3, 2, 3, 3)

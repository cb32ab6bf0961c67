"""Changes of variables: inverses, Jacobians, constraints, against PyTorch and against autograd."""

from __future__ import annotations

import numpy as np
import pytest

import taper

R = np.random.default_rng(3)
VECTOR = R.standard_normal((2, 3))
MATRIX = R.standard_normal((2, 3, 3))
POSITIVE = R.uniform(0.2, 3, (2, 3))

CASES = {
    "exp": (lambda D, t: D.ExpTransform(), VECTOR),
    "power": (lambda D, t: D.PowerTransform(t(2.5)), POSITIVE),
    "sigmoid": (lambda D, t: D.SigmoidTransform(), VECTOR),
    "softplus": (lambda D, t: D.SoftplusTransform(), VECTOR),
    "tanh": (lambda D, t: D.TanhTransform(), VECTOR),
    "affine": (lambda D, t: D.AffineTransform(t(0.5), t([1.0, -2, 3])), VECTOR),
    "affine of vectors": (lambda D, t: D.AffineTransform(0.5, t([1.0, -2, 3]), event_dim=1), VECTOR),
    "affine of numbers": (lambda D, t: D.AffineTransform(1, 2.0), VECTOR),
    "compose": (lambda D, t: D.ComposeTransform([D.AffineTransform(1.0, 2.0), D.ExpTransform()]), VECTOR),
    "independent": (lambda D, t: D.IndependentTransform(D.ExpTransform(), 1), VECTOR),
    "reshape": (lambda D, t: D.ReshapeTransform((3, 3), (9,)), MATRIX),
    "stick breaking": (lambda D, t: D.StickBreakingTransform(), VECTOR),
    "correlation": (lambda D, t: D.CorrCholeskyTransform(), VECTOR),
    "cat": (lambda D, t: D.CatTransform([D.ExpTransform(), D.TanhTransform()], -1, [1, 2]), VECTOR),
    "stack": (lambda D, t: D.StackTransform([D.ExpTransform(), D.TanhTransform(), D.SigmoidTransform()], -1), VECTOR),
    "cdf": (lambda D, t: D.CumulativeDistributionTransform(D.Normal(t(0.3), t(2.0))), VECTOR),
    "inverse": (lambda D, t: D.ExpTransform().inv, POSITIVE),
    "into simplex and more": (
        lambda D, t: D.ComposeTransform([D.AffineTransform(0.1, 0.5), D.StickBreakingTransform()]),
        VECTOR,
    ),
}
ONE_WAY = {
    "abs": (lambda D, t: D.AbsTransform(), VECTOR),
    "softmax": (lambda D, t: D.SoftmaxTransform(), VECTOR),
    "lower cholesky": (lambda D, t: D.LowerCholeskyTransform(), MATRIX),
    "positive definite": (lambda D, t: D.PositiveDefiniteTransform(), MATRIX),
}


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def made(T, case):
    t = lambda x: T.tensor(x, dtype=T.float64)
    return case[0](T.distributions, t), t(case[1])


@pytest.mark.parametrize("name", [*CASES, *ONE_WAY])
def test_values_inverses_and_shapes_are_pytorchs(torch, name):
    case = {**CASES, **ONE_WAY}[name]
    (t1, x1), (t2, x2) = made(taper, case), made(torch, case)
    y1, y2 = t1(x1), t2(x2)
    np.testing.assert_allclose(y1.numpy(), y2.numpy(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(t1.inv(y1).numpy(), t2.inv(y2).numpy(), rtol=1e-6, atol=1e-9)
    assert t1.bijective == t2.bijective and repr(t1) == repr(t2)
    assert (t1.domain.event_dim, t1.codomain.event_dim) == (t2.domain.event_dim, t2.codomain.event_dim)
    assert tuple(t1.forward_shape(x1.shape)) == tuple(y1.shape) and t1.codomain.check(y1).all()
    assert tuple(t1.inverse_shape(y1.shape)) == tuple(x1.shape)
    if name in CASES:
        found, expected = t1.log_abs_det_jacobian(x1, y1), t2.log_abs_det_jacobian(x2, y2)
        assert tuple(found.shape) == tuple(expected.shape)
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", ["exp", "sigmoid", "softplus", "tanh", "affine", "compose", "cdf", "inverse"])
def test_jacobians_of_elements_are_derivatives(name):
    t, x = made(taper, CASES[name])
    x.requires_grad_()
    y = t(x)
    (slope,) = taper.autograd.grad(y.sum(), x, retain_graph=True)
    np.testing.assert_allclose(
        t.log_abs_det_jacobian(x, y).detach().numpy(), slope.abs().log().numpy(), rtol=1e-8, atol=1e-9
    )


def test_cache_returns_the_very_value():
    t = taper.distributions.TanhTransform(cache_size=1)
    x = taper.tensor([20.0])
    assert t.inv(t(x)) is x
    assert taper.distributions.ExpTransform().with_cache(1)._cache_size == 1
    with pytest.raises(ValueError, match="cache_size"):
        taper.distributions.ExpTransform(cache_size=2)


CONSTRAINTS = {
    "real": lambda c: c.real,
    "positive": lambda c: c.positive,
    "nonnegative": lambda c: c.nonnegative,
    "greater": lambda c: c.greater_than(2.0),
    "less": lambda c: c.less_than(-1.0),
    "interval": lambda c: c.interval(-1.0, 3.0),
    "half open": lambda c: c.half_open_interval(0.0, 2.0),
    "unit": lambda c: c.unit_interval,
    "simplex": lambda c: c.simplex,
    "corr_cholesky": lambda c: c.corr_cholesky,
    "lower_cholesky": lambda c: c.lower_cholesky,
    "positive_definite": lambda c: c.positive_definite,
    "independent": lambda c: c.independent(c.positive, 1),
    "cat": lambda c: c.cat([c.positive, c.unit_interval], -1, [1, 2]),
}


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_registries_lead_into_the_constraint(torch, name):
    array = MATRIX if name in ("lower_cholesky", "positive_definite") else VECTOR
    for registry in ("transform_to",) if array is MATRIX else ("biject_to", "transform_to"):
        results = []
        for T in (taper, torch):
            constraint = CONSTRAINTS[name](T.distributions.constraints)
            y = getattr(T.distributions, registry)(constraint)(T.tensor(array))
            assert constraint.check(y).all()
            results.append((y.numpy(), repr(constraint)))
        np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-9)
        assert results[0][1] == results[1][1]


CHECKS = {
    "boolean": (lambda c: c.boolean, [0.0, 1, 0.5]),
    "one_hot": (lambda c: c.one_hot, [[0.0, 1, 0], [1, 1, 0]]),
    "nonnegative_integer": (lambda c: c.nonnegative_integer, [0.0, 3, -1, 0.5]),
    "integer_interval": (lambda c: c.integer_interval(0, 2), [0.0, 3, 1]),
    "simplex": (lambda c: c.simplex, [[0.5, 0.5], [0.5, 0.6]]),
    "multinomial": (lambda c: c.multinomial(3), [[1.0, 2], [2, 2], [-1, 2]]),
    "lower_triangular": (lambda c: c.lower_triangular, [[[1.0, 0], [2, -3]], [[1, 2], [0, 1]]]),
    "symmetric": (lambda c: c.symmetric, [[[1.0, 0.5], [0.5, -3]], [[1, 2], [0, 1]]]),
    "positive_semidefinite": (lambda c: c.positive_semidefinite, [[[1.0, 1], [1, 1]], [[1, 2], [2, 1]]]),
    "positive_definite": (lambda c: c.positive_definite, [[[1.0, 0.5], [0.5, 1]], [[1, 2], [2, 1]]]),
    "square": (lambda c: c.square, [[[1.0, 0.5]]]),
    "stack": (lambda c: c.stack([c.positive, c.less_than(0.0)], 0), [[1.0, -1], [-1, -1]]),
    "real": (lambda c: c.real, [1.0, float("nan"), float("inf")]),
}


@pytest.mark.parametrize("name", CHECKS)
def test_checks_are_pytorchs(torch, name):
    make, values = CHECKS[name]
    results = []
    for T in (taper, torch):
        constraint = make(T.distributions.constraints)
        results.append((constraint.check(T.tensor(values)).tolist(), constraint.is_discrete, constraint.event_dim))
    assert results[0] == results[1]


def test_dependent_constraints():
    c = taper.distributions.constraints
    assert c.is_dependent(c.dependent) and not c.is_dependent(c.real)
    assert c.is_dependent(taper.distributions.Uniform.support)
    with pytest.raises(ValueError, match="dependent"):
        c.dependent.check(taper.ones(1))
    with pytest.raises(NotImplementedError):
        c.dependent.event_dim  # noqa: B018

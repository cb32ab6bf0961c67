"""Transforms of functions against PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

import taper

R = np.random.default_rng(0)
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*torch.jit", "ignore::DeprecationWarning", "ignore:Attempted to insert"
)
X, Y, W = R.standard_normal(4), R.standard_normal((3, 4)), R.standard_normal((4, 4))


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def f(T, x):
    return (x.sin() * x.exp()).sum()


def g(T, x):
    return T.stack([x.prod(), (x**2).sum()]), {"a": x.tanh()}


CALLS = {
    "grad": lambda T, F, x, y, w: F.grad(lambda a: f(T, a))(x),
    "grad of grad": lambda T, F, x, y, w: F.grad(lambda a: F.grad(lambda b: (b**3).sum())(a).sum())(x),
    "grad thrice": lambda T, F, x, y, w: F.grad(F.grad(F.grad(lambda b: b**5)))(x[0]),
    "argnums": lambda T, F, x, y, w: F.grad(lambda a, b: (a * b).sum() + a.sum() ** 2, argnums=(0, 1))(x, y),
    "aux": lambda T, F, x, y, w: F.grad(lambda a: (f(T, a), a * 2), has_aux=True)(x),
    "value": lambda T, F, x, y, w: F.grad_and_value(lambda a: f(T, a))(x),
    "tree": lambda T, F, x, y, w: F.grad(lambda p: (p["w"] @ p["b"][0]).sum())({"w": w, "b": [x, x]}),
    "unused": lambda T, F, x, y, w: F.grad(lambda a, b: a.sum(), argnums=1)(x, y),
    "inner constant": lambda T, F, x, y, w: F.grad(lambda a: (a * F.grad(lambda b: (a * b * b).sum())(a)).sum())(x),
    "vjp": lambda T, F, x, y, w: F.vjp(lambda a, b: (a @ b, a.sum()), y, w)[1]((y, T.ones((), dtype=T.float64))),
    "vjp one": lambda T, F, x, y, w: F.vjp(T.sin, x)[1](x),
    "vjp aux": lambda T, F, x, y, w: F.vjp(lambda a: (a.sin(), a), x, has_aux=True)[2],
    "jvp": lambda T, F, x, y, w: F.jvp(lambda a, b: (a @ b).tanh(), (y, w), (y * 0.3, w * 2)),
    "jvp tree": lambda T, F, x, y, w: F.jvp(lambda d: {"s": d["x"].sin()}, ({"x": x},), ({"x": x * 2},)),
    "jvp of grad": lambda T, F, x, y, w: F.jvp(F.grad(lambda a: f(T, a)), (x,), (x,)),
    "jvp of jvp": lambda T, F, x, y, w: F.jvp(lambda a: F.jvp(T.sin, (a,), (a,))[1], (x,), (x,)),
    "jacrev": lambda T, F, x, y, w: F.jacrev(lambda a: g(T, a))(x),
    "jacfwd": lambda T, F, x, y, w: F.jacfwd(lambda a: g(T, a))(x),
    "jacrev of two": lambda T, F, x, y, w: F.jacrev(lambda a, b: a @ b, argnums=(0, 1))(y, w),
    "jacfwd of two": lambda T, F, x, y, w: F.jacfwd(lambda a, b: a @ b, argnums=(1,))(y, w),
    "jacfwd aux": lambda T, F, x, y, w: F.jacfwd(lambda a: (a.sin(), a), has_aux=True)(x),
    "hessian": lambda T, F, x, y, w: F.hessian(lambda a: f(T, a))(x),
    "hessian of tuple": lambda T, F, x, y, w: F.hessian(lambda a: (f(T, a), (a**3).sum()))(x),
    "linearize": lambda T, F, x, y, w: F.linearize(lambda a: a.sin() * 2, x)[1](x),
    "vmap": lambda T, F, x, y, w: F.vmap(lambda a: a.dot(a))(y),
    "vmap dims": lambda T, F, x, y, w: F.vmap(lambda a, b: a * b, in_dims=(1, None), out_dims=1)(y, x[:3]),
    "vmap tree": lambda T, F, x, y, w: F.vmap(lambda d, k: (d["a"] * k, d["a"].sum()), in_dims=({"a": 0}, None))(
        {"a": y}, 2.0
    ),
    "vmap out dims": lambda T, F, x, y, w: F.vmap(lambda a: (a, a.sum()), out_dims=(1, 0))(y),
    "vmap twice": lambda T, F, x, y, w: F.vmap(F.vmap(lambda a, b: a * b, in_dims=(None, 0)), in_dims=(0, None))(
        y, x[:4]
    ),
    "vmap negative": lambda T, F, x, y, w: F.vmap(lambda a: a * 2, in_dims=-1, out_dims=-1)(y),
    "per-sample gradients": lambda T, F, x, y, w: F.vmap(F.grad(lambda p, a: (p @ a).tanh().sum()), (None, 0))(w, y),
    "vmap of nothing": lambda T, F, x, y, w: F.vmap(lambda a: a.sin())(y[:0]),
    "vmap of jvp": lambda T, F, x, y, w: F.vmap(lambda v: F.jvp(T.sin, (x,), (v,))[1])(y),
}


def leaves(tree):
    if isinstance(tree, (tuple, list)):
        return [x for part in tree for x in leaves(part)]
    if isinstance(tree, dict):
        return [x for key in tree for x in leaves(tree[key])]
    return [tree]


def structure(tree):
    if isinstance(tree, (tuple, list)):
        return type(tree).__name__, [structure(part) for part in tree]
    return {k: structure(v) for k, v in tree.items()} if isinstance(tree, dict) else "*"


@pytest.mark.parametrize("name", CALLS)
def test_results_are_pytorchs(torch, name):
    results = []
    for T in (taper, torch):
        results.append(CALLS[name](T, T.func, *(T.tensor(a) for a in (X, Y, W))))
    assert structure(results[0]) == structure(results[1])
    for found, expected in zip(*map(leaves, results)):
        assert tuple(found.shape) == tuple(expected.shape) and found.requires_grad == expected.requires_grad
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-9, atol=1e-12)


def test_what_requires_grad_outside_is_differentiable_outside(torch):
    results = []
    for T in (taper, torch):
        w, x = T.tensor(W, requires_grad=True), T.tensor(X)
        slope = T.func.grad(lambda a, w=w: (w @ a).sin().sum())(x)
        assert slope.requires_grad
        results.append(T.autograd.grad(slope.sum(), w)[0].numpy())
        with T.no_grad():
            assert not T.func.grad(lambda a: (a**2).sum())(x).requires_grad
    np.testing.assert_allclose(results[0], results[1], rtol=1e-9)


BAD = {
    "no scalar": lambda T, x: T.func.grad(lambda a: a * 2)(x),
    "no tensor": lambda T, x: T.func.grad(lambda a: 3.0)(x),
    "argnum": lambda T, x: T.func.grad(lambda a: a.sum(), argnums=2)(x),
    "sizes": lambda T, x: T.vmap(lambda a, b: a + b)(x, x[:2]),
    "in_dim": lambda T, x: T.vmap(lambda a: a, in_dims=3)(x),
    "structure": lambda T, x: T.vmap(lambda a: a, in_dims=(0, 0))(x),
    "nothing mapped": lambda T, x: T.vmap(lambda a: a, in_dims=None)(x),
    "a number": lambda T, x: T.vmap(lambda a: a)(2.0),
    "returns a number": lambda T, x: T.vmap(lambda a: 2.0)(x),
    "random": lambda T, x: T.vmap(lambda a: a + T.rand(2))(x),
    "flag": lambda T, x: T.vmap(lambda a: a, randomness="some")(x),
    "cotangent": lambda T, x: T.func.vjp(lambda a: (a, a), x)[1](x),
    "no inputs": lambda T, x: T.vmap(lambda: x)(),
    "no models": lambda T, x: T.func.stack_module_state([]),
}


@pytest.mark.parametrize("name", BAD)
def test_refusals_are_pytorchs(torch, name):
    kinds = []
    for T in (taper, torch):
        with pytest.raises((ValueError, RuntimeError)) as caught:
            BAD[name](T, T.tensor(X))
        kinds.append(caught.type)
    assert kinds[0] is kinds[1]


def test_arguments_may_be_changed_in_place():
    x = taper.tensor(X)
    found = taper.func.grad(lambda a: a.mul_(2).sin_().sum())(x)
    np.testing.assert_allclose(found.numpy(), 2 * np.cos(2 * X), rtol=1e-12)
    np.testing.assert_array_equal(x.numpy(), X)


def test_randomness():
    x = taper.zeros(3)
    taper.manual_seed(0)
    same = taper.vmap(lambda a: a + taper.rand(()), randomness="same")(x)
    different = taper.vmap(lambda a: a + taper.rand(()), randomness="different")(x)
    assert len(set(same.tolist())) == 1 and len(set(different.tolist())) == 3


def test_ensemble(torch):
    results = []
    for T in (taper, torch):
        T.manual_seed(0)
        models = [T.nn.Sequential(T.nn.Linear(4, 5), T.nn.BatchNorm1d(5), T.nn.Linear(5, 2)).eval() for _ in range(3)]
        params, buffers = T.func.stack_module_state(models)
        assert all(p.requires_grad and p.is_leaf for p in params.values())
        x = T.tensor(Y, dtype=T.float32)

        def call(p, b, x, model=models[0], T=T):
            return T.func.functional_call(model, (p, b), (x,))

        y = T.vmap(call, in_dims=(0, 0, None))(params, buffers, x)
        y.sum().backward()
        results.append([y.detach().numpy(), params["0.weight"].grad.numpy()])
        for i, model in enumerate(models):
            np.testing.assert_allclose(y[i].detach().numpy(), model(x).detach().numpy(), rtol=1e-5, atol=1e-6)
    for a, b in zip(*results):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_integers_among_the_results_do_not_move():
    x, t = taper.tensor([[1.0, 5.0], [4.0, 2.0]]), taper.tensor([[1.0, 2.0], [3.0, 4.0]])
    (values, places), (moved, still) = taper.func.jvp(lambda v: tuple(v.max(1)), (x,), (t,))
    assert moved.tolist() == [2.0, 3.0]
    assert still.dtype == places.dtype == taper.int64 and still.tolist() == [0, 0]


def test_derivatives_by_a_weight_of_zero():
    x = taper.tensor([0.3, -0.2, 1.0, 0.7], dtype=taper.float64)
    found = taper.func.hessian(lambda t: taper.logcumsumexp(t, 0)[2])(x)
    np.testing.assert_allclose(found.numpy(), taper.func.hessian(lambda t: t[:3].logsumexp(0))(x).numpy(), atol=1e-12)
    _, moved = taper.func.jvp(lambda t: taper.logcumsumexp(t, 0), (x,), (taper.ones(4, dtype=taper.float64),))
    np.testing.assert_allclose(moved.numpy(), 1, atol=1e-12)


def test_the_slope_of_a_power_by_its_exponent_has_a_slope_where_the_exponent_is_0():
    x, y = (taper.tensor([v], dtype=taper.float64, requires_grad=True) for v in (-0.5, 0.0))
    by_exponent = taper.autograd.grad(x**y, y, create_graph=True)[0]
    assert taper.autograd.grad(by_exponent, x)[0].tolist() == [-2.0]

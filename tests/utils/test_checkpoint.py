"""Checkpoints: the same gradients, nothing kept, the part run again as it ran."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

import taper
from taper import nn
from taper.utils.checkpoint import CheckpointError, checkpoint, checkpoint_sequential


def model():
    taper.manual_seed(0)
    return nn.Sequential(
        *(nn.Linear(6, 6), nn.Tanh(), nn.Dropout(0.3), nn.Linear(6, 6), nn.LayerNorm(6), nn.ReLU(), nn.Linear(6, 2)),
    )


def gradients(run, requires_grad=True):
    net = model()
    taper.manual_seed(1)
    x = taper.randn(5, 6).requires_grad_(requires_grad)
    y = run(net, x)
    after = taper.rand(1).item()
    (y**2).sum().backward()
    return [y.detach(), *([x.grad] if requires_grad else []), *(p.grad for p in net.parameters()), after]


@pytest.mark.parametrize("reentrant", [False, True])
def test_gradients_are_those_without(reentrant):
    plain = gradients(lambda net, x: net(x))
    kept = gradients(lambda net, x: checkpoint(net, x, use_reentrant=reentrant))
    for a, b in zip(plain, kept):
        np.testing.assert_array_equal(a, b)


def test_parameters_get_gradients_though_no_input_requires_grad():
    plain = gradients(lambda net, x: net(x), False)
    kept = gradients(lambda net, x: checkpoint(net, x, use_reentrant=False), False)
    for a, b in zip(plain, kept):
        np.testing.assert_array_equal(a, b)


def test_nested_and_sequential():
    plain = gradients(lambda net, x: net(x))
    nested = gradients(
        lambda net, x: checkpoint(
            lambda x: net[3:](checkpoint(net[:3], x, use_reentrant=False)), x, use_reentrant=False
        )
    )
    parts = gradients(lambda net, x: checkpoint_sequential(net, 3, x, use_reentrant=False))
    for a, b, c in zip(plain, nested, parts):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)


def test_nothing_is_kept_between_the_passes():
    made = []

    def part(x):
        y = x.exp()
        made.append(weakref.ref(y._array))
        return y.sin()

    x = taper.ones(3, requires_grad=True)
    y = checkpoint(part, x, use_reentrant=False)
    assert made[0]() is None and len(made) == 1
    y.sum().backward()
    assert len(made) == 2
    np.testing.assert_allclose(x.grad.numpy(), np.exp(1) * np.cos(np.exp(1)) * np.ones(3), rtol=1e-6)


def test_second_derivatives_and_a_kept_graph():
    x = taper.tensor([0.3, 0.7], dtype=taper.float64, requires_grad=True)
    y = checkpoint(lambda x: x.exp().sin(), x, use_reentrant=False).sum()
    (g,) = taper.autograd.grad(y, x, create_graph=True)
    (h,) = taper.autograd.grad(g.sum(), x)
    z = x.exp().sin().sum()
    (g2,) = taper.autograd.grad(z, x, create_graph=True)
    (h2,) = taper.autograd.grad(g2.sum(), x)
    np.testing.assert_allclose(h.numpy(), h2.numpy(), rtol=1e-12)
    y = checkpoint(lambda x: x.exp().sin(), x, use_reentrant=False).sum()
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * g2.detach().numpy(), rtol=1e-12)


def test_in_place_operations_and_custom_functions():
    class Cube(taper.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x**3
            ctx.save_for_backward(x)
            return y

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * x**2 * g

    def part(x):
        y = x * 2
        y.mul_(y + 1)
        y.exp_()
        y[0] *= 3
        return Cube.apply(y)

    found = []
    for run in (part, lambda x: checkpoint(part, x, use_reentrant=False)):
        x = taper.tensor([0.1, 0.2], requires_grad=True)
        run(x).sum().backward()
        found.append(x.grad.numpy())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)


def test_a_part_that_differs_is_an_error():
    calls = []

    def part(x):
        calls.append(1)
        return (x if len(calls) == 1 else x[:1]).exp()

    x = taper.ones(2, requires_grad=True)
    with pytest.raises(CheckpointError, match="different metadata"):
        checkpoint(part, x, use_reentrant=False).sum().backward()

    def shorter(x):
        calls.append(1)
        return x.exp().sin() if len(calls) == 1 else x * 1

    calls.clear()
    with pytest.raises(CheckpointError, match="different number"):
        checkpoint(shorter, x, use_reentrant=False).sum().backward()


def test_what_is_said_of_misuse():
    x = taper.ones(2, requires_grad=True)
    with pytest.warns(UserWarning, match="use_reentrant"):
        checkpoint(taper.exp, x)
    with pytest.warns(UserWarning, match="None of the inputs"):
        assert not checkpoint(lambda y: x * y, taper.ones(2), use_reentrant=True).requires_grad
    with pytest.raises(ValueError, match="Unexpected keyword"):
        checkpoint(taper.exp, x, use_reentrant=True, base=2)


def test_saved_tensors_hooks_see_what_is_saved():
    packed = []

    def pack(t):
        packed.append(tuple(t.shape))
        return t.numpy(force=True).copy()

    x, w = taper.randn(3, 4, requires_grad=True), taper.randn(4, 2, requires_grad=True)
    with taper.autograd.graph.saved_tensors_hooks(pack, taper.from_numpy):
        y = ((x @ w).tanh() ** 2).sum()
    assert (3, 4) in packed and (4, 2) in packed and (3, 2) in packed
    y.backward()
    found = x.grad.clone()
    x.grad = None
    ((x @ w).tanh() ** 2).sum().backward()
    np.testing.assert_allclose(found.numpy(), x.grad.numpy(), rtol=1e-6)
    with taper.autograd.graph.disable_saved_tensors_hooks("not here"):
        with pytest.raises(RuntimeError, match="not here"), taper.autograd.graph.save_on_cpu():
            pass


def test_hooks_on_several_gradients():
    seen = []
    a, b = taper.ones(2, requires_grad=True), taper.ones(2, requires_grad=True)
    with taper.autograd.graph.register_multi_grad_hook([a, b], lambda gs: seen.append([g.sum().item() for g in gs])):
        (a * 2 + b * 3).sum().backward()
    (a * 2 + b * 3).sum().backward()
    assert seen == [[4.0, 6.0]]
    with taper.autograd.graph.register_multi_grad_hook([a, b], lambda g: seen.append(g.sum().item()), mode="any"):
        (a * 2 + b * 3).sum().backward()
    assert len(seen) == 2

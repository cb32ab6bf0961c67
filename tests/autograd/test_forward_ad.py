"""Forward mode: tangents against PyTorch's, and against finite differences."""

from __future__ import annotations

import numpy as np
import pytest

import taper
from taper import nn
from taper.autograd import forward_ad as fw

X = np.random.default_rng(0).standard_normal((3, 4))
T = np.random.default_rng(1).standard_normal((3, 4))

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

FUNCTIONS = {
    "polynomial": lambda m, x: x * x * 3 + x,
    "softmax": lambda m, x: m.softmax(x, -1),
    "reduced": lambda m, x: (x.sin() @ x.T).sum(0),
    "in place": lambda m, x: x.clone().mul_(x).add_(1.0),
    "view": lambda m, x: x[1:, ::2].t().exp(),
    "linear": lambda m, x: x.sum(1) * 2,
    "itself": lambda m, x: x,
    "constant": lambda m, x: m.ones(2),
    "integers": lambda m, x: x.argmax(),
    "layer norm": lambda m, x: m.nn.functional.layer_norm(x, (4,)),
    "root": lambda m, x: m.linalg.norm(x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_tangents_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    found = []
    for m in (taper, torch):
        ad = m.autograd.forward_ad
        with ad.dual_level():
            out = FUNCTIONS[name](m, ad.make_dual(m.tensor(X), m.tensor(T)))
            found.append(ad.unpack_dual(out))
    ours, theirs = found
    np.testing.assert_allclose(ours.primal.detach().numpy(), theirs.primal.numpy(), rtol=1e-12)
    assert (ours.tangent is None) == (theirs.tangent is None)
    assert not ours.primal.requires_grad
    if ours.tangent is not None:
        assert not ours.tangent.requires_grad
        np.testing.assert_allclose(ours.tangent.numpy(), theirs.tangent.numpy(), rtol=1e-9, atol=1e-12)


def test_several_duals_and_finite_differences():
    x, y, u, v = (taper.tensor(a) for a in (X, X.T.copy(), T, T.T.copy()))
    f = lambda x, y: (x @ y).tanh()
    with fw.dual_level():
        tangent = fw.unpack_dual(f(fw.make_dual(x, u), fw.make_dual(y, v))).tangent
        again = fw.unpack_dual(f(fw.make_dual(x, u), y)).tangent
    h = 1e-6
    np.testing.assert_allclose(
        tangent.numpy(), (f(x + h * u, y + h * v) - f(x - h * u, y - h * v)).numpy() / 2 / h, atol=1e-8
    )
    np.testing.assert_allclose(again.numpy(), (f(x + h * u, y) - f(x - h * u, y)).numpy() / 2 / h, atol=1e-8)


def test_tangents_of_a_module_and_gradients_of_tangents():
    layer = nn.Linear(3, 2).double()
    weight = layer.weight
    direction = taper.ones(2, 3, dtype=taper.float64)
    x = taper.ones(1, 3, dtype=taper.float64)
    with fw.dual_level():
        del layer.weight
        layer.weight = fw.make_dual(weight, direction)
        value, tangent = fw.unpack_dual(layer(x) ** 2)
        assert value.requires_grad and tangent.requires_grad
    tangent.sum().backward()
    # d/dw of 2 (w x + b) (direction x) is 2 (direction x) x^T.
    np.testing.assert_allclose(weight.grad.numpy(), np.full((2, 3), 6.0))


def test_levels():
    x = taper.ones(2)
    with pytest.raises(RuntimeError, match="no level exists"):
        fw.make_dual(x, x)
    assert fw.unpack_dual(x) == (x, None)
    with fw.dual_level():
        with pytest.raises(RuntimeError, match="Nested forward mode"):
            fw.enter_dual_level()
        with pytest.raises(ValueError, match="floating point"):
            fw.make_dual(taper.ones(2, dtype=taper.int64), x)
        with pytest.raises(RuntimeError, match="different size"):
            fw.make_dual(x, taper.ones(3))
        y = fw.make_dual(x, x)
    assert fw.unpack_dual(y * 2).tangent is None
    with pytest.raises(RuntimeError, match="exit a forward AD level"):
        fw.exit_dual_level()

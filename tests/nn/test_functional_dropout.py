"""Dropout and the other functions that draw: PyTorch's numbers for a seed, and what must hold without PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import taper
from taper.nn import functional as F

NAMES = ["dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"]
SHAPES = {"dropout1d": (4, 5, 3), "dropout2d": (4, 5, 3, 2), "dropout3d": (4, 5, 2, 3, 2)}


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def ramp(lib, name: str, dtype: str = "float32"):
    shape = SHAPES.get(name, (6, 7))
    return (lib.arange(int(np.prod(shape))).reshape(shape) + 1).to(getattr(lib, dtype)) / 8


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_a_seed_gives_pytorchs_result(torch, name, p, dtype):
    found = []
    for lib in (taper, torch):
        lib.manual_seed(5)
        out = getattr(lib.nn.functional, name)(ramp(lib, name, dtype), p, training=True)
        found.append((out.to(lib.float64).numpy(), lib.rand(2).tolist()))
    (ours, ours_next), (theirs, theirs_next) = found
    np.testing.assert_allclose(ours, theirs, rtol=1e-2 if dtype == "bfloat16" else 1e-6, atol=1e-7)
    assert ours_next == theirs_next, "as many numbers drawn"


@pytest.mark.parametrize("name", NAMES)
def test_nothing_happens_in_evaluation_or_for_zero(name):
    x = ramp(taper, name)
    assert getattr(F, name)(x, 0.5, training=False) is x
    assert getattr(F, name)(x, 0.0, training=True) is x


@pytest.mark.parametrize("name", NAMES)
def test_everything_goes_for_one(name):
    taper.manual_seed(0)
    before = taper.get_rng_state()
    assert not getattr(F, name)(ramp(taper, name), 1.0, training=True).any()
    assert taper.equal(taper.get_rng_state(), before)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_a_probability_lies_between_0_and_1(name, p):
    with pytest.raises(ValueError, match="has to be between 0 and 1, but got"):
        getattr(F, name)(ramp(taper, name), p)


@pytest.mark.parametrize("name", NAMES)
def test_in_place(name):
    x, same = ramp(taper, name), ramp(taper, name)
    taper.manual_seed(1)
    expected = getattr(F, name)(x, 0.5, training=True)
    taper.manual_seed(1)
    assert getattr(F, name)(same, 0.5, training=True, inplace=True) is same
    assert taper.equal(same, expected) and not taper.equal(x, expected)


def test_kept_elements_are_scaled_and_so_are_their_gradients():
    taper.manual_seed(0)
    x = taper.ones(1000, requires_grad=True)
    out = F.dropout(x, 0.75)
    assert sorted(set(out.tolist())) == [0.0, 4.0]
    out.sum().backward()
    assert taper.equal(x.grad, out)


@pytest.mark.parametrize("name", ["dropout1d", "dropout2d", "dropout3d"])
def test_channels_go_whole(name):
    taper.manual_seed(0)
    out = getattr(F, name)(taper.ones(SHAPES[name]), 0.5).flatten(2)
    assert {tuple(set(row)) for row in out.reshape(-1, out.shape[2]).tolist()} == {(0.0,), (2.0,)}


def test_alpha_dropout_keeps_mean_and_variance():
    taper.manual_seed(0)
    out = F.alpha_dropout(taper.randn(200_000), 0.3, training=True)
    assert abs(out.mean().item()) < 0.01 and abs(out.var().item() - 1) < 0.02


def test_unusual_dimensions(torch):
    for lib in (taper, torch):
        f = lib.nn.functional
        with pytest.warns(UserWarning, match="Received a 2-D input to dropout2d"):
            f.dropout2d(lib.ones(2, 3))
        with pytest.warns(UserWarning, match="interpreted as shape"):
            f.dropout2d(lib.ones(2, 3, 4))
        with pytest.warns(UserWarning, match="Received a 3-D input to dropout3d"):
            f.dropout3d(lib.ones(2, 3, 4))
        with pytest.raises(RuntimeError, match="Expected 2D or 3D input"):
            f.dropout1d(lib.ones(2))
        with pytest.raises(RuntimeError, match="at least 2 dimensions"):
            f.feature_alpha_dropout(lib.ones(2), 0.5, training=True)


@pytest.mark.parametrize("hard", [False, True])
def test_gumbel_softmax(torch, hard):
    scores = np.random.default_rng(0).standard_normal((4, 5)).astype(np.float32)
    found = []
    for lib in (taper, torch):
        lib.manual_seed(2)
        x = lib.from_numpy(scores.copy()).requires_grad_()
        out = lib.nn.functional.gumbel_softmax(x, tau=0.7, hard=hard)
        (out * lib.arange(5.0)).sum().backward()
        found.append((out.detach().numpy(), x.grad.numpy()))
    for ours, theirs in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-6)
    assert not hard or set(found[0][0].sum(1).tolist()) == {1.0}


def test_rrelu(torch):
    found = []
    for lib in (taper, torch):
        lib.manual_seed(2)
        x = lib.linspace(-2, 2, 9).requires_grad_()
        out = lib.nn.functional.rrelu(x, 0.1, 0.4, training=True)
        out.sum().backward()
        found.append((out.detach().numpy(), x.grad.numpy(), lib.nn.functional.rrelu(x, 0.1, 0.4).detach().numpy()))
    for ours, theirs in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("name", ["dropout", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"])
def test_dropout_takes_floating_point_numbers_only(name):
    function = getattr(F, name)
    with pytest.raises(RuntimeError, match="can't be cast"):
        function(taper.ones(2, 3, 4, 4, dtype=taper.int64), 0.5, True)
    with pytest.raises(NotImplementedError, match="bernoulli"):
        function(taper.ones(2, 3, 4, 4, dtype=taper.complex64), 0.5, True)


def test_dropout_of_torch_itself():
    x = taper.ones(200)
    made, kept = taper.native_dropout(x, 0.5, True)
    assert kept.dtype == taper.bool and ((made == 2) == kept).all() and 60 < kept.sum() < 140
    made, kept = taper.native_dropout(x, 0.5, False)
    assert made is x and kept.all()
    taper.manual_seed(3)
    first = taper.dropout(x, 0.5, True)
    taper.manual_seed(3)
    assert (F.dropout(x, 0.5) == first).all() and taper.dropout(x, 0.5, False) is x


@pytest.mark.parametrize("kind", ["int64", "complex64", "float32"])
@pytest.mark.parametrize("name", ["dropout", "dropout2d", "alpha_dropout"])
def test_dropping_everything_draws_nothing_and_takes_every_dtype(name, kind):
    x = taper.ones(2, 3, 2, 2, dtype=getattr(taper, kind))
    out = getattr(F, name)(x, 1.0, True)
    assert out.dtype == x.dtype and not out.abs().sum()

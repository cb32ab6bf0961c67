"""First values: bit for bit PyTorch's where it is importable, and what they promise by themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest

import taper
from taper import nn
from taper.nn import init

# fmt: off
DRAWS = [
    ("uniform_", (5, 7), {"a": -1.0, "b": 3.0}),
    ("normal_", (5, 7), {"mean": 1.0, "std": 0.5}),
    ("normal_", (3,), {}),
    ("trunc_normal_", (5, 7), {}),
    ("trunc_normal_", (5, 7), {"mean": 1.0, "std": 2.0, "a": 0.0, "b": 3.0}),
    ("trunc_normal_", (50,), {"a": 1.0, "b": 3.0}),
    ("trunc_normal_", (3,), {"a": -0.1, "b": 0.1}),
    ("xavier_uniform_", (6, 4), {"gain": 2.0}),
    ("xavier_normal_", (6, 4, 3, 3), {}),
    ("kaiming_uniform_", (6, 4, 3), {"a": 0.2}),
    ("kaiming_uniform_", (6, 4), {"nonlinearity": "relu", "mode": "fan_out"}),
    ("kaiming_normal_", (6, 4), {"nonlinearity": "tanh"}),
    ("kaiming_normal_", (6, 4, 5), {"mode": "fan_out"}),
    ("sparse_", (8, 5), {"sparsity": 0.4, "std": 0.1}),
    ("constant_", (3, 2), {"val": 0.3}),
    ("ones_", (3, 2), {}),
    ("zeros_", (3, 2), {}),
    ("eye_", (3, 5), {}),
    ("dirac_", (4, 2, 3), {}),
    ("dirac_", (6, 2, 3, 3), {"groups": 3}),
    ("dirac_", (2, 2, 2, 3, 3), {}),
]
# fmt: on


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.mark.parametrize("name, shape, options", DRAWS, ids=[f"{row[0]}{row[1]}{i}" for i, row in enumerate(DRAWS)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_are_pytorchs_bit_for_bit(torch, name, shape, options, dtype):
    ours, theirs = _filled(torch, name, shape, options, dtype)
    assert ours.tobytes() == theirs.tobytes()


def _filled(torch, name, shape, options, dtype):
    results = []
    for lib in (taper, torch):
        lib.manual_seed(3)
        t = lib.empty(shape, dtype=getattr(lib, dtype), requires_grad=True)
        assert getattr(lib.nn.init, name)(t, **options) is t
        assert t.requires_grad and t.is_leaf
        results.append(t.detach().numpy())
    return results


@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3), (4, 2, 3)])
def test_orthogonal(torch, shape):
    ours, theirs = _filled(torch, "orthogonal_", shape, {"gain": 2.0}, "float64")
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3)])
def test_orthogonal_rows_or_columns(shape):
    q = init.orthogonal_(taper.empty(shape, dtype=taper.float64)).numpy()
    product = q @ q.T if shape[0] <= shape[1] else q.T @ q
    np.testing.assert_allclose(product, np.eye(min(shape)), atol=1e-12)


@pytest.mark.parametrize(
    "nonlinearity, param, gain",
    [
        ("linear", None, 1),
        ("conv_transpose3d", None, 1),
        ("sigmoid", None, 1),
        ("tanh", None, 5 / 3),
        ("relu", None, math.sqrt(2)),
        ("leaky_relu", None, math.sqrt(2 / (1 + 0.01**2))),
        ("leaky_relu", 0.5, math.sqrt(2 / 1.25)),
        ("selu", None, 0.75),
    ],
)
def test_gains(nonlinearity, param, gain):
    assert init.calculate_gain(nonlinearity, param) == pytest.approx(gain)


def test_fans():
    assert init._calculate_fan_in_and_fan_out(taper.empty(6, 4, 3, 2)) == (24, 36)


def test_a_generator_of_ones_own():
    one = init.normal_(taper.empty(20), generator=taper.Generator().manual_seed(5))
    taper.manual_seed(5)
    assert one.tolist() == init.normal_(taper.empty(20)).tolist()


ERRORS = [
    (
        lambda: init.xavier_uniform_(taper.empty(3)),
        "Fan in and fan out can not be computed for tensor with fewer than 2",
    ),
    (lambda: init.eye_(taper.empty(3)), "Only tensors with 2 dimensions are supported"),
    (lambda: init.sparse_(taper.empty(3), 0.1), "Only tensors with 2 dimensions are supported"),
    (lambda: init.orthogonal_(taper.empty(3)), "Only tensors with 2 or more dimensions are supported"),
    (lambda: init.dirac_(taper.empty(3, 2)), "Only tensors with 3, 4, or 5 dimensions are supported"),
    (lambda: init.dirac_(taper.empty(3, 2, 1), 2), "dim 0 must be divisible by groups"),
    (lambda: init.calculate_gain("nope"), "Unsupported nonlinearity nope"),
    (lambda: init.calculate_gain("leaky_relu", True), "negative_slope True not a valid number"),
    (lambda: init.kaiming_normal_(taper.empty(2, 2), mode="both"), "Mode both not supported"),
]


@pytest.mark.parametrize("action, message", ERRORS, ids=[row[1] for row in ERRORS])
def test_errors(action, message):
    with pytest.raises(ValueError, match=message):
        action()


def test_warnings():
    with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
        init.kaiming_uniform_(taper.empty(0, 3))
    with pytest.warns(UserWarning, match="mean is more than 2 std from"):
        init.trunc_normal_(taper.empty(3), mean=50.0)
    with pytest.warns(FutureWarning, match="`nn.init.normal` is now deprecated in favor of `nn.init.normal_`"):
        init.normal(taper.empty(3))


def test_a_seed_gives_the_same_network():
    def make():
        taper.manual_seed(7)
        return nn.Sequential(nn.Linear(4, 3), nn.Conv2d(2, 3, 3), nn.LSTM(2, 3)).state_dict()

    one, other = make(), make()
    assert all(one[key].tolist() == other[key].tolist() for key in one)

"""Products that take over what follows them: which steps become which calls, with the numbers of the eager engine."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import taper
import taper.nn.functional as F
from taper import nn
from taper.compiler.lower.calls import Finish, Matmul

from ..native import simt
from .emulated import Emulated, home
from .test_cases import code_in_memory  # noqa: F401  (a fixture)

pytestmark = pytest.mark.skipif(not simt.supported, reason="threads are fibers, which only x86-64 switches")

ACTIVATIONS = {
    "relu": F.relu,
    "gelu by tanh": lambda x: F.gelu(x, approximate="tanh"),
    "gelu": F.gelu,
    "none": lambda x: x,
}


class Net(nn.Module):
    """Two layers; `shape` is what the first one gets."""

    def __init__(self, activation: str, bias: bool = True, twice: bool = False):
        super().__init__()
        self.first, self.second = nn.Linear(24, 16, bias=bias), nn.Linear(16, 8, bias=bias)
        self.activation, self.twice = ACTIVATIONS[activation], twice

    def forward(self, x):
        x = self.first(x)
        y = self.activation(x)
        return self.second(y + x if self.twice else y)


def train(net: Net, shape: tuple[int, ...], lower, compiled: bool):
    """A few losses of one network, and its parameters after them."""
    optimizer = taper.optim.SGD(net.parameters(), lr=0.1)

    def step(x, y):
        with taper.autocast("cpu", dtype=lower or taper.bfloat16, enabled=lower is not None):
            found = net(x)
        loss = F.mse_loss(found.float(), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    taper.manual_seed(1)
    run = taper.compile(step, fullgraph=True) if compiled else step
    losses = [run(taper.randn(*shape, 24), taper.randn(*shape, 8)).item() for _ in range(3)]
    return losses, [p.detach().numpy().copy() for p in net.parameters()]


def calls(drivers) -> list[str]:
    """The products of a step, in order: their epilogues, or "" for a plain one."""
    made = [note[1] for note in drivers[0].done if note[0] == "call"]
    per_step = [what for what in made if isinstance(what, (Matmul, Finish))]
    return [w.routine.product.epilogue if isinstance(w, Finish) else "" for w in per_step]


@pytest.fixture
def run(monkeypatch):
    def run(shape, lower=None, fuses=None, **options):
        drivers: list[Emulated] = []
        here = home(drivers) if fuses is None else home(drivers, fuses=fuses)
        monkeypatch.setattr("taper.compiler.capture.home_of", lambda array: here)
        taper.manual_seed(0)
        state = Net(**options).state_dict()
        nets = [Net(**options) for _ in range(2)]
        for net in nets:
            net.load_state_dict(state)
        found, expected = train(nets[0], shape, lower, True), train(nets[1], shape, lower, False)
        rtol, atol = (1e-5, 1e-6) if lower is None else (4e-2, 4e-3)
        np.testing.assert_allclose(found[0], expected[0], rtol=rtol)
        for a, b in zip(found[1], expected[1]):
            np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)
        # The first step is run call by call.
        return calls(drivers)

    return run


HALVES = {"float32": None, "bfloat16": taper.bfloat16, "float16": taper.float16}
# What both layers and their gradients become: forwards, then the second layer's weights, the gradient between them, the first's
# weights.
FORMS = {
    "relu": ["relu_aux_bias", "bias", "bgrada", "drelu_bgrad", ""],
    "gelu by tanh": ["gelu_aux_bias", "bias", "bgrada", "dgelu_bgrad", ""],
    "gelu": ["bias", "bias", "bgrada", "bgrada", ""],
    "none": ["bias", "bias", "bgrada", "bgrada", ""],
}


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("activation", FORMS)
@pytest.mark.parametrize("shape", [(6,), (2, 3)], ids=["rows", "stacks of rows"])
def test_layers_take_bias_activation_and_their_gradients(run, activation, shape, dtype):
    assert sorted(run(shape, HALVES[dtype], activation=activation)) == sorted(FORMS[activation])


def test_without_bias_activations_alone(run):
    assert sorted(run((6,), activation="relu", bias=False)) == ["", "", "", "drelu", "relu_aux"]


def test_what_is_used_besides_stays_in_memory(run):
    """x and relu(x) are both used: relu is no part of the product. gelu's argument is kept anyway."""
    assert "relu_aux_bias" not in run((6,), activation="relu", twice=True)
    assert "gelu_aux_bias" in run((6,), activation="gelu by tanh", twice=True)


# What a library may lack, and what is left.
LACKS = {
    "everything": (lambda p: False, [""] * 5),
    "gradients of activations": (
        lambda p: not p.epilogue.startswith("d"),
        ["relu_bias", "bias", "bgrada", "bgrada", ""],
    ),
    "what gradients need": (lambda p: "aux" not in p.epilogue, ["relu_bias", "bias", "bgrada", "bgrada", ""]),
    "activations": (lambda p: "relu" not in p.epilogue, ["bias", "bias", "bgrada", "bgrada", ""]),
    "sums": (lambda p: "bgrad" not in p.epilogue, ["relu_aux_bias", "bias", "", "drelu", ""]),
}


@pytest.mark.parametrize("lacking", LACKS)
def test_what_the_library_lacks_is_computed_by_kernels(run, lacking):
    fuses, expected = LACKS[lacking]
    assert sorted(run((6,), fuses=fuses, activation="relu")) == sorted(expected)


def test_a_batch_whose_gradient_comes_from_outside(monkeypatch):
    """Forward and backward are two programs: nothing is kept for the other."""
    drivers: list[Emulated] = []
    here = home(drivers)
    monkeypatch.setattr("taper.compiler.capture.home_of", lambda array: here)
    taper.manual_seed(0)
    net, other = Net("relu"), Net("relu")
    other.load_state_dict(net.state_dict())
    x = taper.randn(6, 24)
    taper.compile(net, fullgraph=True)(x).square().sum().backward()
    other(x).square().sum().backward()
    for p, q in zip(net.parameters(), other.parameters()):
        np.testing.assert_allclose(p.grad, q.grad, rtol=1e-4, atol=1e-5)
    made = [note[1] for d in drivers for note in d.done if note[0] == "call"]
    kinds = [w.routine.product.epilogue if isinstance(w, Finish) else "" for w in made]
    assert sorted(kinds) == ["", "bgrada", "bgrada", "bias", "relu_bias"]

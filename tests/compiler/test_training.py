"""Compiled training is eager training: every optimizer, and whole runs of 200 steps."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import taper
from taper import nn
from taper.compiler.capture import Capture
from taper.nn import functional as F

OPTIMIZERS = [
    ("SGD", dict(lr=0.05)),
    ("SGD", dict(lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01)),
    ("SGD", dict(lr=0.001, momentum=0.9, dampening=0.1, maximize=True)),
    ("Adam", dict(lr=0.02)),
    ("Adam", dict(lr=0.02, weight_decay=0.1, amsgrad=True)),
    ("AdamW", dict(lr=0.02, weight_decay=0.1)),
    ("Adamax", dict(lr=0.02)),
    ("NAdam", dict(lr=0.02)),
    ("RAdam", dict(lr=0.02)),
    ("Adagrad", dict(lr=0.05, lr_decay=0.1)),
    ("Adadelta", dict(lr=0.5)),
    ("RMSprop", dict(lr=0.02, momentum=0.5, centered=True)),
    ("Rprop", dict(lr=0.02)),
    ("ASGD", dict(lr=0.02, t0=5)),
]


def twins(make, dtype=taper.float32):
    """The same problem twice, from the same random numbers."""
    made = []
    before = taper.get_default_dtype()
    taper.set_default_dtype(dtype)
    try:
        for _ in range(2):
            taper.manual_seed(0)
            made.append(make())
    finally:
        taper.set_default_dtype(before)
    return made


def near(a, b, tolerance: float) -> None:
    """Equal within a tolerance relative to the largest element."""
    a, b = a.detach().numpy(), b.detach().numpy()
    scale = max(np.abs(b).max(initial=0), 1e-3)
    np.testing.assert_allclose(a / scale, b / scale, rtol=0, atol=tolerance)


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS, ids=[f"{n}-{i}" for i, (n, _) in enumerate(OPTIMIZERS)])
def test_optimizers_take_the_same_steps(name, options):
    def make():
        model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1))
        optimizer = getattr(taper.optim, name)(model.parameters(), **options)

        def step(x, y):
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        return model, optimizer, step

    (model, optimizer, step), (other, second, eager) = twins(make, taper.float64)
    compiled = taper.compile(step)
    x, y = taper.randn(7, 3, dtype=taper.float64), taper.randn(7, 1, dtype=taper.float64)
    for i in range(30):
        near(compiled(x, y), eager(x, y), 1e-10)
        if i == 15:
            for group in (*optimizer.param_groups, *second.param_groups):
                group["lr"] *= 0.5
    for p, q in zip(model.parameters(), other.parameters()):
        near(p, q, 1e-10)
        near(p.grad, q.grad, 1e-10)
        for key, value in second.state[q].items():
            if isinstance(value, taper.Tensor):
                near(optimizer.state[p][key], value, 1e-10)
            else:
                assert optimizer.state[p][key] == value, key
    assert compiled.eager_reason is None


class Attention(nn.Module):
    """One causal block and a head."""

    def __init__(self):
        super().__init__()
        self.embed, self.place = nn.Embedding(11, 8), nn.Embedding(6, 8)
        self.norm, self.qkv, self.out = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 8)
        self.head = nn.Linear(8, 11)

    def forward(self, i):
        b, t = i.shape
        x = self.embed(i) + self.place(taper.arange(t))
        q, k, v = self.qkv(self.norm(x)).reshape(b, t, 3, 2, 4).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.head(x + self.out(mixed.transpose(1, 2).reshape(b, t, 8)))


def mlp():
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 4))


def normed():
    return nn.Sequential(nn.Linear(6, 12), nn.LayerNorm(12), nn.GELU(), nn.Linear(12, 4))


def embedded():
    return nn.Sequential(nn.Embedding(9, 5), nn.Flatten(), nn.Linear(15, 8), nn.SiLU(), nn.Linear(8, 4))


def numbers_in(taper_dtype):
    return lambda: (taper.randn(10, 6, dtype=taper_dtype), taper.randint(0, 4, (10,)))


def words(_):
    return lambda: (taper.randint(0, 9, (10, 3)), taper.randint(0, 4, (10,)))


def texts(_):
    def draw():
        text = taper.randint(0, 11, (3, 7))
        return text[:, :-1].contiguous(), text[:, 1:].contiguous()

    return draw


RUNS = {
    "mlp": (mlp, numbers_in, lambda p: taper.optim.SGD(p, lr=0.1, momentum=0.9)),
    "layer norm": (normed, numbers_in, lambda p: taper.optim.SGD(p, lr=0.05)),
    "embedding": (embedded, words, lambda p: taper.optim.SGD(p, lr=0.1)),
    "attention": (Attention, texts, lambda p: taper.optim.SGD(p, lr=0.05)),
}


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(taper.float32, 1e-5), (taper.float64, 1e-12)], ids=["single", "double"]
)
def test_two_hundred_steps(name, dtype, tolerance):
    network, draws, optimizer_of = RUNS[name]

    def make():
        model = network()
        optimizer = optimizer_of(model.parameters())

        def step(x, y):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x).flatten(0, -2), y.flatten())
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            return loss

        return model, step

    draw = draws(dtype)
    losses = []
    models = []
    for model, step in twins(make, dtype):
        run = taper.compile(step) if not losses else step
        taper.manual_seed(1)
        batches = [draw() for _ in range(4)]
        losses.append([run(*batches[i % 4]).item() for i in range(200)])
        models.append(model)
        if run is not step:
            assert run.compilations == 1 and run.eager_reason is None
    np.testing.assert_allclose(losses[0], losses[1], rtol=tolerance, atol=tolerance)
    assert min(losses[1][-4:]) < 0.8 * losses[1][0]
    for p, q in zip(*[m.parameters() for m in models]):
        near(p, q, tolerance * 10)


WITHOUT = """
import sys, warnings

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "llvmlite":
            raise ModuleNotFoundError("No module named 'llvmlite'", name="llvmlite")

sys.modules.pop("llvmlite", None)
sys.meta_path.insert(0, Missing())
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name.startswith("llvmlite") else find(name, package)
import taper
from taper import nn

def run(compile):
    taper.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.ReLU(), nn.Linear(8, 2))
    optimizer = taper.optim.AdamW(model.parameters(), lr=0.01)
    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss
    step = taper.compile(step) if compile else step
    function = (lambda x: (x * 2 + 1).exp().sum())
    function = taper.compile(function) if compile else function
    x, y = taper.randn(5, 4), taper.tensor([0, 1, 1, 0, 1])
    found = [step(x, y).item() for _ in range(20)]
    w = taper.ones(3, requires_grad=True)
    function(w).backward()
    return found + w.grad.tolist()

with warnings.catch_warnings(record=True) as found:
    warnings.simplefilter("always")
    compiled = run(True)
about = [str(w.message) for w in found]
assert len(about) == 1 and "llvmlite is not installed" in about[0], about
eager = run(False)
assert all(abs(a - b) <= 1e-5 * abs(b) for a, b in zip(compiled, eager)), (compiled, eager)
# Large arrays stay NumPy's.
x = taper.randn(1100, 1000, requires_grad=True)
nn.functional.layer_norm(nn.functional.gelu(x), (1000,)).sum().backward()
nn.functional.max_pool2d(nn.functional.conv2d(taper.randn(4, 3, 32, 32), taper.randn(8, 3, 3, 3)), 2)
assert x.grad.isfinite().all()
print("same")
"""


def test_without_llvmlite_there_is_one_warning_and_the_same_results():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "same", done.stdout + done.stderr


def counted_captures(monkeypatch) -> list:
    captures = []
    symbols = Capture._symbols
    monkeypatch.setattr(Capture, "_symbols", lambda *args: (captures.append(1), symbols(*args))[1])
    return captures


def stepping(optimizer, model, look=False):
    @taper.compile(fullgraph=not look)
    def step(x):
        optimizer.zero_grad()
        loss = model(x).square().mean()
        if look and loss > 1e9:
            return loss
        loss.backward()
        optimizer.step()
        return loss

    return step


def test_the_first_step_makes_the_state_and_is_compiled(monkeypatch):
    model, captures = nn.Linear(3, 2), counted_captures(monkeypatch)
    optimizer = taper.optim.Adam(model.parameters())
    step = stepping(optimizer, model)
    for _ in range(2):
        step(taper.ones(4, 3))
        assert (len(captures), step.compilations) == (1, 1)
    assert optimizer.state[model.weight]["step"] == 2


def test_a_first_step_unlike_the_others_runs_eagerly_and_is_not_captured_in_vain(monkeypatch):
    model, captures = nn.Linear(3, 2), counted_captures(monkeypatch)
    step = stepping(taper.optim.SGD(model.parameters(), 0.1, momentum=0.9, dampening=0.5), model)
    step(taper.ones(4, 3))
    assert (len(captures), step.compilations) == (0, 0)
    step(taper.ones(4, 3))
    assert (len(captures), step.compilations) == (1, 1)


def test_only_parameters_that_get_a_gradient_get_state():
    model, idle, frozen = nn.Linear(3, 2), nn.Linear(2, 2), nn.Linear(2, 2).requires_grad_(False)
    optimizer = taper.optim.SGD([*model.parameters(), *idle.parameters(), *frozen.parameters()], 0.1, momentum=0.9)
    step = stepping(optimizer, model)
    for _ in range(3):
        step(taper.ones(4, 3))
    assert step.compilations == 1
    assert set(optimizer.state) == set(model.parameters())
    assert list(optimizer.state_dict()["state"]) == [0, 1]


def test_a_step_that_is_not_captured_leaves_the_state_to_the_eager_step():
    model = nn.Linear(3, 2)
    optimizer = taper.optim.Adam(model.parameters())
    step = stepping(optimizer, model, look=True)
    with pytest.warns(UserWarning, match="runs eagerly"):
        step(taper.ones(4, 3))
    assert optimizer.state[model.weight]["step"] == 1
    assert stepping(taper.optim.Adam(model.parameters()), model)(taper.ones(4, 3)).item() > 0


def test_an_optimizer_that_is_never_stepped_is_no_hindrance():
    model = nn.Linear(3, 2)
    optimizer = taper.optim.Adam(model.parameters())

    @taper.compile(fullgraph=True)
    def forward(x):
        optimizer.zero_grad()
        return model(x)

    for _ in range(3):
        assert forward(taper.ones(4, 3)).shape == (4, 2)
    assert forward.compilations == 1

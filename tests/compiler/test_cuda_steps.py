"""Training steps as programs for a GPU: the same numbers as the eager engine's, kernel by kernel PTX that the back end
accepts, and a step that is one graph, which waits for nothing."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import taper
import taper.nn.functional as F
from taper import nn
from taper.compiler.lower.calls import Convolve, Finish, Matmul
from taper.native import library
from taper.native.machine import gpu

from ..native import simt
from .emulated import home
from .test_cases import code_in_memory  # noqa: F401  (a fixture)

pytestmark = pytest.mark.skipif(not simt.supported, reason="threads are fibers, which only x86-64 switches")

ARCHITECTURES = ("sm_70", "sm_80", "sm_90")


@pytest.fixture
def drivers(monkeypatch):
    """The drivers of the programs that the test makes, in order."""
    made = []
    here = home(made)
    monkeypatch.setattr("taper.compiler.capture.home_of", lambda array: here)
    return made


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = self.mix(self.first(x)).reshape(n, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(n, t, c))
        return x + self.mlp(self.second(x))


class GPT(nn.Module):
    def __init__(self, words=50, length=16, width=32, heads=4, depth=2):
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(length, width)
        self.blocks = nn.Sequential(*[Block(width, heads) for _ in range(depth)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, words)

    def forward(self, tokens):
        x = self.words(tokens) + self.places(taper.arange(tokens.shape[1], device=tokens.device))
        return self.head(self.norm(self.blocks(x))).flatten(0, 1)


class Residual(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(),
            nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after),
        )  # fmt: skip
        self.short = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x):
        return F.relu(self.body(x) + self.short(x))


def mlp():
    return nn.Sequential(nn.Linear(20, 33), nn.ReLU(), nn.Linear(33, 17), nn.Tanh(), nn.Linear(17, 10))


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2), nn.Conv2d(6, 8, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(8 * 2 * 2, 10),
    )  # fmt: skip


def resnet():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), Residual(8, 16, 2), Residual(16, 16, 1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10),
    )  # fmt: skip


def images(*shape):
    return lambda: taper.randn(12, *shape)


# The model, what it takes, how many classes there are, the optimizer.
MODELS = {
    "mlp": (mlp, images(20), 10, lambda p: taper.optim.SGD(p, lr=0.1, momentum=0.9)),
    "lenet": (lenet, images(1, 16, 16), 10, lambda p: taper.optim.SGD(p, lr=0.1)),
    "resnet": (resnet, images(3, 8, 8), 10, lambda p: taper.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-4)),
    "gpt": (GPT, lambda: taper.randint(0, 50, (3, 16)), 50, lambda p: taper.optim.AdamW(p, lr=0.003, eps=1e-4)),
}


def train(name: str, compiled: bool, steps: int = 4):
    """The losses of a few steps, and the parameters after them. Every batch is a new array."""
    build, draw, classes, optimizer_of = MODELS[name]
    taper.manual_seed(0)
    model = build()
    optimizer = optimizer_of(list(model.parameters()))
    batches = [draw() for _ in range(steps)]
    targets = [taper.randint(0, classes, (len(model(x)),)) for x in batches]

    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    run = taper.compile(step, fullgraph=True) if compiled else step
    losses = [run(x, y).item() for x, y in zip(batches, targets)]
    return losses, [p.detach().numpy().copy() for p in (*model.parameters(), *model.buffers())]


@pytest.mark.parametrize("name", MODELS)
def test_steps_train_as_eager_ones_do(name, drivers):
    losses, parameters = train(name, True)
    assert drivers, "nothing ran on the GPU"
    expected, wanted = train(name, False)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    for found, p in zip(parameters, wanted):
        np.testing.assert_allclose(found, p, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_the_ptx_of_every_kernel(name, drivers):
    train(name, True, 2)
    texts = drivers[-1].loaded
    assert len(texts) > 3
    for text in texts:
        for architecture in ARCHITECTURES:
            ptx = library.assembly(text, gpu(architecture))
            assert ".visible .entry KERNEL(" in ptx
            assert ".extern" not in ptx, "calls of functions that are not there"
            assert ".local" not in ptx, "values in memory instead of registers"
            assert not re.search(r"\bcall\b", ptx), "a call that is not inlined"


@pytest.mark.skipif(shutil.which("ptxas") is None, reason="NVIDIA's assembler is not installed")
@pytest.mark.parametrize("name", MODELS)
def test_nvidias_assembler_takes_it_and_spills_nothing(name, drivers, tmp_path):
    train(name, True, 2)
    for i, text in enumerate(drivers[-1].loaded):
        file = tmp_path / f"{i}.ptx"
        file.write_text(library.assembly(text, gpu("sm_90")))
        made = subprocess.run(
            ["ptxas", "-arch=sm_90", "-v", str(file), "-o", str(tmp_path / "cubin")], capture_output=True, text=True
        )
        assert made.returncode == 0, made.stderr
        assert "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads" in made.stderr, made.stderr


@pytest.mark.parametrize("name", MODELS)
def test_a_step_is_one_graph_and_waits_for_nothing(name, drivers):
    train(name, True, 5)
    (driver,) = drivers
    done = [note[0] for note in driver.done]
    first = done.index("replay")
    later = done[first + 1 :]
    assert "capture" in done[:first]
    assert "launch" not in later and "call" not in later, "everything but copies is in the graph"
    waits = [what for what in later if what in ("fetch", "store")]
    assert not waits, f"a step waits: {waits}"
    assert later.count("replay") >= 2 and "capture" not in later, "the graph is replayed as it is"


def test_products_are_library_calls(drivers):
    train("resnet", True, 2)
    calls = [note[1] for note in drivers[0].done if note[0] == "call"]
    assert {c.op for c in calls if isinstance(c, Convolve)} == {"conv", "conv_input", "conv_weight"}
    assert sum(isinstance(c, (Matmul, Finish)) for c in calls) == 3


def test_a_step_is_explained_and_changes_nothing(drivers):
    taper.manual_seed(0)
    model = mlp()
    optimizer = taper.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    x, y = taper.randn(12, 20), taper.randint(0, 10, (12,))

    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    step(x, y)
    before = [p.detach().numpy().copy() for p in model.parameters()]
    found = taper.explain(step)(x, y)
    for p, b in zip(model.parameters(), before):
        np.testing.assert_array_equal(p.detach().numpy(), b)
    assert found.machine == "emulated" and found.calls == 1 and not found.hosts
    text = str(found)
    assert "matmul 12x20x33" in text and "beside it" in text and "emulated" in text
    assert all(r.seconds > 0 and r.share >= 0 for r in found.rows)


def test_the_stages_of_a_step_on_a_gpu(drivers):
    compiled = taper.compile(lambda x: F.softmax(x, 1) * 2, fullgraph=True)
    compiled(taper.randn(5, 7))
    assert list(compiled.stages) == ["captured", "kernels", "llvm", "optimised", "ptx", "call"]
    assert ".target sm_90" in compiled.stages["ptx"] and "shfl.sync" in compiled.stages["ptx"]


@pytest.mark.parametrize("name", ["mlp", "resnet", "gpt"])
def test_autocast_steps_multiply_in_half_precision_on_the_gpu_alone(name, drivers):
    build, draw, classes, _ = MODELS[name]

    def losses(compiled: bool) -> list[float]:
        taper.manual_seed(0)
        model = build()
        optimizer = taper.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        batches = [draw() for _ in range(3)]
        targets = [taper.randint(0, classes, (len(model(x)),)) for x in batches]

        def step(x, y):
            with taper.autocast("cpu", dtype=taper.bfloat16):
                loss = F.cross_entropy(model(x).float(), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        run = taper.compile(step, fullgraph=True) if compiled else step
        return [run(x, y).item() for x, y in zip(batches, targets)]

    np.testing.assert_allclose(losses(True), losses(False), rtol=2e-4)
    notes = [n for what, *rest in drivers[-1].done for n in (rest[0] if what == "replay" else [(what, *rest)])]
    calls = [n[1] for n in notes if n[0] == "call"]
    assert len(calls) > 5 and {c.dtype for c in calls} == {"bfloat16"}

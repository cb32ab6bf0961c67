"""Convolutions of half precision in compiled steps: channels stay last from one to the next, with the numbers of the eager engine
and of the graph before."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

pytest.importorskip("llvmlite")

import taper
import taper.nn.functional as F
from taper import nn
from taper.compiler.cuda import passes
from taper.compiler.cuda.channels_last import keep_channels_last
from taper.compiler.evaluate import evaluate
from taper.compiler.graph import LEAVES, Graph, reached, verified
from taper.compiler.lower.calls import Call, Convolve

from ..native import simt
from .emulated import home
from .test_cases import code_in_memory  # noqa: F401  (a fixture)

pytestmark = pytest.mark.skipif(not simt.supported, reason="threads are fibers, which only x86-64 switches")

BF16 = np.dtype(ml_dtypes.bfloat16)


def conv(before: int, after: int, stride: int = 1, **options) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, stride, 1, bias=False, **options)


class Block(nn.Module):
    """A residual block of ResNet-18."""

    def __init__(self, before: int, after: int, stride: int):
        super().__init__()
        self.first, self.second = conv(before, after, stride), conv(after, after)
        self.norm1, self.norm2 = nn.BatchNorm2d(after), nn.BatchNorm2d(after)
        self.short = nn.Sequential()
        if stride != 1 or before != after:
            self.short = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x):
        return F.relu(self.norm2(self.second(F.relu(self.norm1(self.first(x))))) + self.short(x))


class Joined(nn.Module):
    """Branches put beside each other, a slice of them, and one channel's statistics."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = conv(3, 4), conv(3, 6, groups=3), conv(8, 5)

    def forward(self, x):
        x = taper.cat([self.a(x), self.b(x)], 1)
        x = self.c(x[:, 1:9, ::2]) * x.amax((2, 3)).mean(1)[:, None, None, None]
        return x.mean((2, 3))


NETS = {
    "residual blocks": lambda: nn.Sequential(
        conv(3, 8), nn.BatchNorm2d(8), nn.ReLU(), Block(8, 8, 1), Block(8, 16, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(16, 5),
    ),
    "largest of windows": lambda: nn.Sequential(conv(3, 8), nn.ReLU(), nn.MaxPool2d(3, 2, 1), conv(8, 5), nn.Flatten(2), nn.AdaptiveAvgPool1d(1), nn.Flatten()),
    "means of windows": lambda: nn.Sequential(conv(3, 8), nn.AvgPool2d(2), conv(8, 5), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    "with bias": lambda: nn.Sequential(nn.Conv2d(3, 6, 3, bias=True), nn.SiLU(), nn.Conv2d(6, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    "flattened": lambda: nn.Sequential(conv(3, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(64, 5)),
    "branches": Joined,
    "dilated, in groups": lambda: nn.Sequential(nn.Conv2d(3, 6, 3, 1, 2, 2, 3), nn.GroupNorm(2, 6), nn.Conv2d(6, 5, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    "planes of planes": lambda: nn.Sequential(nn.Unflatten(2, (2, 4)), nn.Conv3d(3, 5, 3, 1, 1, bias=False), nn.ReLU(), nn.MaxPool3d(2), nn.Flatten(2), nn.AdaptiveAvgPool1d(1), nn.Flatten()),
    "transposed": lambda: nn.Sequential(nn.ConvTranspose2d(3, 6, 2, 2), nn.ReLU(), conv(6, 5), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
}  # fmt: skip


def train(model, compiled: bool, steps: int = 2):
    optimizer = taper.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def step(x, y):
        with taper.autocast("cpu", dtype=taper.bfloat16):
            loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    taper.manual_seed(1)
    run = taper.compile(step, fullgraph=True) if compiled else step
    losses = [run(taper.randn(4, 3, 8, 8), taper.randint(0, 5, (4,))).item() for _ in range(steps)]
    return losses, [p.detach().numpy().copy() for p in (*model.parameters(), *model.buffers())]


@pytest.fixture
def drivers(monkeypatch):
    made = []
    here = home(made)
    monkeypatch.setattr("taper.compiler.capture.home_of", lambda array: here)
    return made


@pytest.fixture
def passed(monkeypatch):
    """What the pass was given and made: (results, results after)."""
    seen = []

    def run(graph, results, state):
        made = keep_channels_last(graph, results, state)
        seen.append((results, made[0]))
        return made

    monkeypatch.setattr(passes, "keep_channels_last", run)
    return seen


PROGRAMS: list = []


@pytest.fixture(autouse=True)
def programs(monkeypatch):
    """The programs that are made, in order."""
    from taper.compiler.cuda.program import CudaProgram

    PROGRAMS.clear()
    loaded = CudaProgram.loaded
    monkeypatch.setattr(CudaProgram, "loaded", lambda self, driver: PROGRAMS.append(self) or loaded(self, driver))


@pytest.mark.parametrize("name", NETS)
def test_steps_train_as_eager_ones_do(name, drivers, passed):
    taper.manual_seed(0)
    state = NETS[name]().state_dict()
    models = [NETS[name]() for _ in range(2)]
    for model in models:
        model.load_state_dict(state)
    losses, parameters = train(models[0], True)
    calls = [note[1] for note in drivers[0].done if note[0] == "call"]
    convolutions = [c for c in calls if isinstance(c, Convolve)]
    assert convolutions and all(c.last and c.out == "bfloat16" for c in convolutions)
    expected, wanted = train(models[1], False)
    np.testing.assert_allclose(losses, expected, rtol=2e-2, atol=1e-2)
    for found, p in zip(parameters, wanted):
        np.testing.assert_allclose(found, p, rtol=5e-2, atol=2e-2)
    if name == "with bias":
        return  # a product is rounded before the bias is added, as cuDNN and the eager engine on a GPU do
    before, after = passed[0]
    rng = np.random.default_rng(0)
    leaves = {}
    for node in reached([*before, *after]):
        if node.op in LEAVES and node.op != "constant":
            drawn = rng.integers(0, 4, node.shape) if node.dtype.kind in "iu" else rng.uniform(0.5, 1.5, node.shape)
            leaves[node] = np.asarray(drawn).astype(node.dtype)
    for a, b in zip(evaluate(after, leaves), evaluate(before, leaves)):
        np.testing.assert_allclose(a.astype(np.float64), b.astype(np.float64), rtol=2e-2, atol=2e-2)


def test_no_kernel_of_a_residual_network_moves_what_lies_between_convolutions(drivers):
    """Every kernel reads what others have made in the order in which it computes; but for weights, which are parameters
    in the other order, cast and updated in passes that there are anyway."""
    taper.manual_seed(0)
    train(NETS["residual blocks"](), True)
    program = PROGRAMS[-1]
    calls = [e for e in program.entries if isinstance(e, Call) and isinstance(e.what, Convolve)]
    weights = {n for e in calls if e.what.op == "conv_weight" for n in e.writes}
    between = 0
    for kernel in program.kernels:
        if kernel.kind != "loop":
            continue
        walk = kernel.walk()
        for node, access in walk.loads:
            if node.op not in LEAVES and node not in weights and node.size == walk.space.size and node.size > 256:
                between += 1
                steps = [s for s, n in zip(access.strides, walk.space.extents) if n > 1]
                plain = [s for s, n in zip(walk.space.flat, walk.space.extents) if n > 1]
                assert steps == plain, f"{kernel.kind} over {walk.space.extents} reads {node!r} by steps of {steps}"
    assert between > 20


def test_forms_by_hand():
    g = Graph()
    x, w = g.leaf("input", "x", (2, 3, 4, 5), BF16), g.leaf("input", "w", (6, 3, 3, 3), BF16)
    wide = [g.cast(n, "float32") for n in (x, w)]
    made = g.convolution("conv", *wide, (2, 6, 4, 5), (1, 1), (1, 1), (1, 1), 1, False)
    image = g.reshape(made, (2, 6, 4, 5))
    forms = {
        "sums over a dimension": g.reduce("sum", image, (3,)),
        "sums over channels": g.reduce("sum", image, (1,)),
        "sums over the first": g.reduce("sum", image, (0, 2)),
        "the place of the largest": g.reduce("argmax", image, (2,)),
        "a part": g.slice(image, (1, 0, 3, 0), (1, 3, 2, 5), (1, 2, -1, 1)),
        "joined along rows": g.concat([image, g.leaf("input", "y", (2, 6, 1, 5), np.float32)], 2),
        "turned": g.permute(image, (1, 0, 3, 2)),
        "flat": g.reshape(image, (2, 120)),
        "with a vector of channels": g.elementwise("multiply", image, g.leaf("input", "s", (6, 1, 1), np.float32)),
        "with a number of rows": g.elementwise("add", g.leaf("input", "r", (4, 1), np.float32), image),
    }
    results = [g.copied(n) for n in forms.values()]
    after, _ = keep_channels_last(g, results, {})
    verified(after, "keep_channels_last")
    rng = np.random.default_rng(0)
    # Whole numbers whose sums bfloat16 has.
    leaves = {n: rng.integers(-2, 3, n.shape).astype(n.dtype) for n in reached(results) if n.op == "input"}
    for name, a, b in zip(forms, evaluate(after, leaves), evaluate(results, leaves)):
        np.testing.assert_array_equal(a, b, err_msg=name)
    assert not any(n.op == "conv" for n in reached(after))


def test_float32_stays_as_it_is():
    g = Graph()
    x, w = g.leaf("input", "x", (2, 3, 4, 5), np.float32), g.leaf("input", "w", (6, 3, 3, 3), np.float32)
    made = g.convolution("conv", x, w, (2, 6, 4, 5), (1, 1), (1, 1), (1, 1), 1, False)
    results = [g.copied(made)]
    assert keep_channels_last(g, results, {})[0] is results

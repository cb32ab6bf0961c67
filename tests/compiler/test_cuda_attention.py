"""Attention in compiled steps on a GPU: one call of a library, and one for its gradient."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import taper
import taper.nn.functional as F
from taper import nn
from taper.compiler.cuda import libraries
from taper.compiler.heads import Heads
from taper.compiler.lower.calls import Attend, Convolve

from ..backends.gpus import gpus
from ..backends.standin import front_end
from ..native import simt
from .emulated import OnCupy, cupy_home
from .test_cases import code_in_memory  # noqa: F401  (a fixture)

pytestmark = pytest.mark.skipif(not simt.supported, reason="threads are fibers, which only x86-64 switches")

BATCH, TOKENS, WIDTH, HEADS = 2, 6, 16, 2


class WithLibraries(OnCupy):
    """A driver whose convolutions and attention are cuDNN's, as the stand-in computes them."""

    def attend(self, what, addresses):
        libraries.attend(what, addresses)

    def convolve(self, what, addresses):
        if not libraries.convolve(what, addresses):
            super().convolve(what, addresses)


@pytest.fixture(params=["evaluated", "cudnn"])
def drivers(request, monkeypatch):
    """Programs' drivers: attention by its meaning, or by cuDNN's stand-in."""
    made = []
    with front_end.installed() as room, gpus("standin"):
        import cupy

        taper.zeros(1).cuda()
        kind = OnCupy if request.param == "evaluated" else WithLibraries
        here = replace(cupy_home(cupy, made, kind), attends=libraries.attends)
        monkeypatch.setattr("taper.compiler.cuda.device.home", lambda array: here)
        yield made, room


class Block(nn.Module):
    def __init__(self, causal=True, shared=1):
        super().__init__()
        self.causal, self.shared = causal, shared
        self.norm = nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, WIDTH + 2 * WIDTH // shared), nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        batch, tokens, width = x.shape
        few = width // self.shared
        heads = [
            t.view(batch, tokens, -1, width // HEADS).transpose(1, 2)
            for t in self.qkv(self.norm(x)).split([width, few, few], 2)
        ]
        seen = F.scaled_dot_product_attention(*heads, is_causal=self.causal, enable_gqa=self.shared > 1)
        return x + self.out(seen.transpose(1, 2).contiguous().view(batch, tokens, width))


def trained(model, dtype, compiled, device, steps=3):
    taper.manual_seed(0)
    model = model().to(device)
    x, y = taper.randn(BATCH, TOKENS, WIDTH).to(device), taper.randn(BATCH, TOKENS, WIDTH).to(device)
    optimizer = taper.optim.SGD(model.parameters(), lr=0.1)

    def step(x, y):
        with taper.autocast("cuda", dtype=dtype, enabled=dtype is not None):
            loss = F.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    run = taper.compile(step, fullgraph=True) if compiled else step
    return [run(x, y).item() for _ in range(steps)], [p.detach().cpu().numpy() for p in model.parameters()]


def calls(driver) -> list:
    return [note[1] for note in driver.done if note[0] == "call" and isinstance(note[1], Attend)]


@pytest.mark.parametrize("form", ["causal", "plain", "shared"])
@pytest.mark.parametrize("dtype", [taper.float16, taper.bfloat16], ids=str)
def test_a_training_step_is_the_eager_one(drivers, dtype, form):
    made, room = drivers
    model = lambda: Block(form != "plain", 2 if form == "shared" else 1)
    expected, wanted = trained(model, None, False, "cpu")
    losses, parameters = trained(model, dtype, True, "cuda")
    np.testing.assert_allclose(losses, expected, rtol=2e-2)
    for p, w in zip(parameters, wanted):
        np.testing.assert_allclose(p, w, atol=2e-2)
    eager, _ = trained(model, dtype, False, "cuda")
    np.testing.assert_allclose(losses, eager, rtol=4e-3)
    (driver,) = made
    first = calls(driver)
    assert [c.heads.backward for c in first] == [False, True]
    assert all(c.heads.causal == (form != "plain") and c.dtype == str(dtype).partition(".")[2] for c in first)
    assert first[0].heads.shared == (2 if form == "shared" else 1)


def test_attention_is_part_of_the_cuda_graph(drivers):
    made, _ = drivers
    trained(Block, taper.float16, True, "cuda", steps=4)
    (driver,) = made
    replays = [note[1] for note in driver.done if note[0] == "replay"]
    assert len(replays) == 3 and all(
        len([n for n in notes if n[0] == "call" and isinstance(n[1], Attend)]) == 2 for notes in replays
    )


def test_where_nothing_wants_its_gradient_the_sums_go_nowhere(drivers):
    made, _ = drivers
    taper.manual_seed(0)
    q, k, v = (taper.randn(2, 2, 5, 8).half() for _ in range(3))
    run = taper.compile(lambda q, k, v: F.scaled_dot_product_attention(q, k, v), fullgraph=True)
    found = run(*(t.cuda() for t in (q, k, v))).cpu()
    expected = F.scaled_dot_product_attention(*(t.float() for t in (q, k, v)))
    np.testing.assert_allclose(found.float().numpy(), expected.numpy(), atol=2e-3)
    assert calls(made[0])[0].present == (0,)


@pytest.mark.parametrize("case", ["mask", "float32", "refused", "off"])
def test_what_cudnn_does_not_compute_goes_by_formulas(drivers, case):
    made, room = drivers
    taper.manual_seed(0)
    q, k, v = (taper.randn(2, 2, 5, 8) for _ in range(3))
    mask = taper.rand(5, 5) < 0.7 if case == "mask" else None
    if case == "refused":
        room.refuse = lambda name, given: name == "sdpa_backward"
    dtype = taper.float32 if case == "float32" else taper.float16
    run = taper.compile(lambda q, k, v, mask: F.scaled_dot_product_attention(q, k, v, mask), fullgraph=True)
    with taper.backends.cudnn.flags(enabled=case != "off"):
        found = run(*(t.cuda().to(dtype) for t in (q, k, v)), None if mask is None else mask.cuda()).cpu()
    expected = F.scaled_dot_product_attention(q, k, v, mask)
    np.testing.assert_allclose(found.float().numpy(), expected.numpy(), atol=3e-3)
    assert not calls(made[0])


def test_a_setting_that_is_changed_later_is_told(drivers):
    _, room = drivers
    heads = Heads(1, 2, 1, 5, 5, 8, 8, "float16", 0.5, False)
    with taper.backends.cudnn.flags(enabled=False), pytest.raises(RuntimeError, match="Compile the step again"):
        libraries.attend(Attend(heads, (0, 1)), [])


def test_convolutions_go_to_cudnn_with_their_addresses(drivers):
    made, room = drivers
    net = lambda: nn.Sequential(
        nn.Unflatten(2, (4, 4)),
        nn.Conv2d(6, 4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, groups=2, padding=1),
        nn.Flatten(2),
    )
    expected, wanted = trained(net, None, False, "cpu")
    losses, parameters = trained(net, None, True, "cuda")
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    for p, w in zip(parameters, wanted):
        np.testing.assert_allclose(p, w, atol=1e-5)
    asked = [note[1] for note in made[0].done if note[0] == "call" and isinstance(note[1], Convolve)]
    assert {what.op for what in asked} == {"conv", "conv_input", "conv_weight"}
    if type(made[0]) is WithLibraries:
        assert len(room.executed) >= 3 * len(asked)


def test_a_library_means_what_the_evaluator_says():
    rng = np.random.default_rng(0)
    heads = Heads(2, 4, 2, 3, 5, 8, 16, "float16", 0.3, True)
    arrays = {n: rng.standard_normal(heads.shape_of(n)).astype(np.float16) for n in "qkv"}
    out, lse = heads.evaluate(*arrays.values())
    assert out.shape == heads.shape_of("out") and lse.shape == heads.shape_of("lse")
    q, k, v = (taper.from_numpy(a.astype(np.float64)).transpose(1, 2).requires_grad_() for a in arrays.values())
    expected = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.3, enable_gqa=True)
    np.testing.assert_allclose(out, expected.transpose(1, 2).detach().numpy(), atol=2e-3)
    g = rng.standard_normal(out.shape).astype(np.float16)
    made = replace(heads, backward=True).evaluate(*arrays.values(), out, g, lse)
    expected.backward(taper.from_numpy(g.astype(np.float64)).transpose(1, 2))
    for d, t in zip(made, (q, k, v)):
        np.testing.assert_allclose(d, t.grad.transpose(1, 2).numpy(), atol=5e-3)

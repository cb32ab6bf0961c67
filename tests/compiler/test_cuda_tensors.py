"""`taper.compile` of steps over tensors on a GPU: CuPy's stand-in for the arrays, kernels run thread by thread."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import taper
import taper.nn.functional as F
from taper import nn

from ..backends.gpus import gpus
from ..native import simt
from .emulated import cupy_home
from .test_cases import code_in_memory  # noqa: F401  (a fixture)
from .test_cuda_steps import MODELS

pytestmark = pytest.mark.skipif(not simt.supported, reason="threads are fibers, which only x86-64 switches")


@pytest.fixture
def drivers(monkeypatch):
    made = []
    with gpus("standin"):
        import cupy

        here = cupy_home(cupy, made)
        monkeypatch.setattr("taper.compiler.cuda.device.home", lambda array: here)
        yield made


def train(name: str, compiled: bool, device: str, steps: int = 4):
    build, draw, classes, optimizer_of = MODELS[name]
    taper.manual_seed(0)
    model = build()
    batches = [draw() for _ in range(steps)]
    targets = [taper.randint(0, classes, (len(model(x)),)) for x in batches]
    model.to(device)
    optimizer = optimizer_of(list(model.parameters()))

    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    run = taper.compile(step, fullgraph=True) if compiled else step
    losses = [run(x.to(device), y.to(device)) for x, y in zip(batches, targets)]
    assert all(loss.device.type == device for loss in losses)
    return [loss.item() for loss in losses], [p.detach().cpu().numpy() for p in model.parameters()]


@pytest.mark.parametrize("name", MODELS)
def test_steps_train_as_on_the_cpu(name, drivers):
    losses, parameters = train(name, True, "cuda")
    assert drivers, "nothing ran on the GPU"
    expected, wanted = train(name, False, "cpu")
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    for found, p in zip(parameters, wanted):
        np.testing.assert_allclose(found, p, rtol=1e-4, atol=1e-5)


def test_a_module_is_compiled_for_where_its_inputs_are(drivers):
    taper.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh())
    compiled = taper.compile(model)
    x = taper.randn(3, 5)
    here = compiled(x)
    model.to("cuda")
    there = compiled(x.to("cuda"))
    assert there.device.type == "cuda" and here.device.type == "cpu" and len(drivers) == 2
    np.testing.assert_allclose(there.detach().cpu().numpy(), here.detach().numpy(), rtol=1e-6)
    there.sum().backward()
    assert model[0].weight.grad.device.type == "cuda"


def test_dropout_draws_from_the_gpus_own_stream(drivers):
    drop = taper.compile(lambda x: F.dropout(x, 0.5), fullgraph=True)
    x = taper.ones(200, device="cuda")
    taper.manual_seed(3)
    found = [drop(x).cpu().numpy() for _ in range(3)]
    taper.manual_seed(3)
    for f in found:
        np.testing.assert_array_equal(f, F.dropout(x, 0.5).cpu().numpy())
    assert drivers


@pytest.mark.parametrize("dtype", [taper.float16, taper.bfloat16], ids=str)
def test_autocast_gives_the_dtypes_of_eager_mode(drivers, dtype):
    def several(x, w):
        with taper.autocast("cuda", dtype=dtype):
            y = x @ w
            target = taper.tensor([0, 1, 2, 3], device="cuda")
            return [
                *(y, F.softmax(y, -1), F.log_softmax(y, -1), F.layer_norm(y, (6,)), y.exp(), y.sum(), F.gelu(y), y + x),
                *(F.mse_loss(y, y), F.cross_entropy(y, target), F.softplus(y), y.cumsum(0), y.norm(), F.linear(y, w)),
            ]

    taper.manual_seed(0)
    x, w = taper.randn(4, 6).cuda(), taper.randn(6, 6).cuda()
    expected = several(x, w)
    found = taper.compile(several, fullgraph=True)(x, w)
    assert [f.dtype for f in found] == [e.dtype for e in expected]
    for f, e in zip(found, expected):
        np.testing.assert_allclose(f.cpu().float().numpy(), e.cpu().float().numpy(), rtol=2e-2, atol=2e-2)
    assert drivers


def test_tensors_made_inside_a_step_are_on_the_gpu(drivers):
    step = taper.compile(lambda x: x + taper.ones(3, device=x.device) * taper.arange(3, device="cuda"), fullgraph=True)
    found = step(taper.zeros(3, device="cuda"))
    assert found.device.type == "cuda" and drivers
    np.testing.assert_array_equal(found.cpu().numpy(), [0, 1, 2])

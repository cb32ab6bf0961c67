"""Compiled steps on a device: rows of the operator tables, and training, as the eager engine has them.

Marked `gpu`, all rows and models run on CuPy with a device; on the stand-in a few show that these tests themselves work.
"""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import taper
import taper.nn.functional as F

from ..backends.gpus import ON_DEVICE, PLACES, gpus
from ..backends.test_cuda_cases import DRAWN, LEAVES, OnGPU
from ..native import simt
from ..ops.case import FLOATS, HALVES, INTEGERS
from ..ops.test_cases import CASES
from . import test_cases
from .emulated import cupy_home
from .test_cases import code_in_memory, compare, complex_seen  # noqa: F401  (fixtures)
from .test_cuda_attention import Block, trained
from .test_cuda_tensors import MODELS, train

FEW = 120
"""Of the rows, which run on the stand-in: they have tests of their own."""


@pytest.fixture
def place(request, monkeypatch):
    """Where `cuda` is: compiled steps are programs of a device, or of the emulated driver."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(gpus(request.param))
        if request.param == "standin":
            if not simt.supported:
                pytest.skip("threads are fibers, which only x86-64 switches")
            import cupy

            here = cupy_home(cupy, [])
            monkeypatch.setattr("taper.compiler.cuda.device.home", lambda array: here)
        yield request.param


def both(rows: list) -> pytest.MarkDecorator:
    """Rows with where they run: all on a device, a few on the stand-in."""
    there = [pytest.param(c, "device", marks=ON_DEVICE, id=f"{c.name}-device") for c in rows]
    few = [pytest.param(c, "standin", id=f"{c.name}-standin") for c in rows[::FEW]]
    return pytest.mark.parametrize(("case", "place"), [*few, *there], indirect=["place"])


everywhere = pytest.mark.parametrize("place", PLACES, indirect=True)

TO_HOST = (LEAVES, "ctc_loss", "segment_reduce")
"""Rows, by how their names begin, that go to the host between kernels: lengths stay on the CPU."""

ROWS = [c for c in CASES if not c.name.startswith(TO_HOST) and not DRAWN & set(c.exercises)]
OTHERS = [c for c in ROWS if set(c.dtypes) & {*HALVES, *INTEGERS}]


@both(ROWS)
def test_row_with_its_gradients(case, place, complex_seen, monkeypatch):  # noqa: F811
    monkeypatch.setattr(test_cases, "taper", OnGPU())
    with taper.device("cuda"):
        compare(case, next((d for d in FLOATS if d in case.dtypes), case.dtypes[0]), case.grad, complex_seen)


@both(OTHERS)
def test_row_in_other_dtypes(case, place, complex_seen, monkeypatch):  # noqa: F811
    monkeypatch.setattr(test_cases, "taper", OnGPU())
    with taper.device("cuda"):
        for dtype in case.dtypes:
            if dtype in HALVES or dtype in INTEGERS:
                compare(case, dtype, False, complex_seen)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("place", PLACES[1:], indirect=True)
def test_training_is_the_cpus(name, place):
    losses, parameters = train(name, True, "cuda", steps=5)
    expected, wanted = train(name, False, "cpu", steps=5)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    for found, p in zip(parameters, wanted):
        np.testing.assert_allclose(found, p, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [taper.float16, taper.bfloat16], ids=str)
@pytest.mark.parametrize("shared", [1, 2])
@everywhere
def test_attention_in_half_precision_trains_as_in_eager_mode(dtype, shared, place):
    losses, parameters = trained(lambda: Block(True, shared), dtype, True, "cuda", steps=5)
    expected, wanted = trained(lambda: Block(True, shared), dtype, False, "cuda", steps=5)
    np.testing.assert_allclose(losses, expected, rtol=1e-2)
    for found, p in zip(parameters, wanted):
        np.testing.assert_allclose(found, p, atol=2e-2)


@everywhere
def test_a_replayed_graph_sees_new_numbers_and_moved_arguments(place):
    w = taper.ones(33, device="cuda")

    @taper.compile
    def step(x, lr):
        w.sub_(lr * x)
        return (w * x).sum()

    expected = np.ones(33, np.float32)
    for i in range(6):
        x = np.random.default_rng(i).standard_normal(33).astype(np.float32)
        expected = expected - np.float32(0.1 * i) * x
        found = step(taper.from_numpy(x).cuda(), 0.1 * i)
        np.testing.assert_allclose(found.item(), (expected * x).sum(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(w.cpu().numpy(), expected, rtol=1e-5, atol=1e-6)


@everywhere
def test_a_target_out_of_range_is_told(place):
    step = taper.compile(lambda x, y: F.cross_entropy(x, y))
    x, y = taper.randn(4, 3).cuda(), taper.tensor([0, 1, 2, 0]).cuda()
    for _ in range(3):
        step(x, y)
    with pytest.raises((IndexError, RuntimeError)):
        for _ in range(3):
            step(x, y + 3)
            taper.cuda.synchronize()


@everywhere
def test_explanations_measure_on_the_device(place):
    model = taper.nn.Sequential(taper.nn.Linear(8, 16), taper.nn.ReLU(), taper.nn.Linear(16, 4)).cuda()
    step = taper.compile(lambda x: model(x).sum())
    x = taper.randn(32, 8).cuda()
    step(x)
    assert "matmul" in str(taper.explain(step)(x))

"""A step that ends early leaves parameters, momentum and running statistics as they were, wherever it is ended."""

from __future__ import annotations

import numpy as np
import pytest

import taper
from taper import nn
from taper.compiler import entry, program
from taper.compiler.engine import native_available

pytestmark = pytest.mark.skipif(not native_available(), reason="programs without machine code run in one go")


@pytest.fixture(autouse=True)
def a_call_for_each_kernel(monkeypatch):
    """Every program looks for interruptions, between any two of its kernels."""
    monkeypatch.setattr(entry, "PATIENCE", 0)
    monkeypatch.setattr(program, "PIECE", 0)
    monkeypatch.setattr(program, "SHARE", 1.0)


def trained(check):
    """A small network with batch norm, its optimizer, and a compiled training step that calls `check` on its outputs."""
    taper.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3), nn.BatchNorm1d(3)
    )
    optimizer = taper.optim.Adam(model.parameters(), lr=0.01)

    def run(x, target):
        optimizer.zero_grad()
        scores = model(x)
        loss = nn.functional.cross_entropy(scores, target) + check(scores)
        loss.backward()
        optimizer.step()
        return loss

    return model, optimizer, taper.compile(run, fullgraph=True)


def everything(model, optimizer) -> list[np.ndarray]:
    """Copies of all that the step changes."""
    states = [v for state in optimizer.state.values() for v in state.values()]
    return [t.detach().numpy().copy() for t in (*model.state_dict().values(), *states)]


def same(a: list, b: list) -> list[bool]:
    return [np.array_equal(x, y) for x, y in zip(a, b, strict=True)]


CHECKS = {
    "one native call": lambda scores: scores.sum() * 0,
    "a host node": lambda scores: taper.linalg.det(scores[:3].T @ scores[:3]) * 1e-3,
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_interrupted_between_any_two_kernels(check, monkeypatch):
    model, optimizer, compiled = trained(check)
    x, target = taper.randn(8, 2, 6, 6), taper.randint(0, 3, (8,))
    compiled(x, target), compiled(x, target)
    kernels = compiled.steps[0].program
    assert kernels.early and sum(len(kernels.calls(s)) for s in kernels.segments) > 8
    native, left, ended = program.Program.native, [0], 0

    def interrupted(self, first, last, undo=None):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        native(self, first, last, undo)

    monkeypatch.setattr(program.Program, "native", interrupted)
    for after in range(100):
        before, left[0] = everything(model, optimizer), after
        try:
            compiled(x, target)
        except KeyboardInterrupt:
            ended += 1
            assert all(same(before, everything(model, optimizer))), after
        else:
            assert not any(same(before, everything(model, optimizer)))
            break
    assert ended > 8


def test_an_error_after_the_running_statistics(monkeypatch):
    model, optimizer, compiled = trained(lambda scores: taper.linalg.cholesky(scores[:3].T @ scores[:3])[0, 0] * 1e-3)
    x, target = taper.randn(8, 2, 6, 6), taper.randint(0, 3, (8,))
    compiled(x, target), compiled(x, target)
    before = everything(model, optimizer)
    with pytest.raises(taper.linalg.LinAlgError):
        compiled(x * float("nan"), target)
    assert all(same(before, everything(model, optimizer)))
    compiled(x, target)
    assert not any(same(before, everything(model, optimizer)))


def test_what_is_overwritten_in_the_last_call_costs_no_copy(monkeypatch):
    monkeypatch.setattr(program, "SHARE", 0.0)
    model, optimizer, compiled = trained(CHECKS["one native call"])
    x, target = taper.randn(8, 2, 6, 6), taper.randint(0, 3, (8,))
    compiled(x, target), compiled(x, target)
    assert compiled.steps[0].program.early == []

"""Large arrays in eager mode: the native programs of kernels and of optimizers' rules, against NumPy's own."""

import numpy as np
import pytest

import taper
from taper import nn
from taper.backends import cpu
from taper.backends.cpu import large, normalization
from taper.compiler import operators

pytest.importorskip("llvmlite")

ROWS = {
    "softmax": lambda x, w: taper.softmax(x, 1),
    "softmax over columns": lambda x, w: taper.softmax(x, 0),
    "log_softmax": lambda x, w: taper.log_softmax(x, -1),
    "layer_norm": lambda x, w: nn.functional.layer_norm(x, (x.shape[1],), w),
    "rms_norm": lambda x, w: nn.functional.rms_norm(x, (x.shape[1],), w),
    "batch_norm": lambda x, w: nn.functional.batch_norm(x, None, None, w, None, True),
}
OPTIMIZERS = {
    "sgd": (taper.optim.SGD, {"lr": 0.1}),
    "momentum": (taper.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01, "nesterov": True}),
    "adam": (taper.optim.Adam, {"lr": 0.01, "amsgrad": True}),
    "adamw": (taper.optim.AdamW, {"lr": 0.01}),
    "rmsprop": (taper.optim.RMSprop, {"lr": 0.01, "centered": True, "momentum": 0.5}),
    "radam": (taper.optim.RAdam, {"lr": 0.01}),
    "asgd": (taper.optim.ASGD, {"lr": 0.01}),
    "nadam": (taper.optim.NAdam, {"lr": 0.01}),
}


@pytest.fixture
def native_from_here(monkeypatch):
    """Small arrays count as large, and calls of programs are counted."""
    monkeypatch.setattr(large, "LARGE", 64)
    monkeypatch.setattr(normalization, "BATCH", 64)
    monkeypatch.setattr("taper.optim.optimizer.LARGE_PARAMETER", 64)
    monkeypatch.setattr(operators, "_programs", {})
    operators.lend()
    return operators._programs


def gradients(function, dtype):
    taper.manual_seed(0)
    x = taper.randn(37, 21, dtype=dtype).requires_grad_()
    w = taper.rand(21, dtype=dtype).requires_grad_()
    y = function(x, w)
    y.backward(taper.linspace(-1, 1, y.numel(), dtype=dtype).reshape(y.shape))
    return [y.detach().numpy(), x.grad.numpy(), *([] if w.grad is None else [w.grad.numpy()])]


@pytest.mark.parametrize("dtype", [taper.float32, taper.float64], ids=str)
@pytest.mark.parametrize("name", ROWS)
def test_kernels_agree_with_numpy(name, dtype, monkeypatch, native_from_here):
    found = gradients(ROWS[name], dtype)
    assert any(native_from_here.values()), "no program ran"
    monkeypatch.setattr(large.Native, "run", None)
    for a, b in zip(found, gradients(ROWS[name], dtype)):
        np.testing.assert_allclose(
            a, b, rtol=1e-5 if dtype == taper.float32 else 1e-12, atol=1e-6 if dtype == taper.float32 else 1e-12
        )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_rules_agree_with_numpy(name, monkeypatch, native_from_here):
    cls, options = OPTIMIZERS[name]

    def trained():
        taper.manual_seed(0)
        p = taper.randn(30, 7, requires_grad=True)
        optimizer = cls([p], **options)
        for _ in range(8):
            p.grad = (p * p).detach() - 0.3
            optimizer.step()
        return p.detach().numpy()

    found = trained()
    assert any(native_from_here.values()), "no program ran"
    monkeypatch.setattr(large.Native, "update", None)
    np.testing.assert_allclose(found, trained(), rtol=1e-5, atol=1e-6)


def test_small_arrays_stay_numpys():
    operators._programs.clear()
    taper.softmax(taper.randn(8, 8), 1)
    assert not operators._programs


def test_a_number_before_an_array_and_after_it_are_two_programs():
    x = np.random.default_rng(0).random(1000, np.float32)

    def formula(xp, a, b):
        return xp.power(a, b)

    for _ in range(2):
        np.testing.assert_allclose(operators.elementwise(formula, (x, 2.5), {}), x**2.5, rtol=1e-5)
        np.testing.assert_allclose(operators.elementwise(formula, (2.5, x), {}), 2.5**x, rtol=1e-5)
        np.testing.assert_allclose(operators.elementwise(formula, (x,), {"b": 1.5}), x**1.5, rtol=1e-5)


def test_programs_with_much_memory_are_forgotten_oldest_first(monkeypatch):
    """A network that sees images of ever other sizes must not keep the memory of all of them."""
    monkeypatch.setattr(operators, "ARENAS", 100_000)
    monkeypatch.setattr(operators, "SHAPES", 100)
    monkeypatch.setattr(operators, "_programs", {})

    def cube(xp, x):
        return xp.matmul(xp.matmul(x, x), x)

    for n in range(64, 72):
        x = np.random.default_rng(n).standard_normal((n, n), np.float32)
        found, wide = operators.run(cube, (x,), {}), x.astype(np.float64)
        bound = np.abs(wide) @ np.abs(wide) @ np.abs(wide)
        assert (np.abs(found - wide @ wide @ wide) <= 1e-5 * bound).all()
        held = [p.program.arena_size for p in operators._programs.values()]
        assert n * n * 4 <= held[-1] and sum(held) <= operators.ARENAS
    assert 1 < len(held) < 8


def test_images_of_ever_other_sizes_have_no_program_before_they_come_again(monkeypatch):
    monkeypatch.setattr(operators, "_programs", {})
    monkeypatch.setattr(operators, "_shapes_of", {})
    random = np.random.default_rng(0)
    w = random.standard_normal((4, 4, 3, 3), np.float32)

    def added(xp, x, y, w):
        return xp.conv(x, w, (1, 1), (1, 1), (1, 1), 1) + y

    def run(n):
        x, y = random.standard_normal((2, 2, 4, n, n), np.float32)
        found = operators.run(added, (x, y, w), {})
        if found is not NotImplemented:
            np.testing.assert_allclose(found, cpu.conv(x, w, (1, 1), (1, 1), (1, 1), 1) + y, rtol=1e-4, atol=1e-4)
        return found is not NotImplemented

    sizes = range(6, 6 + operators.SHAPES)
    assert all(run(n) for n in sizes) and not run(20) and not run(21)
    assert all(run(n) for n in sizes) and not any(run(20) for _ in range(2, operators.AGAIN))
    assert run(20) and run(20) and not run(21)
    made = [key for key in operators._programs if key[0] is added]
    assert len(made) == operators.SHAPES + 1


def test_what_no_program_can_be_told_by_stays_numpys():
    """A list among the options is no part of a key."""
    assert operators.run(lambda xp, x, axes: xp.sum(x, axis=tuple(axes)), (np.ones((3, 4)), [0]), {}) is NotImplemented

"""What a program asks of a GPU's driver: when it captures, what it copies, what it never waits for."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import taper
from taper.compiler.cuda.device import stacks, stand_in
from taper.compiler.cuda.program import CudaProgram
from taper.compiler.graph import Graph
from taper.compiler.lower.calls import Matmul, Matrices

from ..native import simt
from .emulated import Emulated, home, matrices
from .test_cases import code_in_memory  # noqa: F401  (a fixture)

pytestmark = pytest.mark.skipif(not simt.supported, reason="threads are fibers, which only x86-64 switches")

SIZE = 24


class Update:
    """w <- w - lr x, and the sum of x: a parameter, a number, an argument and a result. bound: what x may be at most."""

    def __init__(self, bound: float | None = None):
        g = Graph()
        f32 = np.dtype(np.float32)
        self.w = g.leaf("input", "w", (SIZE,), f32)
        self.x = g.leaf("input", "x", (SIZE,), f32)
        self.lr = g.leaf("number", "lr", (), np.float64)
        step = g.elementwise("multiply", g.cast(self.lr, f32), self.x)
        after = g.copied(g.elementwise("subtract", self.w, step))
        self.total = g.copied(g.reduce("sum", self.x, (0,)))
        results = [after, self.total]
        if bound is not None:
            bad = g.reduce("any", g.elementwise("greater", self.x, g.scalar(bound, f32)), (0,))
            results.append(g.copied(bad, "check"))
        self.driver = Emulated()
        program = CudaProgram(g, results, {after: self.w}, self.driver.machine)
        self.program = program.loaded(self.driver)
        self.array = self.driver.empty((SIZE,), f32)
        self.array[:] = 1
        self.out = self.driver.empty((), f32)
        self.arrays = {self.w: self.array}

    def run(self, x: np.ndarray, lr: float = 0.5, out: np.ndarray | None = None) -> bool:
        """One run; `done` is then what was asked of the driver meanwhile."""
        self.driver.done.clear()
        out = self.out if out is None else out
        found = self.program.run({**self.arrays, self.x: x, self.total: out, self.lr: np.float64(lr)})
        self.done = [note[0] for note in self.driver.done]
        return found


def numbers(seed: int = 0) -> np.ndarray:
    room = Emulated().empty((SIZE,), np.dtype(np.float32))
    room[:] = np.random.default_rng(seed).standard_normal(SIZE)
    return room


def test_the_second_run_captures_and_later_ones_replay():
    u, x = Update(), numbers()
    u.run(x)
    assert u.done[0] == "upload" and set(u.done[1:]) == {"launch"}
    u.run(x)
    assert u.done == ["upload", "capture", "replay"]
    for _ in range(3):
        u.run(x)
        assert u.done == ["upload", "replay"]
    np.testing.assert_allclose(u.array, 1 - 5 * 0.5 * x, rtol=1e-5)
    np.testing.assert_allclose(u.out, x.sum(), rtol=1e-5)


def test_numbers_change_without_a_new_graph():
    u, x = Update(), numbers()
    for lr in (0.5, 0.25, 0.125, 1.0):
        u.run(x, lr)
    assert u.done == ["upload", "replay"] and u.driver.done[0][2][0] == 1.0
    np.testing.assert_allclose(u.array, 1 - 1.875 * x, rtol=1e-5)


def test_arguments_and_results_that_move_are_copied_and_captured_once_more_only():
    u = Update()
    seen = []
    total = np.zeros(SIZE)
    for seed in range(6):
        x, out = numbers(seed), u.driver.empty((), np.dtype(np.float32))
        u.run(x, out=out)
        total += x
        seen.append(u.done)
        np.testing.assert_allclose(out, x.sum(), rtol=1e-5, atol=1e-6)
    assert seen[-1] == ["upload", "copy", "replay", "copy"]
    assert sum("capture" in done for done in seen) == 1, seen
    np.testing.assert_allclose(u.array, 1 - 0.5 * total, rtol=1e-5, atol=1e-5)


def test_a_parameter_that_moves_is_captured_again_and_overwritten_where_it_is():
    u, x = Update(), numbers()
    for _ in range(3):
        u.run(x)
    old, new = u.array.copy(), u.driver.empty((SIZE,), np.dtype(np.float32))
    new[:] = 7
    u.arrays[u.w] = new
    u.run(x)
    assert u.done == ["upload", "capture", "replay"]
    np.testing.assert_allclose(new, 7 - 0.5 * x, rtol=1e-6)
    np.testing.assert_array_equal(u.array, old)


def test_arrays_that_vectors_cannot_read_are_copied():
    u = Update()
    room = u.driver.empty((SIZE + 1,), np.dtype(np.float32))
    x = room[1:]
    x[:] = numbers()
    for _ in range(3):
        u.run(x)
    assert u.done == ["upload", "copy", "replay"]
    np.testing.assert_allclose(u.array, 1 - 1.5 * x, rtol=1e-5)


def test_a_check_refuses_the_first_run_and_stops_the_run_after_a_later_one():
    u, fine = Update(bound=10.0), numbers()
    bad = numbers()
    bad[3] = 11
    assert u.run(bad) is False and "fetch" in u.done
    np.testing.assert_array_equal(u.array, 1)
    for _ in range(3):
        assert u.run(fine) is True
    assert "fetch" not in u.done, "a step waits for its check"
    before = u.array.copy()
    u.run(bad)
    np.testing.assert_array_equal(u.array, before)
    with pytest.raises(RuntimeError, match="a check failed in an earlier call of this compiled step"):
        u.run(fine)
    np.testing.assert_array_equal(u.array, before)
    u.run(fine)
    np.testing.assert_allclose(u.array, before - 0.5 * fine, rtol=1e-5)


def test_what_the_host_computes_cuts_the_graph_in_two():
    g = Graph()
    x = g.leaf("input", "x", (SIZE,), np.dtype(np.float32))
    (ordered,) = g.host(lambda a: [np.sort(a)], (g.elementwise("negative", x),), [((SIZE,), np.dtype(np.float32))])
    result = g.copied(g.elementwise("multiply", ordered, ordered))
    driver = Emulated()
    program = CudaProgram(g, [result], {}, driver.machine).loaded(driver)
    given, out = numbers(), driver.empty((SIZE,), np.dtype(np.float32))
    for _ in range(3):
        driver.done.clear()
        out[:] = 0
        program.run({x: given, result: out})
        np.testing.assert_allclose(out, np.sort(-given) ** 2, rtol=1e-6)
    assert [note[0] for note in driver.done] == ["replay", "fetch", "store", "replay"]


def test_every_shape_has_a_program_and_graphs_of_its_own(monkeypatch):
    drivers = []
    here = home(drivers)
    monkeypatch.setattr("taper.compiler.capture.home_of", lambda array: here)
    weight = taper.ones(5, requires_grad=True)
    optimizer = taper.optim.SGD([weight], lr=0.1)

    @taper.compile(fullgraph=True)
    def step(x):
        optimizer.zero_grad()
        loss = (x * weight).sum()
        loss.backward()
        optimizer.step()
        return loss

    expected = np.ones(5)
    for rows in (3, 4, 3, 4, 3, 4):
        x = taper.randn(rows, 5)
        loss = step(x)
        np.testing.assert_allclose(loss.item(), (x.numpy() * expected).sum(), rtol=1e-4, atol=1e-5)
        expected -= 0.1 * x.numpy().sum(0)
    np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=1e-5)
    assert len(drivers) == 2 and all([n[0] for n in d.done].count("capture") == 1 for d in drivers)


# What is passed to cuBLAS.


def product(m, n, k, stack, a, b) -> Matmul:
    return Matmul(m, n, k, stack, "float32", "float32", a, b)


PRODUCTS = [
    product(3, 4, 5, (), Matrices(0, (), False, 5), Matrices(2, (), True, 5)),
    product(2, 3, 4, (6,), Matrices(0, (8,), False, 4), Matrices(0, (12,), False, 3)),
    product(2, 3, 4, (2, 3), Matrices(0, (24, 8), False, 4), Matrices(0, (0, 12), False, 3)),
    product(2, 3, 4, (2, 3), Matrices(5, (40, 4), False, 12), Matrices(0, (4, 50), True, 8)),
    product(2, 3, 4, (2, 1, 3, 2), Matrices(0, (48, 9, 16, 8), False, 4), Matrices(0, (0, 0, 0, 0), False, 3)),
]


@pytest.mark.parametrize("what", PRODUCTS, ids=range(len(PRODUCTS)))
def test_runs_of_a_stack_are_the_stack(what):
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(500).astype(np.float32) for _ in range(2))
    wanted = matrices(a.ctypes.data, what.m, what.k, what.stack, what.a, "float32") @ matrices(
        b.ctypes.data, what.k, what.n, what.stack, what.b, "float32"
    )
    size = what.m * what.n
    found = np.full(what.count * size, np.nan, np.float32)
    runs = stacks(what)
    for at_a, at_b, at_out, (step_a, step_b, step_out), count in runs:
        for i in range(count):
            x = Matrices(at_a + i * step_a, (), what.a.transposed, what.a.leading)
            y = Matrices(at_b + i * step_b, (), what.b.transposed, what.b.leading)
            made = matrices(a.ctypes.data, what.m, what.k, (), x, "float32") @ matrices(
                b.ctypes.data, what.k, what.n, (), y, "float32"
            )
            start = at_out + i * step_out
            assert np.isnan(found[start : start + size]).all(), "an element is computed twice"
            found[start : start + size] = made.ravel()
    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, rtol=1e-6)
    assert len(runs) <= max(1, what.count // 2)


def test_a_stand_in_has_the_form_of_an_array_and_none_of_its_memory():
    base = np.zeros((6, 8), np.float32)
    for array in (base, base.T, base[::2, 1::3], base[::-1], base[:0], base[3, 2], np.broadcast_to(base[0], (5, 8))):
        found = stand_in(array)
        assert (found.shape, found.dtype) == (array.shape, array.dtype)
        assert found.strides == array.strides or not array.size
        assert not np.may_share_memory(found, base)

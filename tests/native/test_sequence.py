"""Recurrent layers as kernels: the same as their formulas step by step, for every machine, the same bits for any threads."""

from __future__ import annotations

import numpy as np
import pytest

import taper
from taper.backends import cpu
from taper.compiler import sequences
from taper.native import library
from taper.native.machine import host, level
from taper.native.sequence import Recurrence, emit_backward, emit_forward, emit_weights
from taper.native.text import Module
from taper.ops.recurrence import CELLS

SIZES = ((3,) * 4, (7, 7, 4, 2, 1), (1, 1), (19, 12, 12, 3))
HIDDEN = (1, 20, 33)
each_cell = pytest.mark.parametrize("cell", CELLS.values(), ids=repr)


def made(cell, hidden, sizes, dtype, seed=0):
    """Inputs of a layer, and gradients of its results."""
    rng = np.random.default_rng(seed)

    def some(*shape):
        return rng.uniform(-1, 1, shape).astype(dtype)

    batch, total, gates = sizes[0], sum(sizes), cell.gates * hidden
    two = cell.states == 2
    c = some(batch, hidden) if two else None
    inputs = some(total, gates), some(batch, hidden), c, some(gates, hidden), some(gates) if hidden % 2 else None
    inputs[3][...] /= hidden**0.5  # states that do not grow from step to step
    return inputs, (some(total, hidden), *(some(batch, hidden) for _ in range(cell.states)))


def flat(results):
    return [a for r in results for a in (r if isinstance(r, tuple) else (r,)) if a is not None]


def check(cell, hidden, sizes, dtype, reverse):
    (x, h, c, w, b), gradients = made(cell, hidden, sizes, dtype)
    near = dict(rtol=0, atol=2e-5 if dtype == "float32" else 1e-13)
    expected = cell.unrolled(cpu, x, h, c, w, b, None, sizes, reverse)
    found = sequences.recurrence(cell, x, h, c, w, b, sizes, reverse)
    assert len(flat(found)) == len(flat(expected))
    for f, e in zip(flat(found), flat(expected)):
        np.testing.assert_allclose(f, e, **near)
    kept = expected[-4:-1]
    expected = cell.unrolled_grad(cpu, gradients, *kept, w, None, sizes, reverse)
    found = sequences.recurrence_grad(cell, gradients, *kept, w, sizes, reverse)
    for f, e in zip(flat(found), flat(expected)):
        np.testing.assert_allclose(f, e, **near)


@each_cell
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kernels_compute_the_formulas(cell, dtype):
    for hidden in HIDDEN:
        for i, sizes in enumerate(SIZES):
            check(cell, hidden, sizes, dtype, bool(i % 2))
    check(cell, 70, SIZES[1], dtype, False)


@pytest.mark.parametrize("name", ["x86-64", "x86-64-v3"])
def test_other_machines_that_this_one_can_run(name, monkeypatch):
    machine = level(name, host().triple)
    if "x86_64" not in machine.triple or machine.vector_bits > host().vector_bits:
        pytest.skip(f"this machine cannot run {name}")
    monkeypatch.setattr(sequences, "host", lambda: machine)
    for cell in CELLS.values():
        check(cell, 21, SIZES[1], "float32", True)


@pytest.mark.parametrize("name", ["x86-64", "x86-64-v3", "x86-64-v4", "neon"])
def test_code_for_every_machine(name):
    machine = level(name)

    def operand(b, what):
        return b.load("i64" if what in sequences.NUMBERS else "ptr", b.args[0])

    for cell in CELLS.values():
        plan = Recurrence(cell, "float", 21, False, True, machine)
        for emit in (emit_forward, emit_backward, lambda *args: emit_weights(*args, backward=False)):
            module = Module(fused=machine.fused)
            emit(module, "kernel", plan, operand)
            code = library.assembly(str(module), machine)
            assert "tanhf" not in code and "expf" not in code and "fmaf" not in code


@each_cell
def test_threads_change_no_bit(cell, monkeypatch):
    monkeypatch.setattr(sequences, "SHARED", 0)
    sizes, hidden = (57,) * 6 + (40, 13), 96
    (x, h, c, w, b), gradients = made(cell, hidden, sizes, "float32")
    before, results = taper.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            taper.set_num_threads(threads)
            found = sequences.recurrence(cell, x, h, c, w, b, sizes, False)
            kept = found[-4:-1]
            results.append([*flat(found), *flat(sequences.recurrence_grad(cell, gradients, *kept, w, sizes, False))])
    finally:
        taper.set_num_threads(before)
    for other in results[1:]:
        for f, e in zip(other, results[0]):
            np.testing.assert_array_equal(f, e)


def test_what_has_no_kernel_is_declined():
    (x, h, c, w, b), _ = made(CELLS["LSTM"], 4, (2, 2), "float32")
    assert sequences.recurrence(CELLS["LSTM"], x, h.astype("float64"), c, w, b, (2, 2), False) is NotImplemented
    assert sequences.recurrence(CELLS["LSTM"], x.astype("float16"), h, c, w, b, (2, 2), False) is NotImplemented

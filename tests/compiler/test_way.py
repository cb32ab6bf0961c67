"""The short way into one-pass programs: what it computes, what it refuses, and other calls of the same program."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from taper.backends import cpu
from taper.backends.cpu.large import Native
from taper.compiler import operators
from taper.native import builtin
from taper.ops.operator import REGISTRY


@pytest.fixture
def programs(monkeypatch):
    if not builtin.available():
        pytest.skip("an interpreter without CPython's lock")
    operators.lend()
    monkeypatch.setattr(operators, "_programs", {})
    return operators._programs


def scaled(xp, x, y, c):
    return (x - y) * c


def centred(xp, x, axis):
    return x - xp.sum(x, axis=axis, keepdims=True)


def test_elements(programs):
    x, y = np.random.default_rng(0).standard_normal((2, 30, 7)).astype(np.float32)
    operators.elementwise(scaled, (x, y, 0.3), {})
    (program,) = programs.values()
    out = np.empty_like(x)
    for c in (0.3, -2.5):
        assert program.way(x, y, c, out)
        np.testing.assert_array_equal(out, (x - y) * c)
    assert program.way(x, y, 0.3, x) and (x == out / -2.5 * 0.3).any()  # the result may take an input's place
    # A longer run with other numbers leaves nothing behind.
    long = np.ones(10**6, np.float32)
    np.testing.assert_array_equal(operators.elementwise(scaled, (long, -long, 0.25), {}), 0.5)
    assert program.way(y, -y, 0.5, out)
    np.testing.assert_array_equal(out, y)


def test_what_does_not_fit_is_refused(programs):
    x, y, out = np.random.default_rng(1).standard_normal((3, 8, 8)).astype(np.float32)
    operators.elementwise(scaled, (x, y, 0.3), {})
    (program,) = programs.values()
    before = out.copy()
    unaligned = np.zeros(257, np.uint8)[1:].view(np.float32).reshape(8, 8)
    swapped = x.astype(x.dtype.newbyteorder())
    for wrong in (x.T, x[:4], x.astype(np.float64), unaligned, swapped, 1.5, None, [x]):
        assert not program.way(wrong, y, 0.3, out)
        assert not program.way(x, y, 0.3, wrong)
    fixed = out.copy()
    fixed.flags.writeable = False
    assert program.way(x, fixed, 0.3, out.copy()) and not program.way(x, y, 0.3, fixed)
    for number in (1, None, np.float64(0.3), x):
        assert not program.way(x, y, number, out)
    assert not program.way() and not program.way(x, y, 0.3) and not program.way(x, y, 0.3, out, out)
    assert not program.way(x[:0], y[:0], 0.3, out[:0])
    long = np.zeros(1 << 22, np.float32)
    assert not program.way(long, long, 0.3, long)
    np.testing.assert_array_equal(out, before)


def test_rows(programs):
    x = np.random.default_rng(2).standard_normal((4, 5, 6)).astype(np.float64)
    operators.rows(centred, (x.reshape(20, 6),), (-1,))
    (program,) = programs.values()
    out = np.empty_like(x)
    assert program.way(x, out)
    np.testing.assert_allclose(out, x - x.sum(-1, keepdims=True), rtol=1e-12, atol=1e-12)


def test_threads(programs):
    long, few = np.arange(300_000, dtype=np.float32), np.arange(40, dtype=np.float32)
    operators.elementwise(scaled, (long, long, 0.5), {})
    wrong = []

    def run(x, c, times):
        for _ in range(times):
            if not (operators.elementwise(scaled, (x, -x, c), {}) == x).all():
                wrong.append(x.size)

    def short(times):
        (program,) = programs.values()
        out = np.empty_like(few)
        for _ in range(times):
            if program.way(few, -few, 0.5, out) and not (out == few).all():
                wrong.append("short")

    threads = [threading.Thread(target=run, args=(long, 0.5, 60)), threading.Thread(target=short, args=(20_000,))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_ways_are_found_once_a_program_has_run(programs):
    x = np.linspace(-1, 1, 900, dtype=np.float32)
    for _ in range(3):
        found = REGISTRY["leaky_relu"].forward(cpu, x, slope=0.25)
        np.testing.assert_array_equal(found, np.where(x > 0, x, x * np.float32(0.25)))
    assert [way is not None for way in Native.ways.values()] == [True]

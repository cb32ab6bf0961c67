"""Resampling as machine code against its meaning: places near and far, weights, borders, dtypes, machines, threads."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import taper
from taper.backends.cpu import resampling
from taper.backends.cpu.resampling import taps_at, taps_of, transposed
from taper.compiler.engine import native_available
from taper.compiler.evaluate import evaluate
from taper.compiler.graph import Graph
from taper.nn.functional.interpolation import _cubic, _filtered, _linear

from .test_cases import code_in_memory  # noqa: F401  (a fixture)
from .test_windows import held, run

native = pytest.mark.skipif(not native_available(), reason="needs llvmlite")
rng = np.random.default_rng(5)


def anywhere(n, m, count=1, weights=False):
    places = rng.integers(-1, n, (count, m))
    return taps_at(n, places, rng.random(places.shape) if weights else None)


ROWS = {
    "twice": taps_at(28, np.arange(56)[None] // 2),
    "twice, wide": taps_at(130, np.arange(260)[None] // 2),
    "three and a half times": taps_at(16, np.arange(56)[None] * 16 // 56),
    "half": taps_at(90, np.arange(45)[None] * 2),
    "every ninth": taps_at(300, np.arange(33)[None] * 9),
    "reflected": taps_at(21, np.abs(np.arange(-3, 21))[None]),
    "replicated": taps_at(40, np.clip(np.arange(-5, 60), 0, 39)[None]),
    "moved in": taps_at(40, np.where(np.arange(70) < 50, np.arange(70) - 10, -1)[None]),
    "one": taps_at(1, np.zeros((1, 20), int)),
    "to one": taps_at(20, np.full((1, 1), 13)),
    "far apart": anywhere(500, 70),
    "near": anywhere(9, 7),
    "sums": anywhere(50, 40, 3),
    "weighted sums": anywhere(50, 70, 4, weights=True),
    "linear": taps_of(_linear(32, 64, None, False)),
    "linear to corners": taps_of(_linear(30, 200, None, True)),
    "linear to less": taps_of(_linear(60, 23, None, False)),
    "cubic": taps_of(_cubic(20, 40, None, False)),
    "filtered": taps_of(_filtered(60, 17, None, False, 1.0, lambda d: np.maximum(1 - abs(d), 0))),
}
each_row = pytest.mark.parametrize("name", ROWS)


def programs(name, dtype, planes=3):
    """Graphs for taps of columns, of rows, and of both, and for their transposes."""
    one, other = ROWS[name], list(ROWS.values())[hash(len(name)) % len(ROWS)]
    taps = [(one,), (one, None), (other, one)]
    for columns in [*taps, tuple(map(transposed, taps[-1]))]:
        g = Graph()
        x = g.leaf("input", "x", (planes, *(6 if t is None else t.n for t in columns)), np.dtype(dtype))
        array = np.random.default_rng(3).integers(-9, 9, x.shape).astype(dtype)
        yield g, [g.resample(x, columns)], {x: array}


def agree(found, expected):
    bound = {"float32": 2e-6, "float64": 1e-14}.get(found.dtype.name, 0)
    assert np.abs(found - expected).max() <= bound * max(1, np.abs(expected).max())


@native
@each_row
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_meaning(name, dtype):
    for g, results, leaves in programs(name, dtype):
        agree(run(g, results, leaves)[0], evaluate(results, leaves)[0])


@native
@pytest.mark.parametrize("level", ["x86-64", "x86-64-v3"])
def test_other_machines(level):
    from taper.native.machine import host
    from taper.native.machine import level as machine_of

    if not host().triple.startswith("x86_64") or host().vector_bits < machine_of(level).vector_bits:
        pytest.skip("this machine cannot run it")
    for name in list(ROWS)[level == "x86-64" :: 3]:
        for g, results, leaves in programs(name, "float32", 2):
            agree(run(g, results, leaves, machine_of(level))[0], evaluate(results, leaves)[0])


@native
@pytest.mark.skipif(sys.platform != "linux", reason="uses mprotect")
def test_nothing_outside_is_touched():
    from taper.compiler.program import Program

    for name in ROWS:
        for g, results, leaves in programs(name, "float32", 1):
            results = [g.copied(r) for r in results]
            program = Program(g, results, {})
            for at_end in (False, True):
                arrays = {n: held(a, at_end) for n, a in leaves.items()}
                program.run(arrays | {n: held(np.zeros(n.shape, n.dtype), at_end) for n in results})


@native
def test_bits_do_not_depend_on_threads():
    before = taper.get_num_threads()
    try:
        for g, results, leaves in programs("weighted sums", "float32", 200):
            found = []
            for threads in (1, 2, 3):
                taper.set_num_threads(threads)
                found.append(run(g, results, leaves)[0].tobytes())
            assert found[0] == found[1] == found[2]
    finally:
        taper.set_num_threads(before)


@each_row
def test_transposing_twice(name):
    """A matrix transposed twice is what it was."""
    taps = ROWS[name]
    again = transposed(transposed(taps))
    x = np.random.default_rng(0).standard_normal((2, taps.n))
    np.testing.assert_allclose(resampling.resample(x, (again,)), resampling.resample(x, (taps,)), rtol=1e-14)


@each_row
def test_the_transpose_is_the_adjoint(name):
    taps = ROWS[name]
    x, g = rng.standard_normal(taps.n), rng.standard_normal(taps.m)
    forward = g @ resampling.resample(x[None], (taps,))[0]
    np.testing.assert_allclose(forward, x @ resampling.resample(g[None], (transposed(taps),))[0], rtol=1e-12)


@native
@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_wide_rows_go_dimension_by_dimension(mode, monkeypatch):
    """Where a kernel would be too long: products with matrices, and what is taken."""
    from taper.compiler import resampling as captured

    monkeypatch.setattr(captured, "READS", 10)

    def step(x):
        y = taper.nn.functional.interpolate(x, (7, 30), mode=mode)
        return y.detach(), *taper.autograd.grad(y.square().sum(), (x,))

    x = taper.randn(2, 3, 5, 9, dtype=taper.float64, requires_grad=True)
    compiled = taper.compile(step, fullgraph=True)
    for found, expected in zip(compiled(x), step(x)):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-12, atol=1e-12)
    assert "host" not in compiled.stages["kernels"]


@native
def test_eager_and_native_agree(monkeypatch):
    F = taper.nn.functional

    def step(x):
        found = (
            F.interpolate(x, scale_factor=2),
            F.interpolate(x, (50, 41), mode="bilinear"),
            F.pad(x, (3, 4, 5, 6), mode="reflect"),
        )
        return *[y.detach() for y in found], *taper.autograd.grad(sum(y.square().sum() for y in found), (x,))

    x = taper.randn(2, 8, 20, 24, dtype=taper.float64, requires_grad=True)
    expected = step(x)
    monkeypatch.setattr(resampling, "NATIVE", 0)
    for a, b in zip(step(x), expected):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, atol=1e-12)


@native
@pytest.mark.parametrize("sides", [(2, 3, 1, 4), (0, 5, 2, 0), (1, 1, 0, 0, 2, 3), (3, -1, 2, 2), (1, 2)])
def test_zeros_around(sides):
    """Written in one pass where there are two dimensions of them; signs of zeros stay."""

    def step(x, g):
        y = taper.nn.functional.pad(x, sides)
        return y.detach(), *taper.autograd.grad(y, (x,), (g[tuple(map(slice, y.shape))],))

    x = taper.randn(2, 3, 4, 5, 21).requires_grad_()
    x.data[0, 0] = -0.0
    compiled = taper.compile(step, fullgraph=True)
    g = taper.randn(2, 3, 9, 10, 30)
    for found, expected in zip(compiled(x, g), step(x, g)):
        assert found.numpy().tobytes() == expected.numpy().tobytes()
    assert "host" not in compiled.stages["kernels"]

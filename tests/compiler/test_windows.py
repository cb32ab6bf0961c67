"""Nodes over windows as machine code against their meaning: shapes, borders, ties and NaNs, dtypes, machines, threads."""

from __future__ import annotations

import ctypes
import mmap
import sys

import numpy as np
import pytest

import taper
from taper.backends.cpu import large, normalization, pooling
from taper.compiler.engine import native_available
from taper.compiler.evaluate import evaluate
from taper.compiler.graph import Graph
from taper.compiler.windows import Axis, Even, evaluated

from .test_cases import code_in_memory  # noqa: F401  (a fixture)

pytestmark = pytest.mark.skipif(not native_available(), reason="needs llvmlite")


def window(n, kernel, stride, padding=0, dilation=1, ceil_mode=False):
    """The windows of pooling along one dimension."""
    (m,) = pooling.pool_output_shape((n,), (kernel,), (stride,), (padding,), (dilation,), ceil_mode)
    return Axis(n, m, kernel, stride, padding, dilation)


AXES = {
    "2 by 2": (window(8, 2, 2), window(28, 2, 2)),
    "2 by 2 of odd sizes": (window(9, 2, 2), window(75, 2, 2)),
    "2 by 2 and what is left": (window(9, 2, 2, ceil_mode=True), window(75, 2, 2, ceil_mode=True)),
    "wide rows": (window(4, 2, 2), window(500, 2, 2)),
    "overlapping": (window(9, 3, 2, 1), window(28, 3, 2, 1)),
    "overlapping wide": (window(7, 3, 2, 1), window(300, 3, 2, 1)),
    "overlapping and what is left": (window(8, 3, 2, 1, 1, True), window(34, 3, 2, 0, 1, True)),
    "stride 1": (window(6, 3, 1, 1), window(21, 3, 1, 1)),
    "stride 1 wide": (window(3, 3, 1, 1), window(200, 5, 1, 2)),
    "stride 3": (window(10, 3, 3), window(64, 3, 3, 1)),
    "stride beyond the kernel": (window(10, 1, 2), window(50, 2, 5)),
    "stride 11": (window(12, 2, 4), window(80, 3, 11)),
    "dilated": (window(11, 3, 1, 1, 2), window(30, 3, 2, 1, 4)),
    "dilated by 3": (window(30, 2, 2, 1, 3), window(40, 4, 3, 2, 3)),
    "many taps": (window(40, 9, 4, 4), window(60, 37, 3, 18)),
    "small images": (window(3, 2, 2), window(5, 2, 2)),
    "one window": (window(4, 4, 4), window(4, 4, 4)),
    "one dimension": (window(50, 3, 2, 1),),
    "three dimensions": (window(5, 2, 1, 1), window(6, 3, 2, 1), window(20, 2, 2)),
    "even": (Even(7, 3), Even(10, 4)),
    "even, smaller than asked for": (Even(3, 5), Even(4, 9)),
    "even rows": (Even(5, 3), window(30, 2, 2)),
    "even columns": (window(6, 3, 3), Even(30, 7)),
}  # fmt: skip
axes_rows = pytest.mark.parametrize("axes", AXES.values(), ids=AXES)
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def numbers(shape, dtype, seed=0):
    """Few different numbers, so that many are equal, infinities among them and NaNs."""
    rng = np.random.default_rng(seed)
    made = rng.integers(-3, 4, shape).astype(dtype)
    if made.dtype.kind == "f":
        chance = rng.random(shape)
        made[chance < 0.05] = -np.inf
        made[chance > 0.97] = np.nan
        made[:1] = -np.inf
    return made


def spatial(axes, transposed):
    return [a.m if transposed else a.n for a in axes]


def programs(axes, dtype, planes=5):
    """Graphs over these windows: their results, and arrays for their inputs."""
    g = Graph()
    x = g.leaf("input", "x", (planes, *spatial(axes, False)), np.dtype(dtype))
    found = g.window("window_max", axes, x), g.window("window_place", axes, x)
    array = numbers(x.shape, dtype)
    yield g, list(found), {x: array}
    if dtype == "float64":
        yield g, [g.window("window_max", axes, x)], {x: array}
        yield g, [g.window("window_place", axes, x)], {x: array}
    g = Graph()
    x = g.leaf("input", "x", (planes, *spatial(axes, False)), np.dtype(dtype))
    array = np.random.default_rng(1).integers(-9, 9, x.shape).astype(dtype)
    yield g, [g.window("window_sum", axes, x)], {x: array}
    g = Graph()
    wide = g.leaf("input", "g", (planes, *spatial(axes, True)), np.dtype(dtype))
    gradient = np.random.default_rng(2).integers(-9, 9, wide.shape).astype(dtype)
    if all(isinstance(a, Even) or a.dilation == 1 for a in axes):
        yield g, [g.window("window_spread", axes, wide)], {wide: gradient}
    g = Graph()
    wide = g.leaf("input", "g", (planes, *spatial(axes, True)), np.dtype(dtype))
    at = g.leaf("input", "at", wide.shape, np.dtype("int32" if dtype == "float32" else "int64"))
    places = evaluated("window_place", axes, numbers((planes, *spatial(axes, False)), dtype)).reshape(wide.shape)
    yield g, [g.window("window_put", axes, wide, at)], {wide: gradient, at: places.astype(at.dtype)}


def held(array, at_end):
    """A copy of an array between pages that must not be touched, at their end or at their beginning."""
    libc, page = ctypes.CDLL(None, use_errno=True), mmap.PAGESIZE
    size = -(-array.nbytes // page) * page
    region = mmap.mmap(-1, size + 2 * page)
    whole = np.frombuffer(region, np.uint8)
    for fence in (0, size + page):
        assert libc.mprotect(ctypes.c_void_p(whole.ctypes.data + fence), page, 0) == 0
    start = page + (size - array.nbytes if at_end else 0)
    there = whole[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    there[...] = array
    return there


def run(g, results, leaves, machine=None):
    from taper.compiler.program import Program

    results = [g.copied(r) for r in results]
    program = Program(g, results, {}, machine)
    assert all(s.host is None for s in program.segments)
    arrays = {**leaves, **{n: np.full(n.shape, 77, n.dtype) for n in results}}
    program.run(arrays)
    return [arrays[n] for n in results]


@axes_rows
@dtypes
def test_meaning(axes, dtype):
    for g, results, leaves in programs(axes, dtype):
        for found, expected in zip(run(g, results, leaves), evaluate(results, leaves)):
            np.testing.assert_array_equal(found, expected, err_msg=results[0].op)


@pytest.mark.parametrize("level", ["x86-64", "x86-64-v3"])
def test_other_machines(level):
    from taper.native.machine import host
    from taper.native.machine import level as machine_of

    if not host().triple.startswith("x86_64") or host().vector_bits < machine_of(level).vector_bits:
        pytest.skip("this machine cannot run it")
    for axes in list(AXES.values())[level == "x86-64" :: 3]:
        for g, results, leaves in programs(axes, "float32", 2):
            for found, expected in zip(run(g, results, leaves, machine_of(level)), evaluate(results, leaves)):
                np.testing.assert_array_equal(found, expected, err_msg=f"{results[0].op} {axes}")


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64"])
def test_integers(dtype):
    axes = AXES["overlapping"]
    g, results, leaves = next(programs(axes, dtype))
    (x,) = leaves
    leaves[x] = np.random.default_rng(0).integers(0, 250, x.shape).astype(dtype)
    for found, expected in zip(run(g, results, leaves), evaluate(results, leaves)):
        np.testing.assert_array_equal(found, expected)


def test_fused_with_what_follows():
    """What is computed from the elements of windows, with numbers for each channel and another image beside it."""
    axes, n, c = AXES["overlapping"], 2, 3
    g = Graph()
    x = g.leaf("input", "x", (n, c, *spatial(axes, False)), np.dtype("float32"))
    scale = g.leaf("input", "scale", (c, 1, 1), np.dtype("float32"))
    beside = g.leaf("input", "beside", (n, c, *spatial(axes, True)), np.dtype("float32"))
    found = g.reshape(g.window("window_max", axes, x), beside.shape)
    place = g.cast(g.reshape(g.window("window_place", axes, x), beside.shape), np.int64)
    out = g.elementwise(
        "maximum", g.elementwise("add", g.elementwise("multiply", found, scale), beside), g.scalar(0, "float32")
    )
    back = g.reshape(g.window("window_put", axes, out, g.window("window_place", axes, x)), x.shape)
    grad = g.elementwise("where", g.elementwise("greater", x, g.scalar(0, "float32")), back, g.scalar(0, "float32"))
    results = [g.copied(r) for r in (place, grad)]
    rng = np.random.default_rng(0)
    leaves = {leaf: rng.integers(-9, 9, leaf.shape).astype("float32") for leaf in (x, scale, beside)}
    from taper.compiler.program import Program

    program = Program(g, [g.copied(r) for r in results], {})
    assert [k.kind for k in program.kernels] == ["product", "product"]
    for one, expected in zip(run(g, results, leaves), evaluate(results, leaves)):
        np.testing.assert_array_equal(one, expected)


@pytest.mark.skipif(sys.platform != "linux", reason="uses mprotect")
def test_nothing_outside_is_touched():
    """Operands and results that end where memory ends, or begin where it begins: one element further is a fault."""
    from taper.compiler.program import Program

    for axes in AXES.values():
        for g, results, leaves in programs(axes, "float32", 2):
            results = [g.copied(r) for r in results]
            program = Program(g, results, {})
            for at_end in (False, True):
                arrays = {n: held(a, at_end) for n, a in leaves.items()}
                arrays |= {n: held(np.zeros(n.shape, n.dtype), at_end) for n in results}
                program.run(arrays)


@pytest.mark.parametrize("name", ["2 by 2", "overlapping", "even", "many taps"])
def test_bits_do_not_depend_on_threads(name):
    axes = AXES[name]
    before = taper.get_num_threads()
    try:
        for g, results, leaves in programs(axes, "float32", 300):
            leaves = {n: a + np.float32(0.1) if a.dtype.kind == "f" else a for n, a in leaves.items()}
            found = []
            for threads in (1, 2, 3):
                taper.set_num_threads(threads)
                found.append(run(g, results, leaves))
            for other in found[1:]:
                for a, b in zip(found[0], other):
                    assert a.tobytes() == b.tobytes()
    finally:
        taper.set_num_threads(before)


F = taper.nn.functional
POOLS = {
    "max": lambda x: F.max_pool2d(x, 2, return_indices=True),
    "max overlapping": lambda x: F.max_pool2d(x, 3, 2, 1, return_indices=True),
    "max ceiled": lambda x: F.max_pool2d(x, 3, 2, 0, ceil_mode=True, return_indices=True),
    "max dilated": lambda x: F.max_pool2d(x, 3, 1, 1, dilation=2, return_indices=True),
    "adaptive max": lambda x: F.adaptive_max_pool2d(x, (3, 4), return_indices=True),
}


@pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS)
def test_ties_and_nans_as_in_eager(pool):
    """The same maxima, the same indices, and gradients in the same places, bit by bit."""

    def step(x, g):
        values, indices = pool(x)
        (dx,) = taper.autograd.grad(values, (x,), g[..., : values.shape[-2], : values.shape[-1]])
        return values.detach(), indices, dx

    x = taper.from_numpy(numbers((2, 3, 13, 14), "float32")).requires_grad_()
    g = taper.from_numpy(numbers((2, 3, 13, 14), "float32", 1))
    compiled = taper.compile(step, fullgraph=True)
    for found, expected in zip(compiled(x, g), step(x, g)):
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
    assert "host" not in compiled.stages["kernels"]


def test_nothing_to_pool():
    def step(x):
        pooled = (
            F.max_pool2d(x, 2),
            F.avg_pool2d(x, 3, 2, 1),
            F.adaptive_avg_pool2d(x, 4),
            F.adaptive_max_pool2d(x, 4),
        )
        return *pooled, *taper.autograd.grad(sum(p.sum() for p in pooled), (x,))

    x = taper.zeros(0, 3, 6, 8, requires_grad=True)
    for found, expected in zip(taper.compile(step, fullgraph=True)(x), step(x)):
        assert found.shape == expected.shape


def test_windows_of_padding_alone_are_refused():
    with pytest.raises(taper.compiler.CaptureError, match="holds no element"):
        taper.compile(lambda x: F.max_pool2d(x, 2, 1, 1, dilation=5), fullgraph=True)(taper.zeros(1, 1, 4, 4))


LAYERS = {
    "max": lambda x: F.max_pool2d(x, 3, 2, 1, return_indices=True),
    "adaptive max": lambda x: F.adaptive_max_pool2d(x, (3, 4), return_indices=True),
    "average": lambda x: (F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),),
    "adaptive average": lambda x: (F.adaptive_avg_pool2d(x, (5, 4)),),
    "adaptive average, evenly": lambda x: (F.adaptive_avg_pool2d(x, (2, 9)),),
    "batch norm": lambda x: (F.batch_norm(x, None, None, x[0, :, 0, 0].exp(), x[0, :, 0, 0], True),),
    "batch norm, large planes": lambda x: (F.batch_norm(x.reshape(1, 3, -1, 9), None, None, None, None, True),),
    "batch norm of numbers kept": lambda x: (F.batch_norm(x, x[0, :, 0, 0].detach(), x[1, :, 0, 0].detach().exp()),),
}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_eager_native(layer, monkeypatch):
    """Eager kernels of large arrays, here of small ones: the same as NumPy's, and no fallback."""

    def step(x):
        found = layer(x)
        (dx,) = taper.autograd.grad(
            (found[0] * taper.linspace(0, 1, found[0].numel(), dtype=x.dtype).reshape(found[0].shape)).sum(), (x,)
        )
        return *[t.detach().numpy() for t in found], dx.numpy()

    x = (taper.randn(4, 3, 8, 9, dtype=taper.float64) + 3).requires_grad_()
    from taper.compiler import operators

    expected = step(x)
    operators.lend()
    ran = []
    real = large.Native.run
    monkeypatch.setattr(pooling, "NATIVE", 0)
    monkeypatch.setattr(normalization, "BATCH", 0)

    def seen(*given):
        made = real(*given)
        ran.append(made is not NotImplemented)
        return made

    monkeypatch.setattr(large.Native, "run", seen)
    for a, b in zip(step(x), expected):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)
    assert len(ran) >= 2 and all(ran)

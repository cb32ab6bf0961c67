"""Convolutions against float64 NumPy: sizes, steps, strides, machines, chunks run in any order, nothing else touched."""

from __future__ import annotations

import ctypes
import itertools
import mmap
import sys
from dataclasses import replace
from math import prod

import numpy as np
import pytest

from taper.native import library
from taper.native.conv import Convolution, ConvOperands, emit_convolution, plan_convolution
from taper.native.conv.panels import Panel, Strip, emit_panel
from taper.native.conv.plan import _plan, _regions
from taper.native.gemm import StoreRowMajor
from taper.native.machine import host, level
from taper.native.text import Builder, Module, const, i64, lanes

unique = itertools.count()


def conv(spatial, kernel, images=2, groups=1, inputs=3, outputs=4, stride=1, padding=0, dilation=1, spread=1,
         type="float", output=None, **more):  # fmt: skip
    """A convolution of contiguous x and w; `spatial` has one to three sizes, the others are one size for all or as many."""
    dims = len(spatial)

    def full(value, lead):
        return (lead,) * (3 - dims) + ((value,) * dims if isinstance(value, int) else tuple(value))

    spatial, kernel = full(spatial, 1), full(kernel, 1)
    stride, padding, dilation, spread = full(stride, 1), full(padding, 0), full(dilation, 1), full(spread, 1)
    if output is None:
        reach = [(n - 1) * s + 1 + 2 * p - d * (k - 1) - 1
                 for n, s, p, d, k in zip(spatial, spread, padding, dilation, kernel)]  # fmt: skip
        output = tuple(r // s + 1 for r, s in zip(reach, stride))
    else:
        output = full(output, 1)
    plane = prod(spatial)
    x = (groups * inputs * plane, plane, spatial[1] * spatial[2], spatial[2], 1)
    w = (outputs * inputs * prod(kernel), inputs * prod(kernel), prod(kernel))
    fields = dict(x=x, w=w) | more
    return Convolution(type, images, groups, inputs, outputs, spatial, output, kernel, stride, padding, dilation, spread,
                       **fields)  # fmt: skip


def named(c):
    """A short name of a case."""
    sizes = "x".join(map(str, c.spatial)), "x".join(map(str, c.kernel))
    return f"{sizes[0]} by {sizes[1]}, {c.groups} of {c.inputs} to {c.outputs}, step {c.stride}, spread {c.spread}"


def reached(c, dim, tap):
    """For every place of the result: the position that a tap meets, or -1."""
    found = [c.reach(dim, tap, place) for place in range(c.output[dim])]
    return np.array([-1 if at is None else at for at in found])


def met(c, x, tap):
    """x (..., depth, row, column) as a tap meets it from every place of the result; zeros outside."""
    for dim in range(3):
        at = reached(c, dim, tap[dim])
        x = np.take(x, at, axis=dim - 3)
        shape = [1] * x.ndim
        shape[dim - 3] = -1
        x = x * (at >= 0).reshape(shape)
    return x


def filled(panel, x, first, count, images, channels):
    """What emit_panel writes."""
    module, name = Module(), f"test_panel{next(unique)}"
    b = Builder(module, name, ["ptr", "ptr"])
    strip = Strip(b.args[0], i64(images), i64(channels), tuple(map(i64, first)), tuple(map(i64, count)))
    emit_panel(b, panel, strip, b.args[1])
    b.finish()
    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(library.compiled(str(module), [name])[0])
    scratch = np.full(panel.size, np.nan, x.dtype)
    run(x.ctypes.data, scratch.ctypes.data)
    return scratch


PANELS = [
    conv((7, 9), 3, padding=1),
    conv((7, 37), 3, padding=2, dilation=2, type="double"),
    conv((9, 10), 3, stride=2, padding=1),
    conv((9, 40), (5, 4), stride=(3, 2), padding=2),
    conv((50,), 8, stride=4, padding=3),
    conv((5, 6, 7), (3, 2, 3), stride=(2, 1, 1), padding=1),
    conv((5, 6), 3, padding=2, spread=2, output=(10, 12)),
    conv((8, 6), 3, padding=2, spread=(2, 3), output=(16, 17), stride=(3, 2)),
    conv((4, 4), 5, padding=4, stride=6),
]


@pytest.mark.parametrize("c", PANELS, ids=named)
def test_panels(c):
    """Every tap meets, from every place of a strip, what it should: place + offset."""
    dtype = np.float32 if c.type == "float" else np.float64
    x = np.random.default_rng(0).standard_normal((c.images, c.inputs, *c.spatial)).astype(dtype)
    c_last = replace(c, x=(c.x[0], 1, *(s * c.inputs for s in c.x[2:])))
    for expanded in (0, 1, 2, 3):
        for case, part in ((c, True), (c_last, False)):
            places = [a.places for a in Panel(case, 16, expanded, 1, 1, (1, 1, 1)).axes]
            first = [p // 3 if part and dim < 3 - expanded else 0 for dim, p in enumerate(places)]
            count = [min(p - f, p // 2 + 1) if part and dim < 3 - expanded else p
                     for dim, (p, f) in enumerate(zip(places, first))]  # fmt: skip
            panel = Panel(case, host().lanes(c.type), expanded, c.images, c.inputs, tuple(count))
            there = x if case is c else np.ascontiguousarray(np.moveaxis(x, 1, -1))
            scratch = filled(panel, there, first, count, c.images, c.inputs)
            strides = panel.strides
            grid = np.zeros((c.images, c.inputs, *count), int)
            kinds = ("image", "channel", "depth", "row")
            for axis, step in enumerate([*(strides[k] for k in kinds), 1]):
                grid = grid + np.arange(grid.shape[axis]).reshape([-1 if i == axis else 1 for i in range(5)]) * step
            axes, seen = panel.axes, 0
            for phase in panel.phases:
                for tap, offset in panel.taps(phase):
                    expected = met(c, x, tap)
                    every = tuple(slice(r, None, a.phases) for r, a in zip(phase, axes))
                    expected = expected[(..., *every)]
                    inside = tuple(slice(f, f + n) for f, n in zip(first, count))
                    expected = expected[(..., *inside)]
                    cut = tuple(slice(n) for n in expected.shape)
                    assert np.array_equal(scratch[grid + offset][cut], expected), (expanded, part, phase, tap)
                    seen += 1
            used = sum(np.any(met(c, np.ones((1, *c.spatial)), t)) * 1 for t in c.all_taps())
            assert seen == (used if c.spread == (1, 1, 1) else seen) and seen > 0


KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
TYPES = {"float": (np.float32, 2e-6), "double": (np.float64, 1e-14)}
GUARD = 64


def pointer(index):
    return lambda b: b.load("ptr", b.offset(b.args[0], i64(index), "ptr"))


def written(plan, finish=None):
    """The text of a plan's kernel, and its name."""
    module, name, c = Module(), f"test_conv{next(unique)}", plan.convolution
    finish = finish or StoreRowMajor(pointer(2), c.positions, c.groups * c.outputs)
    emit_convolution(module, name, plan, ConvOperands(pointer(0), pointer(1)), finish)
    return str(module), name


def guarded(size, dtype):
    """An array between guards of NaN, which must neither be used nor written."""
    whole = np.full(size + 2 * GUARD, np.nan, dtype)
    return whole, whole[GUARD : GUARD + size]


def oracle(c, x, w):
    """The convolution of x (image, group, input, *spatial) and w (group, output, input, *kernel) in float64."""
    result = np.zeros((c.images, c.groups, c.outputs, *c.output))
    for tap in c.all_taps():
        result += np.einsum("ngi...,goi->ngo...", met(c, x, tap), w[(..., *tap)], optimize=True)
    return result


class Run:
    """A convolution with random operands, compiled for a machine that this one can stand in for."""

    def __init__(self, c, machine=None, plan=None, finish=None):
        machine = machine or host()
        self.c, self.plan = c, plan or plan_convolution(c, machine)
        text, name = written(self.plan, finish)
        self.kernel = KERNEL(library.load(library.object_code(text, machine), [name])[0])
        dtype, self.tolerance = TYPES[c.type]
        rng = np.random.default_rng(c.inputs * 7 + c.outputs * 5 + c.positions)
        x_sizes, w_sizes = (c.images, c.groups, c.inputs, *c.spatial), (c.groups, c.outputs, c.inputs, c.taps)
        x_strides, w_strides = (c.x[0], c.inputs * c.x[1], *c.x[1:]), (*c.w, 1)
        extents = [sum((n - 1) * s for n, s in zip(*pair)) + 1 for pair in ((x_sizes, x_strides), (w_sizes, w_strides))]
        sizes = [*extents, c.images * c.groups * c.outputs * c.positions]
        self.whole, (self.x, self.w, self.out) = zip(*(guarded(size, dtype) for size in sizes))
        self.x[:], self.w[:] = rng.standard_normal(self.x.size), rng.standard_normal(self.w.size)
        self.table = (ctypes.c_void_p * 3)(*[a.ctypes.data for a in (self.x, self.w, self.out)])
        item, view = self.x.itemsize, np.lib.stride_tricks.as_strided
        self.x_view = view(self.x, x_sizes, [s * item for s in x_strides])
        self.w_view = view(self.w, w_sizes, [s * item for s in w_strides])

    def run(self, chunks=None):
        for begin, end in chunks or [(0, self.plan.chunks)]:
            self.kernel(self.table, begin, end)
        c = self.c
        return self.out.reshape(c.images, c.groups, c.outputs, *c.output).copy()

    def check(self):
        c = self.c
        x, w = self.x_view.astype(np.float64), self.w_view.astype(np.float64)
        w = (w[..., ::-1] if c.turned else w).reshape(*w.shape[:3], *c.kernel)
        result, expected, scale = self.run(), oracle(c, x, w), oracle(c, np.abs(x), np.abs(w))
        bad = ~(np.abs(result - expected) <= self.tolerance * scale)
        assert not bad.any(), f"{self.plan}: {bad.sum()} of {bad.size} wrong"
        for array, whole in zip((self.x, self.w, self.out), self.whole):
            assert np.isnan(whole[:GUARD]).all() and np.isnan(whole[GUARD + array.size :]).all()


GRID = [
    conv((13,), 1, stride=2),
    conv((50,), 8, stride=4, padding=3, inputs=2, outputs=5),
    conv((300,), 3, padding=1, dilation=2, inputs=8, outputs=20, images=3),
    conv((40,), 11, groups=2, stride=3, padding=2),
    conv((9, 9), 1),
    conv((9, 9), 1, groups=2, images=3),
    conv((9, 9), 1, stride=2, padding=1),
    conv((5, 6), 1, stride=2, inputs=520, outputs=300, images=1),
    conv((12, 17), 3, padding=1, inputs=7, outputs=13),
    conv((28, 28), 5, padding=2, inputs=1, outputs=6, images=5),
    conv((14, 14), 5, inputs=6, outputs=16, images=3),
    conv((3, 6), 2, inputs=130, outputs=300, images=1),
    conv((20, 33), (3, 5), stride=(2, 1), padding=(0, 3), dilation=(2, 1)),
    conv((23, 23), 7, stride=2, padding=3, inputs=3, outputs=16, images=1),
    conv((17, 16), 3, stride=3, padding=1, dilation=2),
    conv((4, 4), 3, padding=1, inputs=32, outputs=48, images=9),
    conv((7, 7), 3, padding=1, inputs=33, outputs=31, images=1),
    conv((14, 14), 3, padding=1, groups=6, inputs=1, outputs=1),
    conv((15, 15), 3, padding=1, groups=5, inputs=1, outputs=2, stride=2),
    conv((10, 40), 3, padding=1, groups=4, inputs=4, outputs=6, dilation=2),
    conv((3, 3), 3, padding=2, inputs=2, outputs=3, dilation=2),
    conv((25, 20), 3, padding=9, outputs=5, dilation=9),
    conv((1, 1), 3, padding=1, inputs=20, outputs=9),
    conv((2, 5), 11, padding=(5, 3), inputs=2, output=(2, 1)),
    conv((16, 24), 8, stride=8, inputs=3, outputs=10),
    conv((5, 6, 7), (3, 2, 3), stride=(2, 1, 1), padding=1),
    conv((6, 6, 6), 3, padding=1, inputs=4, outputs=9, images=3),
    conv((8, 9, 10), 3, padding=(0, 1, 2), dilation=(1, 2, 1), groups=2, stride=(1, 2, 2)),
    conv((4, 5, 5), 1, inputs=5, outputs=6),
    conv((5, 6), 3, padding=2, spread=2, output=(10, 12)),
    conv((7, 9), 4, padding=2, spread=2, inputs=9, outputs=12),
    conv((8, 6), 3, padding=2, spread=(2, 3), output=(16, 17), stride=(3, 2)),
    conv((30,), 5, padding=4, spread=3, output=(90,), inputs=3),
    conv((40,), 4, padding=3, spread=4, output=(159,), groups=2),
    conv((7, 7), 1, spread=2, output=(13, 14), inputs=8),
    conv((5, 5), 3, padding=2, spread=2, groups=3, inputs=1, outputs=1, output=(10, 10)),
    conv((3, 4, 5), 3, padding=1, spread=(2, 1, 2), output=(6, 4, 10)),
]  # fmt: skip


def gradient(c):
    """The convolution that gives the gradient of c's input from that of its result."""
    padding = tuple(d * (k - 1) - p for d, k, p in zip(c.dilation, c.kernel, c.padding))
    plane = c.positions
    x = (c.groups * c.outputs * plane, plane, c.output[1] * c.output[2], c.output[2], 1)
    return replace(c, inputs=c.outputs, outputs=c.inputs, spatial=c.output, output=c.spatial, stride=(1, 1, 1), x=x,
                   padding=padding, spread=c.stride, w=(c.w[0], c.w[2], c.w[1]), turned=True)  # fmt: skip


def channels_last(c):
    """The same convolution of an x whose channels lie side by side."""
    d, h, w = c.spatial
    channels = c.groups * c.inputs
    return replace(c, x=(d * h * w * channels, 1, h * w * channels, w * channels, channels))


@pytest.mark.parametrize("c", GRID, ids=named)
def test_every_kind(c):
    Run(c).check()


@pytest.mark.parametrize("c", GRID[::3], ids=named)
def test_double(c):
    Run(replace(c, type="double")).check()


@pytest.mark.parametrize("c", [c for c in GRID if c.spread == (1, 1, 1)][::2], ids=named)
def test_gradients_of_inputs(c):
    back = gradient(c)
    Run(back).check()
    # <conv(x), y> = <x, gradient(y)> says that `gradient` above is one.
    forward, run = Run(c), Run(back)
    run.w[:] = forward.w
    assert np.isclose((forward.run() * run.x_view).sum(), (forward.x_view * run.run()).sum(), rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("c", GRID[::4], ids=named)
def test_channels_last(c):
    Run(channels_last(c)).check()


@pytest.mark.parametrize("c", GRID[1::4], ids=named)
def test_every_way_of_cutting_up(c):
    """Any expansion, region and blocking gives the result."""
    for number, expanded in enumerate((0, 1, 2, 3)):
        regions = list(_regions(c, host().lanes(c.type), expanded))
        for blocks, strips in {regions[0], regions[-1], regions[len(regions) // 2]}:
            plan = _plan(c, host(), expanded, blocks, strips)
            if number != c.kernel[2] % 4 or c.inputs == 1:
                Run(c, plan=plan).check()
            else:
                panel = replace(plan.panel, channels=-(-c.inputs // 2))
                Run(c, plan=replace(plan, panel=panel, channel_blocks=2)).check()


@pytest.mark.parametrize("name", ["x86-64", "x86-64-v3", "x86-64-v4"])
@pytest.mark.parametrize("type", TYPES)
def test_other_machines_that_this_one_can_run(name, type):
    machine = level(name, host().triple)
    if "x86_64" not in machine.triple or machine.vector_bits > host().vector_bits:
        pytest.skip(f"this machine cannot run {name}")
    for c in GRID[1::8]:
        Run(replace(c, type=type), machine).check()


@pytest.mark.parametrize("name", ["x86-64", "x86-64-v3", "x86-64-v4", "neon"])
def test_code_for_every_machine(name):
    machine = level(name)
    for c in GRID[7::9]:
        plan = plan_convolution(c, machine)
        code = library.assembly(written(plan)[0], machine)
        assert {"x86-64": "mulps", "x86-64-v3": "vfmadd", "x86-64-v4": "zmm", "neon": "fmla"}[name] in code
        assert "fmaf" not in code and "memset" not in code


@pytest.mark.skipif(sys.platform != "linux", reason="uses mprotect")
def test_nothing_outside_is_touched():
    """Operands and results that end, or begin, where memory does: one element further is a fault."""
    libc, page = ctypes.CDLL(None, use_errno=True), mmap.PAGESIZE

    def bounded(array, last):
        size = -(-array.nbytes // page) * page
        region = mmap.mmap(-1, size + 2 * page)
        whole = np.frombuffer(region, np.uint8)
        for guard in (0, size + page):
            assert libc.mprotect(ctypes.c_void_p(whole.ctypes.data + guard), page, 0) == 0
        start = page + (size - array.nbytes if last else 0)
        there = whole[start : start + array.nbytes].view(array.dtype)
        there[:] = array
        return there

    for c in GRID[::4]:
        run = Run(c)
        expected = run.run()
        for last in (True, False):
            held = [bounded(a, last) for a in (run.x, run.w, run.out)]
            for i, array in enumerate(held):
                run.table[i] = array.ctypes.data
            run.kernel(run.table, 0, run.plan.chunks)
            assert np.array_equal(held[2].reshape(expected.shape), expected)


@pytest.mark.parametrize(
    "c",
    [
        conv((32, 32), 3, padding=1, inputs=16, outputs=32, images=4),
        conv((12, 12), 3, padding=1, inputs=30, outputs=40, images=1),
        conv((20, 20), 3, padding=1, groups=32, inputs=1, outputs=1),
        conv((20, 20), 3, padding=1, inputs=16, outputs=32, spread=2, images=3),
        conv((30, 30), 1, inputs=64, outputs=64),
    ],
    ids=named,
)
def test_any_split_of_chunks_gives_the_same_bits(c):
    run = Run(c)
    assert run.plan.chunks >= 2
    first = run.run()
    rng = np.random.default_rng(0)
    for _ in range(3):
        cuts = [0, *sorted(rng.integers(0, run.plan.chunks + 1, 3)), run.plan.chunks]
        ranges = [tuple(map(int, pair)) for pair in itertools.pairwise(cuts)]
        rng.shuffle(ranges)
        run.out[:] = np.nan
        assert np.array_equal(run.run([tuple(r) for r in ranges]), first)


def test_the_result_can_be_finished_on_the_way():
    """A bias and a ReLU in the epilogue, which sees every element once."""
    for c in (conv((10, 11), 3, padding=1, outputs=7), conv((5, 6), 3, spread=2, padding=1), conv((6, 6), 1, groups=3)):
        rows = c.groups * c.outputs

        def finish(b, value, batch, row, column, mask, rows=rows, c=c):
            bias = b.load("float", b.offset(b.load("ptr", b.offset(b.args[0], i64(3), "ptr")), row, "float"))
            value = b.add(value, b.splat(bias, lanes(value.type)))
            store = StoreRowMajor(pointer(2), c.positions, rows)
            store.begin(b)
            zero = const(0, value.type)
            store(b, b.select(b.compare(">", value, zero), value, zero), batch, row, column, mask)

        def fetch(b, batch, row, column, rows=rows, c=c):
            place = b.add(b.mul(b.add(b.mul(batch, i64(rows)), row), i64(c.positions)), column)
            b.prefetch(b.offset(pointer(2)(b), place, "float"))

        finish.fetch = fetch
        run = Run(c, finish=finish)
        bias = np.random.default_rng(1).standard_normal(rows).astype(np.float32)
        run.table = (ctypes.c_void_p * 4)(*run.table, bias.ctypes.data)
        x, w = run.x_view.astype(np.float64), run.w_view.astype(np.float64)
        expected = oracle(c, x, w.reshape(*w.shape[:3], *c.kernel)) + bias.reshape(c.groups, c.outputs, 1, 1, 1)
        np.testing.assert_allclose(run.run(), np.maximum(expected, 0), rtol=1e-4, atol=1e-5)


def test_kernels_share_a_module():
    """Parts that differ have different names, equal ones are written once."""
    cases = [conv((28, 28), k, padding=1, spread=2, inputs=16, outputs=8, images=1) for k in (3, 4, 3)]
    plans = [_plan(c, host(), 1, 1, (1, 1, 1)) for c in cases]
    runs = [Run(c, plan=replace(plan, row_tiles=2, vectors=2)) for c, plan in zip(cases, plans)]
    assert all(run.plan.copies for run in runs)
    module, names = Module(), []
    for run in runs:
        names.append(f"test_conv{next(unique)}")
        store = StoreRowMajor(pointer(2), run.c.positions, run.c.outputs)
        emit_convolution(module, names[-1], run.plan, ConvOperands(pointer(0), pointer(1)), store)
    for run, address in zip(runs, library.compiled(str(module), names)):
        run.kernel = KERNEL(address)
        run.check()


def test_the_plan_follows_from_the_machine_alone():
    large = conv((32, 32), 3, padding=1, inputs=64, outputs=64, images=32)
    for name in ("x86-64", "x86-64-v3", "x86-64-v4", "neon"):
        plan = plan_convolution(large, level(name))
        assert 8 <= plan.chunks <= 64
        assert plan.flops == 2 * 32 * 32**2 * 64**2 * 9
        assert plan.panel.size * 4 <= level(name).l2 // 2
    assert plan_convolution(conv((5, 5), 3), host()).chunks == 1
    assert plan_convolution(conv((30, 30), 1, inputs=64, outputs=64), host()).product is not None

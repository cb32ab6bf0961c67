"""Weight gradients against float64 NumPy: shapes, strides, groups, machines, every layout, chunks run in any order."""

from __future__ import annotations

import ctypes
import itertools
import mmap
import re
import sys
from dataclasses import replace
from math import prod

import numpy as np
import pytest

from taper.native import library
from taper.native.conv.geometry import Convolution
from taper.native.conv.weight_gradient import emit_weight_gradient, plan_weight_gradient
from taper.native.conv.weight_gradient_layout import flattened, lays
from taper.native.conv.weight_gradient_plan import best_blocks
from taper.native.machine import host, level
from taper.native.text import Module, i64

KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
TYPES = {"float": (np.float32, 2e-6), "double": (np.float64, 1e-14)}
GUARD = 64
unique = itertools.count()


def convolution(
    images, groups, inputs, outputs, spatial, kernel, stride=1, padding=0, dilation=1, type="float", x=None
):
    """A convolution of 1 to 3 dimensions; one number stands for as many."""

    def triple(value, missing):
        value = (value,) * len(spatial) if isinstance(value, int) else tuple(value)
        return (missing,) * (3 - len(value)) + value

    sizes, taps, steps, borders, apart = (
        triple(v, m) for v, m in ((spatial, 1), (kernel, 1), (stride, 1), (padding, 0), (dilation, 1))
    )
    output = tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, p, d, k, s in zip(sizes, borders, apart, taps, steps))
    if x is None:
        x = tuple(prod((groups * inputs, *sizes)[i:]) for i in range(5))
    w = (0, 0, 0)
    one = (1, 1, 1)
    return Convolution(type, images, groups, inputs, outputs, sizes, output, taps, steps, borders, apart, one, x, w)


def expected(c, x, grad):
    """The gradient of the weights in float64, and the sums of the products' sizes."""
    x = x.reshape(c.images, c.groups, c.inputs, *c.spatial).astype(np.float64)
    grad = grad.reshape(c.images, c.groups, c.outputs, *c.output).astype(np.float64)
    x = np.pad(x, ((0, 0),) * 3 + tuple((p, p + s) for p, s in zip(c.padding, c.stride)))
    value = np.empty((c.groups, c.outputs, c.inputs, *c.kernel))
    scale = np.empty_like(value)
    for tap in c.all_taps():
        window = zip(tap, c.dilation, c.output, c.stride)
        met = x[(..., *(slice(t * d, t * d + (n - 1) * s + 1, s) for t, d, n, s in window))]
        value[(..., *tap)] = np.einsum("ngozyx,ngizyx->goi", grad, met)
        scale[(..., *tap)] = np.einsum("ngozyx,ngizyx->goi", np.abs(grad), np.abs(met))
    shape = (c.groups * c.outputs, c.inputs * c.taps)
    return value.reshape(shape), scale.reshape(shape)


def written(plan):
    """The text of a plan's kernel, and its name."""
    module, name = Module(), f"test_weight_gradient{next(unique)}"
    pointers = [lambda b, i=i: b.load("ptr", b.offset(b.args[0], i64(i), "ptr")) for i in range(3)]
    emit_weight_gradient(module, name, plan, *pointers)
    return str(module), name


def guarded(size, dtype):
    """An array between guards of NaN, which must neither be used nor written."""
    whole = np.full(size + 2 * GUARD, np.nan, dtype)
    return whole, whole[GUARD : GUARD + size]


def placed(array, strides):
    """Memory with guards that holds an array with such strides (in elements), the gaps being NaN."""
    extent = sum((n - 1) * s for n, s in zip(array.shape, strides)) + 1
    whole, memory = guarded(extent, array.dtype)
    np.lib.stride_tricks.as_strided(memory, array.shape, [s * array.itemsize for s in strides])[:] = array
    return whole, memory


class Run:
    """A weight gradient of random operands, compiled for a machine that this one can stand in for."""

    def __init__(self, c, machine=None, plan=None, grad=None):
        machine = machine or host()
        self.convolution, self.plan = c, plan or plan_weight_gradient(c, machine, grad)
        text, name = written(self.plan)
        self.kernel = KERNEL(*library.load(library.object_code(text, machine), [name]))
        dtype, self.tolerance = TYPES[c.type]
        rng = np.random.default_rng(prod(c.spatial) + c.outputs)
        x = rng.standard_normal((c.images, c.groups * c.inputs, *c.spatial)).astype(dtype)
        slope = rng.standard_normal((c.images, c.groups * c.outputs, c.positions)).astype(dtype)
        self.expected, self.scale = expected(c, x, slope)
        out = guarded(self.plan.parts * self.expected.size, dtype)
        pairs = placed(x, c.x), placed(slope, (*self.plan.grad, 1)), out
        self.whole, (self.x, self.slope, self.out) = zip(*pairs)
        self.table = (ctypes.c_void_p * 3)(*(a.ctypes.data for a in (self.x, self.slope, self.out)))

    def run(self, chunks=None):
        self.out[:] = np.nan
        for begin, end in chunks or [(0, self.plan.chunks)]:
            self.kernel(self.table, begin, end)
        return self.out.reshape(self.plan.parts, *self.expected.shape).copy()

    def check(self):
        result = self.run().sum(0, dtype=np.float64)
        assert not np.isnan(result).any(), f"{self.plan}: {np.isnan(result).sum()} of {result.size} are NaN"
        bad = np.abs(result - self.expected) > self.tolerance * self.scale
        assert not bad.any(), f"{self.plan}: {bad.sum()} of {bad.size} wrong"
        for array, whole in zip((self.x, self.slope, self.out), self.whole):
            assert np.isnan(whole[:GUARD]).all() and np.isnan(whole[GUARD + array.size :]).all()


def plans(c, machine=None, panels=1):
    """A plan for every way of laying positions out that comes into question, for so many sizes of panels."""
    machine = machine or host()
    grad = (c.groups * c.outputs * c.positions, c.positions)
    ways = {}
    for lay in lays(flattened(c), machine):
        ways.setdefault(lay.way, []).append(best_blocks(lay, machine, grad)[1])
    return [plan for found in ways.values() for plan in found[:panels]]


SHAPES = [
    convolution(2, 1, 3, 5, (9, 11), 3, 1, 1),
    convolution(3, 1, 4, 6, (8, 8), 3, 2, 1),
    convolution(2, 1, 7, 4, (10, 7), (3, 2), (1, 3), (1, 0), 2),
    convolution(5, 1, 9, 8, (7, 7), 3, 1, 1),
    convolution(40, 1, 6, 5, (4, 4), 3, 1, 1),
    convolution(3, 1, 1, 6, (28, 28), 5, 1, 2),
    convolution(3, 1, 6, 16, (14, 14), 5),
    convolution(1, 1, 3, 20, (30, 30), 7, 2, 3),
    convolution(2, 5, 1, 1, (12, 13), 3, 1, 1),
    convolution(2, 3, 2, 4, (9, 9), 3, 2, 1),
    convolution(3, 1, 17, 13, (6, 6), 1),
    convolution(3, 1, 17, 13, (1, 1), 1),
    convolution(3, 2, 5, 4, (11, 9), 1, 2),
    convolution(2, 1, 3, 4, (5,), 3, 1, 1),
    convolution(2, 1, 3, 4, (200,), 7, 2, 3, 2),
    convolution(1, 1, 2, 3, (7000,), 5, 1, 2),
    convolution(2, 1, 2, 3, (40,), 37, 1, 20),
    convolution(2, 1, 3, 5, (5, 6, 7), 3, 1, 1),
    convolution(2, 2, 2, 3, (6, 5, 9), (2, 3, 1), (2, 1, 2), (0, 2, 1), (1, 2, 1)),
    convolution(2, 1, 2, 3, (3, 4), (5, 9), 1, 4),
    convolution(2, 1, 2, 2, (1, 1), 3, 1, 1),
    convolution(1, 1, 2, 3, (3, 2), 2, 3, 3),
    convolution(3, 1, 3, 4, (6, 8), 1, 2),
]  # fmt: skip


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize(
    "c", SHAPES, ids=lambda c: f"{c.images}x{c.groups}x{c.inputs}x{c.outputs}_{c.spatial}_{c.kernel}"
)
def test_every_layout(c, type):
    for plan in plans(replace(c, type=type), panels=3 if type == "float" else 1):
        Run(replace(c, type=type), plan=plan).check()


STRIDED = [
    # Channels last; a part of a larger tensor; images the innermost; an image shared by the batch.
    (convolution(2, 1, 5, 4, (6, 9), 3, 1, 1, x=(270, 1, 270, 45, 5)), None),
    (convolution(2, 1, 5, 4, (6, 9), 3, 2, 1, x=(270, 1, 270, 45, 5)), None),
    (convolution(2, 1, 3, 4, (6, 9), 3, 1, 1, x=(4000, 400, 400, 20, 2)), (700, 100)),
    (convolution(4, 1, 3, 4, (6, 9), 1, 1, 0, x=(1, 216, 216, 36, 4)), (54, 216)),
    (convolution(4, 2, 3, 4, (6, 9), 2, 1, 0, x=(0, 54, 54, 9, 1)), (0, 60)),
    (convolution(2, 1, 3, 4, (16, 8), 1, 1, 0, x=(1000, 200, 128, 8, 1)), (128, 300)),
    (convolution(2, 1, 3, 4, (3, 4, 5), 1, 1, 0, x=(400, 120, 40, 5, 1)), None),
]  # fmt: skip


@pytest.mark.parametrize("c, grad", STRIDED, ids=lambda v: str(getattr(v, "x", v)))
def test_strides(c, grad):
    for type in TYPES:
        run = Run(replace(c, type=type), grad=grad)
        if 0 in (c.x[0], (grad or (1,))[0]):
            # Overlapping images: the last one written is what all of them hold.
            view = np.lib.stride_tricks.as_strided
            item = run.x.itemsize
            x = view(run.x, (c.images, c.groups * c.inputs, *c.spatial), [s * item for s in c.x])
            slope = view(
                run.slope, (c.images, c.groups * c.outputs, c.positions), [s * item for s in (*run.plan.grad, 1)]
            )
            run.expected, run.scale = expected(c, x, slope)
        run.check()


MACHINES = [
    convolution(2, 1, 4, 7, (9, 10), 3, 1, 1),
    convolution(9, 1, 9, 8, (5, 5), 1),
    convolution(2, 3, 1, 1, (9, 8), 5),
]


@pytest.mark.parametrize("name", ["x86-64", "x86-64-v3", "x86-64-v4"])
@pytest.mark.parametrize("type", TYPES)
def test_other_machines_that_this_one_can_run(name, type):
    machine = level(name, host().triple)
    if "x86_64" not in machine.triple or machine.vector_bits > host().vector_bits:
        pytest.skip(f"this machine cannot run {name}")
    for c in MACHINES:
        for plan in plans(replace(c, type=type), machine):
            Run(replace(c, type=type), machine, plan).check()


@pytest.mark.parametrize("name", ["x86-64", "x86-64-v3", "x86-64-v4", "neon"])
def test_code_for_every_machine(name):
    machine = level(name)
    for plan in [p for type in TYPES for p in plans(replace(MACHINES[0], type=type), machine)]:
        code = library.assembly(written(plan)[0], machine)
        fused = {"x86-64": "mulp", "x86-64-v3": "vfmadd", "x86-64-v4": "zmm", "neon": "fmla"}[name]
        assert fused in code
        called = set(re.findall(r"^\t(?:callq?|bl)\t(\w+)", code, re.MULTILINE))
        assert called and all(f.startswith(("dot_", "pack_")) for f in called), called


@pytest.mark.parametrize(
    "c",
    [
        convolution(16, 1, 24, 30, (16, 16), 3, 1, 1),
        convolution(4, 1, 64, 64, (2, 2), 3, 1, 1),
        convolution(8, 20, 1, 2, (14, 14), 3, 1, 1),
        convolution(8, 1, 96, 40, (12, 12), 1),
    ],
    ids=lambda c: str(c.spatial),
)
def test_any_split_of_chunks_gives_the_same_bits(c):
    run = Run(c)
    assert 4 <= run.plan.chunks <= 64
    first = run.run()
    rng = np.random.default_rng(0)
    for _ in range(3):
        cuts = [0, *sorted(rng.integers(0, run.plan.chunks + 1, 3)), run.plan.chunks]
        ranges = [(int(a), int(b)) for a, b in itertools.pairwise(cuts)]
        rng.shuffle(ranges)
        assert np.array_equal(run.run([tuple(r) for r in ranges]), first)
    run.check()


def test_blocks_and_parts_of_every_kind():
    c = convolution(7, 4, 7, 11, (9, 9), 3, 1, 1)
    for plan in plans(c):
        for group_blocks, row_blocks, column_blocks, parts in [(3, 2, 2, 2), (1, 1, 3, 1), (4, 2, 1, 3)]:
            blocks = dict(group_blocks=group_blocks, row_blocks=min(row_blocks, plan.row_tiles))
            blocks |= dict(column_blocks=min(column_blocks, plan.columns), parts=min(parts, plan.lay.panels))
            Run(c, plan=replace(plan, **blocks)).check()


@pytest.mark.parametrize("kernel, padding", [(3, 1), (1, 0), (5, 3)])
def test_what_a_tap_does_not_meet_does_not_matter(kernel, padding):
    """A NaN in the last column of x concerns the taps that reach it, and no others; so does an infinite one elsewhere."""
    stride = 1 if kernel > 1 else 2
    c = convolution(3, 1, 3, 4, (6, 8), kernel, stride, padding)
    for plan in plans(c):
        run = Run(c, plan=plan)
        x = np.lib.stride_tricks.as_strided(run.x, (3, 3, *c.spatial), [s * 4 for s in c.x])
        x[1, 1, 0, :, -1] = np.nan
        x[2, 2, 0, 0, 0] = np.inf
        with np.errstate(invalid="ignore"):
            value, _ = expected(c, x, run.slope)
        # Padding is a product with zero here as there; only the exact zeros that are not products may differ.
        result = run.run().sum(0)
        assert np.array_equal(np.isfinite(result), np.isfinite(value)), plan
        assert (padding == 0 and kernel == 1) or not np.isfinite(value).all()
        assert np.isfinite(value).any()


@pytest.mark.skipif(sys.platform != "linux", reason="uses mprotect")
def test_nothing_outside_is_touched():
    """Operands and results that end where memory ends: one element further is a fault."""
    libc, page = ctypes.CDLL(None, use_errno=True), mmap.PAGESIZE

    def last(array):
        size = -(-array.nbytes // page) * page
        whole = np.frombuffer(mmap.mmap(-1, size + page), np.uint8)
        assert libc.mprotect(ctypes.c_void_p(whole.ctypes.data + size), page, 0) == 0
        there = whole[size - array.nbytes : size].view(array.dtype)
        there[:] = array
        return there

    for c in (SHAPES[0], SHAPES[3], SHAPES[10], convolution(2, 1, 3, 4, (7, 9), 3)):
        for plan in plans(c):
            run = Run(c, plan=plan)
            first = run.run()
            held = [last(array) for array in (run.x, run.slope, run.out)]
            for i, array in enumerate(held):
                run.table[i] = array.ctypes.data
            run.kernel(run.table, 0, run.plan.chunks)
            assert np.array_equal(held[2].reshape(first.shape), first)


def test_the_plan_follows_from_the_machine_alone():
    few = plan_weight_gradient(convolution(32, 1, 64, 64, (32, 32), 3, 1, 1), host())
    many = plan_weight_gradient(convolution(32, 1, 512, 512, (4, 4), 3, 1, 1), host())
    assert 8 <= few.chunks <= 64 and few.parts > 1
    assert 8 <= many.chunks <= 64 and many.parts == 1
    assert few.flops == 2 * 32 * 64 * 64 * 9 * 1024
    assert plan_weight_gradient(convolution(1, 1, 2, 3, (4, 4), 3, 1, 1), host()).chunks == 1


def test_spread_inputs_are_refused():
    with pytest.raises(ValueError, match="spread out"):
        plan_weight_gradient(replace(SHAPES[0], spread=(1, 2, 2)), host())

"""Winograd's F(2x2, 3x3) against float64 NumPy: sizes, borders, strides, machines, chunks in any order, nothing else touched."""

from __future__ import annotations

import ctypes
import itertools
import mmap
import re
import sys
from dataclasses import replace

import numpy as np
import pytest

from taper.native import library
from taper.native.conv.geometry import Convolution
from taper.native.conv.winograd import WinogradOperands, emit_weight_transform, emit_winograd, plan_winograd
from taper.native.gemm import StoreRowMajor
from taper.native.machine import host, level
from taper.native.text import Module, const, i64, lanes, vector

KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
TYPES = {"float": (np.float32, 1e-6), "double": (np.float64, 2e-15)}
GUARD = 64
unique = itertools.count()


def pointer(index):
    return lambda b: b.load("ptr", b.offset(b.args[0], i64(index), "ptr"))


def convolution(images, inputs, outputs, size, padding=(1, 1), type="float", **other):
    """A contiguous 3x3 convolution; `other` replaces fields."""
    (h, w), (p, q) = size, padding
    return replace(
        Convolution(
            type, images, 1, inputs, outputs, (1, h, w), (1, h + 2 * p - 2, w + 2 * q - 2), (1, 3, 3), (1, 1, 1), (0, p, q),
            (1, 1, 1), (1, 1, 1), (inputs * h * w, h * w, h * w, w, 1), (outputs * inputs * 9, inputs * 9, 9),
        ),
        **other,
    )  # fmt: skip


def written(plan, finish=None):
    module, number, c = Module(), next(unique), plan.convolution
    names = [f"test_winograd{number}"]
    if not plan.within:
        names.insert(0, f"test_winograd_weights{number}")
        emit_weight_transform(module, names[0], plan, pointer(1), pointer(2))
    operands = WinogradOperands(pointer(0), pointer(1 if plan.within else 2))
    emit_winograd(module, names[-1], plan, operands, finish or StoreRowMajor(pointer(3), c.positions, c.outputs))
    return str(module), names


def guarded(size, dtype):
    """An array between guards of NaN, which must neither be used nor written."""
    whole = np.full(size + 2 * GUARD, np.nan, dtype)
    return whole, whole[GUARD : GUARD + size]


def direct(c, x, w):
    """The definition, in float64."""
    (h, k), (oh, ow), (p, q) = c.spatial[1:], c.output[1:], c.padding[1:]
    wide = np.zeros((*x.shape[:2], max(oh + 2, h + p), max(ow + 2, k + q)))
    wide[:, :, p : p + h, q : q + k] = x
    taps = w[..., ::-1, ::-1] if c.turned else w
    parts = (
        np.einsum("oi,nihw->nohw", taps[:, :, y, z], wide[:, :, y : y + oh, z : z + ow], optimize=True)
        for y, z in itertools.product(range(3), range(3))
    )
    return sum(parts)


class Run:
    """A convolution with random operands, compiled for a machine that this one can stand in for."""

    def __init__(self, c, machine=None, plan=None, finish=None):
        machine = machine or host()
        self.plan = plan or plan_winograd(c, machine)
        text, names = written(self.plan, finish)
        self.kernels = [KERNEL(a) for a in library.load(library.object_code(text, machine), names)]
        dtype, self.tolerance = TYPES[c.type]
        rng = np.random.default_rng(c.inputs * 7 + c.outputs * 5 + c.images)
        x_sizes, w_sizes = (c.images, c.inputs, *c.spatial[1:]), (c.outputs, c.inputs, 3, 3)
        x_strides, w_strides = (*c.x[:2], *c.x[3:]), (*c.w[1:], 3, 1)
        extents = [
            sum((size - 1) * stride for size, stride in zip(sizes, strides)) + 1
            for sizes, strides in ((x_sizes, x_strides), (w_sizes, w_strides))
        ]
        sizes = [*extents, self.plan.packed, c.images * c.outputs * c.positions]
        self.wholes, (self.x, self.w, self.packed, self.y) = zip(*[guarded(size, dtype) for size in sizes])
        self.x[:], self.w[:] = rng.standard_normal(self.x.size), rng.standard_normal(self.w.size)
        self.table = (ctypes.c_void_p * 5)(*[a.ctypes.data for a in (self.x, self.w, self.packed, self.y)])
        view, item = np.lib.stride_tricks.as_strided, self.x.itemsize
        x = view(self.x, x_sizes, [s * item for s in x_strides]).astype(np.float64)
        w = view(self.w, w_sizes, [s * item for s in w_strides]).astype(np.float64)
        self.expected, self.scale = direct(c, x, w), direct(c, np.abs(x), np.abs(w)).max()

    def run(self, pack=None, chunks=None):
        if not self.plan.within:
            for begin, end in pack or [(0, self.plan.pack_chunks)]:
                self.kernels[0](self.table, begin, end)
        for begin, end in chunks or [(0, self.plan.chunks)]:
            self.kernels[-1](self.table, begin, end)
        return self.y.reshape(self.expected.shape).copy()

    def check(self):
        result = self.run()
        assert not np.isnan(result).any()
        worst = np.abs(result - self.expected).max()
        assert worst <= self.tolerance * self.scale, f"{self.plan}: {worst / self.scale}"
        for array, whole in zip((self.x, self.w, self.packed, self.y), self.wholes):
            assert np.isnan(whole[:GUARD]).all() and np.isnan(whole[GUARD + array.size :]).all()


SIZES = [(1, 1), (2, 2), (3, 5), (4, 4), (7, 7), (8, 8), (5, 16), (14, 14), (16, 9), (33, 31), (2, 70)]
PADDINGS = [(1, 1), (0, 0), (2, 2), (0, 2), (2, 1)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("type", TYPES)
def test_sizes_and_borders(size, type):
    channels = dict(zip(PADDINGS, [(3, 5), (1, 1), (7, 33), (16, 13), (2, 4)]))
    for padding in {(1, 1), PADDINGS[SIZES.index(size) % 5], PADDINGS[(SIZES.index(size) + 1 + len(type)) % 5]}:
        if min(size[0] + 2 * padding[0], size[1] + 2 * padding[1]) >= 3:
            Run(convolution(1 + 2 * PADDINGS.index(padding), *channels[padding], size, padding, type)).check()


CHANNELS = [
    (1, 64, 64, (9, 10)),
    (5, 33, 70, (4, 4)),
    (2, 300, 17, (8, 6)),
    (3, 4, 200, (7, 7)),
    (40, 8, 6, (3, 3)),
    (2, 120, 900, (4, 4)),
]


@pytest.mark.parametrize("case", CHANNELS, ids=str)
def test_channels(case):
    Run(convolution(*case)).check()


@pytest.mark.parametrize("type", TYPES)
def test_the_gradient_of_the_input(type):
    """Taps turned round and channels of the weights exchanged, with the borders that give the input's sizes."""
    for padding in [(0, 0), (1, 1), (2, 2)]:
        p, q = 2 - padding[0], 2 - padding[1]
        Run(convolution(2, 20, 9, (6, 7), (p, q), type, turned=True, w=(20 * 9 * 9, 9, 81))).check()


def test_strides():
    """Channels last, every second image, a part of larger rows, and weights between others."""
    Run(convolution(2, 5, 6, (6, 9), x=(54 * 5, 1, 270, 45, 5))).check()
    for size, type in itertools.product([(6, 9), (3, 2), (5, 35)], TYPES):
        (h, w), channels = size, 12
        last = (h * w * channels, 1, 0, w * channels, channels)
        Run(convolution(3, channels, 6, size, type=type, x=last)).check()
    Run(convolution(3, 5, 6, (6, 9), x=(600, 60, 60, 10, 1))).check()
    Run(convolution(2, 4, 6, (5, 5), x=(1000, 100, 100, 20, 3), w=(0, 4 * 20, 20))).check()


@pytest.mark.parametrize("name", ["x86-64", "x86-64-v3", "x86-64-v4"])
@pytest.mark.parametrize("type", TYPES)
def test_other_machines_that_this_one_can_run(name, type):
    machine = level(name, host().triple)
    if "x86_64" not in machine.triple or machine.vector_bits > host().vector_bits:
        pytest.skip(f"this machine cannot run {name}")
    for case in [(2, 7, 14, (7, 7), (1, 1)), (1, 3, 5, (9, 12), (0, 2)), (3, 6, 4, (4, 4), (1, 1))]:
        Run(convolution(*case, type), machine).check()


@pytest.mark.parametrize("name", ["x86-64", "x86-64-v3", "x86-64-v4", "neon"])
def test_code_for_every_machine(name):
    for type, (_, w) in itertools.product(TYPES, SIZES[-4:]):
        text, _ = written(plan_winograd(convolution(2, 40, 30, (9, w), type=type), level(name)))
        code = library.assembly(text, level(name))
        called = set(re.findall(r"^\t(?:callq?|bl)\t(\w+)", code, re.MULTILINE))
        assert called and all(c.startswith("tile_") for c in called), called
        assert {"x86-64": "mulp", "x86-64-v3": "vfmadd", "x86-64-v4": "zmm", "neon": "fmla"}[name] in code


@pytest.mark.parametrize("case", [(4, 10, 14, (9, 13)), (6, 40, 30, (4, 4)), (1, 16, 40, (32, 32))], ids=str)
def test_how_it_is_cut_up_changes_no_bit(case):
    """Pieces, blocks that end within images, panels, blocks of channels: each element is computed alike."""
    run = Run(convolution(*case))
    run.check()
    first, plan = run.run(), run.plan
    for piece, rows, vectors in [(1, 1, 1), (2, 3, 2), (4, 2, 3), (16, 7, 2)]:
        rows = min(rows, plan.all_rows)
        other = replace(
            plan, piece=min(piece, plan.lanes), rows=rows, vectors=vectors, row_tiles=6, tile_chunks=1, within=False
        )
        for k_block, output_blocks, chunks in [(plan.k_block, 1, 1), (5, 4, 2)]:
            again = replace(other, k_block=k_block, output_blocks=output_blocks, output_chunks=chunks)
            assert np.array_equal(Run(run.plan.convolution, plan=again).run(), first)


WITHIN = [
    ((1, 64, 70, (7, 7)), {}),
    ((1, 300, 33, (8, 6)), {}),
    ((3, 40, 30, (4, 4)), {"padding": (0, 2)}),
    ((1, 512, 320, (3, 3)), {}),
    ((1, 20, 9, (6, 7)), {"turned": True, "w": (20 * 9 * 9, 9, 81)}),
    ((2, 24, 40, (5, 5)), {"type": "double"}),
]


@pytest.mark.parametrize("name", ["", "x86-64", "x86-64-v3"])
@pytest.mark.parametrize("case, other", WITHIN, ids=str)
def test_weights_are_transformed_where_they_are_used(case, other, name):
    """Row tile by row tile, in each chunk, where all tiles are one block: the same bits as transformed beforehand."""
    machine = level(name, host().triple) if name else host()
    if name and ("x86_64" not in machine.triple or machine.vector_bits > host().vector_bits):
        pytest.skip(f"this machine cannot run {name}")
    c = convolution(*case, **other)
    plan = plan_winograd(c, machine)
    tiles = -(-c.outputs // 8)
    one = replace(
        plan, rows=plan.all_rows, row_tiles=tiles, output_blocks=tiles, output_chunks=2, tile_chunks=1, within=True
    )
    assert one.packed == one.pack_chunks == 0 and one.chunks == 2
    assert (one.brought > 0) == (
        8 * c.outputs * c.inputs * 9 * TYPES[c.type][0]().itemsize > 2 * machine.l2 and not c.turned
    )
    run = Run(c, machine, one)
    run.check()
    first = run.run()
    assert np.array_equal(run.run(chunks=[(1, 2), (0, 1)]), first)
    assert np.array_equal(Run(c, machine, replace(one, within=False)).run(), first)


def test_weights_are_transformed_within_where_one_block_has_all_tiles():
    assert plan_winograd(convolution(1, 512, 512, (7, 7)), level("x86-64-v4")).within
    assert not plan_winograd(convolution(32, 64, 64, (32, 32)), level("x86-64-v4")).within


@pytest.mark.parametrize(
    "case", [(8, 16, 24, (16, 16)), (1, 64, 100, (14, 14)), (32, 64, 64, (4, 4)), (3, 48, 48, (27, 30))], ids=str
)
def test_any_split_of_chunks_gives_the_same_bits(case):
    run = Run(convolution(*case))
    assert run.plan.chunks >= 4
    first = run.run()
    rng = np.random.default_rng(0)
    for _ in range(3):
        splits = []
        for count in (run.plan.pack_chunks, run.plan.chunks):
            cuts = [0, *sorted(rng.integers(0, count + 1, 3)), count]
            ranges = list(itertools.pairwise(int(c) for c in cuts))
            rng.shuffle(ranges)
            splits.append([tuple(r) for r in ranges])
        run.y[:] = run.packed[:] = np.nan
        assert np.array_equal(run.run(*splits), first)


@pytest.mark.skipif(sys.platform != "linux", reason="uses mprotect")
def test_nothing_outside_is_touched():
    """Operands and results that end where memory ends: one element further is a fault."""
    libc, page = ctypes.CDLL(None, use_errno=True), mmap.PAGESIZE

    def last(array):
        size = -(-array.nbytes // page) * page
        region = mmap.mmap(-1, size + page)
        whole = np.frombuffer(region, np.uint8)
        assert libc.mprotect(ctypes.c_void_p(whole.ctypes.data + size), page, 0) == 0
        there = whole[size - array.nbytes : size].view(array.dtype)
        there[:] = array
        return there

    for type, size in itertools.product(TYPES, [(7, 7), (4, 4), (3, 33)]):
        run = Run(convolution(2, 5, 15, size, type=type))
        expected = run.run()
        held = [last(x) for x in (run.x, run.w, run.packed, run.y)]
        for i, array in enumerate(held):
            run.table[i] = array.ctypes.data
        run.run()
        assert np.array_equal(held[3].reshape(expected.shape), expected)


@pytest.mark.parametrize("case", [(2, 5, 37, (6, 7)), (1, 6, 20, (120, 120)), (9, 40, 20, (33, 33))], ids=str)
def test_the_result_can_be_finished_on_the_way(case):
    """A residual and a ReLU in the epilogue, which sees every element once and is told before."""
    c = convolution(*case)

    def place(b, index, image, channel, position):
        line = b.add(b.mul(image, i64(c.outputs)), channel)
        return b.offset(pointer(index)(b), b.add(b.mul(line, i64(c.positions)), position), "float")

    def finish(b, value, image, channel, position, mask):
        wide = vector("float", lanes(value.type))
        beside, target = place(b, 4, image, channel, position), place(b, 3, image, channel, position)
        value = b.add(value, b.load(wide, beside) if mask is None else b.masked_load(wide, beside, mask))
        value = b.select(b.compare(">", value, const(0, wide)), value, const(0, wide))
        before = b.load(wide, target) if mask is None else b.masked_load(wide, target, mask)
        if mask is None:
            b.store(b.add(before, value), target)
        else:
            b.masked_store(b.add(before, value), target, mask)

    finish.fetch = lambda b, *where: b.prefetch(place(b, 4, *where))
    run = Run(c, finish=finish)
    beside = np.random.default_rng(1).standard_normal(run.expected.shape).astype(np.float32)
    run.table[4] = beside.ctypes.data
    run.y[:] = 0
    np.testing.assert_allclose(run.run(), np.maximum(run.expected + beside, 0), rtol=1e-4, atol=2e-5)


def test_accuracy_with_many_channels():
    run = Run(convolution(2, 512, 16, (8, 8)))
    result = run.run()
    assert np.abs(result - run.expected).max() <= 3e-6 * np.abs(run.expected).max()


def test_the_bound_on_the_error_holds():
    """Data of one sign, and of alternating signs, where errors add up; the bound of winograd_plan, for every element."""
    for inputs, signs in itertools.product((1, 30), (False, True)):
        c = convolution(1, inputs, 8, (8, 8))
        run = Run(c)
        run.x[:], run.w[:] = np.abs(run.x), np.abs(run.w)
        if signs:
            run.x[::2] *= -1
        x = run.x.reshape(1, inputs, 8, 8).astype(np.float64)
        w = run.w.reshape(8, inputs, 3, 3).astype(np.float64)
        around = np.pad(np.abs(x), ((0, 0), (0, 0), (1, 1), (1, 1)))
        tiles = np.lib.stride_tricks.sliding_window_view(around, (4, 4), (2, 3))[:, :, ::2, ::2].sum((-2, -1))
        bound = np.einsum("oi,nihw->nohw", np.abs(w).sum((-2, -1)), tiles).repeat(2, 2).repeat(2, 3)
        error = np.abs(run.run() - direct(c, x, w))
        assert (error <= 4 * (inputs + 12) * 2.0**-24 * bound).all()


def test_the_plan_follows_from_the_machine_alone():
    for name, most in [("x86-64", 16), ("x86-64-v3", 16), ("x86-64-v4", 32), ("neon", 32)]:
        plan = plan_winograd(convolution(32, 64, 64, (32, 32)), level(name))
        assert most / 2 < plan.row_sizes[0] * plan.vectors < most
        assert 8 <= plan.chunks <= 64
        assert plan.flops == 2 * 32 * 64 * 64 * 9 * 32 * 32
        assert plan.packed >= 16 * 64 * 64
        assert plan.stack <= 1.6 * min(level(name).l2 // 2, 1 << 20)
        # More multiplications are saved than transforms cost.
        assert 16 * 64 * 64 * 32 * 256 / plan.lanes / 2 < plan.cost < 36 * 64 * 64 * 32 * 256 / plan.lanes / 2
    assert plan_winograd(convolution(1, 3, 2, (4, 4)), host()).chunks == 1


@pytest.mark.parametrize(
    "other",
    [
        {"stride": (1, 2, 2)}, {"stride": (1, 1, 2)}, {"dilation": (1, 2, 2)}, {"kernel": (1, 5, 5)}, {"kernel": (3, 3, 3)},
        {"groups": 2}, {"spread": (1, 2, 2)}, {"spatial": (2, 8, 8), "output": (2, 8, 8)}, {"type": "bfloat"},
    ],
    ids=str,
)  # fmt: skip
def test_where_it_does_not_apply(other):
    assert plan_winograd(convolution(2, 4, 4, (8, 8)), host()) is not None
    c = convolution(2, 4, 4, (8, 8))
    assert plan_winograd(replace(c, **other), host()) is None


def test_too_many_channels_for_the_scratch_are_refused():
    assert plan_winograd(convolution(1, 9000, 64, (4, 4)), host()) is None


@pytest.mark.parametrize("type", TYPES)
def test_strips(type):
    """Rows cut into strips, of one size or with a narrower last one; blocks of several strips."""
    for width, padding in [(75, (1, 1)), (64, (1, 1)), (66, (0, 0)), (61, (2, 2)), (30, (2, 1))]:
        c = convolution(2, 3, 5, (9, width), padding, type)
        run = Run(c)
        run.check()
        first, lanes = run.run(), run.plan.lanes
        for strip, rows in [(lanes, 1), (2 * lanes, 3), (lanes, 7)]:
            plan = replace(run.plan, strip=strip, piece=min(lanes, 16), rows=rows, vectors=1)
            again = Run(c, plan=replace(plan, tile_chunks=1))
            again.check()
            assert np.array_equal(again.run(), first)
    for c in (
        convolution(1, 4, 5, (4, 90), type=type, x=(0, 1, 0, 360, 4)),
        convolution(1, 4, 5, (4, 5), (1, 1), type, output=(1, 40, 90)),
    ):
        plan = plan_winograd(c, host())
        plan = replace(plan, strip=plan.lanes, piece=min(plan.lanes, 16), rows=1, vectors=1, tile_chunks=2)
        Run(c, plan=plan).check()
    plan = plan_winograd(convolution(1, 64, 6, (3, 2000)), host())
    assert plan.strips > 1
    Run(plan.convolution).check()

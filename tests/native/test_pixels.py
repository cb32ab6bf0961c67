"""Convolutions of images whose channels lie side by side against float64 NumPy: sizes, strides of weights, machines, chunks."""

from __future__ import annotations

import ctypes
import itertools
from dataclasses import replace

import numpy as np
import pytest

from taper.native import library
from taper.native.conv import PixelOperands, emit_pixel_pack, emit_pixels, plan_pixels
from taper.native.gemm import StoreRowMajor
from taper.native.machine import host, level
from taper.native.text import Module
from tests.native.test_conv import GUARD, KERNEL, TYPES, conv, gradient, guarded, named, oracle, pointer

unique = itertools.count()


def last(c, apart=False):
    """The same convolution of an x whose channels lie side by side; apart: and of such weights."""
    d, h, w = c.spatial
    channels = c.groups * c.inputs
    c = replace(c, x=(d * h * w * channels, 1, h * w * channels, w * channels, channels))
    return replace(c, w=(c.outputs * c.taps * c.inputs, c.taps * c.inputs, 1), apart=c.inputs) if apart else c


def written(plan):
    """The text of a plan's kernels, and their names."""
    module, c, number = Module(), plan.convolution, next(unique)
    packed = pointer(3) if plan.packed else None
    operands = PixelOperands(pointer(0), pointer(1), packed, pointer(4))
    names = [f"test_pixels{number}"]
    emit_pixels(module, names[0], plan, operands, StoreRowMajor(pointer(2), c.groups * c.outputs, c.positions))
    if plan.packed:
        names.append(f"test_pixels_pack{number}")
        emit_pixel_pack(module, names[1], plan, operands)
    return str(module), names


class Run:
    """A convolution with random operands, compiled for a machine that this one can stand in for."""

    def __init__(self, c, machine=None, plan=None):
        machine = machine or host()
        self.c, self.plan = c, plan or plan_pixels(c, machine)
        text, names = written(self.plan)
        self.kernels = [KERNEL(a) for a in library.load(library.object_code(text, machine), names)]
        dtype, self.tolerance = TYPES[c.type]
        rng = np.random.default_rng(c.inputs * 7 + c.outputs * 5 + c.positions)
        x_sizes, w_sizes = (c.images, c.groups, c.inputs, *c.spatial), (c.groups, c.outputs, c.inputs, c.taps)
        x_strides, w_strides = (c.x[0], c.inputs * c.x[1], *c.x[1:]), (*c.w, c.apart)
        extents = [sum((n - 1) * s for n, s in zip(*pair)) + 1 for pair in ((x_sizes, x_strides), (w_sizes, w_strides))]
        sizes = [*extents, c.images * c.groups * c.outputs * c.positions, self.plan.packed]
        self.whole, (self.x, self.w, self.out, self.packed) = zip(*(guarded(size, dtype) for size in sizes))
        self.x[:], self.w[:] = rng.standard_normal(self.x.size), rng.standard_normal(self.w.size)
        partial = np.empty(self.out.size, dtype)
        arrays = (self.x, self.w, self.out, self.packed, partial)
        self.partial = partial
        self.table = (ctypes.c_void_p * 5)(*[a.ctypes.data for a in arrays])
        item, view = self.x.itemsize, np.lib.stride_tricks.as_strided
        self.x_view = view(self.x, x_sizes, [s * item for s in x_strides])
        self.w_view = view(self.w, w_sizes, [s * item for s in w_strides])

    def run(self, chunks=None):
        if self.plan.packed:
            self.kernels[1](self.table, 0, self.plan.pack_chunks)
        for begin, end in chunks or [(0, self.plan.chunks)]:
            self.kernels[0](self.table, begin, end)
        c = self.c
        return np.moveaxis(self.out.reshape(c.images, *c.output, c.groups, c.outputs), (4, 5), (1, 2)).copy()

    def check(self):
        c = self.c
        x, w = self.x_view.astype(np.float64), self.w_view.astype(np.float64)
        w = (w[..., ::-1] if c.turned else w).reshape(*w.shape[:3], *c.kernel)
        result, expected, scale = self.run(), oracle(c, x, w), oracle(c, np.abs(x), np.abs(w))
        bad = ~(np.abs(result - expected) <= self.tolerance * scale)
        assert not bad.any(), f"{self.plan}: {bad.sum()} of {bad.size} wrong"
        for array, whole in zip((self.x, self.w, self.out, self.packed), self.whole):
            assert np.isnan(whole[:GUARD]).all() and np.isnan(whole[GUARD + array.size :]).all()


GRID = [
    conv((9, 9), 1),
    conv((9, 9), 1, inputs=70, outputs=40, images=3),
    conv((9, 9), 1, groups=2, images=3),
    conv((9, 9), 1, stride=2, padding=1),
    conv((9, 9), 1, stride=2, inputs=20, outputs=33),
    conv((12, 17), 3, padding=1, inputs=7, outputs=13),
    conv((28, 28), 5, padding=2, inputs=1, outputs=6, images=5),
    conv((14, 14), 5, inputs=6, outputs=16, images=3),
    conv((20, 33), (3, 5), stride=(2, 1), padding=(0, 3), dilation=(2, 1)),
    conv((23, 23), 7, stride=2, padding=3, inputs=3, outputs=16, images=1),
    conv((17, 16), 3, stride=3, padding=1, dilation=2),
    conv((4, 4), 3, padding=1, inputs=32, outputs=48, images=9),
    conv((7, 7), 3, padding=1, inputs=33, outputs=31, images=1),
    conv((7, 7), 3, padding=1, inputs=300, outputs=80, images=1),
    conv((7, 6), 3, padding=1, inputs=250, outputs=150, images=2),
    conv((7, 7), 1, inputs=513, outputs=140, images=1),
    conv((14, 14), 3, padding=1, inputs=64, outputs=64, images=2),
    conv((14, 14), 3, padding=1, groups=6, inputs=1, outputs=1),
    conv((15, 15), 3, padding=1, groups=5, inputs=1, outputs=2, stride=2),
    conv((9, 11), 3, padding=1, groups=40, inputs=1, outputs=1),
    conv((9, 30), 5, padding=2, groups=67, inputs=1, outputs=1, stride=2, images=1),
    conv((10, 40), 3, padding=1, groups=4, inputs=4, outputs=6, dilation=2),
    conv((3, 3), 3, padding=2, inputs=2, outputs=3, dilation=2),
    conv((25, 20), 3, padding=9, outputs=5, dilation=9),
    conv((1, 1), 3, padding=1, inputs=20, outputs=9),
    conv((2, 5), 11, padding=(5, 3), inputs=2, output=(2, 1)),
    conv((16, 24), 8, stride=8, inputs=3, outputs=10),
    conv((5, 6, 7), (3, 2, 3), stride=(2, 1, 1), padding=1),
    conv((6, 6, 6), 3, padding=1, inputs=4, outputs=9, images=3),
    conv((8, 9, 10), 3, padding=(0, 1, 2), dilation=(1, 2, 1), groups=2, stride=(1, 2, 2)),
]  # fmt: skip


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("c", GRID, ids=named)
def test_every_kind(c, apart):
    Run(last(c, apart)).check()


@pytest.mark.parametrize("c", GRID[::3], ids=named)
def test_double(c):
    Run(last(replace(c, type="double"), True)).check()


@pytest.mark.parametrize("c", [c for c in GRID if c.stride == (1, 1, 1)][::2], ids=named)
def test_gradients_of_inputs(c):
    Run(last(gradient(c))).check()


@pytest.mark.parametrize("name", ["x86-64", "x86-64-v3", "x86-64-v4"])
@pytest.mark.parametrize("type", TYPES)
def test_other_machines_that_this_one_can_run(name, type):
    machine = level(name, host().triple)
    if "x86_64" not in machine.triple or machine.vector_bits > host().vector_bits:
        pytest.skip(f"this machine cannot run {name}")
    for c in (GRID[5], GRID[9], GRID[14], GRID[20]):
        Run(last(replace(c, type=type)), machine).check()


@pytest.mark.parametrize("name", ["neon", "x86-64", "x86-64-v3", "x86-64-v4"])
def test_code_for_every_machine(name):
    machine = level(name)
    for c in (GRID[4], GRID[9], GRID[13], GRID[14], GRID[19], GRID[20]):
        code = library.assembly(written(plan_pixels(last(c), machine))[0], machine)
        assert {"x86-64": "mulps", "x86-64-v3": "vfmadd", "x86-64-v4": "zmm", "neon": "fmla"}[name] in code
        assert "fmaf" not in code


@pytest.mark.parametrize("c", [conv((14, 14), 3, padding=1, inputs=40, outputs=70, images=3),
                               conv((30, 30), 3, padding=1, inputs=3, outputs=24, stride=2, images=4)], ids=named)  # fmt: skip
def test_chunks_in_any_order(c):
    run = Run(last(c))
    assert run.plan.chunks > 2
    whole = run.run()
    run.out[:] = np.nan
    assert np.array_equal(whole, run.run([(i, i + 1) for i in reversed(range(run.plan.chunks))]))

"""Convolutions against float64 NumPy: sizes, steps, strides, machines, chunks run in any order, nothing else touched."""

from __future__ import annotations

import ctypes
import itertools
from dataclasses import replace
from math import prod

import numpy as np
import pytest

from taper.native import library
from taper.native.conv import ConvOperands, Convolution, emit_convolution, plan_convolution
from taper.native.conv.panels import Panel, Strip, emit_panel
from taper.native.gemm import StoreRowMajor
from taper.native.machine import host
from taper.native.text import Builder, Module, i64

unique = itertools.count()


def three(value):
    """One, two or three sizes as depth, row, column."""
    value = (value,) if isinstance(value, int) else tuple(value)
    return value


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


@pytest.mark.parametrize("c", PANELS, ids=str)
def test_panels(c):
    """Every tap meets, from every place of a strip, what it should: place + offset."""
    dtype = np.float32 if c.type == "float" else np.float64
    x = np.random.default_rng(0).standard_normal((c.images, c.inputs, *c.spatial)).astype(dtype)
    c_last = replace(c, x=(c.x[0], 1, *(s * c.inputs for s in c.x[2:])))
    for expanded, part in itertools.product((0, 1, 3), (False, True)):
        for case in (c, c_last):
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

"""The kernel of products of any size against float64 NumPy: sizes, orders, cuts, machines; nothing else read or written."""

from __future__ import annotations

import ctypes
import mmap
import re
import sys
from functools import cache
from math import ceil

import numpy as np
import pytest

from taper.native import library
from taper.native.gemm.any_size import FIELDS, emit_any_size
from taper.native.gemm.cutting import cut
from taper.native.gemm.free_tile import K_BLOCK, FreeTile
from taper.native.machine import host, level
from taper.native.text import Module

KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
TYPES = {"float": (np.float32, 2e-6), "double": (np.float64, 1e-14)}
RUNNABLE = [None, "x86-64-v4", "x86-64-v3", "x86-64"]
SIZES = [(1, 1, 1), (4, 12, 5), (13, 32, 8), (14, 33, 9), (5, 16, 300), (40, 70, 257), (97, 130, 64), (30, 300, 21)]


def machine_of(name: str | None):
    if name is None:
        return host()
    found = level(name, host().triple)
    if not host().triple.startswith("x86_64") or found.vector_bits > host().vector_bits:
        pytest.skip(f"this machine runs no {name}")
    return found


@cache
def text(type: str, machine) -> str:
    module = Module.of(machine)
    emit_any_size(module, "any_size", type, machine)
    return str(module)


@cache
def kernel(type: str, machine):
    return KERNEL(library.load(library.object_code(text(type, machine), machine), ["any_size"])[0])


def run(type, machine, a, b, c, bias, row_blocks, columns, packs, chunks=None):
    """c = a b + bias, as it is cut."""
    size, (m, k), n = a.itemsize, a.shape, b.shape[1]
    start, column_blocks = np.zeros(1, np.int64), -(-n // columns)
    blocks = ceil(k / K_BLOCK)
    k_block = 8 * ceil(k / blocks / 8)
    a_row, a_step, b_step, b_column = (
        s // size if d > 1 else 1 for x in (a, b) for s, d in zip(x.strides, x.shape)
    )  # fmt: skip
    given = dict(
        a=a.ctypes.data, b=b.ctypes.data, c=c.ctypes.data, bias=0 if bias is None else bias.ctypes.data,
        at_a=start.ctypes.data, at_b=start.ctypes.data, m=m, n=n, k=k, a_row=a_row, a_step=a_step, b_step=b_step,
        b_column=b_column, c_row=n, c_batch=0, k_block=k_block, row_blocks=row_blocks, column_blocks=column_blocks,
        columns=columns, packs=int(packs or b_column != 1),
    )  # fmt: skip
    table = np.array([given[f] for f in FIELDS], np.int64)
    for begin, end in chunks or [(0, row_blocks * column_blocks)]:
        kernel(type, machine)(table.ctypes.data, begin, end)


def operands(m, n, k, dtype, turned_a=False, turned_b=False):
    random = np.random.default_rng(m * 7 + n * 5 + k)
    a, b = random.standard_normal((m, k)).astype(dtype), random.standard_normal((k, n)).astype(dtype)
    return np.asfortranarray(a) if turned_a else a, np.asfortranarray(b) if turned_b else b


def assert_is(found, a, b, bias, tolerance):
    wide = a.astype(np.float64), b.astype(np.float64)
    bound = (np.abs(wide[0]) @ np.abs(wide[1]) + 1) * tolerance * 4
    assert (np.abs(found - (wide[0] @ wide[1] + (0 if bias is None else bias))) <= bound).all()


@pytest.mark.parametrize("name", RUNNABLE, ids=str)
@pytest.mark.parametrize("type", TYPES)
def test_sizes_orders_and_cuts(type, name):
    machine, (dtype, tolerance) = machine_of(name), TYPES[type]
    width = FreeTile(type, machine).width
    for m, n, k in SIZES:
        bias = np.linspace(-1, 1, n).astype(dtype)
        for case in range(8):
            a, b = operands(m, n, k, dtype, case & 1, case & 2)
            c = np.full((m, n), np.nan, dtype)
            row_blocks, columns = (min(m, 3), 2 * width) if case & 4 else (1, 4 * width)
            added = bias if case in (3, 4, 5, 6) else None
            run(type, machine, a, b, c, added, row_blocks, columns, case & 4)
            assert_is(c, a, b, added, tolerance)


@pytest.mark.parametrize("type", TYPES)
def test_bits_do_not_depend_on_cuts(type):
    machine, dtype = host(), TYPES[type][0]
    a, b = operands(70, 90, 600, dtype)
    width, found = FreeTile(type, machine).width, set()
    for row_blocks, columns, packs in [(1, 4 * width, 0), (1, 4 * width, 1), (3, width, 1), (5, 2 * width, 0)]:
        c = np.empty((70, 90), dtype)
        each = row_blocks * -(-90 // columns)
        run(type, machine, a, b, c, None, row_blocks, columns, packs, [(i, i + 1) for i in reversed(range(each))])
        found.add(c.tobytes())
    assert len(found) == 1


@pytest.mark.parametrize("name", ["x86-64", "x86-64-v3", "x86-64-v4", "neon"])
@pytest.mark.parametrize("type", TYPES)
def test_other_machines_get_code_that_calls_nothing(type, name):
    machine = level(name)
    called = set(re.findall(r"^\t(?:callq?|bl)\t(\w+)", library.assembly(text(type, machine), machine), re.MULTILINE))
    assert called <= set(re.findall(r"@(\w+)\(", text(type, machine)))


@pytest.mark.skipif(sys.platform != "linux", reason="uses mprotect")
@pytest.mark.parametrize("name", RUNNABLE[:3], ids=str)
def test_nothing_outside_is_touched(name):
    """Operands and results that end where memory ends: one element further is a fault."""
    machine, libc, page = machine_of(name), ctypes.CDLL(None, use_errno=True), mmap.PAGESIZE

    def last(array, turned):
        size = -(-array.nbytes // page) * page
        whole = np.frombuffer(mmap.mmap(-1, size + page), np.uint8)
        assert libc.mprotect(ctypes.c_void_p(whole.ctypes.data + size), page, 0) == 0
        there = whole[size - array.nbytes : size].view(array.dtype)
        there = there.reshape(array.shape[::-1]).T if turned else there.reshape(array.shape)
        there[...] = array
        return there

    for type, (dtype, tolerance) in TYPES.items():
        for m, n, k in [(33, 37, 41), (5, 19, 30), (20, 64, 7)]:
            for case in range(8):
                a, b = operands(m, n, k, dtype)
                bias = last(np.ones(n, dtype), False)
                a, b, c = last(a, case & 1), last(b, case & 2), last(np.zeros((m, n), dtype), False)
                run(type, machine, a, b, c, bias, 1, FreeTile(type, machine).width, case & 4)
                assert_is(c, a, b, bias, tolerance)


@pytest.mark.parametrize(
    "sizes", [(8, 12, 20, 1), (512, 384, 128, 1), (64, 64, 32, 32), (5000, 3, 9, 2), (300, 9000, 700, 1)]
)
def test_a_cut_covers_the_product(sizes):
    m, n, k, batches = sizes
    for type in TYPES:
        t = FreeTile(type, host())
        for turned in (False, True):
            found = cut(t, m, n, k, batches, turned)
            assert found.columns % t.width == 0 and found.columns <= t.columns
            assert found.columns * (found.column_blocks - 1) < n <= found.columns * found.column_blocks
            assert 1 <= found.row_blocks <= m and 0 < found.k_block <= K_BLOCK and (found.packs or not turned)

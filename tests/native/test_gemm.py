"""Matrix products against float64 NumPy: shapes, strides, batches, machines, chunks run in any order, nothing else touched."""

from __future__ import annotations

import ctypes
import itertools
import mmap
import re
import sys
from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest

from taper.native import library
from taper.native.gemm import Operands, Product, StoreRowMajor, emit_pack, emit_product, plan_product
from taper.native.gemm.tiling import plan_dots, plan_tiles
from taper.native.machine import host, level
from taper.native.text import Module, const, element, i64, lanes, vector

KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
TYPES = {"float": (np.float32, 2e-6), "double": (np.float64, 1e-14)}
GUARD = 64
unique = itertools.count()


def pointer(index):
    return lambda b: b.load("ptr", b.offset(b.args[0], i64(index), "ptr"))


def written(plan, finish=None):
    """The text of a plan's kernels, and their names: pack (if any), product."""
    module, number, names = Module(), next(unique), []
    p = plan.product.transposed() if plan.swapped else plan.product
    operands = Operands(*map(pointer, (0, 1, 2, 4)))
    if plan.packed:
        names.append(f"test_gemm_pack{number}")
        emit_pack(module, names[0], plan, operands)
    names.append(f"test_gemm{number}")
    emit_product(module, names[-1], plan, operands, finish or StoreRowMajor(pointer(3), p.n, p.m))
    return str(module), names


def guarded(size, dtype):
    """An array between guards of NaN, which must neither be used nor written."""
    whole = np.full(size + 2 * GUARD, np.nan, dtype)
    return whole, whole[GUARD : GUARD + size]


def extent(sizes, strides):
    return sum((size - 1) * stride for size, stride in zip(sizes, strides)) + 1 if all(sizes) else 0


class Run:
    """A product with random operands, compiled for a machine that this one can stand in for."""

    def __init__(self, product, machine=None, plan=None, finish=None):
        machine = machine or host()
        self.product, self.plan = product, plan or plan_product(product, machine)
        text, names = written(self.plan, finish)
        addresses = library.load(library.object_code(text, machine), names)
        self.kernels = [KERNEL(a) for a in addresses]
        dtype, self.tolerance = TYPES[product.type]
        source = ml_dtypes.bfloat16 if product.source else dtype
        rng = np.random.default_rng(product.m * 7 + product.n * 5 + product.k)
        p = product
        a_sizes, b_sizes, c_sizes = (*p.batch, p.m, p.k), (*p.batch, p.k, p.n), (*p.batch, p.m, p.n)
        sizes = [extent(a_sizes, p.a), extent(b_sizes, p.b), self.plan.packed, int(np.prod(c_sizes, dtype=int))]
        sizes.append(sizes[3] if self.plan.needs_partial else 0)
        pairs = [guarded(size, source if i < 2 else dtype) for i, size in enumerate(sizes)]
        self.whole, (self.a, self.b, self.packed, self.c, self.partial) = zip(*pairs)
        self.a[:], self.b[:] = rng.standard_normal(self.a.size), rng.standard_normal(self.b.size)
        self.table = (ctypes.c_void_p * 5)(
            *[x.ctypes.data for x in (self.a, self.b, self.packed, self.c, self.partial)]
        )
        item = self.a.itemsize
        view = np.lib.stride_tricks.as_strided
        a = view(self.a, a_sizes, [s * item for s in p.a]).astype(np.float64)
        b = view(self.b, b_sizes, [s * item for s in p.b]).astype(np.float64)
        self.expected = a @ b
        self.scale = np.abs(a) @ np.abs(b)

    def run(self, pack=None, chunks=None):
        if self.plan.packed:
            for begin, end in pack or [(0, self.plan.pack_chunks)]:
                self.kernels[0](self.table, begin, end)
        for begin, end in chunks or [(0, self.plan.chunks)]:
            self.kernels[-1](self.table, begin, end)
        return self.c.reshape(self.expected.shape).copy()

    def check(self):
        result = self.run()
        bad = np.abs(result - self.expected) > self.tolerance * self.scale
        assert not bad.any(), f"{self.plan}: {bad.sum()} of {bad.size} wrong"
        assert not np.isnan(result).any()
        for array, whole in zip((self.a, self.b, self.packed, self.c, self.partial), self.whole):
            assert np.isnan(whole[:GUARD]).all() and np.isnan(whole[GUARD + array.size :]).all()


def transposes(m, n, k):
    """Strides of A and B contiguous or transposed: NN, NT, TN, TT."""
    for a in ((k, 1), (1, m)):
        for b in ((n, 1), (1, k)):
            yield a, b


SHAPES = [
    (1, 1, 1), (1, 37, 19), (1, 300, 33), (10, 2, 1), (10, 1, 2), (3, 5, 7), (17, 33, 1), (64, 10, 100), (33, 37, 41),
    (100, 1, 70), (64, 96, 72), (16, 130, 257), (130, 70, 130), (5, 6, 0), (0, 4, 3), (4, 0, 3),
]  # fmt: skip


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_transpose(shape, type):
    for a, b in transposes(*shape):
        Run(Product(*shape, (), type, a, b)).check()


BATCHED = [
    Product(7, 19, 23, (3, 2), "float", (23 * 7, 0, 23, 1), (0, 19 * 23, 1, 23)),
    Product(7, 19, 23, (3, 2), "double", (23 * 7 * 4, 0, 46, 2), (0, 19 * 23 * 6, 3, 69)),
    Product(64, 64, 32, (2, 4), "float", (64 * 128, 32, 128, 1), (64 * 128, 32, 1, 128)),
    Product(64, 32, 64, (2, 4), "float", (4 * 64 * 64, 64 * 64, 64, 1), (64 * 384, 32, 384, 1)),
    Product(24, 40, 8, (5,), "double", (0, 1, 24), (0, 40, 1)),
    Product(40, 50, 3, (2, 0, 3), "float"),
    Product(200, 64, 64, (3,), "float", (200 * 64, 64, 1), (0, 1, 64)),
    Product(6, 7, 8, (2,), "float", (100, -9 + 18, 1), (64, 8, 1)),
]


@pytest.mark.parametrize("product", BATCHED, ids=str)
def test_batches_and_strides(product):
    Run(product).check()


@pytest.mark.parametrize("name", ["x86-64", "x86-64-v3", "x86-64-v4"])
@pytest.mark.parametrize("type", TYPES)
def test_other_machines_that_this_one_can_run(name, type):
    machine = level(name, host().triple)
    if "x86_64" not in machine.triple or machine.vector_bits > host().vector_bits:
        pytest.skip(f"this machine cannot run {name}")
    for shape in [(33, 37, 41), (1, 37, 19), (64, 10, 100)]:
        for a, b in transposes(*shape):
            Run(Product(*shape, (), type, a, b), machine).check()


@pytest.mark.parametrize("name", ["x86-64", "x86-64-v3", "x86-64-v4", "neon"])
def test_code_for_every_machine(name):
    machine = level(name)
    for a, b in transposes(66, 50, 40):
        text, _ = written(plan_product(Product(66, 50, 40, (), "float", a, b), machine))
        code = library.assembly(text, machine)
        fused = {"x86-64": "mulps", "x86-64-v3": "vfmadd", "x86-64-v4": "zmm", "neon": "fmla"}[name]
        assert fused in code
        assert "fmaf" not in code


@pytest.mark.parametrize("type", TYPES)
def test_swapped(type):
    for shape in [(33, 37, 41), (100, 10, 64), (1, 3, 2)]:
        for a, b in transposes(*shape):
            product = Product(*shape, (), type, a, b)
            plan = plan_tiles(product.transposed(), host(), swapped=True)
            Run(product, plan=plan).check()
            Run(product, plan=replace(plan, packs_b=True, k_block=16, copies_a=a[0] != 1)).check()
    product = Product(12, 30, 20, (2, 3), type, (0, 240, 20, 1), (3 * 600, 600, 1, 20))
    Run(product, plan=plan_tiles(product.transposed(), host(), swapped=True)).check()


@pytest.mark.parametrize("type", TYPES)
def test_dot_products(type):
    for shape in [(64, 48, 40), (33, 37, 41), (1, 10, 64), (7, 1, 30), (5, 130, 9), (1, 3, 2)]:
        product = Product(*shape, (), type, (shape[2], 1), (1, shape[2]))
        Run(product, plan=plan_dots(product, host())).check()


def test_bfloat16_is_widened():
    for shape in [(33, 37, 41), (1, 19, 30), (20, 16, 1300)]:
        for a, b in transposes(*shape):
            Run(Product(*shape, (), "float", a, b, "bfloat")).check()
    Run(Product(6, 9, 11, (2, 3), "float", (400, 90, 13, 1), (0, 99, 9, 1), "bfloat")).check()


PAIRED = [(33, 37, 42), (1, 19, 30), (20, 16, 1300), (64, 48, 2), (130, 70, 256), (5, 3, 16)]


def paired(machine):
    """A machine that multiplies pairs of bfloat16 numbers."""
    return replace(machine, bf16=True, features=f"{machine.features},+avx512bf16".lstrip(","))


def test_bfloat16_in_pairs():
    if "+avx512bf16" not in host().features or host().vector_bits < 512:
        pytest.skip("this machine has no such instruction")
    machine = paired(host())
    for shape in PAIRED:
        for a, b in transposes(*shape):
            run = Run(Product(*shape, (), "float", a, b, "bfloat"), machine)
            assert run.plan.product.pair
            run.check()
    Run(Product(6, 9, 12, (2, 3), "float", (400, 90, 13, 1), (0, 120, 10, 1), "bfloat"), machine).check()
    Run(Product(6, 9, 12, (2,), "float", (400, 36, 3), (500, 40, 4), "bfloat"), machine).check()


@pytest.mark.parametrize("shape", PAIRED, ids=str)
def test_code_for_pairs(shape):
    machine = paired(level("x86-64-v4"))
    for a, b in transposes(*shape):
        text, _ = written(plan_product(Product(*shape, (), "float", a, b, "bfloat"), machine))
        code = library.assembly(text, machine)
        assert "vdpbf16ps" in code and "vfmadd" not in code


def test_an_odd_number_of_steps_is_widened():
    plan = plan_product(Product(4, 5, 7, source="bfloat"), paired(level("x86-64-v4")))
    assert not plan.product.pair


@pytest.mark.parametrize("name", ["x86-64", "x86-64-v3", "x86-64-v4", "neon"])
def test_nothing_is_left_to_a_library(name):
    for product in (Product(33, 37, 41, source="bfloat"), Product(33, 37, 41, b=(1, 41)), Product(5, 3, 90, b=(1, 90))):
        text, _ = written(plan_product(product, level(name)))
        called = set(re.findall(r"^\t(?:callq?|bl)\t(\w+)", library.assembly(text, level(name)), re.MULTILINE))
        assert called, "a product calls its micro-kernel"
        assert all(c.startswith(("tile_", "dot_", "copy_")) for c in called), called


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

    for type in TYPES:
        for shape in [(33, 37, 41), (1, 19, 30), (20, 3, 70)]:
            for a, b in transposes(*shape):
                run = Run(Product(*shape, (), type, a, b))
                expected = run.run()
                held = [last(x) for x in (run.a, run.b, run.packed, run.c)]
                for i, array in enumerate(held):
                    run.table[i] = array.ctypes.data
                run.run()
                assert np.array_equal(held[3].reshape(expected.shape), expected)


@pytest.mark.parametrize("k", [64, 257])
def test_a_large_left_side_is_brought_nearer(k):
    """Prefetches change nothing, and what they ask for past the end does no harm."""
    product = Product((host().l2 // 4) // (4 * k) + 7, 49, k)
    plan = replace(plan_tiles(product, host()), copies_a=False, packs_b=False, k_block=k)
    assert plan.brought and not replace(plan, copies_a=True).brought
    Run(product, plan=plan).check()
    assert not plan_tiles(Product(64, 49, k), host()).brought


def test_blocked_k():
    for a, b in transposes(30, 40, 700):
        for type in TYPES:
            plan = plan_tiles(Product(30, 40, 700, (), type, a, b), host())
            blocked = replace(plan, k_block=256)
            assert blocked.k_blocks == 3 and blocked.needs_partial
            Run(blocked.product, plan=blocked).check()
            Run(blocked.product, plan=replace(blocked, copies_a=True)).check()


@pytest.mark.parametrize("shape", [(64, 96, 80), (130, 70, 130), (100, 300, 10)], ids=str)
def test_copies_and_panels_change_nothing(shape):
    for a, b in transposes(*shape):
        product = Product(*shape, (), "float", a, b)
        run = Run(product, plan=plan_tiles(product, host()))
        first = run.run()
        for copies_a in (False, True):
            other = Run(run.product, plan=replace(run.plan, copies_a=copies_a, packs_b=True, pack_splits=3))
            other.check()
            assert np.array_equal(other.run(), first)


@pytest.mark.parametrize(
    "product",
    [
        Product(64, 512, 96, (), "float", (96, 1), (1, 96)),
        Product(200, 200, 60, (), "double"),
        Product(1, 1000, 300, (), "float", (300, 1), (1, 300)),
        Product(64, 32, 64, (16,), "float"),
    ],
    ids=str,
)
def test_any_split_of_chunks_gives_the_same_bits(product):
    run = Run(product)
    assert run.plan.chunks >= 8
    first = run.run()
    rng = np.random.default_rng(0)
    for _ in range(3):
        splits = []
        for count in (run.plan.pack_chunks, run.plan.chunks):
            cuts = [0, *sorted(rng.integers(0, count + 1, 3)), count]
            ranges = list(itertools.pairwise(int(c) for c in cuts))
            rng.shuffle(ranges)
            splits.append([tuple(r) for r in ranges])
        run.c[:] = run.packed[:] = np.nan
        assert np.array_equal(run.run(*splits), first)


def test_the_plan_follows_from_the_machine_alone():
    large = Product(512, 512, 512)
    for name, most in [("x86-64", 16), ("x86-64-v3", 16), ("x86-64-v4", 32), ("neon", 32)]:
        plan = plan_product(large, level(name))
        assert most / 2 < plan.rows * plan.vectors < most
        assert 8 <= plan.chunks <= 64
        assert plan.flops == 2 * 512**3
    assert plan_product(Product(10, 2, 3), host()).chunks == 1


def test_the_result_can_be_finished_on_the_way():
    """A bias and a ReLU in the epilogue, which sees every element once."""
    product = Product(37, 45, 29)

    def finish(b, value, batch, row, column, mask):
        bias = b.load("ptr", b.offset(b.args[0], i64(2), "ptr"))
        wide = vector("float", lanes(value.type))
        where = b.offset(bias, column, "float")
        extra = b.load(wide, where) if mask is None else b.masked_load(wide, where, mask)
        zero = const(0, wide)
        value = b.add(value, extra)
        store = StoreRowMajor(pointer(3), 45)
        store.begin(b)
        store(b, b.select(b.compare(">", value, zero), value, zero), batch, row, column, mask)
        assert element(value.type) == "float"

    def fetch(b, batch, row, column):
        b.prefetch(b.offset(pointer(3)(b), b.add(b.mul(row, i64(45)), column), "float"))

    finish.fetch = fetch
    run = Run(product, plan=replace(plan_tiles(product, host()), packs_b=False), finish=finish)
    bias = np.random.default_rng(1).standard_normal(45).astype(np.float32)
    run.table[2] = bias.ctypes.data
    np.testing.assert_allclose(run.run(), np.maximum(run.expected + bias, 0), rtol=1e-4, atol=1e-5)


def test_transposed():
    product = Product(3, 4, 5, (2,), "double", (15, 5, 1), (20, 4, 1))
    other = product.transposed()
    assert other == Product(4, 3, 5, (2,), "double", (20, 1, 4), (15, 1, 5))
    assert other.transposed() == product


def test_wrong_strides_are_refused():
    with pytest.raises(ValueError, match="needs 3 strides"):
        Product(2, 3, 4, (5,), "float", (4, 1))


def test_missing_buffers_are_refused():
    plan = plan_tiles(Product(30, 40, 700), host())
    operands, store = Operands(pointer(0), pointer(1)), StoreRowMajor(pointer(3), 40)
    with pytest.raises(ValueError, match="partial sums"):
        emit_product(Module(), "f", replace(plan, k_block=256), operands, store)
    with pytest.raises(ValueError, match="packed panels"):
        emit_product(Module(), "f", replace(plan, packs_b=True), operands, store)
    with pytest.raises(ValueError, match="packed panels"):
        emit_pack(Module(), "f", replace(plan, packs_b=True), operands)

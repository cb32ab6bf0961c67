"""Passes for GPUs: the graph before and after, and that both mean the same."""

from __future__ import annotations

import re

import ml_dtypes
import numpy as np
import pytest

pytest.importorskip("llvmlite")

from taper.compiler.cuda.passes import (
    PASSES,
    compute_halves_in_float32,
    rebuilt,
    scale_products_not_factors,
    split_columns,
    sum_dots,
)
from taper.compiler.cuda.program import CudaProgram
from taper.compiler.evaluate import evaluate
from taper.compiler.graph import Graph, reached, verified
from taper.compiler.lower.calls import Call
from taper.native import library
from taper.native.machine import gpu

from ..native import simt
from .emulated import Emulated
from .test_cases import code_in_memory  # noqa: F401  (a fixture)

emulated = pytest.mark.skipif(not simt.supported, reason="threads are fibers, which only x86-64 switches")

F32, BF16 = np.dtype(np.float32), np.dtype(ml_dtypes.bfloat16)


def shown(node) -> str:
    """A graph as an expression."""
    if node.op == "input":
        return str(node.attrs[0])
    if node.op == "constant":
        return str(node.attrs[0].value.item())
    inner = ", ".join(map(shown, node.inputs))
    attrs = {"cast": node.dtype.name, "reshape": node.attrs[:1], "sum": node.attrs[:1], "max": node.attrs[:1]}
    return f"{attrs[node.op]}({inner})" if node.op == "cast" else f"{node.op}{attrs.get(node.op, ('',))[0]}({inner})"


def after(rule, g: Graph, result) -> object:
    """What a rule makes of a graph, which must not lose its meaning."""
    leaves = [n for n in reached([result]) if n.op == "input"]
    rng = np.random.default_rng(0)
    values = {n: rng.standard_normal(n.shape).astype(n.dtype) for n in leaves}
    (made,) = verified([rebuilt(g, [result], rule)[result]], rule.__name__)
    assert (made.shape, made.dtype) == (result.shape, result.dtype)
    a, b = (evaluate([n], values)[0].astype(np.float64) for n in (made, result))
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-4)
    return made


def test_half_precision_is_computed_in_float32_and_rounded_each_time():
    g = Graph()
    x, y = (g.leaf("input", name, (4,), BF16) for name in "xy")
    made = after(compute_halves_in_float32, g, g.elementwise("multiply", g.elementwise("add", x, y), y))
    total = "bfloat16(add(float32(x), float32(y)))"
    assert shown(made) == f"bfloat16(multiply(float32({total}), float32(y)))"
    made = after(compute_halves_in_float32, g, g.elementwise("less", x, y))
    assert shown(made) == "less(float32(x), float32(y))"
    made = after(compute_halves_in_float32, g, g.reduce("max", x, (0,)))
    assert shown(made) == "bfloat16(max(0,)(float32(x)))"


def test_scales_leave_the_factors():
    g = Graph()
    x, y = g.leaf("input", "x", (3, 4), BF16), g.leaf("input", "y", (4, 5), BF16)
    wide, other = g.cast(x, F32), g.cast(y, F32)
    scaled = g.elementwise("multiply", wide, g.scalar(0.5, F32))
    made = after(scale_products_not_factors, g, g.matmul(scaled, other))
    assert shown(made).startswith("multiply(matmul(float32(x), float32(y)), ")
    made = after(scale_products_not_factors, g, g.matmul(g.permute(g.permute(scaled, (1, 0)), (1, 0)), other))
    assert "matmul(float32(x), float32(y))" in shown(made)
    kept = g.matmul(g.elementwise("multiply", g.leaf("input", "z", (3, 4), F32), g.scalar(0.5, F32)), other)
    assert after(scale_products_not_factors, g, kept) is kept


def test_rows_times_columns_are_sums():
    g = Graph()
    x, y = g.leaf("input", "x", (1, 40), F32), g.leaf("input", "y", (40, 1), F32)
    made = after(sum_dots, g, g.matmul(x, y))
    assert "sum(" in shown(made) and "matmul" not in shown(made)
    stack = g.matmul(g.leaf("input", "a", (3, 1, 40), F32), g.leaf("input", "b", (2, 3, 40, 1), F32))
    assert "matmul" not in shown(after(sum_dots, g, stack))
    kept = g.matmul(x, g.leaf("input", "z", (40, 2), F32))
    assert after(sum_dots, g, kept) is kept


@pytest.mark.parametrize("op", ["sum", "max"])
def test_long_columns_are_reduced_in_parts(op):
    g = Graph()
    x = g.leaf("input", "x", (4096, 64), F32)
    made = after(split_columns, g, g.reduce(op, x, (0,)))
    assert shown(made) == f"{op}(0,)({op}(1,)(reshape(64, 64, 64)(x)))"
    for shape, axes in (((256, 64), (0,)), ((4096, 64), (1,)), ((64, 1 << 14), (0,)), ((4096, 8), (0,))):
        short = g.reduce(op, g.leaf("input", shape, shape, F32), axes)
        assert after(split_columns, g, short) is short


def test_results_and_overwritten_inputs_are_followed():
    g = Graph()
    w, x = g.leaf("input", "w", (8,), BF16), g.leaf("input", "x", (8,), BF16)
    new = g.copied(g.elementwise("subtract", w, x))
    program = CudaProgram(g, [new], {new: w}, Emulated().machine)
    (result,) = program.results
    assert result is not new and program.state == {result: w} and len(PASSES) == 4


def run(g: Graph, results, leaves: dict) -> tuple[list, CudaProgram]:
    """The values of results on an emulated GPU."""
    driver = Emulated()
    program = CudaProgram(g, results, {}, driver.machine).loaded(driver)
    arrays = {}
    for node, value in leaves.items():
        arrays[node] = driver.empty(node.shape, node.dtype)
        arrays[node][...] = value
    for node in program.results:
        arrays[node] = driver.empty(node.shape, node.dtype)
    program.run(arrays)
    return [arrays[n] for n in program.results], program


@pytest.mark.parametrize("dtype, wide", [(F32, 128), (BF16, 64)], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("size", [256, 2048])
def test_rows_are_read_once_by_wide_loads(size, dtype, wide):
    """A softmax: shuffles join what threads have found, and every element is loaded and stored once, several at a time."""
    g = Graph()
    x = g.leaf("input", "x", (8192, size), dtype)
    top = g.reduce("max", g.cast(x, F32), (1,))
    e = g.elementwise("exp", g.elementwise("subtract", g.cast(x, F32), g.reshape(top, (8192, 1))))
    soft = g.elementwise("divide", e, g.reshape(g.reduce("sum", e, (1,)), (8192, 1)))
    program = CudaProgram(g, [g.copied(g.cast(soft, dtype))], {}, gpu("sm_90"))
    (launch,) = program.entries
    text = library.ptx(launch.text, gpu("sm_90"))
    assert "shfl.sync.bfly" in text and ".local" not in text
    # LLVM writes four halves as v4.u16 or as v2.b32: the bits count.
    moves = re.findall(r"(ld|st)\.global\S*?(?:\.v([24]))?\.[bufs](\d+)", text)
    assert {int(count or 1) * int(bits) for _, count, bits in moves} == {wide}
    each = 8192 * size // (launch.grid.blocks * launch.grid.threads)
    assert [way for way, *_ in moves] == ["ld"] * (each // 4) + ["st"] * (each // 4)


@emulated
def test_long_columns_on_a_gpu():
    g = Graph()
    x = g.leaf("input", "x", (6000, 50), F32)
    values = np.random.default_rng(0).standard_normal(x.shape).astype(np.float32)
    results = [g.copied(g.reduce(op, x, (0,))) for op in ("sum", "max")]
    found, program = run(g, results, {x: values})
    np.testing.assert_allclose(found[0], values.sum(0, dtype=np.float64), rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(found[1], values.max(0))
    assert max(e.grid.blocks for e in program.entries) > 100


@emulated
@pytest.mark.parametrize("op", ["sum", "max", "argmax", "prod"])
@pytest.mark.parametrize(
    "shape", [(1, 70000), (3, 9001), (700, 1500), (5, 300), (4000, 33), (4000, 7), (2, 1)], ids=str
)
def test_rows_of_all_lengths(op, shape):
    g = Graph()
    x = g.leaf("input", "x", shape, F32)
    rng = np.random.default_rng(0)
    values = (rng.standard_normal(shape) if op != "prod" else rng.uniform(0.999, 1.001, shape)).astype(np.float32)
    (found,), _ = run(g, [g.copied(g.reduce(op, x, (1,)))], {x: values})
    if op.startswith("arg"):
        np.testing.assert_array_equal(found, values.argmax(1))
        return
    expected = getattr(values.astype(np.float64), op)(1)
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-5 * np.sqrt(shape[1]))


@emulated
def test_a_half_product_ends_in_half_precision():
    g = Graph()
    x, y = g.leaf("input", "x", (6, 8), BF16), g.leaf("input", "y", (8, 5), BF16)
    scaled = g.elementwise("multiply", g.matmul(g.cast(x, F32), g.cast(y, F32)), g.scalar(0.25, F32))
    product = g.cast(g.reshape(scaled, (30,)), BF16)
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(n.shape).astype(BF16) for n in (x, y))
    (found,), program = run(g, [g.copied(g.elementwise("negative", product))], {x: a, y: b})
    (call,) = (e for e in program.entries if isinstance(e, Call))
    assert (call.what.dtype, call.what.out, call.what.scale) == ("bfloat16", "bfloat16", 0.25)
    expected = -0.25 * (a.astype(np.float32) @ b.astype(np.float32))
    np.testing.assert_allclose(found.astype(np.float32).reshape(6, 5), expected, rtol=1e-2, atol=1e-2)


@emulated
def test_the_same_bits_at_each_run_and_in_any_order_of_threads():
    g = Graph()
    x = g.leaf("input", "x", (37, 600), F32)
    values = np.random.default_rng(0).standard_normal(x.shape).astype(np.float32)
    top = g.reduce("max", x, (1,))
    e = g.elementwise("exp", g.elementwise("subtract", x, g.reshape(top, (37, 1))))
    soft = g.elementwise("divide", e, g.reshape(g.reduce("sum", e, (1,)), (37, 1)))
    results = [g.copied(soft), g.copied(g.reduce("sum", soft, (0,)))]
    seen = set()
    for backwards in (False, True):
        driver = Emulated(backwards=backwards)
        program = CudaProgram(g, results, {}, driver.machine).loaded(driver)
        arrays = {x: driver.empty(x.shape, F32), **{n: driver.empty(n.shape, F32) for n in program.results}}
        arrays[x][...] = values
        for _ in range(2):
            program.run(arrays)
            seen.add(tuple(arrays[n].tobytes() for n in program.results))
    assert len(seen) == 1
    np.testing.assert_allclose(arrays[program.results[0]].sum(1), 1, rtol=1e-5)

"""Graphs as machine code against their meaning: whatever the passes fuse, reorder and overwrite, results stay the same."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from taper.compiler.evaluate import evaluate
from taper.compiler.graph import Graph, verified
from taper.compiler.program import Program

from .random_graphs import Made, graphs

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


GUARD = 4096
"""Bytes before and after every array that must stay as they are."""


def guarded(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A copy of an array amid guard bytes, and the whole block."""
    block = np.full(array.nbytes + 2 * GUARD, 0xA5, np.uint8)
    inside = block[GUARD : GUARD + array.nbytes].view(array.dtype).reshape(array.shape)
    inside[...] = array
    return inside, block


def run(made: Made, times: int = 1) -> None:
    """Compile, run, and compare results, overwritten inputs and inputs that must stay as they are."""
    verified(made.results, "drawing")
    reference = evaluate(made.results, made.leaves)
    program = Program(made.graph, made.results, made.state)
    for _ in range(times):
        blocks = {n: guarded(a) for n, a in made.leaves.items()}
        blocks |= {n: guarded(np.full(n.shape, 77, n.dtype)) for n in program.results if n not in program.state}
        arrays = {n: inside for n, (inside, _) in blocks.items()}
        program.run(arrays)
        for node, (_, block) in blocks.items():
            assert (block[:GUARD] == 0xA5).all() and (block[-GUARD:] == 0xA5).all(), f"written outside of {node!r}"
        overwritten = set()
        for node, old, wanted in zip(program.results, made.results, reference):
            home = program.state.get(node)
            overwritten.add(home)
            check(made, old, arrays[node] if home is None else arrays[home], wanted)
        for leaf, array in made.leaves.items():
            if leaf not in overwritten:
                np.testing.assert_array_equal(arrays[leaf], array, err_msg=f"input {leaf!r} was changed")


def check(made: Made, node, found: np.ndarray, wanted: np.ndarray) -> None:
    value = made.expected[node]
    where = f"{node!r}"
    if wanted.dtype.kind != "f":
        np.testing.assert_array_equal(found, wanted, err_msg=where)
        return
    np.testing.assert_allclose(
        found, wanted, rtol=value.tolerance() / value.scale, atol=value.tolerance(), err_msg=where
    )


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(graphs())
def test_programs_compute_what_graphs_mean(made):
    run(made)


@settings(max_examples=40, deadline=None, suppress_health_check=SLOW)
@given(graphs(steps=6, stateful=True))
def test_programs_overwrite_inputs_after_all_have_read_them(made):
    run(made)


@pytest.mark.parametrize("to", ["int8", "uint8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "bool"])
@pytest.mark.parametrize("of", ["float64", "float32", "int64", "int32", "int16"])
def test_casts_write_no_byte_too_many(of, to):
    """One number more than vectors hold: LLVM 22 stored that one before it was narrowed."""
    of, to = np.dtype(of), np.dtype(ml_dtypes.bfloat16 if to == "bfloat16" else to)
    for n in (1, 5, 9, 17, 33, 65):
        graph = Graph()
        x = graph.leaf("input", 0, (n,), of)
        results = [graph.copied(graph.cast(x, to))]
        values = np.random.default_rng(n).integers(-100, 100, n).astype(of)
        program = Program(graph, results, {})
        (y,) = program.results
        inside, block = guarded(np.full(n, 77, to))
        program.run({x: values, y: inside})
        assert (block[:GUARD] == 0xA5).all() and (block[-GUARD:] == 0xA5).all(), n
        np.testing.assert_array_equal(inside, values.astype(to))

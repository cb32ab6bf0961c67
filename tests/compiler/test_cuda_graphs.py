"""Random graphs as kernels for a GPU against their meaning, run thread by thread on this processor."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from taper.compiler.evaluate import evaluate
from taper.compiler.graph import verified

pytest.importorskip("llvmlite")

from taper.compiler.cuda.program import CudaProgram

from ..native import simt
from .emulated import Emulated
from .random_graphs import Made, graphs
from .test_cases import code_in_memory  # noqa: F401  (a fixture)
from .test_graphs import GUARD, SLOW, check, guarded

pytestmark = pytest.mark.skipif(not simt.supported, reason="threads are fibers, which only x86-64 switches")


def run(made: Made, times: int = 2) -> None:
    """Compile, run directly and as a captured graph, and compare; nothing outside of the arrays may be written."""
    verified(made.results, "drawing")
    reference = evaluate(made.results, made.leaves)
    driver = Emulated(backwards=bool(len(made.values) % 2))
    program = CudaProgram(made.graph, made.results, made.state, driver.machine).loaded(driver)
    blocks: dict = {}
    for _ in range(times):
        fresh = {n: guarded(a) for n, a in made.leaves.items()}
        fresh |= {n: guarded(np.full(n.shape, 77, n.dtype)) for n in program.results if n not in program.state}
        for node, (inside, _) in fresh.items():
            blocks.setdefault(node, fresh[node])[0][...] = inside
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


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(graphs())
def test_programs_compute_what_graphs_mean(made):
    run(made)


@settings(max_examples=40, deadline=None, suppress_health_check=SLOW)
@given(graphs(steps=6, stateful=True))
def test_programs_overwrite_inputs_after_all_have_read_them(made):
    run(made)

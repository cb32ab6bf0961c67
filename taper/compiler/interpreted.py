"""A program without machine code: the graph run by the reference evaluator, where llvmlite is not installed."""

from __future__ import annotations

import numpy as np

from .evaluate import evaluate
from .graph import LEAVES, Graph, Node, reached
from .undo import Undo


class InterpretedProgram:
    """What `program.Program` is, run by NumPy node by node."""

    enters = False
    threads = 0
    work = 0.0

    def __init__(self, graph: Graph, results: list[Node], state: dict[Node, Node]):
        self.results, self.state = results, state
        self.leaves = [n for n in reached(results) if n.op in LEAVES and n.op != "constant"]
        self.segments: list = []
        self.entries: list = []
        self.kernels: list = []
        nodes = [*self.leaves, *results, *state.values()]
        self.slot = {n: i for i, n in enumerate(dict.fromkeys(nodes))}
        self.slots = np.zeros(len(self.slot) + 1, np.int64)

    def run(self, arrays: dict[Node, np.ndarray], refused: np.ndarray | None = None) -> bool:
        """Run everything. `arrays` are those of leaves, outputs and overwritten inputs.

        False, and nothing overwritten, if the flag `refused` gets set.
        """
        values = evaluate(self.results, {n: a for n, a in arrays.items() if n.op in LEAVES})
        overwritten = []
        for node, value in zip(self.results, values):
            if node in self.state:
                overwritten.append((arrays[self.state[node]], np.array(value)))
            else:
                arrays[node][...] = value
        if refused is not None and refused:
            return False
        undo = Undo([a for a, _ in overwritten], [np.empty_like(a) for a, _ in overwritten])
        try:
            for array, value in overwritten:
                array[...] = value
        except BaseException:
            undo.put_back()
            raise
        return True

"""Elementwise formulas over arrays of any size, natively and in one pass over memory.

A formula is captured once, on vectors of LENGTH elements. Its kernel works in chunks that do not know how many there are,
so whole chunks are computed where they lie, and what is left over in a chunk of its own, filled up with what was there.
"""

from __future__ import annotations

import threading

import numpy as np

from .errors import CaptureError
from .graph import Graph, Node
from .lower.loops import CHUNK
from .program import Program

LENGTH = 1 << 20
"""Elements of the vectors for which a formula is compiled, and that one native call computes at most."""

FEW = 4
"""Chunks up to which one thread computes them all."""


class OnePass:
    """The program of a formula: of `inputs` with LENGTH elements, or one that meets all of the others, a result with LENGTH."""

    def __init__(self, graph: Graph, inputs: list[Node], results: list[Node | None], tree, checks: list[Node]):
        if len(results) != 1 or results[0] is None or results[0].shape != (LENGTH,) or checks:
            raise CaptureError("no elementwise formula")
        self.inputs, self.result = inputs, graph.copied(results[0])
        self.program = program = Program(graph, [self.result], {})
        if [e.chunks * CHUNK for e in program.entries] != [LENGTH] or any(s.host is not None for s in program.segments):
            raise CaptureError("more than one kernel")
        self.ends = {n: np.zeros(CHUNK, n.dtype) for n in (*inputs, self.result) if n.ndim}
        self.lock = threading.Lock()

    def run(self, given: list[np.ndarray]) -> np.ndarray:
        """The result for contiguous arrays, those with dimensions all of one shape."""
        shape = next(a.shape for a, n in zip(given, self.inputs) if n.ndim)
        out = np.empty(shape, self.result.dtype)
        arrays = [*given, out]
        flat = [(n, a.reshape(-1)) for n, a in zip((*self.inputs, self.result), arrays)]
        whole = out.size // CHUNK * CHUNK
        with self.lock:
            for start in range(0, whole, LENGTH):
                self._call(min(whole - start, LENGTH) // CHUNK, [(n, a[start:] if n.ndim else a) for n, a in flat])
            if whole < out.size:
                for node, array in flat[:-1]:
                    if node.ndim:
                        self.ends[node][: out.size - whole] = array[whole:]
                self._call(1, [(n, self.ends.get(n, a)) for n, a in flat])
                flat[-1][1][whole:] = self.ends[self.result][: out.size - whole]
        return out

    def _call(self, chunks: int, arrays: list[tuple[Node, np.ndarray]]) -> None:
        program = self.program
        for node, array in arrays:
            at = program.slot.get(node)
            if at is not None:
                program.slots[at] = array.ctypes.data
        program.code[0, 2] = chunks
        program.threads = int(chunks > FEW)
        program.native(0, 1)


def is_single(x: np.ndarray) -> bool:
    """Whether all elements of an array are one, seen in a larger shape, or it has no dimensions."""
    return x.size > 1 and not any(x.strides) or x.ndim == 0


def prepared(arrays: list[np.ndarray]) -> tuple[list[np.ndarray], list[int] | None] | None:
    """Arrays contiguous in the order of memory that NumPy would give the result, those of a single element as just that.

    Also the order of axes, None where that is the usual one. None altogether if shapes differ or all are single.
    """
    full = [a for a in arrays if not is_single(a)]
    if not full or any(a.shape != full[0].shape for a in arrays if a.ndim):
        return None
    order = None
    if not full[0].flags.c_contiguous:
        strides = full[0].strides
        order = sorted(range(len(strides)), key=lambda i: -abs(strides[i]))
        full = [a.transpose(order) for a in full]
    rest = iter(full)
    return [np.asarray(a[(0,) * a.ndim]) if is_single(a) else np.ascontiguousarray(next(rest)) for a in arrays], order

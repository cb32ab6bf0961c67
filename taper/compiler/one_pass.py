"""Formulas over any number of elements, or of rows, natively and in one pass over memory.

A formula is captured once, on arrays whose first dimension stands for any length (`lower/loops.py`): its kernel is told at
each call how long it is.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy import empty

from .entry import AWAKE, BRIEF, SHARED, Entrance, enterable
from .errors import CaptureError
from .graph import ANY, Graph, Node
from .homes import fit
from .program import Program
from .reuse import new_array
from .way import opened


class OnePass:
    """The program of a formula: of `inputs`, some with a first dimension of ANY, results that all have it."""

    def __init__(
        self, graph: Graph, inputs: list[Node], results: list[Node | None], tree, checks: list[Node], numbers: int = 0
    ):
        if checks or any(r is None or r.shape[:1] != (ANY,) for r in results):
            raise CaptureError("no formula of elements, or of rows")
        made = [graph.copied(r) for r in results]
        self.several = tree is not None
        self.program = program = Program(graph, made, {})
        if any(e.chunks != ANY for e in program.entries) or any(s.host is not None for s in program.segments):
            raise CaptureError("kernels that do not go over all elements, or rows, alike")
        if len(program.entries) > 1 and program.arena_size:
            raise CaptureError("results between kernels")
        slot = program.slot
        used = [i for i, n in enumerate(inputs) if n in slot]
        nodes = [*[inputs[i] for i in used], *made]
        if not enterable(program, len(nodes), 0):
            raise CaptureError("arrays that are not passed as objects")
        specs = [(slot[n], None, n.dtype, False) for n in nodes]
        self.made = [(n.shape[1:], n.dtype) for n in made]
        self.used = None if len(used) == len(inputs) else used
        self.each = program.work / ANY
        self.quick, self.long = (Entrance(program, specs, np.zeros(1), 0, None, brief) for brief in (True, False))
        self.lengths = [memoryview(program.code[i, 2:3]) for i in range(len(program.entries))]
        self.lock = threading.Lock()
        way = opened(program, inputs, made, numbers, self.each)
        self.way, self.record = way or (None, None)

    def run(self, given: Sequence[np.ndarray | float], length: int):
        """The result, or the results, of `length`, for contiguous arrays of that length and such of no such dimension, and
        the numbers."""
        work = length * self.each
        new = empty if work < BRIEF else new_array
        out = [new((length, *tail), dtype) for tail, dtype in self.made]
        if work < BRIEF and self.way is not None and self.way(*given, *out):
            return out if self.several else out[0]
        given = [np.array(a) if a.__class__ is float else a for a in given]
        arrays = given if self.used is None else [given[i] for i in self.used]
        with self.lock, self.held():
            for cell in self.lengths:
                cell[0] = length
            if work < BRIEF:
                ran = self.quick.enter(self.quick.address, *arrays, *out)
            elif work < AWAKE:
                self.long.words[7] = 1
                ran = self.long.enter(self.long.address, *arrays, *out)
            else:
                with self.long.share(work < SHARED):
                    ran = self.long.enter(self.long.address, *arrays, *out)
        if not ran:
            # One lies unaligned.
            return self.run([fit(a) for a in given], length)
        return out if self.several else out[0]

    @contextmanager
    def held(self) -> Iterator[None]:
        """A scope in which the program is not entered by its way."""
        if self.record is None:
            yield
            return
        self.record[-1] = 1
        try:
            yield
        finally:
            self.record[-1] = 0


def is_single(x: np.ndarray) -> bool:
    """Whether all elements of an array are one, seen in a larger shape, or it has no dimensions."""
    return x.ndim == 0 or not x.flags.c_contiguous and x.size > 1 and not any(x.strides)


def prepared(arrays: list[np.ndarray]) -> tuple[list[np.ndarray], tuple[int, ...], list[int] | None] | None:
    """Arrays contiguous in the order of memory that NumPy would give the result, those of a single element as just that.

    Also the shape of the others, and the order of axes, None where that is the usual one. None altogether if shapes
    differ or all are single.
    """
    single = [is_single(a) for a in arrays]
    full = [a for a, one in zip(arrays, single) if not one]
    if not full:
        return None
    shape, order = full[0].shape, None
    if any(a.shape != shape for a in arrays if a.ndim):
        return None
    if not full[0].flags.c_contiguous:
        strides = full[0].strides
        order = sorted(range(len(strides)), key=lambda i: -abs(strides[i]))
        full = [a.transpose(order) for a in full]
        shape = full[0].shape
    rest = iter(full)
    return [a[(0,) * a.ndim + (...,)] if one else in_order(next(rest)) for a, one in zip(arrays, single)], shape, order


def in_order(x: np.ndarray) -> np.ndarray:
    """An array in C order."""
    return x if x.flags.c_contiguous else np.ascontiguousarray(x)

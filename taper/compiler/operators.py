"""The compiler's kernels for eager execution: single functions of the CPU namespace, and optimizers' rules, as programs.

`backends/cpu/large.py` asks for them where arrays are large. A function is captured from what it computes on symbols,
once for each combination of shapes, dtypes and options.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import contextmanager

import numpy as np

from ..backends import cpu
from ..backends.cpu.large import Native
from . import arrays
from .engine import native_available
from .errors import CaptureError
from .evaluate import evaluate
from .graph import Graph, Node
from .numbers import Number
from .program import Program
from .recording import recording
from .symbol import Symbol, made
from .trees import flatten, rebuild

LIMIT = 512
"""Programs kept in memory; beyond that all are forgotten (their code stays on disk)."""

_programs: dict[tuple, Fused | None] = {}
_making = threading.Lock()


class Fused:
    """A program with its inputs and results in order."""

    def __init__(self, graph: Graph, inputs: list[Node], results: list, tree, overwritten: list[Node], checks: list[Node]):
        self.inputs, self.tree = inputs, tree
        self.results = [graph.copied(r.node()) if isinstance(r, Symbol) else r for r in results]
        nodes = [r for r in self.results if isinstance(r, Node)]
        flag = None
        for check in checks:
            bad = graph.reduce("any", check, tuple(range(check.ndim)))
            flag = bad if flag is None else graph.elementwise("logical_or", flag, bad)
        self.flag = None if flag is None else graph.copied(flag)
        state = dict(zip(nodes, overwritten))
        self.program = Program(graph, nodes + ([] if flag is None else [self.flag]), state)
        if any(s.host is not None for s in self.program.segments) or set(self.program.results) - {*nodes, self.flag}:
            raise CaptureError("a kernel that needs the interpreter")
        self.overwrites = bool(overwritten)
        self.lock = threading.Lock()

    def run(self, given: list[np.ndarray]):
        """The results for these arrays; NotImplemented if they hold what the kernel refuses."""
        values: dict[Node, np.ndarray] = {}
        for node, array in zip(self.inputs, given):
            values[node] = array if array.flags.c_contiguous else np.ascontiguousarray(array)
        fresh = [] if self.overwrites else [np.empty(n.shape, n.dtype) if isinstance(n, Node) else n for n in self.results]
        for node, array in zip(self.results, fresh):
            if isinstance(node, Node):
                values[node] = array
        refused = np.zeros((), bool)
        if self.flag is not None:
            values[self.flag] = refused
        with self.lock:
            self.program.run(values)
        if refused:
            return NotImplemented
        return None if self.overwrites else rebuild(self.tree, fresh)


@contextmanager
def _recorded(graph: Graph):
    """Symbols record into `graph`, and what was asked and checked is noted."""
    before = recording.graph
    recording.graph, recording.questions, recording.checks = graph, [], []
    try:
        yield
    finally:
        recording.graph = before


def run(kernel: Callable, args: tuple):
    """A function of the CPU namespace on these arrays and options; NotImplemented where it stays NumPy's."""
    if recording.graph is not None:
        return NotImplemented
    try:
        key = (kernel.__name__, cpu.winograd, *[(a.shape, a.dtype) if isinstance(a, np.ndarray) else a for a in args])
        fused = _programs.get(key, key)
    except TypeError:
        return NotImplemented
    if fused is key:
        with _making:
            fused = _keep(key, _captured(kernel, args))
    return NotImplemented if fused is None else fused.run([a for a in args if isinstance(a, np.ndarray)])


def _keep(key: tuple, fused: Fused | None) -> Fused | None:
    if len(_programs) >= LIMIT:
        _programs.clear()
    _programs[key] = fused
    return fused


def _captured(kernel: Callable, args: tuple) -> Fused | None:
    graph = Graph()
    with _recorded(graph):
        symbols, inputs = [], []
        for a in args:
            if isinstance(a, np.ndarray):
                inputs.append(graph.leaf("input", len(inputs), a.shape, a.dtype))
                symbols.append(made(inputs[-1]))
            else:
                symbols.append(a)
        try:
            results, tree = flatten(getattr(arrays, kernel.__name__)(*symbols))
            if not all(isinstance(r, Symbol) or r is None for r in results):
                return None
            return Fused(graph, inputs, results, tree, [], recording.checks)
        except CaptureError:
            return None


def update(rule: Callable, tensors: list[np.ndarray], numbers: dict):
    """Overwrite a parameter and its state (`tensors`: parameter, gradient, state...) by an optimizer's pure rule.

    NotImplemented where the rule has no program. Numbers are read at each call but for 0, 1, None and flags, on which
    rules branch.
    """
    changing = {k: float(v) for k, v in numbers.items() if type(v) in (int, float) and v not in (0, 1)}
    fixed = tuple((k, v) for k, v in numbers.items() if k not in changing)
    key = rule, tuple((a.shape, a.dtype) for a in tensors), fixed, tuple(changing)
    try:
        fused = _programs.get(key, key)
    except TypeError:
        return NotImplemented
    if fused is key:
        with _making:
            fused = _keep(key, _captured_rule(rule, tensors, dict(fixed), changing))
    if fused is None:
        return NotImplemented
    return fused.run([*tensors, *[np.array(v, np.float64) for v in changing.values()]])


def _captured_rule(rule: Callable, tensors: list[np.ndarray], fixed: dict, changing: dict[str, float]) -> Fused | None:
    graph = Graph()
    with _recorded(graph):
        inputs = [graph.leaf("input", i, a.shape, a.dtype) for i, a in enumerate(tensors)]
        numbers = [graph.leaf("input", name, (), np.float64) for name in changing]
        values = {n: np.float64(v) for n, v in zip(numbers, changing.values())}
        recording.present = lambda node: evaluate([node], values)[0].item()
        try:
            results = rule(
                arrays, *[made(n) for n in inputs], **fixed, **{k: Number(n) for k, n in zip(changing, numbers)}
            )
            # A number that is neither 0 nor 1 answers every question whether it is one of them.
            settled = all(q.node in values and q.operand in (None, 0, 1) for q in recording.questions)
            if not settled or not all(isinstance(r, Symbol) for r in results):
                return None
            # The gradient, which is second, stays as it is.
            return Fused(graph, [*inputs, *numbers], list(results), None, [inputs[0], *inputs[2:]], [])
        except CaptureError:
            return None


def lend() -> None:
    """Let the CPU namespace run large kernels natively, where machine code can be made."""
    if native_available():
        Native.run, Native.update = run, update
    else:
        Native.run = Native.update = None

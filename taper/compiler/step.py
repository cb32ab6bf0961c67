"""One captured and compiled way through a function.

A `Step` binds the inputs of a program to the tensors and numbers they come from, and holds the generated call
(`calling.py`) with the guards (`guards.py`) under which the program means what the function means.
"""

from __future__ import annotations

import threading

import numpy as np

from .. import dtypes
from ..autograd.hooks import Handle
from ..autograd.leaves import hooks_of
from ..autograd.modes import is_grad_enabled
from .backward import BackwardProgram
from .calling import Call
from .captured import Captured, Effect, Output, Source
from .errors import CaptureError
from .evaluate import evaluate
from .graph import LEAVES, Graph, Node, reached
from .guards import autocast
from .homes import lies_fit
from .numbers import RELATIONS
from .trees import flatten
from .undo import Undo


class Step:
    """A program with its guards and bindings."""

    def __init__(self, captured: Captured, args: tuple, kwargs: dict):
        self.captured = captured
        leaves, self.tree = flatten((args, kwargs))
        self.given = leaves
        self.lock = threading.Lock()
        self.scope: dict[str, object] = {}
        self.grad_mode = is_grad_enabled()
        self.default = dtypes.get_default_dtype()
        self.autocast = autocast()
        self._results()
        self.home = captured.home
        self.hosted = self._hosted()
        options = {"hosted": self.hosted} if self.hosted else {}
        self.program = self.home.program(captured.graph, self.results, self.state, **options)
        self._rename()
        self._bind()
        # Hooks are looked at when any was registered or removed.
        self.hooks = [(t, hooks_of(t)) for t, _ in captured.needing]
        self.nodes: list[Node] = []
        self.source = ""
        self.call = Call(self).written()

    # What the program computes.

    def _results(self) -> None:
        """The program's results: each returned value and each effect as a node of its own, and what overwrites what."""
        g: Graph = self.captured.graph
        self.results: list[Node] = []
        self.state: dict[Node, Node] = {}
        self.returned: list[tuple[Output, Node] | tuple[object, None]] = []
        self.fresh: list[tuple[Effect, Node]] = []
        self.written: list[tuple[Source, Node]] = []
        self.cleared: list[Source] = []
        gradients = self.captured.gradients
        self.backward = None if gradients is None else BackwardProgram(gradients, self.captured.home)
        for output in self.captured.outputs:
            if isinstance(output, Output) and output.value is not None:
                node = g.copied(output.value)
                self.results.append(node)
                self.returned.append((output, node))
            else:
                self.returned.append((output, None))
        self.flag: Node | None = None
        for check in dict.fromkeys(self.captured.checks):
            bad = g.reduce("any", check, tuple(range(check.ndim)))
            self.flag = bad if self.flag is None else g.elementwise("logical_or", self.flag, bad)
        if self.flag is not None:
            self.flag = g.copied(self.flag, "check")
            self.results.append(self.flag)
        self.saved: list[tuple[Node, Source | None]] = []
        for node in [] if self.backward is None else self.backward.saved:
            source = self.captured.sources.get(node)
            if source is not None and source.kind != "number":
                self.saved.append((node, source))
            else:
                self.saved.append((g.copied(node), None))
                self.results.append(self.saved[-1][0])
        self.leaves = {source.key_of(): node for node, source in self.captured.sources.items()}
        for effect in self.captured.effects:
            if effect.value is None:
                self.cleared.append(effect.source)
                continue
            node = g.copied(effect.value)
            self.results.append(node)
            if effect.fresh:
                self.fresh.append((effect, node))
            else:
                leaf = self._leaf_of(effect.source, effect.value)
                self.state[node] = leaf
                self.written.append((effect.source, leaf))

    def _hosted(self) -> frozenset[Node]:
        """The inputs of a step on a GPU that lie in host memory: numbers as tensors."""
        sources = self.captured.sources.items()
        return frozenset(
            n for n, s in sources if s.kind == "tensor" and s.tensor._array.__class__ is not self.home.kind
        )

    def _leaf_of(self, source: Source, value: Node) -> Node:
        """The input node of a source; made now if the step never read it."""
        key = source.key_of()
        node = self.leaves.get(key)
        if node is None:
            node = self.leaves[key] = self.captured.graph.leaf("input", key, value.shape, value.dtype)
            self.captured.sources[node] = source
        return node

    def _rename(self) -> None:
        """Follow results that the program had to settle."""
        new = dict(zip(self.results, self.program.results))
        self.returned = [(o, new.get(n)) for o, n in self.returned]
        self.fresh = [(e, new[n]) for e, n in self.fresh]
        self.saved = [(new.get(n, n), s) for n, s in self.saved]
        self.flag = new.get(self.flag)
        self.refused = np.zeros((), bool)

    # Where inputs come from.

    def _bind(self) -> None:
        program, captured = self.program, self.captured
        sources = captured.sources
        used = dict.fromkeys([*program.leaves, *program.state.values()])
        self.number_nodes = [n for n in program.leaves if n.op == "number"]
        self.draws = [(d, nodes) for d, nodes in captured.draws]
        self.by_reference = [(n, sources[n].tensor) for n in used if n.op == "input" and sources[n].kind == "tensor"]
        self.by_gradient = [(n, sources[n]) for n in used if n.op == "input" and sources[n].kind == "grad"]
        self.by_place = [(n, sources[n].place) for n in used if n.op == "input" and sources[n].kind == "argument"]
        for _, t in self.by_reference:
            if not t._array.flags.c_contiguous:
                raise CaptureError("a tensor from outside that is not contiguous; call contiguous() on it first")
            if not lies_fit(t._array):
                raise CaptureError("a tensor from outside whose memory is not aligned; clone() it first")
        for source, _ in self.written:
            t = source.tensor._grad if source.kind == "grad" else source.tensor
            if t is not None and not _writeable(t._array):
                problem = "a tensor is written in place whose memory is read-only; clone() it first"
                raise CaptureError(problem) from ValueError(problem)
        self.numbers = np.zeros(max(1, len(self.number_nodes)), np.float64)
        for i, n in enumerate(self.number_nodes):
            program.slots[program.slot[n]] = self.numbers.ctypes.data + 8 * i
        self.bound: list[np.ndarray] = []
        self.overwritten: set[int] = set()
        self.rebind()

    def rebind(self) -> bool:
        """Take the present arrays of the tensors that the step refers to; False if one has another shape or dtype now."""
        bound = []
        over = set(self.program.state.values())
        for node, t in self.by_reference:
            array = t._array
            if (
                array.__class__ is not (np.ndarray if node in self.hosted else self.home.kind)
                or array.shape != node.shape
                or array.dtype != node.dtype
                or not lies_fit(array)
                or node in over
                and not _writeable(array)
            ):
                return False
            at = self.program.slot.get(node)
            if at is not None and self.program.enters:
                self.program.slots[at] = array.ctypes.data
            bound.append(array)
        self.bound = bound
        written = [a for (n, _), a in zip(self.by_reference, bound) if n in over]
        self.overwritten.clear()
        self.overwritten.update(id(a) for a in written)
        self.overwritten.update(id(a.base) for a in written if a.base is not None)
        for i, array in enumerate(bound):
            self.scope[f"A{i}"] = array
        return True

    def owner(self, source: Source, name: str) -> str:
        """How the generated code calls a tensor: the argument that it is, or `name`."""
        if source.place >= 0:
            return f"v{source.place}"
        self.scope[name] = source.tensor
        return name

    def other_hooks(self) -> bool:
        """Whether the leaves behind the function have other hooks than when it was captured."""
        if any(hooks_of(t) != hooks for t, hooks in self.hooks):
            return True
        self.scope["CHANGES"] = Handle.changes
        return False

    def number(self, node: Node) -> str:
        """How the present value of a number is read."""
        source, scope = self.captured.sources[node], self.scope
        if source.place >= 0:
            return f"v{source.place}"
        name = f"E{node.number}"
        if source.cell is not None:
            scope[name] = source.cell
            return f"{name}.cell_contents"
        scope[name] = source.mapping
        part = "" if source.part is None else f"[{source.part}]"
        return f"{name}[{source.key!r}]{part}"

    def holds(self, question, given: list) -> bool:
        """Whether a question about a computed number has the answer that it had at capture."""
        leaves = {}
        for node in reached([question.node]):
            if node.op in LEAVES and node.op != "constant":
                leaves[node] = self.present(self.captured.sources[node], given)
        value = evaluate([question.node], leaves)[0].item()
        answer = bool(value) if question.relation == "truth" else RELATIONS[question.relation](value, question.operand)
        return answer is question.answer

    def present(self, source: Source, given: list):
        """An input's present value."""
        if source.kind == "number":
            if source.place >= 0:
                value = given[source.place]
            elif source.cell is not None:
                value = source.cell.cell_contents
            else:
                value = source.mapping[source.key]
                value = value if source.part is None else value[source.part]
            return np.float64(value)
        t = given[source.place] if source.place >= 0 else source.tensor
        return t._grad._array if source.kind == "grad" else t._array

    # What the generated call asks for.

    def eagerly(self, function, args: tuple, kwargs: dict):
        """What the eager engine says of values that an operator refuses; what it has overwritten by then is put back."""
        leaves, _ = flatten((args, kwargs))
        owners = [leaves[s.place] if s.place >= 0 else s.tensor for s, _ in self.written]
        tensors = [t._grad if s.kind == "grad" else t for t, (s, _) in zip(owners, self.written)]
        arrays = [t._array for t in tensors if t is not None]
        undo = Undo(arrays, [np.empty_like(a) for a in arrays])
        try:
            return function(*args, **kwargs)
        except BaseException:
            undo.put_back()
            raise

    def general(self, arrays: dict[Node, np.ndarray], numbers: tuple) -> int:
        """Run with host nodes between native calls, or with looks at interruptions: 1, 0 for a miss, 2 if refused."""
        program = self.program
        with self.lock:
            for node, array in arrays.items():
                written = node in program.state.values()
                if array.shape != node.shape or array.dtype != node.dtype:
                    return 0
                if written and not (lies_fit(array) and _writeable(array)):
                    return 0
                arrays[node] = self.home.contiguous(array)
            self.numbers[: len(numbers)] = numbers
            for (node, _), array in zip(self.by_reference, self.bound):
                arrays[node] = array
            for node, value in zip(self.number_nodes, numbers):
                arrays[node] = np.asarray(value, np.float64)
            if self.flag is not None:
                arrays[self.flag] = self.refused
            return 1 if program.run(arrays, self.refused) else 2


def _writeable(array) -> bool:
    """Whether an array, here or on a GPU, may be written."""
    return getattr(array.flags, "writeable", True)

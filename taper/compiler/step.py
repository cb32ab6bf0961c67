"""One captured and compiled way through a function, and the generated code that calls it.

A `Step` holds the guards under which its program means what the function means, binds the program's inputs to the
tensors and numbers they come from, and hands out its results. `call` is written out as source for each step: what a
general routine would look up at each call is known when the step is made.
"""

from __future__ import annotations

import operator
import sys
import threading
import types

import numpy as np

from .. import dtypes
from ..autograd import casting
from ..autograd.modes import is_grad_enabled
from ..autograd.tape import Handle, Variable, changed, hooks_of, wrap
from ..autograd.tape import Node as TapeNode
from .backward import BackwardProgram, CompiledFunction
from .captured import Captured, Effect, Output, Source
from .errors import CaptureError
from .evaluate import evaluate
from .graph import LEAVES, Graph, Node, reached, the_dtype
from .holdings import Held
from .homes import lies_fit
from .numbers import RELATIONS
from .trees import flatten, rebuild
from .undo import Undo

MISS = object()
"""What a step returns for a call that is not its own."""

EAGER = object()
"""What a step returns when its program met values that an operator refuses: the eager engine then says what is wrong."""

_HELD = np.empty(0, np.float32)

ALONE, ALONE_ARRAY = 3, 2
"""What sys.getrefcount says in the generated code of a tensor that only the step's list and a variable hold, and of an array
that only its tensor holds."""

FEW = 8
"""Entries of a container that are looked at one by one in the generated code."""


class _Spent(TapeNode):
    """The node of a result whose graph the compiled step has used already."""

    __slots__ = ()

    def __init__(self):
        super().__init__(None, (), None, (), None, None)


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
        self.call = self._written()

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
        return frozenset(n for n, s in sources if s.kind == "tensor" and s.tensor._array.__class__ is not self.home.kind)

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

    # The generated call.

    def _written(self):
        """Write `call(args, kwargs)`: MISS, or the function's result."""
        program, scope = self.program, self.scope
        body: list[str] = []
        self.copied_back: list[str] = []
        self.copies: set[str] = set()
        guards, reads = self._guards()
        body += guards
        objects: list[tuple[str, int, tuple | None, np.dtype, bool]] = []
        self.passed: list[tuple[str, Node]] = []

        def passed(name: str, node: Node, checked: bool, written: bool) -> None:
            at = program.slot.get(node)
            if at is not None:
                objects.append((name, at, node.shape if checked else None, node.dtype, written))
            self.passed.append((name, node))

        over = set(program.state.values())
        for node, place in self.by_place:
            passed(f"x{place}", node, True, node in over)
        for i, (node, _) in enumerate(self.by_gradient):
            passed(f"h{i}", node, True, node in over)
        body += reads
        for k, (draw, nodes) in enumerate(self.draws):
            scope[f"draw{k}"] = draw
            body.append(
                f"d{k} = draw{k}.generator.stream.{draw.method}(*draw{k}.args, **draw{k}.kwargs)"
            )
            for i, node in enumerate(nodes):
                name = f"d{k}" if len(nodes) == 1 else f"d{k}[{i}]"
                body.append(f"d{k}_{i} = contiguous({name})")
                passed(f"d{k}_{i}", node, False, False)
        for i, (_, node) in enumerate(self.returned):
            if node is not None and node not in program.state:
                scope[f"S{i}"], scope[f"T{i}"] = node.shape, node.dtype
                body.append(f"o{i} = empty(S{i}, T{i})")
                passed(f"o{i}", node, False, True)
        for i, (node, source) in enumerate(self.saved):
            if source is None:
                scope[f"SS{i}"], scope[f"ST{i}"] = node.shape, node.dtype
                body.append(f"s{i} = empty(SS{i}, ST{i})")
                passed(f"s{i}", node, False, True)
        for i, (effect, node) in enumerate(self.fresh):
            owner = self._owner(effect.source, f"G{i}")
            scope[f"GS{i}"], scope[f"GT{i}"] = node.shape, node.dtype
            # The gradient of the last call is written again if nobody else has got hold of it.
            body += [
                f"t{i} = own[{i}]",
                f"if count(t{i}) - ({owner}._grad is t{i}) == {ALONE} and count(t{i}._array) == {ALONE_ARRAY}: g{i} = t{i}._array",
                "else:",
                f" g{i} = empty(GS{i}, GT{i})",
                f" own[{i}] = t{i} = wrap(g{i})",
            ]
            passed(f"g{i}", node, False, True)
        scope["own"] = [self._nobody() for _ in self.fresh]
        scope["count"] = sys.getrefcount
        body += self._run(objects)
        body += self._after()
        body.append(f"return {self._result()}")
        scope.update(
            MISS=MISS, EAGER=EAGER, empty=self.home.empty, wrap=wrap, ndarray=self.home.kind, contiguous=self.home.contiguous,
            step=self, grad_mode=is_grad_enabled, flatten=flatten, rebuild=rebuild, tree=self.tree, dtypes=dtypes,
            changed=changed, share_memory=self.home.share_memory, same_dtype=same_dtype,
            autocast=autocast,
        )  # fmt: skip
        text = "def call(args, kwargs):\n" + "\n".join(" " + line for part in body for line in part.split("\n"))
        self.source = text
        exec(compile(text, "<taper step>", "exec"), scope)
        return scope["call"]

    @staticmethod
    def _nobody() -> Variable:
        """A stand-in for a gradient that was never made: its array is held elsewhere too, so it is not written again."""
        return wrap(_HELD)

    def _guards(self) -> tuple[list[str], list[str]]:
        """Lines that return MISS where the step does not apply, and lines that read what it needs."""
        scope, lines, reads = self.scope, [], []
        mode, default = self.grad_mode, self.default
        scope["D0"] = default
        lines.append(f"if grad_mode() is not {mode} or dtypes._default is not D0: return MISS")
        scope["casting"], scope["AUTOCAST"] = casting, self.autocast
        outside = "casting.scopes and " if self.autocast is None else ""
        lines.append(f"if {outside}autocast() is not AUTOCAST: return MISS")
        # Hooks are looked at when any was registered or removed.
        scope["Handle"], scope["CHANGES"] = Handle, Handle.changes
        self.hooks = [(t, hooks_of(t)) for t, _ in self.captured.needing]
        lines.append("if Handle.changes != CHANGES and step.other_hooks(): return MISS")
        args, kwargs = rebuild(self.tree, list(range(len(self.given))))
        if not kwargs and args == tuple(range(len(self.given))):
            lines.append(f"if len(args) != {len(args)} or kwargs: return MISS")
            if args:
                lines.append(", ".join(f"v{i}" for i in args) + ", = args")
        else:
            lines += ["leaves, shape = flatten((args, kwargs))", "if shape != tree: return MISS"]
            if self.given:
                lines.append(", ".join(f"v{i}" for i in range(len(self.given))) + ", = leaves")
        for place, other in self.captured.identities:
            scope[f"twin{place}"] = other
            lines.append(f"if v{place} is not {f'v{other}' if isinstance(other, int) else f'twin{place}'}: return MISS")
        inputs = {place: node for node, place in self.by_place}
        for i, value in enumerate(self.given):
            lines += self._argument_guard(i, value, inputs.get(i))
        lines += self._reference_guards()
        lines += self._memory_guards()
        lines += self._python_guards()
        lines += self._question_guards()
        for i, (node, source) in enumerate(self.by_gradient):
            t, owner = source.tensor, self._owner(source, f"H{i}")
            reads += [
                f"h{i} = {owner}._grad",
                f"if h{i} is None: return MISS" if id(t) not in self.captured.grads_assumed or self._reads_gradient(t) else
                f"if h{i} is None: h{i} = {owner}._grad = wrap(empty({owner}._array.shape, {owner}._array.dtype))",
                f"h{i} = h{i}._array",
                f"if h{i}.__class__ is not ndarray: return MISS",
            ]  # fmt: skip
            now = None if t._grad is None else t._grad._array
            if now is not None and not lies_fit(now):
                reads += self._read_as_copy(f"h{i}", f"HS{i}", now, node)
        for i, source in enumerate(self.captured.no_grads):
            lines.append(f"if {self._owner(source, f'N{i}')}._grad is not None: return MISS")
        return lines, reads

    def _owner(self, source: Source, name: str) -> str:
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

    def _reads_gradient(self, t: Variable) -> bool:
        return any(
            n in self.program.leaves and s.kind == "grad" and s.tensor is t for n, s in self.captured.sources.items()
        )

    def _argument_guard(self, i: int, value, node: Node | None) -> list[str]:
        scope = self.scope
        if isinstance(value, Variable):
            scope[f"C{i}"] = value.__class__
            lines = [f"if v{i}.__class__ is not C{i}: return MISS", f"x{i} = v{i}._array"]
            wants = value.requires_grad
            lines.append(
                f"if x{i}.__class__ is not ndarray or v{i}._node is {None if wants else 'not None'}: return MISS"
            )
            scope[f"X{i}"], scope[f"Y{i}"] = value._array.shape, the_dtype(value._array.dtype)
            lines.append(f"if x{i}.dtype is not Y{i}: x{i} = v{i}._array = same_dtype(x{i})")
            read = node is not None and node in self.program.slot
            if self.draws and lies_fit(value._array):
                # What the native side would refuse must be known before anything is drawn.
                aligned = f" and x{i}.flags.aligned" if self.home.kind is np.ndarray else ""
                lines.append(f"if not (x{i}.flags.c_contiguous{aligned}): return MISS")
            if not read or self.draws:
                lines.append(f"if x{i}.shape != X{i} or x{i}.dtype != Y{i}: return MISS")
            if read and not lies_fit(value._array):
                lines += self._read_as_copy(f"x{i}", f"XS{i}", value._array, node)
            return lines
        if type(value) is float and any(s.kind == "number" and s.place == i for s in self.captured.sources.values()):
            return [f"if v{i}.__class__ is not float: return MISS"]
        scope[f"V{i}"] = value
        if isinstance(value, (bool, int, float, str, bytes, type(None))):
            scope[f"C{i}"] = value.__class__
            return [f"if v{i}.__class__ is not C{i} or v{i} != V{i}: return MISS"]
        return [f"if v{i} is not V{i}: return MISS"]

    def _read_as_copy(self, name: str, strides: str, array: np.ndarray, node: Node) -> list[str]:
        """Lines for an array that does not lie as programs read it: they read a copy, and what they write goes back."""
        self.scope[strides] = array.strides
        if node in self.program.state.values():
            self.copied_back.append(f"whole_{name}[...] = {name}")
        self.copies.add(name)
        return [f"if {name}.strides != {strides}: return MISS", f"whole_{name} = {name}", f"{name} = contiguous({name})"]

    def _reference_guards(self) -> list[str]:
        """The tensors behind the function: their arrays are known, and whether they need gradients."""
        scope, tests = self.scope, []
        for i, (_, t) in enumerate(self.by_reference):
            scope[f"R{i}"], scope[f"A{i}"] = t, t._array
            tests.append(f"R{i}._array is not A{i}")
        lines = []
        for start in range(0, len(tests), 50):
            lines.append(f"if ({' or '.join(tests[start : start + 50])}) and not step.rebind(): return MISS")
        nodes = []
        for i, (t, needed) in enumerate(self.captured.needing):
            scope[f"Q{i}"] = t
            nodes.append(f"Q{i}._node is {None if needed else 'not None'}")
        for start in range(0, len(nodes), 50):
            lines.append(f"if {' or '.join(nodes[start : start + 50])}: return MISS")
        return lines

    def _memory_guards(self) -> list[str]:
        """An argument must not share memory with what the program overwrites: the program takes each for its own."""
        places = sorted({i for i, v in enumerate(self.given) if isinstance(v, Variable)} - {i for i, _ in self.captured.identities})
        lines = []
        name = {i: f"whole_x{i}" if f"x{i}" in self.copies else f"x{i}" for i in places}
        if any(source.kind != "argument" for source, _ in self.written):
            self.scope["OWN"] = self.overwritten
            lines += [f"if id({x}) in OWN or {x}.base is not None and id({x}.base) in OWN: return MISS" for x in name.values()]
        changed_places = {source.place for source, _ in self.written if source.kind == "argument"}
        for i in changed_places:
            lines += [f"if share_memory({name[i]}, {name[j]}): return MISS" for j in places if j != i]
        return lines

    def _python_guards(self) -> list[str]:
        """Plain values that the function may look at: flags like `training`, sizes, switches."""
        scope, tests = self.scope, []
        together: dict[int, list[tuple]] = {}
        for mapping, key, value in self.captured.plain:
            together.setdefault(id(mapping), []).append((mapping, key, value))
        for i, entries in enumerate(together.values()):
            scope[f"M{i}"] = entries[0][0]
            if len(entries) == 1:
                ((_, key, value),) = entries
                scope[f"W{i}"] = value
                relation = "is not" if value is None or isinstance(value, bool) else "!="
                tests.append(f"M{i}.get({key!r}, MISS) {relation} W{i}")
            else:
                # All keys of a mapping in one call; an entry that is gone is a KeyError, which is a miss too.
                scope[f"W{i}"] = tuple([value for *_, value in entries])
                scope[f"values{i}"] = operator.itemgetter(*[key for _, key, _ in entries])
                tests.append(f"values{i}(M{i}) != W{i}")
        for i, (cell, value) in enumerate(self.captured.plain_cells):
            scope[f"L{i}"], scope[f"Z{i}"] = cell, value
            tests.append(f"L{i}.cell_contents != Z{i}")
        for held in self.captured.held:
            tests += self._held_tests(held)
        for i, contents in enumerate(self.captured.kept):
            scope[f"kept{i}"] = contents
            tests.append(f"not kept{i}.still()")
        lines = [f" if {' or '.join(tests[s : s + 50])}: return MISS" for s in range(0, len(tests), 50)]
        return ["try:", *lines, "except KeyError: return MISS"] if lines else []

    def _held_tests(self, held: Held) -> list[str]:
        """What is true if a container no longer holds what it held."""
        scope = self.scope
        name = f"held{len(scope)}"
        if len(held.keys) > FEW:
            scope[name] = held
            return [f"not {name}.still()"]
        scope[name] = held.container
        tests = []
        if held.size is not None:
            tests.append(f"len({name}) != {held.size}" if held.size else name)
        for i, (key, value) in enumerate(zip(held.keys, held.values)):
            scope[f"{name}_{i}"] = value
            if isinstance(held.container, type):
                read = f"{name}.__dict__.get({key!r}, MISS)"
            elif not isinstance(held.container, (types.CellType, list, dict)):
                read = f"getattr({name}, {key!r}, MISS)"
            elif isinstance(held.container, types.CellType):
                read = f"{name}.cell_contents"
            elif isinstance(held.container, list):
                read = f"{name}[{key}]"
            elif isinstance(key, str):
                read = f"{name}.get({key!r}, MISS)"
            else:
                scope[f"{name}_key{i}"] = key
                read = f"{name}.get({name}_key{i}, MISS)"
            plain = isinstance(value, (int, float, str)) and not isinstance(value, bool)
            tests.append(f"{read} != {name}_{i}" if plain else f"{read} is not {name}_{i}")
        return tests

    def _number(self, node: Node) -> str:
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

    def _question_guards(self) -> list[str]:
        """What the function asked about numbers must have the same answer."""
        lines = []
        seen = set()
        for q in self.captured.questions:
            if q in seen:
                continue
            seen.add(q)
            if q.node.op == "number":
                value = self._number(q.node)
                test = f"bool({value})" if q.relation == "truth" else f"({value} {_SIGNS[q.relation]} {q.operand!r})"
                lines.append(f"if {test} is not {q.answer}: return MISS")
            else:
                name = f"question{len(seen)}"
                self.scope[name] = q
                values = ", ".join(f"v{i}" for i in range(len(self.given)))
                lines.append(f"if not step.holds({name}, [{values}]): return MISS")
        return lines

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

    def _run(self, objects) -> list[str]:
        """The lines that run the program."""
        program, scope = self.program, self.scope
        numbers = [self._number(n) for n in self.number_nodes]
        if not program.enters:
            return self._run_general(numbers)
        from .entry import PATIENCE, Entrance, enterable

        if self.flag is not None:
            program.slots[program.slot[self.flag]] = self.refused.ctypes.data
        if program.work > PATIENCE or not enterable(program, len(objects), len(numbers)):
            return self._run_general(numbers)
        refused = None if self.flag is None else self.refused
        way = Entrance(program, [o[1:] for o in objects], self.numbers, len(numbers), refused)
        scope.update(enter=way.enter, R=way.address, lock=self.lock, way=way)
        lines = [f"ran = enter({', '.join(['R', *[o[0] for o in objects], *numbers])})"]
        if not way.brief:
            lines = ["with lock, way.share():" if way.threads else "with lock:", f" {lines[0]}"]
        return [*lines, "if ran != 1: return EAGER if ran else MISS"]

    def _run_general(self, numbers: list[str]) -> list[str]:
        """The lines that run the program from arrays by node."""
        scope = self.scope
        scope["lock"], scope["general"] = self.lock, self.general
        lines = [f"arrays = dict(zip(step.nodes, ({''.join(name + ', ' for name, _ in self.passed)})))"]
        self.nodes = [n for _, n in self.passed]
        values = "".join(v + ", " for v in numbers)
        return [*lines, f"ran = general(arrays, ({values}))", "if ran != 1: return EAGER if ran else MISS"]

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

    def _after(self) -> list[str]:
        """Lines that hand out gradients and count changes."""
        scope, lines = self.scope, [*self.copied_back]
        for i, (source, _) in enumerate(self.written):
            if source.kind == "grad":
                lines.append(f"t = {self._owner(source, f'H_{i}')}._grad")
                name = "t"
            else:
                name = f"v{source.place}" if source.kind == "argument" else f"U{i}"
            scope[f"U{i}"] = source.tensor
            lines += [f"c = {name}._counter", "if c is not None: c[0] += 1", f"else: {name}._counter = [1]"]
        for i, (effect, _) in enumerate(self.fresh):
            lines.append(f"{self._owner(effect.source, f'G{i}')}._grad = t{i}")
        for i, (source, needed) in enumerate(self.captured.requiring):
            lines.append(f"{self._owner(source, f'K{i}')}.requires_grad_({needed})")
        if self.backward is not None:
            lines.append(self._recorded())
        for i, source in enumerate(self.cleared):
            lines.append(f"{self._owner(source, f'B{i}')}._grad = None")
        return lines

    def _recorded(self) -> str:
        """The line that makes the differentiable results, recorded as one call."""
        scope = self.scope
        scope.update(differentiable=CompiledFunction.apply, backward=self.backward)
        live = [i for i, (o, _) in enumerate(self.returned) if isinstance(o, Output) and o.live]
        places = {id(t): i for i, t in enumerate(self.given) if isinstance(t, Variable)}
        inputs = []
        for i, t in enumerate(self.backward.gradients.wanted):
            scope[f"I{i}"] = t
            inputs.append(f"v{places[id(t)]}" if id(t) in places else f"I{i}")
        saved = []
        for i, (_, source) in enumerate(self.saved):
            if source is None:
                saved.append(f"s{i}")
            elif source.kind == "argument":
                saved.append(f"x{source.place}")
            else:
                scope[f"J{i}"] = source
                saved.append(f"J{i}.tensor._array")
        outputs = ", ".join(f"o{i}" for i in live)
        return f"made = differentiable(backward, [{outputs}], [{', '.join(saved)}], {', '.join(inputs)})"

    def _result(self) -> str:
        """The expression of what the function returns."""
        scope = self.scope
        parts = []
        live = [i for i, (o, _) in enumerate(self.returned) if isinstance(o, Output) and o.live]
        for i, (output, node) in enumerate(self.returned):
            if node is not None:
                if output.live:
                    parts.append(f"made[{live.index(i)}]")
                elif output.requires_grad:
                    scope[f"P{i}"] = _Spent()
                    parts.append(f"wrap(o{i}, P{i})")
                else:
                    parts.append(f"wrap(o{i})")
            elif isinstance(output, Output):
                scope[f"F{i}"] = output.same.tensor
                parts.append(f"v{output.same.place}" if output.same.kind == "argument" else f"F{i}")
            else:
                scope[f"F{i}"] = output
                parts.append(f"F{i}")
        if self.captured.tree is None:
            return parts[0]
        scope["out_tree"] = self.captured.tree
        kind, children = self.captured.tree if isinstance(self.captured.tree, tuple) else (None, ())
        if kind in (tuple, list) and all(c is None for c in children):
            joined = ", ".join(parts)
            return f"[{joined}]" if kind is list else f"({joined}{',' if len(parts) == 1 else ''})"
        return f"rebuild(out_tree, [{', '.join(parts)}])"


def autocast():
    """The dtype of the autocast that is on, with that of GPUs where theirs is on; None if there is none."""
    here = casting.dtype.get() if casting.enabled.get() else None
    if not casting.gpu_enabled.get():
        return here
    both = here, casting.gpu_dtype.get()
    return _TOGETHER.setdefault(both, both)  # guards ask whether it is the same object


def _writeable(array) -> bool:
    """Whether an array, here or on a GPU, may be written."""
    return getattr(array.flags, "writeable", True)


_TOGETHER: dict[tuple, tuple] = {}


_SIGNS = dict(lt="<", le="<=", gt=">", ge=">=", eq="==", ne="!=")


def same_dtype(array: np.ndarray) -> np.ndarray:
    """The array with the one object for its dtype, which the native side knows it by."""
    dtype = the_dtype(array.dtype)
    return array if dtype is array.dtype else array.view(dtype)

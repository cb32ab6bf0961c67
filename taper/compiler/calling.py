"""The call of a step, as source: `call(args, kwargs)`, which guards, reads, runs the program and hands out its results.

It is written out for each step: what a general routine would look up at each call is known when the step is made.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from .. import dtypes
from ..autograd.modes import enable_grad, is_grad_enabled
from ..autograd.nodes import Node as TapeNode
from ..autograd.tape import Variable, changed, wrap
from .backward import CompiledFunction
from .captured import Output, Source
from .graph import Node, the_dtype
from .guards import Guards, autocast
from .trees import flatten, rebuild

if TYPE_CHECKING:
    from .step import Step

MISS = object()
"""What a step returns for a call that is not its own."""

EAGER = object()
"""What a step returns when its program met values that an operator refuses: the eager engine then says what is wrong."""

COPIED = (np.ndarray, set, bytearray, deque)
"""Classes of results of which each call gives a new one."""

_HELD = np.empty(0, np.float32)

ALONE, ALONE_ARRAY = 3, 2
"""What sys.getrefcount says in the generated code of a tensor that only the step's list and a variable hold, and of an array
that only its tensor holds."""


class _Spent(TapeNode):
    """The node of a result whose graph the compiled step has used already."""

    __slots__ = ()

    def __init__(self):
        super().__init__(None, (), None, (), None, None)


class Call:
    """Writes the call of a step. passed: the program's arrays as the generated code names them, with their nodes."""

    def __init__(self, step: Step):
        self.step, self.scope, self.captured, self.program = step, step.scope, step.captured, step.program
        self.guards = Guards(step)
        self.passed: list[tuple[str, Node]] = []

    def written(self):
        """Write `call(args, kwargs)`: MISS, or the function's result."""
        program, scope = self.program, self.scope
        body: list[str] = []
        guards, reads = self.guards.lines()
        body += guards
        objects: list[tuple[str, int, tuple | None, np.dtype, bool]] = []

        def passed(name: str, node: Node, checked: bool, written: bool) -> None:
            at = program.slot.get(node)
            if at is not None:
                objects.append((name, at, node.shape if checked else None, node.dtype, written))
            self.passed.append((name, node))

        over = set(program.state.values())
        for node, place in self.step.by_place:
            passed(f"x{place}", node, True, node in over)
        for i, (node, _) in enumerate(self.step.by_gradient):
            passed(f"h{i}", node, True, node in over)
        body += reads
        for k, (draw, nodes) in enumerate(self.step.draws):
            scope[f"draw{k}"] = draw
            body.append(f"d{k} = draw{k}.generator.stream.{draw.method}(*draw{k}.args, **draw{k}.kwargs)")
            for i, node in enumerate(nodes):
                name = f"d{k}" if len(nodes) == 1 else f"d{k}[{i}]"
                body.append(f"d{k}_{i} = contiguous({name})")
                passed(f"d{k}_{i}", node, False, False)
        for i, (_, node) in enumerate(self.step.returned):
            if node is not None and node not in program.state:
                scope[f"S{i}"], scope[f"T{i}"] = node.shape, node.dtype
                body.append(f"o{i} = empty(S{i}, T{i})")
                passed(f"o{i}", node, False, True)
        for i, (node, source) in enumerate(self.step.saved):
            if source is None:
                scope[f"SS{i}"], scope[f"ST{i}"] = node.shape, node.dtype
                body.append(f"s{i} = empty(SS{i}, ST{i})")
                passed(f"s{i}", node, False, True)
        for i, (effect, node) in enumerate(self.step.fresh):
            owner = self.step.owner(effect.source, f"G{i}")
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
        scope["own"] = [self._nobody() for _ in self.step.fresh]
        scope["count"] = sys.getrefcount
        body += self._run(objects)
        body += self._after()
        body += self._result()
        scope.update(
            MISS=MISS, EAGER=EAGER, empty=self.step.home.empty, wrap=wrap, ndarray=self.step.home.kind, contiguous=self.step.home.contiguous,
            step=self.step, grad_mode=is_grad_enabled, flatten=flatten, rebuild=rebuild, tree=self.step.tree, dtypes=dtypes,
            enable_grad=enable_grad, changed=changed, share_memory=self.step.home.share_memory, same_dtype=same_dtype,
            autocast=autocast,
        )  # fmt: skip
        text = "def call(args, kwargs):\n" + "\n".join(" " + line for part in body for line in part.split("\n"))
        self.step.source = text
        exec(compile(text, "<taper step>", "exec"), scope)
        return scope["call"]

    @staticmethod
    def _nobody() -> Variable:
        """A stand-in for a gradient that was never made: its array is held elsewhere too, so it is not written again."""
        return wrap(_HELD)

    def _run(self, objects) -> list[str]:
        """The lines that run the program."""
        program, scope = self.program, self.scope
        numbers = [self.step.number(n) for n in self.step.number_nodes]
        if not program.enters:
            return self._run_general(numbers)
        from .entry import PATIENCE, Entrance, enterable

        if self.step.flag is not None:
            program.slots[program.slot[self.step.flag]] = self.step.refused.ctypes.data
        if program.work > PATIENCE or not enterable(program, len(objects), len(numbers)):
            return self._run_general(numbers)
        refused = None if self.step.flag is None else self.step.refused
        way = Entrance(program, [o[1:] for o in objects], self.step.numbers, len(numbers), refused)
        scope.update(enter=way.enter, R=way.address, lock=self.step.lock, way=way)
        lines = [f"ran = enter({', '.join(['R', *[o[0] for o in objects], *numbers])})"]
        if not way.brief:
            lines = ["with lock, way.share():" if way.threads else "with lock:", f" {lines[0]}"]
        return [*lines, "if ran != 1: return EAGER if ran else MISS"]

    def _run_general(self, numbers: list[str]) -> list[str]:
        """The lines that run the program from arrays by node."""
        scope = self.scope
        scope["lock"], scope["general"] = self.step.lock, self.step.general
        lines = [f"arrays = dict(zip(step.nodes, ({''.join(name + ', ' for name, _ in self.passed)})))"]
        self.step.nodes = [n for _, n in self.passed]
        values = "".join(v + ", " for v in numbers)
        return [*lines, f"ran = general(arrays, ({values}))", "if ran != 1: return EAGER if ran else MISS"]

    def _after(self) -> list[str]:
        """Lines that hand out gradients and count changes."""
        scope, lines = self.scope, [*self.guards.copied_back]
        for i, (source, _) in enumerate(self.step.written):
            if source.kind == "grad":
                lines.append(f"t = {self.step.owner(source, f'H_{i}')}._grad")
                name = "t"
            else:
                name = f"v{source.place}" if source.kind == "argument" else f"U{i}"
            scope[f"U{i}"] = source.tensor
            lines += [f"c = {name}._counter", "if c is not None: c[0] += 1", f"else: {name}._counter = [1]"]
        for i, (effect, _) in enumerate(self.step.fresh):
            lines.append(f"{self.step.owner(effect.source, f'G{i}')}._grad = t{i}")
        for i, (source, needed) in enumerate(self.captured.requiring):
            lines.append(f"{self.step.owner(source, f'K{i}')}.requires_grad_({needed})")
        if self.step.backward is not None:
            lines.append(self._recorded())
        for i, source in enumerate(self.step.cleared):
            lines.append(f"{self.step.owner(source, f'B{i}')}._grad = None")
        return lines

    def _recorded(self) -> str:
        """The line that makes the differentiable results, recorded as one call."""
        scope = self.scope
        scope.update(differentiable=CompiledFunction.apply, backward=self.step.backward)
        live = [i for i, (o, _) in enumerate(self.step.returned) if isinstance(o, Output) and o.live]
        places = {id(t): i for i, t in enumerate(self.step.given) if isinstance(t, Variable)}
        inputs = []
        for i, t in enumerate(self.step.backward.gradients.wanted):
            scope[f"I{i}"] = t
            inputs.append(f"v{places[id(t)]}" if id(t) in places else f"I{i}")
        saved = []
        for i, (_, source) in enumerate(self.step.saved):
            if source is None:
                saved.append(f"s{i}")
            elif source.kind == "argument":
                saved.append(f"x{source.place}")
            else:
                scope[f"J{i}"] = source
                saved.append(f"J{i}.tensor._array")
        outputs = ", ".join(f"o{i}" for i in live)
        line = f"made = differentiable(backward, [{outputs}], [{', '.join(saved)}], {', '.join(inputs)})"
        return line if self.step.grad_mode else f"with enable_grad(): {line}"

    def _result(self) -> list[str]:
        """The lines that make what the function returns."""
        outputs = [o for o, _ in self.step.returned]
        seen = {o.again for o in outputs if isinstance(o, Output) and o.again is not None}
        lines, parts = [], []
        for i, (output, node) in enumerate(self.step.returned):
            part = self._part(i, output, node, parts)
            if i in seen:
                lines.append(f"r{i} = {part}")
                part = f"r{i}"
            parts.append(part)
        parts = parts[: self.captured.count]
        return [*lines, f"return {self._together(parts)}"]

    def _part(self, i: int, output, node: Node | None, parts: list[str]) -> str:
        """The expression of one result."""
        scope = self.scope
        if not isinstance(output, Output):
            scope[f"F{i}"] = output
            return f"F{i}.copy()" if type(output) in COPIED else f"F{i}"
        if node is None:
            part = parts[output.again] if output.same is None else self._present(output.same, f"F{i}")
            if output.steps is not None:
                scope[f"view{i}"] = output.steps
                part = f"view{i}({part})"
            return part
        if output.live:
            live = [j for j, (o, _) in enumerate(self.step.returned) if isinstance(o, Output) and o.live]
            return f"made[{live.index(i)}]"
        if output.requires_grad:
            scope[f"P{i}"] = _Spent()
            return f"wrap(o{i}, P{i})"
        return f"wrap(o{i})"

    def _present(self, source: Source, name: str) -> str:
        """The tensor that a source is, or its gradient."""
        owner = self.step.owner(source, name)
        return f"{owner}._grad" if source.kind == "grad" else owner

    def _together(self, parts: list[str]) -> str:
        """The expression of what the function returns, of its parts."""
        if self.captured.tree is None:
            return parts[0]
        self.scope["out_tree"] = self.captured.tree
        kind, children = self.captured.tree if isinstance(self.captured.tree, tuple) else (None, ())
        if kind in (tuple, list) and all(c is None for c in children):
            joined = ", ".join(parts)
            return f"[{joined}]" if kind is list else f"({joined}{',' if len(parts) == 1 else ''})"
        return f"rebuild(out_tree, [{', '.join(parts)}])"


def same_dtype(array: np.ndarray) -> np.ndarray:
    """The array with the one object for its dtype, which the native side knows it by."""
    dtype = the_dtype(array.dtype)
    return array if dtype is array.dtype else array.view(dtype)

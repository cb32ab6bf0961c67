"""The guards of a step, as source: lines that return MISS where its program does not mean what the function means.

They ask for modes, arguments, tensors behind the function, memory, plain values and answers about numbers, and read what
the program needs.
"""

from __future__ import annotations

import operator
import types
from typing import TYPE_CHECKING

import numpy as np

from ..autograd import casting
from ..autograd.hooks import Handle
from ..autograd.tape import Variable
from .graph import Node, the_dtype
from .holdings import Held
from .homes import lies_fit
from .trees import rebuild

if TYPE_CHECKING:
    from .step import Step

FEW = 8
"""Entries of a container that are looked at one by one in the generated code."""


class Guards:
    """Writes the guards of a step; what they refer to gets names in its scope.

    copies: arrays, by name, that do not lie as programs read them and are copied; copied_back: lines that return what was
    written to such copies.
    """

    def __init__(self, step: Step):
        self.step, self.scope, self.captured, self.given = step, step.scope, step.captured, step.given
        self.copied_back: list[str] = []
        self.copies: set[str] = set()

    def lines(self) -> tuple[list[str], list[str]]:
        """Lines that return MISS where the step does not apply, and lines that read what it needs."""
        scope, lines, reads = self.scope, [], []
        mode, default = self.step.grad_mode, self.step.default
        scope["D0"] = default
        lines.append(f"if grad_mode() is not {mode} or dtypes._default is not D0: return MISS")
        scope["casting"], scope["AUTOCAST"] = casting, self.step.autocast
        outside = "casting.scopes and " if self.step.autocast is None else ""
        lines.append(f"if {outside}autocast() is not AUTOCAST: return MISS")
        # Hooks are looked at when any was registered or removed.
        scope["Handle"], scope["CHANGES"] = Handle, Handle.changes
        lines.append("if Handle.changes != CHANGES and step.other_hooks(): return MISS")
        args, kwargs = rebuild(self.step.tree, list(range(len(self.given))))
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
        inputs = {place: node for node, place in self.step.by_place}
        for i, value in enumerate(self.given):
            lines += self._argument_guard(i, value, inputs.get(i))
        lines += self._reference_guards()
        lines += self._memory_guards()
        lines += self._python_guards()
        lines += self._question_guards()
        for i, (node, source) in enumerate(self.step.by_gradient):
            t, owner = source.tensor, self.step.owner(source, f"H{i}")
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
            lines.append(f"if {self.step.owner(source, f'N{i}')}._grad is not None: return MISS")
        return lines, reads

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
            read = node is not None and node in self.step.program.slot
            if self.step.draws and lies_fit(value._array):
                # What the native side would refuse must be known before anything is drawn.
                aligned = f" and x{i}.flags.aligned" if self.step.home.kind is np.ndarray else ""
                lines.append(f"if not (x{i}.flags.c_contiguous{aligned}): return MISS")
            if not read or self.step.draws:
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
        if node in self.step.program.state.values():
            self.copied_back.append(f"whole_{name}[...] = {name}")
        self.copies.add(name)
        return [
            f"if {name}.strides != {strides}: return MISS",
            f"whole_{name} = {name}",
            f"{name} = contiguous({name})",
        ]

    def _reference_guards(self) -> list[str]:
        """The tensors behind the function: their arrays are known, and whether they need gradients."""
        scope, tests = self.scope, []
        for i, (_, t) in enumerate(self.step.by_reference):
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
        places = sorted(
            {i for i, v in enumerate(self.given) if isinstance(v, Variable)} - {i for i, _ in self.captured.identities}
        )
        lines = []
        name = {i: f"whole_x{i}" if f"x{i}" in self.copies else f"x{i}" for i in places}
        if any(source.kind != "argument" for source, _ in self.step.written):
            self.scope["OWN"] = self.step.overwritten
            lines += [
                f"if id({x}) in OWN or {x}.base is not None and id({x}.base) in OWN: return MISS" for x in name.values()
            ]
        changed_places = {source.place for source, _ in self.step.written if source.kind == "argument"}
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
            name, item = f"kept{i}", contents.item
            if item.__class__ is set:
                # Each module has one, mostly empty.
                scope[name], scope[f"{name}_then"] = item, contents.then
                tests.append(f"{name} != {name}_then" if contents.then else name)
            else:
                scope[name] = contents
                tests.append(f"not {name}.still()")
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

    def _question_guards(self) -> list[str]:
        """What the function asked about numbers must have the same answer."""
        lines = []
        seen = set()
        for q in self.captured.questions:
            if q in seen:
                continue
            seen.add(q)
            if q.node.op == "number":
                value = self.step.number(q.node)
                test = f"bool({value})" if q.relation == "truth" else f"({value} {_SIGNS[q.relation]} {q.operand!r})"
                lines.append(f"if {test} is not {q.answer}: return MISS")
            else:
                name = f"question{len(seen)}"
                self.scope[name] = q
                values = ", ".join(f"v{i}" for i in range(len(self.given)))
                lines.append(f"if not step.holds({name}, [{values}]): return MISS")
        return lines

    def _reads_gradient(self, t: Variable) -> bool:
        return any(
            n in self.step.program.leaves and s.kind == "grad" and s.tensor is t
            for n, s in self.captured.sources.items()
        )


_SIGNS = dict(lt="<", le="<=", gt=">", ge=">=", eq="==", ne="!=")


def autocast():
    """The dtype of the autocast that is on, with that of GPUs where theirs is on; None if there is none."""
    here = casting.dtype.get() if casting.enabled.get() else None
    if not casting.gpu_enabled.get():
        return here
    both = here, casting.gpu_dtype.get()
    return _TOGETHER.setdefault(both, both)  # guards ask whether it is the same object


_TOGETHER: dict[tuple, tuple] = {}

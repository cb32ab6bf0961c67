"""What was found behind a function: tensors, optimizers, and what containers and variables held when it was captured.

`Reach` says what later calls must find unchanged (`plain`, `held`, `kept`), what the function changed while it was
captured (`changed`), and puts it back (`restore`).
"""

from __future__ import annotations

import types
from dataclasses import dataclass, field
from typing import NamedTuple

from ..autograd.tape import Variable
from ..tensor.random import Generator
from .contents import Contents
from .errors import CaptureError

_WORDS = {"ndarray": "a NumPy array", "deque": "a deque", "set": "a set", "bytearray": "a bytearray", "array": "an array",
    "ContextVar": "a context variable",
}  # fmt: skip


@dataclass(frozen=True)
class Held:
    """What a container (a dict, a list, a cell, else an object by attributes) holds at some keys; `size`: how much in all, if that matters."""

    container: object
    size: int | None
    keys: tuple
    values: tuple

    def still(self) -> bool:
        """Whether it holds the same now."""
        now = self.container
        if isinstance(now, types.CellType):
            return _same(now.cell_contents, self.values[0])
        if isinstance(now, type):
            return _same(now.__dict__.get(self.keys[0], Held), self.values[0])
        if not isinstance(now, (dict, list)):
            return _same(getattr(now, self.keys[0], Held), self.values[0])
        if self.size is not None and len(now) != self.size:
            return False
        if isinstance(now, list):
            return all(_same(now[k], v) for k, v in zip(self.keys, self.values))
        return all(_same(now.get(k, Held), v) for k, v in zip(self.keys, self.values))


class Watched(NamedTuple):
    """What must be in later calls as it was: the containers, the names that code mentions, how many cells and globals."""

    states: frozenset[int]
    names: frozenset[str]
    cells: int
    globals: int
    contents: int
    groups: frozenset[int]


@dataclass
class Reach:
    """tensors, generators and optimizers in the order found; states: dicts and lists with copies of what they held.

    inner: the containers that belong to Taper's own objects, and whether they matter as a whole (a module's layers), or
    by the tensors and containers in them alone (an optimizer's state). contents: what else can be changed in place.
    named: what user code reads by name, with the names that were followed: attributes of objects, of classes and of
    modules. slots: what objects without a dict hold (`Held`: nothing). unstepped: the optimizers that have no state yet. What hangs on attributes that no code
    names is looked at too, but later calls may find it changed (`watched`: all before that).
    """

    tensors: list[Variable] = field(default_factory=list)
    generators: list[Generator] = field(default_factory=list)
    numbers: list[tuple[dict, str]] = field(default_factory=list)
    floats: list[tuple[dict, str]] = field(default_factory=list)
    objects: list[tuple[dict, bool]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    states: list[tuple[object, object]] = field(default_factory=list)
    cells: list[tuple[types.CellType, object]] = field(default_factory=list)
    globals: list[tuple[dict, str, object]] = field(default_factory=list)
    inner: dict[int, bool] = field(default_factory=dict)
    named: list[tuple[object, object, set[str]]] = field(default_factory=list)
    attributes: list[tuple[object, str, object]] = field(default_factory=list)
    slots: list[tuple[object, str, object]] = field(default_factory=list)
    classes: set[type] = field(default_factory=set)
    randoms: list = field(default_factory=list)
    contents: list[Contents] = field(default_factory=list)
    watched: Watched | None = None
    unstepped: list = field(default_factory=list)

    def settle(self) -> None:
        """When all that code names is found: what is guarded, and the floats that may change."""
        self.watched = Watched(
            frozenset(id(now) for now, _ in self.states), frozenset(self.names), len(self.cells), len(self.globals),
            len(self.contents),
            frozenset(id(group) for group, _ in self.numbers),
        )  # fmt: skip
        for state, ours in self.objects:
            if not ours:
                self.floats += [(state, k) for k, v in state.items() if type(v) is float and k in self.names]
        self.floats += [(names, name) for names, name, v in self.globals if type(v) is float]
        self.floats = list({(id(m), k): (m, k) for m, k in self.floats}.values())

    def plain(self, numbered: set) -> tuple[list[tuple[dict, object, object]], list[tuple]]:
        """The plain values that user code and modules may look at, but for those in `numbered`: (mapping, key, value)."""
        taken = {(key[2], key[3]) for key in numbered}
        cells_taken = {key[5] for key in numbered}
        found: list[tuple[dict, object, object]] = []
        watched = self.watched
        for state, ours in self.objects:
            if id(state) not in watched.states:
                continue
            for key, value in state.items():
                if isinstance(value, (bool, int, float, str, type(None))) and isinstance(key, str):
                    if (ours or key in watched.names) and (id(state), key) not in taken:
                        found.append((state, key, value))
        groups = {id(m): m for m, _ in self.numbers if id(m) in watched.groups}
        for group in groups.values():
            for key, value in group.items():
                if isinstance(value, (bool, int, float, type(None))) and (id(group), key) not in taken:
                    found.append((group, key, value))
        for names, name, value in self.globals[: watched.globals]:
            if isinstance(value, (bool, int, float, str, type(None))) and (id(names), name) not in taken:
                found.append((names, name, value))
        cells = [
            (cell, value)
            for cell, value in self.cells[: watched.cells]
            if isinstance(value, (bool, int, float, str, type(None))) and id(cell) not in cells_taken
        ]
        return found, cells

    def held(self, numbered: set) -> list[Held]:
        """What variables, attributes and containers hold that is no plain number or word of `plain`'s."""
        taken = {(key[2], key[3]) for key in numbered}
        watched = self.watched
        attributes = {id(state): ours for state, ours in self.objects}
        found = [Held(c, None, (None,), (v,)) for c, v in self.cells[: watched.cells] if not _is_plain(v)]
        found += [Held(m, None, (name,), (v,)) for m, name, v in self.globals[: watched.globals] if not _is_plain(v)]
        found += [Held(cls, None, (name,), (v,)) for cls, name, v in self.attributes]
        found += [
            Held(item, None, (name,), (v,)) for item, name, v in self.slots if name in watched.names and v is not Held
        ]
        for now, then in self.states:
            if id(now) not in watched.states:
                continue
            entries = list(then.items()) if isinstance(then, dict) else list(enumerate(then))
            whole = self.inner.get(id(now), True)
            size = len(then)
            if id(now) in attributes:
                ours, size = attributes[id(now)], None
                chosen = [
                    k for k, v in entries if (_replaceable(v) if ours else k in watched.names and not _is_plain(v))
                ]
            elif id(now) not in self.inner:
                chosen = [k for k, _ in entries if (id(now), k) not in taken]
            elif whole:
                chosen = [k for k, v in entries if v is None or not _is_plain(v)]
            else:
                chosen = [k for k, v in entries if _part(v)]
                size = None if entries and isinstance(then, dict) else size
            if chosen or size is not None:
                found.append(Held(now, size, tuple(chosen), tuple(then[k] for k in chosen)))
        return found

    def kept(self, read: set[int]) -> list[Contents]:
        """What must hold the same in later calls: not the arrays in `read`, by id, which are read at each call.

        CaptureError for an array that is too large to be compared at each call.
        """
        found = [c for c in self.contents[: self.watched.contents] if id(c.item) not in read]
        for contents in found:
            if contents.is_large():
                raise CaptureError(
                    f"the function reads a NumPy array of {contents.item.nbytes >> 20} MB other than as a tensor, so that "
                    "a program would not see it change. Use taper.from_numpy of it inside, or pass it as a tensor"
                )
        return found

    def changed(self) -> str | None:
        """The first container that no longer holds what it held, in words; None if there is none."""
        for now, then in self.states:
            if type(now) is dict or isinstance(now, dict):
                if now.keys() != then.keys():
                    keys = [k for k in (*now, *then) if (k in now) != (k in then)]
                    return f"the entry {_name(keys[0])} of a dict or object"
                for key, value in now.items():
                    if not _same(value, then[key]):
                        return f"the attribute or entry {_name(key)}"
            elif len(now) != len(then) or any(not _same(a, b) for a, b in zip(now, then)):
                return "a list"
        for cell, value in self.cells:
            if not _same(cell.cell_contents, value):
                return "a variable of an enclosing function"
        for names, name, value in self.globals:
            if not _same(names.get(name), value):
                return f"the global variable {name!r}"
        for owner, name, value in self.attributes:
            if isinstance(owner, type) and not _same(owner.__dict__.get(name), value):
                return f"the class attribute {owner.__name__}.{name}"
        for item, name, value in self.slots:
            if not _same(getattr(item, name, Held), value):
                return f"the attribute {name!r}"
        for contents in self.contents:
            if not contents.still():
                return f"what {_WORDS.get(type(contents.item).__name__, 'a container')} holds"
        return None

    def restore(self) -> None:
        """Put back what containers and variables held."""
        for now, then in self.states:
            if isinstance(now, dict):
                if now.keys() != then.keys() or any(now[k] is not then[k] for k in then):
                    dict.clear(now)
                    dict.update(now, then)
            elif len(now) != len(then) or any(a is not b for a, b in zip(now, then)):
                now[:] = then
        for cell, value in self.cells:
            cell.cell_contents = value
        for names, name, value in self.globals:
            if names.get(name) is not value:
                names[name] = value
        for owner, name, value in self.attributes:
            if isinstance(owner, type) and owner.__dict__.get(name) is not value:
                setattr(owner, name, value)
        for item, name, value in self.slots:
            if value is Held:
                if hasattr(item, name):
                    object.__delattr__(item, name)
            elif getattr(item, name, Held) is not value:
                object.__setattr__(item, name, value)
        for contents in self.contents:
            contents.put_back()


def _is_plain(value) -> bool:
    return isinstance(value, (bool, int, float, str, type(None)))


def _part(value) -> bool:
    """Whether a value of Taper's own objects can be replaced by another that the step would have to use."""
    return isinstance(value, (Variable, dict, list))


def _replaceable(value) -> bool:
    """The same of an attribute: containers that are empty get their entries one by one."""
    return isinstance(value, Variable) or isinstance(value, (dict, list)) and len(value) > 0


def _name(key) -> str:
    return repr(key) if isinstance(key, (str, int)) else type(key).__name__


def _same(a, b) -> bool:
    return a is b or (type(a) is type(b) and isinstance(a, (bool, int, float, str)) and a == b)

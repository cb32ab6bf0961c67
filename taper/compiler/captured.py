"""A captured step: its graph, where its inputs come from, what it gives back and what it leaves behind."""

from __future__ import annotations

import types
from dataclasses import dataclass

from ..autograd.tape import Variable
from ..tensor.random import Generator
from .backward import Gradients
from .contents import Contents
from .graph import Graph, Node
from .holdings import Held, Reach
from .homes import HOST, Home
from .numbers import Question
from .sharing import Steps


@dataclass(frozen=True, eq=False)
class Source:
    """Where an input comes from at each call.

    kind: "tensor" (that very tensor), "argument" (the tensor at that place of the arguments), "grad" (the gradient of either),
    "number" (a mapping's entry, a closure's cell, or the argument at that place).
    """

    kind: str
    tensor: Variable | None = None
    place: int = -1
    mapping: dict | None = None
    key: object = None
    part: int | None = None
    cell: types.CellType | None = None

    def key_of(self) -> tuple:
        """What tells it from other sources."""
        where = self.place if self.place >= 0 else id(self.tensor)
        return self.kind, where, id(self.mapping), self.key, self.part, id(self.cell)


@dataclass(frozen=True)
class Draw:
    """Random numbers to draw before the program runs: `generator.stream.method(*args, **kwargs)`."""

    generator: Generator
    method: str
    args: tuple
    kwargs: dict


@dataclass
class Effect:
    """What a step leaves behind: a tensor's new value, or its new gradient (`fresh`: a new tensor; value None: none)."""

    source: Source
    value: Node | None
    fresh: bool = False


@dataclass
class Output:
    """One tensor that the function returned: a new one with a value, one that was there before (`same`), or that stands among
    the results already (`again`: its place); a view of such a one if there are `steps` to it."""

    value: Node | None
    requires_grad: bool = False
    same: Source | None = None
    again: int | None = None
    steps: Steps | None = None
    tensor: Variable | None = None
    live: bool = False


@dataclass
class Captured:
    """A step as a graph: its inputs by node, its results, and its effects.

    count: how many results the function returned; those beyond are what others are views of.
    """

    graph: Graph
    sources: dict[Node, Source]
    draws: list[tuple[Draw, list[Node]]]
    questions: list[Question]
    effects: list[Effect]
    outputs: list[Output]
    count: int
    tree: object
    reach: Reach
    checks: list[Node]
    grads_assumed: set[int]
    no_grads: list[Source]
    requiring: list[tuple[Source, bool]]
    needing: list[tuple[Variable, bool]]
    plain: list[tuple[dict, object, object]]
    plain_cells: list[tuple[types.CellType, object]]
    held: list[Held]
    kept: list[Contents]
    identities: list[tuple[int, int | Variable]]
    gradients: Gradients | None = None
    home: Home = HOST

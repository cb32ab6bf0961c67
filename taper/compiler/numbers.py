"""Python numbers that may change from call to call: a learning rate, a step count, a float argument.

A `Number` stands for one while a step is captured. Arithmetic with it is recorded, in float64 as Python's; a question
about its value (`if weight_decay:`) is answered with the present value and becomes a guard.
"""

from __future__ import annotations

import numbers
import operator
from typing import NamedTuple

import numpy as np

from .errors import CaptureError
from .graph import Graph, Node
from .recording import graph, recording
from .symbol import Symbol, made


class FixedNumberNeeded(CaptureError):
    """A number went where only its value will do, such as into `math.sqrt`: capture again with a guard on its value."""

    def __init__(self, message: str, node: Node):
        super().__init__(message)
        self.node = node


class Question(NamedTuple):
    """What was asked about a number: `relation` of its value to `operand`, and the answer."""

    node: Node
    relation: str
    operand: float | None
    answer: bool


class Number:
    """A number whose value is read at each call."""

    __slots__ = ("node",)

    def __init__(self, node: Node):
        self.node = node

    @property
    def value(self) -> float:
        """The present value."""
        return recording.present(self.node)

    def node_as(self, g: Graph, dtype) -> Node:
        """Its node in a dtype."""
        return g.cast(self.node, dtype)

    def array_as(self, dtype) -> Symbol:
        """An array without dimensions that holds it."""
        return made(self.node_as(graph(), np.dtype(dtype)))

    def ask(self, relation: str, operand, answer: bool) -> bool:
        recording.questions.append(Question(self.node, relation, operand, answer))
        return answer

    def __bool__(self) -> bool:
        return self.ask("truth", None, bool(self.value))

    def _fixed(self):
        raise FixedNumberNeeded("a number that may change is needed as a plain number", self.node)

    def __float__(self):
        return self._fixed()

    __int__ = __index__ = __complex__ = __round__ = __trunc__ = __float__

    def __format__(self, spec):
        return self._fixed()

    def __repr__(self) -> str:
        return f"Number(%{self.node.number})"

    __hash__ = object.__hash__

    def __neg__(self) -> Number:
        return Number(graph().elementwise("negative", self.node))

    def __pos__(self) -> Number:
        return self

    def __abs__(self) -> Number:
        return Number(graph().elementwise("absolute", self.node))


numbers.Number.register(Number)


def _arithmetic(ufunc: str, swapped: bool):
    def method(self, other):
        if not isinstance(other, (int, float, Number)):
            return NotImplemented
        g = graph()
        mine = self.node
        theirs = other.node if isinstance(other, Number) else g.scalar(other, np.float64)
        return Number(g.elementwise(ufunc, theirs, mine) if swapped else g.elementwise(ufunc, mine, theirs))

    return method


def _comparison(relation: str, compute):
    def method(self, other):
        if isinstance(other, Number):
            difference = self - other
            return difference.ask(relation, 0.0, compute(difference.value, 0.0))
        if not isinstance(other, (int, float)):
            return NotImplemented
        return self.ask(relation, other, compute(self.value, other))

    return method


_ARITHMETIC = dict(
    add="add", sub="subtract", mul="multiply", truediv="divide", pow="power", floordiv="floor_divide", mod="remainder"
)
for _name, _ufunc in _ARITHMETIC.items():
    setattr(Number, f"__{_name}__", _arithmetic(_ufunc, False))
    setattr(Number, f"__r{_name}__", _arithmetic(_ufunc, True))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Number, f"__{_name}__", _comparison(_name, getattr(operator, _name)))
RELATIONS = {name: getattr(operator, name) for name in ("lt", "le", "gt", "ge", "eq", "ne")}

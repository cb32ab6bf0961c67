"""How a reduction keeps its unfinished result, takes in another vector, and ends: always in the same order."""

from __future__ import annotations

import math

import numpy as np

from ...native.text import Builder, Value, const, is_float, lanes, vector
from ..graph import Node
from .instructions import INSTRUCTIONS, LLVM


class Reducer:
    """A reduction over vectors of `width` lanes. Its cell is a stack slot, which LLVM keeps in a register."""

    start: float = 0
    side_by_side = True
    """Whether several cells may be combined at the end."""

    def __init__(self, node: Node, width: int):
        self.node, self.width = node, width
        self.dtype = node.inputs[0].dtype
        self.type = vector(LLVM[self.dtype.name], width)

    def first(self):
        """The value that changes nothing."""
        return self.start

    def memory(self, b: Builder) -> tuple[Value, ...]:
        return (b.variable(const(self.first(), self.type)),)

    def memory_in_blocks(self, b: Builder) -> tuple[Value, ...]:
        """The cell of a column that is reduced in blocks, with `settle` after each."""
        return self.memory(b)

    def settle(self, b: Builder, cell) -> None:
        """Put by what a block came to."""

    def combine(self, b: Builder, x: Value, y: Value) -> Value:
        raise NotImplementedError

    def step(self, b: Builder, cell, value: Value, lane, position: Value, columns: bool = False) -> None:
        slot = cell[0]
        if lane.mask is not None:
            value = b.select(lane.mask, value, const(self.first(), value.type))
        if lanes(value.type) < self.width:
            # The lanes left over one by one: into the first lane.
            value = b.emit(self.type, f"insertelement {const(self.first(), self.type)}, {value}, i32 0")
        b.store(self.combine(b, b.load(self.type, slot), value), slot)

    def result(self, b: Builder, cells: list) -> Value:
        """The scalar result of one cell or several."""
        values = [b.load(self.type, slot) for (slot,) in cells]
        while len(values) > 1:
            values = [self.combine(b, x, y) for x, y in zip(values[::2], values[1::2])]
        return b.fold(lambda x, y: self.combine(b, x, y), values[0])

    def column_result(self, b: Builder, cell) -> Value:
        return b.load(self.type, cell[0])

    # One lane: what a thread has found, and what two threads have.

    def unfinished(self, b: Builder, cell) -> tuple[Value, ...]:
        """What a cell has come to, to be joined with what others have."""
        return (b.load(self.type, cell[0]),)

    def joined(self, b: Builder, x: tuple[Value, ...], y: tuple[Value, ...]) -> tuple[Value, ...]:
        """Two unfinished results as one: the same whichever is the first."""
        return (self.combine(b, x[0], y[0]),)

    def finished(self, x: tuple[Value, ...]) -> Value:
        return x[-1]


class Sum(Reducer):
    def memory_in_blocks(self, b):
        return *self.memory(b), *self.memory(b)

    def settle(self, b, cell):
        block, whole = cell
        b.store(b.add(b.load(self.type, whole), b.load(self.type, block)), whole)
        b.store(const(0, self.type), block)

    def combine(self, b, x, y):
        return b.add(x, y)

    def column_result(self, b, cell):
        return b.load(self.type, cell[-1])

    def unfinished(self, b, cell):
        return (b.load(self.type, cell[-1]),)

    def joined(self, b, x, y):
        # Never fused with a product that one of both is: the other thread does not know its factors.
        return (b.exact("fadd", x[0], y[0]) if is_float(self.type) else b.add(x[0], y[0]),)


class Product(Reducer):
    start = 1

    def combine(self, b, x, y):
        return b.mul(x, y)


class Max(Reducer):
    sign, name = -1, "maximum"

    def first(self):
        if self.dtype.kind == "b":
            return 0 if self.sign < 0 else 1
        if self.dtype.kind == "f":
            return self.sign * math.inf
        facts = np.iinfo(self.dtype)
        return facts.min if self.sign < 0 else facts.max

    def combine(self, b, x, y):
        if self.dtype.kind == "b":
            return b.logical("or" if self.sign < 0 else "and", x, y)
        return INSTRUCTIONS[self.name](b, x, y, self.dtype)


class Min(Max):
    sign, name = 1, "minimum"


class Any(Reducer):
    def combine(self, b, x, y):
        return b.logical("or", x, y)


class All(Reducer):
    start = 1

    def combine(self, b, x, y):
        return b.logical("and", x, y)


class ArgMax(Max):
    """The first position of the largest element, of a NaN if there is one."""

    relation = ">"
    side_by_side = False

    def memory(self, b):
        return b.variable(const(self.first(), self.type)), b.variable(const(-1, vector("i64", self.width)))

    def step(self, b, cell, value, lane, position, columns=False):
        best, where = cell
        wide = lanes(value.type)
        numbers = b.splat(position, wide)
        if not columns and wide > 1:
            numbers = b.add(numbers, b.lane_numbers(vector("i64", wide)))
        if wide < self.width:
            value = b.emit(self.type, f"insertelement {const(self.first(), self.type)}, {value}, i32 0")
            numbers = b.emit(
                vector("i64", self.width), f"insertelement {const(-1, vector('i64', self.width))}, {numbers}, i32 0"
            )
        old, place = b.load(self.type, best), b.load(vector("i64", self.width), where)
        better = self.better(b, value, numbers, old, place)
        if lane.mask is not None:
            better = b.logical("and", better, lane.mask)
        elif wide < self.width:
            better = b.logical("and", better, b.compare(">=", numbers, const(0, numbers.type)))
        b.store(b.select(better, value, old), best)
        b.store(b.select(better, numbers, place), where)

    def better(self, b, x, at_x, y, at_y):
        """Whether (x, at_x) goes before (y, at_y)."""
        none = b.compare("<", at_y, const(0, at_y.type))
        if self.dtype.kind == "b":
            wide = vector("i8", lanes(x.type))
            x, y = b.convert(x, wide, signed=False), b.convert(y, wide, signed=False)
        more = b.compare(self.relation, x, y, signed=self.dtype.kind != "u")
        tie = b.compare("==", x, y)
        if is_float(x.type):
            x_nan, y_nan = b.is_nan(x), b.is_nan(y)
            more = b.logical("or", more, b.logical("and", x_nan, b.invert(y_nan)))
            more = b.logical("and", more, b.invert(y_nan))
            tie = b.logical("or", tie, b.logical("and", x_nan, y_nan))
        earlier = b.logical("and", tie, b.compare("<", at_x, at_y))
        return b.logical("or", none, b.logical("or", more, earlier))

    def result(self, b, cells):
        (cell,) = cells
        values, places = b.load(self.type, cell[0]), b.load(vector("i64", self.width), cell[1])
        if self.width == 1:
            return places
        best, where = b.extract(values, 0), b.extract(places, 0)
        for i in range(1, self.width):
            x, at = b.extract(values, i), b.extract(places, i)
            some = b.compare(">=", at, const(0, "i64"))
            better = b.logical("and", some, self.better(b, x, at, best, where))
            best, where = b.select(better, x, best), b.select(better, at, where)
        return where

    def column_result(self, b, cell):
        return b.load(vector("i64", self.width), cell[1])

    def unfinished(self, b, cell):
        return b.load(self.type, cell[0]), b.load(vector("i64", self.width), cell[1])

    def joined(self, b, x, y):
        some = b.compare(">=", x[1], const(0, x[1].type))
        first = b.logical("and", some, self.better(b, *x, *y))
        return b.select(first, x[0], y[0]), b.select(first, x[1], y[1])


class ArgMin(ArgMax):
    sign, name, relation = 1, "minimum", "<"


REDUCERS: dict[str, type[Reducer]] = {
    "sum": Sum, "prod": Product, "max": Max, "min": Min, "any": Any, "all": All, "argmax": ArgMax, "argmin": ArgMin,
}  # fmt: skip

"""Resampling of images: rows made of other rows, by vectors whose elements come from known places.

What a vector reads is known when its code is written: a few vectors of the row, shuffled, or lanes gathered where they
lie far apart. Vectors that differ only by a step are a loop; others have code of their own. Which rows make a row is
looked up in a table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ...native.gpu import table
from ...native.machine import Machine
from ...native.text import Value, const, i64, literal, vector
from .emitter import Pointer, woven
from .kernels import Kernel
from .products import Piece
from .windows import UNROLLED, Images, mask_of

NEAR = 4
"""Vectors of a row from which the lanes of one are shuffled; lanes farther apart are gathered."""


class Reading(NamedTuple):
    """What one tap of a vector reads.

    starts, size: the vectors loaded, `size` elements each. order: for each lane (which of them, its lane); None where the
    tap has nothing. far: instead of them, the place of each lane. weights: of each lane, or None.
    """

    starts: tuple[int, ...]
    size: int
    order: tuple
    far: tuple[int, ...]
    weights: tuple[float, ...] | None


def resampling_pieces(kernel: Kernel, pointer: Pointer, machine: Machine) -> list[Piece]:
    """The kernel of a resampling."""
    made = Resampling(kernel, pointer, machine)
    return [Piece(made.emit, made.chunks, frozenset(kernel.operands), frozenset(), made.flops, finishes=True)]


class Resampling(Images):
    def __init__(self, kernel: Kernel, pointer: Pointer, machine: Machine):
        node = kernel.node
        (self.taps,) = node.attrs
        x = node.inputs[0]
        read = x.shape[x.ndim - len(self.taps) :]
        written = [n if t is None else t.m for n, t in zip(read, self.taps)]
        self.flops = node.size
        for t in self.taps:
            self.flops *= 1 if t is None else t.count
        super().__init__(kernel, pointer, machine, read, written)
        self.n = read[-1]
        # Nothing is added up where each element is a copy of one: its sign stays, even that of a zero.
        self.copies = all(t is None or (t.count == 1 and not t.weights) for t in self.taps)
        self.groups = [] if machine.gpu else [self.readings(q) for q in range(0, self.columns, self.width)]

    # What each vector reads.

    def readings(self, q: int) -> list[Reading]:
        """What the vector of the places from q on is made of, tap by tap."""
        last, w = self.taps[-1], self.width
        if last is None:
            places, weights = np.arange(self.n)[None], None
        else:
            places, weights = last.at(), last.shares()
        made = []
        for t, row in enumerate(places[:, q : q + w]):
            if (row >= 0).any():
                shares = None if weights is None else (*weights[t, q : q + w].tolist(), *[0.0] * (w - len(row)))
                made.append(self.reading(row.tolist(), shares))
        return made

    def reading(self, row: list[int], weights) -> Reading:
        w, n = self.width, self.n
        low, high = min(p for p in row if p >= 0), max(row)
        # Lanes beyond the end read what the last one does.
        row = [*row, *[next(p for p in reversed(row) if p >= 0)] * (w - len(row))]
        span = high - low + 1
        if span <= w:
            size = 1
            while size < span:
                size *= 2
            starts = [max(0, min(low, n - size))]
        elif span <= NEAR * w:
            size, starts = w, [min(s, n - w) for s in range(low, high + 1, w)]
        else:
            return Reading((), 0, tuple(None if p < 0 else (0, 0) for p in row), tuple(max(p, 0) for p in row), weights)
        order = []
        for p in row:
            part = next((i for i, s in enumerate(starts) if s <= p < s + size), None)
            order.append(None if part is None else (part, p - starts[part]))
        return Reading(tuple(starts), size, tuple(order), (), weights)

    def run(self, first: int) -> tuple[int, int]:
        """How many groups from one on differ only by a step, and that step."""
        steps = {None}
        count = 1
        for before, after in zip(self.groups[first:], self.groups[first + 1 :]):
            if (first + count + 1) * self.width > self.columns or not before:
                break
            step = _step(before, after)
            if step is None or steps not in ({None}, {step}):
                break
            steps = {step}
            count += 1
        (step,) = steps
        return count, step or 0

    # Code.

    def one_row(self) -> None:
        b, w, at = self.b, self.width, 0
        while at < len(self.groups):
            count, step = self.run(at)
            if count > UNROLLED:
                with b.loop(i64(0), i64(count)) as loop:
                    shift = b.mul(loop.index, i64(step))
                    self.group(at, shift, b.add(b.mul(loop.index, i64(w)), i64(at * w)))
            else:
                count = 1
                self.group(at, None, i64(at * w))
            at += count

    def group(self, number: int, shift: Value | None, column: Value) -> None:
        """The vector of a group, or of others like it: `shift` elements further on."""
        b, w = self.b, self.width
        zero = const(0, vector(self.type, w))

        def body(place: Value, weight: Value | None, total: Value) -> Value:
            value = self.across(self.groups[number], place, shift)
            if weight is not None:
                value = b.mul(value, b.splat(weight, w))
            return value if self.copies else b.add(total, value)

        total = self.over_rows(body, zero)
        wanted = [number * w + i < self.columns for i in range(w)]
        mask = None if shift is not None or all(wanted) else mask_of(wanted)
        self.finish(b, total, self.plane, self.row, column, mask)

    def one_element(self, column: Value) -> None:
        b = self.b
        zero = const(0, self.type)

        def body(place: Value, weight: Value | None, total: Value) -> Value:
            value = self.looked_up(column, place)
            value = value if weight is None else b.mul(value, weight)
            return value if self.copies else b.add(total, value)

        self.finish(b, self.over_rows(body, zero), self.plane, self.row, column, None)

    def looked_up(self, column: Value, place: Value) -> Value:
        """The sum of a row's taps for one column, whose places are found in a table; place: where the row begins."""
        b, last, zero = self.b, self.taps[-1], const(0, self.type)
        line = b.offset(self.x, b.add(self.base, place), self.kind)
        if last is None:
            return b.load(self.kind, b.offset(line, column, self.kind))
        places, weights = last.at(), last.shares()
        at_places = table(b, "i32", places.ravel().tolist())
        at_weights = None if weights is None else table(b, self.type, weights.ravel().tolist())

        def tap(number: Value, total: Value) -> Value:
            entry = b.add(b.mul(number, i64(last.m)), column)
            at = b.load("i32", b.offset(at_places, entry, "i32"))
            there = b.compare(">=", at, const(0, "i32"))
            value = b.load(self.kind, b.offset(line, b.convert(b.select(there, at, const(0, "i32")), "i64"), self.kind))
            if at_weights is not None:
                value = b.mul(value, b.load(self.type, b.offset(at_weights, entry, self.type)))
            value = b.select(there, value, zero)
            return value if self.copies else b.add(total, value)

        if last.count <= 2 * UNROLLED:
            total = zero
            for number in range(last.count):
                total = tap(i64(number), total)
            return total
        with b.loop(i64(0), i64(last.count), i64(1), [zero]) as loop:
            loop.values = [tap(loop.index, loop.values[0])]
        return loop.results[0]

    def across(self, readings: list[Reading], place: Value, shift: Value | None) -> Value:
        """The sum of a row's taps; place: where the row begins in its plane."""
        b, w, type = self.b, self.width, vector(self.type, self.width)
        start = b.offset(self.x, b.add(self.base, place), self.kind)
        if shift is not None:
            start = b.offset(start, shift, self.kind)
        loaded: dict[tuple[int, int], Value] = {}
        total = None
        for r in readings:
            if r.far:
                places = Value("<" + ", ".join(f"i64 {p}" for p in r.far) + ">", f"<{w} x i64>")
                pointers = b.emit(f"<{w} x ptr>", f"getelementptr inbounds {self.kind}, {start}, {places}")
                value = b.gather(type, pointers, const(1, f"<{w} x i1>"))
            else:
                for s in r.starts:
                    if (s, r.size) not in loaded:
                        loaded[s, r.size] = self.load_part(start, s, r.size)
                order = [(0, 0) if o is None else o for o in r.order]
                value = self.shuffled([loaded[s, r.size] for s in r.starts], order)
            if None in r.order:
                value = b.select(mask_of([o is not None for o in r.order]), value, const(0, type))
            if r.weights is not None:
                value = b.mul(
                    value, Value("<" + ", ".join(f"{self.type} {literal(x, self.type)}" for x in r.weights) + ">", type)
                )
            total = value if total is None else b.add(total, value)
        return const(0, type) if total is None else total

    def load_part(self, start: Value, at: int, size: int) -> Value:
        b = self.b
        where = b.offset(start, i64(at), self.kind) if at else start
        type = vector(self.kind, size)
        if at + size <= self.n:
            return b.load(type, where)
        return b.masked_load(type, where, mask_of([at + i < self.n for i in range(size)]))

    def shuffled(self, parts: list[Value], order: list[tuple[int, int]]) -> Value:
        b, w = self.b, self.width
        if len(parts) == 1 and parts[0].type[0] != "<":
            return b.splat(parts[0], w)
        if len(parts) == 1 and all(o == (0, order[0][1]) for o in order):
            return b.splat(b.extract(parts[0], order[0][1]), w)
        return woven(b, parts, order, vector(self.kind, w))

    def over_rows(self, body: Callable[[Value, Value | None, Value], Value], total: Value) -> Value:
        """Loops over the rows that make a row, with the products of their weights."""
        b = self.b
        tables = iter(self.operands[1:])
        found = [None if t is None else (next(tables), next(tables) if t.weights else None) for t in self.taps[:-1]]

        def nest(depth: int, place: Value, weight: Value | None, total: Value) -> Value:
            if depth == len(found):
                return body(place, weight, total)
            taps, tables, step, at = self.taps[depth], found[depth], self.steps[depth], self.at[depth]
            if taps is None or tables is None:
                return nest(depth + 1, b.add(place, b.mul(at, i64(step))), weight, total)
            line = b.offset(tables[0], b.mul(at, i64(taps.count + 1)), "i64")

            def tap(number: Value, total: Value) -> Value:
                here = b.load("i64", b.offset(line, b.add(number, i64(1)), "i64"))
                share = weight
                if tables[1] is not None:
                    own = b.load(self.type, b.offset(tables[1], b.add(b.mul(at, i64(taps.count)), number), self.type))
                    share = own if weight is None else b.mul(weight, own)
                return nest(depth + 1, b.add(place, b.mul(here, i64(step))), share, total)

            if taps.count <= 2 and (taps.at() >= 0).all():
                for number in range(taps.count):
                    total = tap(i64(number), total)
                return total
            with b.loop(i64(0), b.load("i64", line), i64(1), [total]) as loop:
                loop.values = [tap(loop.index, loop.values[0])]
            return loop.results[0]

        return nest(0, i64(0), None, total)


def _step(before: list[Reading], after: list[Reading]) -> int | None:
    """By how much what a group reads lies further on than what another reads; None if they differ otherwise."""
    steps = set()
    for r, s in zip(before, after):
        if r._replace(starts=()) != s._replace(starts=()) or r.far or len(r.starts) != len(s.starts):
            return None
        steps.update(y - x for x, y in zip(r.starts, s.starts))
    return steps.pop() if len(before) == len(after) and len(steps) == 1 else None

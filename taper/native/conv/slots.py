"""Vectors of positions: where each one lies in a unit's panel or sums, and in the result. Tables that a unit fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..text import Builder, Value, i64
from .plan import ConvPlan


@dataclass(frozen=True)
class Part:
    """What a unit computes: its images and places, as values of the code; first and count by dimension."""

    first_image: Value
    images: Value
    first: tuple[Value, Value, Value]
    count: tuple[Value, Value, Value]


@dataclass(frozen=True)
class Runs:
    """Stretches of consecutive positions: `sizes` of them, nested, `length` positions each, every one begins a vector.

    spots: how much further each kind of run lies in memory, and `columns` in the result (images: 0). stacked: the table
    goes down the innermost runs' first vectors, then their second ones.
    """

    sizes: Sequence[Value]
    length: Value
    spots: Sequence[Value]
    columns: Sequence[Value]
    stacked: bool = False


class Slots:
    """A table of vectors: memory offset, image, column of the result, how many of the lanes exist."""

    def __init__(self, b: Builder, size: int, lanes: int):
        self.b, self.size, self.lanes = b, size, lanes
        self.spots, self.images, self.columns, self.counts = (b.place("i64", size) for _ in range(4))

    def fill(self, runs: Runs, first_image: Value, first_column: Value) -> Value:
        """Write the table; returns how many vectors there are."""
        b, lanes = self.b, self.lanes
        each = b.div(b.add(runs.length, i64(lanes - 1)), i64(lanes), signed=False)

        def nest(depth: int, number: Value, spot: Value, column: Value, image: Value, last: Value) -> None:
            if depth < len(runs.sizes):
                with b.loop(i64(0), runs.sizes[depth]) as loop:
                    innermost = runs.stacked and depth == len(runs.sizes) - 1
                    nest(
                        depth + 1,
                        number if innermost else b.add(b.mul(number, runs.sizes[depth]), loop.index),
                        b.add(spot, b.mul(loop.index, runs.spots[depth])),
                        b.add(column, b.mul(loop.index, runs.columns[depth])),
                        loop.index if depth == 0 else image,
                        loop.index,
                    )
                return
            with b.loop(i64(0), each) as loop:
                number = b.add(b.mul(number, each), loop.index)
                if runs.stacked:
                    number = b.add(b.mul(number, runs.sizes[-1]), last)
                done = b.mul(loop.index, i64(lanes))
                left = b.sub(runs.length, done)
                count = b.select(b.compare("<", left, i64(lanes)), left, i64(lanes))
                entries = (b.add(spot, done), b.add(first_image, image), b.add(column, done), count)
                for table, value in zip((self.spots, self.images, self.columns, self.counts), entries):
                    b.store(value, b.offset(table, number, "i64"))

        nest(0, i64(0), i64(0), first_column, i64(0), i64(0))
        total = each
        for size in runs.sizes:
            total = b.mul(total, size)
        return total

    def repeat_first(self, start: Value) -> None:
        """Let the entries from `start` on lie where the first one does, so that whole tiles may be computed."""
        b = self.b
        with b.loop(start, i64(self.size)) as loop:
            b.store(i64(0), b.offset(self.spots, loop.index, "i64"))

    def entry(self, table: Value, index: Value) -> Value:
        return self.b.load("i64", self.b.offset(table, index, "i64"))


def place_runs(b: Builder, plan: ConvPlan, part: Part) -> Runs:
    """The runs of a unit's places in its panel; columns are those of the result if there are no phases."""
    _, rows, columns = plan.convolution.output
    d, h, w = part.count
    strides = plan.panel.strides
    images, depth, row = (i64(strides[name]) for name in ("image", "depth", "row"))
    none, plane = i64(0), i64(rows * columns)
    if plan.panel.expanded == 3:
        return Runs((), b.mul(b.mul(part.images, d), b.mul(h, w)), (), ())
    if plan.panel.expanded == 1:
        return Runs((part.images, d), b.mul(h, w), (images, depth), (none, plane))
    return Runs((part.images, d, h), w, (images, depth, row), (none, plane, i64(columns)), plan.stacked)


def share_sizes(total: int, parts: int) -> list[tuple[int, int]]:
    """First and count of every part, in equal shares."""
    cuts = [i * total // parts for i in range(parts + 1)]
    return [(low, high - low) for low, high in zip(cuts, cuts[1:])]

"""Walking through a convolution's blocks of tile rows: which strips of which images, which rows of x."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..text import Builder, Value, i64
from .winograd_plan import WinogradPlan


@dataclass(frozen=True)
class Block:
    """The tile rows [start, stop) of all strips, and the first one's strip (its image, where there is one strip each)."""

    start: Value
    stop: Value
    strip: Value


@dataclass(frozen=True)
class Part:
    """The tile rows of one strip of an image in a block: [first, last) of the image, from `place` in the block.

    number: that of the strip, through all images. column: the first position of its rows.
    """

    number: Value
    image: Value
    column: Value
    first: Value
    last: Value
    place: Value


class Blocks:
    """Writes what the parts of a kernel need to find their way."""

    def __init__(self, b: Builder, plan: WinogradPlan):
        self.b, self.plan = b, plan
        self.type = plan.convolution.type

    def at(self, pointer: Value, *terms: tuple[Value, int]) -> Value:
        """pointer + sum of index * stride, in elements."""
        b, total = self.b, None
        for index, stride in terms:
            term = index if stride == 1 else b.mul(index, i64(stride))
            total = term if total is None else b.add(total, term)
        return pointer if total is None else b.offset(pointer, total, self.type)

    def smaller(self, x: Value, y: Value) -> Value:
        return self.b.select(self.b.compare("<", x, y), x, y)

    def larger(self, x: Value, y: Value) -> Value:
        return self.b.select(self.b.compare(">", x, y), x, y)

    def share(self, index: Value, total: int, parts: int) -> Value:
        """index * total // parts: where share `index` begins."""
        b = self.b
        if total % parts == 0:
            return b.mul(index, i64(total // parts))
        return b.div(b.mul(index, i64(total)), i64(parts), signed=False)

    def rows_of(self, block: Value) -> Block:
        """A block's tile rows; none after the last block."""
        b, plan = self.b, self.plan
        start = b.mul(block, i64(plan.rows))
        stop = self.smaller(b.add(start, i64(plan.rows)), i64(plan.all_rows))
        return Block(start, stop, b.div(start, i64(plan.tile_rows), signed=False))

    def place(self, strip: Value) -> tuple[Value, Value]:
        """The image of a strip, and the first position of its rows."""
        b, plan = self.b, self.plan
        if plan.strips == 1:
            return strip, i64(0)
        column = b.mul(b.rem(strip, i64(plan.strips), signed=False), i64(2 * plan.strip))
        return b.div(strip, i64(plan.strips), signed=False), column

    def first_row(self, block: Block) -> tuple[Value, Value, Value]:
        """The image, the row and the column of a block's first position."""
        b, plan = self.b, self.plan
        row = b.mul(b.sub(block.start, b.mul(block.strip, i64(plan.tile_rows))), i64(2))
        image, column = self.place(block.strip)
        return image, row, column

    @contextmanager
    def parts(self, block: Block) -> Iterator[Part]:
        """A loop over the strips that a block has a part of."""
        b, plan = self.b, self.plan
        after = b.add(block.stop, i64(plan.tile_rows - 1))
        with b.loop(block.strip, b.div(after, i64(plan.tile_rows), signed=False)) as strip:
            start = b.mul(strip.index, i64(plan.tile_rows))
            first = self.larger(b.sub(block.start, start), i64(0))
            after = self.smaller(b.sub(block.stop, start), i64(plan.tile_rows))
            image, column = self.place(strip.index)
            yield Part(strip.index, image, column, first, after, b.sub(b.add(start, first), block.start))

    @contextmanager
    def input_rows(self, block: Block) -> Iterator[tuple[Part, Value, Value, Value]]:
        """A loop over a block's strips: the part, its first row of x, and the first and last of those rows that exist."""
        b, c = self.b, self.plan.convolution
        with self.parts(block) as part:
            top = b.sub(b.mul(part.first, i64(2)), i64(c.padding[1]))
            rows = b.add(b.mul(b.sub(part.last, part.first), i64(2)), i64(2))
            first = self.larger(b.sub(i64(0), top), i64(0))
            yield part, top, first, self.smaller(b.sub(i64(c.spatial[1]), top), rows)

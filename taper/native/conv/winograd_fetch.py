"""Fetching ahead: what the next block reads, and what finishing this one touches, comes while products are computed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import ceil

from ..gemm.matmul import Finish
from ..text import BITS, Builder, Value, i32, i64
from .winograd_blocks import Block, Blocks
from .winograd_plan import PLACES, WinogradPlan


class Fetch:
    """Writes prefetches between the products; each asks for a share."""

    def __init__(self, b: Builder, plan: WinogradPlan, blocks: Blocks, x: Value, finish: Finish):
        self.b, self.plan, self.blocks, self.x, self.finish = b, plan, blocks, x, finish
        self.type = plan.convolution.type

    def start(self, following: Block) -> None:
        """Note where in the first channel the rows of the following block begin that this one has not read."""
        b, c = self.b, self.plan.convolution
        image, row, column = self.blocks.first_row(following)
        row, column = b.sub(row, i64(c.padding[1] - 2)), b.sub(column, i64(c.padding[2]))
        self.following = self.blocks.at(self.x, (image, c.x[0]), (row, c.x[3]), (column, 1))

    def input(self, call: Value) -> None:
        """Ask for a share of the following block's rows, so that they come while this one's products are computed.

        call: the number of the product of tiles, of all the block's. Without branches, since wrong guesses would cost
        more than is won; what is asked for before or after x does no harm.
        """
        b, plan, c = self.b, self.plan, self.plan.convolution
        line = 512 // BITS[self.type]
        parts, step, lines = ceil(2 * plan.rows * c.x[3] / line), line, [0]
        if plan.strips > 1:
            parts, step, lines = 2 * plan.rows, c.x[3], list(range(0, 2 * plan.strip + 2, line))
        for item, first, count in self._items(call, c.inputs, PLACES * plan.panels * plan.row_tiles, parts):
            channel = self.blocks.smaller(item, i64(c.inputs - 1))
            start = self.blocks.at(self.following, (channel, c.x[1]), (first, step))
            for i, place in product(range(count), lines):
                self._prefetch(b.offset(start, i64(i * step + place), self.type))

    def _items(self, call: Value, channels: int, calls: int, each: int) -> Iterator[tuple[Value, Value, int]]:
        """What one of so many calls handles if channels have `each` parts: a channel, its first part, and how many."""
        b = self.b
        together, shares = ceil(channels / calls), max(1, calls // channels)
        count = ceil(each / shares)
        for i in range(together):
            item = b.add(b.mul(call, i64(together)), i64(i))
            first = b.mul(b.rem(item, i64(shares), signed=False), i64(count))
            yield b.div(item, i64(shares), signed=False), first, count

    def results(self, block: Block, call: Value, row: Value, rows: Value) -> None:
        """Ask for a share of what finishing a row tile will touch; call: the number of its product, of the row tile's."""
        b, plan = self.b, self.plan
        plain, fetch = getattr(self.finish, "plain", None), getattr(self.finish, "fetch", None)
        width, lanes = plan.convolution.output[2], plan.lanes
        parts, step, vectors = ceil(2 * plan.rows * width / lanes), lanes, [0]
        if plan.strips > 1:
            parts, step, vectors = 2 * plan.rows, width, list(range(0, 2 * plan.strip, lanes))
        image, line, column = self.blocks.first_row(block)
        position, last = b.add(b.mul(line, i64(width)), column), b.sub(rows, i64(1))
        for item, first, count in self._items(call, plan.row_sizes[0], PLACES * plan.panels, parts):
            channel = b.add(row, self.blocks.smaller(item, last))
            start = b.add(position, b.mul(first, i64(step)))
            for i, place in product(range(count), vectors):
                there = b.add(start, i64(i * step + place))
                if plain is not None:
                    self._prefetch(plain.place(b, self.type, image, channel, there), write=True)
                elif fetch is not None:
                    fetch(b, image, channel, there)

    def _prefetch(self, pointer: Value, write: bool = False) -> None:
        """Fetch a line, to be read into the second cache, or to be written."""
        self.b.call("llvm.prefetch.p0", "void", pointer, i32(int(write)), i32(2), i32(1))

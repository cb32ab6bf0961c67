"""What kernels over blocks of rows share: tiles of a product by panels of its right side, copies, vectors with a tail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..gemm.micro_kernel import Tile, emit_tile, load_vector, prefix_mask
from ..gemm.pack import piece_lanes, transpose
from ..gemm.tiling import fits
from ..machine import Machine
from ..text import Builder, Value, const, i64, vector


@dataclass(frozen=True)
class Panels:
    """The right side (k, columns) of a product, packed: panels of `vectors` vectors, the last one perhaps narrower.

    groups: how many blocks of `columns` stand beside each other; a vector of a panel has lanes of one of them, and its
    vectors are those of the first group, then of the second, and so on. rows: of a tile of the result.
    """

    type: str
    k: int
    columns: int
    groups: int
    machine: Machine

    @property
    def lanes(self) -> int:
        return self.machine.lanes(self.type)

    @property
    def all_vectors(self) -> int:
        """Vectors of one group."""
        return -(-self.columns // self.lanes)

    @property
    def vectors(self) -> int:
        """Vectors of one group in a panel."""
        return min(self.all_vectors, max(1, (4 if self.groups > 1 else 2) // self.groups))

    @property
    def rows(self) -> int:
        width = self.vectors * self.groups
        return max(r for r in range(1, 9) if r == 1 or fits(r, width, self.machine))

    @property
    def count(self) -> int:
        return -(-self.all_vectors // self.vectors)

    @property
    def size(self) -> int:
        """Elements of all panels."""
        return self.all_vectors * self.groups * self.lanes * self.k

    def kinds(self) -> Iterator[tuple[int, int, int, int]]:
        """Panels of a kind: the first, how many, their vectors of one group, the columns in the last of these (0: all)."""
        last = self.all_vectors - (self.count - 1) * self.vectors
        tail = self.columns % self.lanes
        whole = self.count - (last < self.vectors or tail > 0)
        if whole:
            yield 0, whole, self.vectors, 0
        if whole < self.count:
            yield whole, 1, last, tail

    def place(self, b: Builder, panels: Value, index: Value) -> Value:
        """Where a panel begins."""
        return b.offset(panels, b.mul(index, i64(self.vectors * self.groups * self.lanes * self.k)), self.type)


def emit_pack(b: Builder, p: Panels, source: Value, target: Value, turned: bool) -> None:
    """Pack the panels [begin, end) of the kernel being written.

    source: (k, groups columns), or, turned, (groups columns, k).
    """
    for first, count, vectors, tail in p.kinds():
        start = b.select(b.compare(">", b.args[1], i64(first)), b.args[1], i64(first))
        stop = b.select(b.compare("<", b.args[2], i64(first + count)), b.args[2], i64(first + count))
        with b.loop(start, stop) as loop:
            place = p.place(b, target, loop.index)
            width = vectors * p.groups * p.lanes
            for group in range(p.groups):
                for v in range(vectors):
                    count_here = tail if tail and v == vectors - 1 else p.lanes
                    column = b.add(b.mul(loop.index, i64(p.vectors * p.lanes)), i64(group * p.columns + v * p.lanes))
                    to = b.offset(place, i64((group * vectors + v) * p.lanes), p.type)
                    if turned:
                        _pack_turned(b, p, b.offset(source, b.mul(column, i64(p.k)), p.type), to, width, count_here)
                    else:
                        _pack_rows(b, p, b.offset(source, column, p.type), to, width, count_here)


def _pack_rows(b: Builder, p: Panels, source: Value, target: Value, width: int, count: int) -> None:
    with b.loop(i64(0), i64(p.k)) as loop:
        where = b.offset(source, b.mul(loop.index, i64(p.columns)), p.type)
        value = load_vector(b, p.type, p.lanes, where, count if count < p.lanes else 0)
        b.store(value, b.offset(target, b.mul(loop.index, i64(width)), p.type))


def _pack_turned(b: Builder, p: Panels, source: Value, target: Value, width: int, count: int) -> None:
    side = piece_lanes(p.type)
    even = p.k // side * side if p.lanes % side == 0 else 0
    with b.loop(i64(0), i64(even), i64(side)) as loop:
        where = b.offset(source, loop.index, p.type)
        transpose(
            b, p.type, p.lanes, side, count, p.k, where, width, b.offset(target, b.mul(loop.index, i64(width)), p.type)
        )
    with b.loop(i64(even), i64(p.k)) as loop:
        line = b.offset(target, b.mul(loop.index, i64(width)), p.type)
        for lane in range(p.lanes):
            value = const(0, p.type)
            if lane < count:
                value = b.load(p.type, b.offset(source, b.add(loop.index, i64(lane * p.k)), p.type))
            b.store(value, b.offset(line, i64(lane), p.type))


def multiply(
    b: Builder, p: Panels, vectors: int, rows: Value, a: Value, row_stride: int, panel: Value, out: Value, width: int,
    accumulates: bool = False,
) -> None:  # fmt: skip
    """A tile of so many rows (at most p.rows): out (+)= a @ panel, rows `width` apart."""
    for count in range(1, p.rows + 1):
        tile = Tile(
            p.type, p.lanes, count, vectors * p.groups, 0, p.k, row_stride, 1, vectors * p.groups * p.lanes, width,
            accumulates,
        )  # fmt: skip
        name = emit_tile(b.module, tile)
        with b.when(b.compare("==", rows, i64(count))):
            b.call_local(name, "void", a, panel, out, i64(p.k))


def copy(b: Builder, type: str, lanes: int, source: Value, target: Value, count: Value) -> None:
    """Copy so many elements."""
    wide = vector(type, lanes)
    even = b.logical("and", count, i64(-lanes)) if lanes & (lanes - 1) == 0 else i64(0)
    with b.loop(i64(0), even, i64(lanes)) as loop:
        b.store(b.load(wide, b.offset(source, loop.index, type)), b.offset(target, loop.index, type))
    with b.loop(even, count) as loop:
        b.store(b.load(type, b.offset(source, loop.index, type)), b.offset(target, loop.index, type))


class Cells:
    """Loads and stores of one vector of some columns in several arrays; `count`: the columns that exist, 0 for all."""

    def __init__(self, b: Builder, type: str, lanes: int, count: int = 0):
        self.b, self.type, self.lanes, self.count = b, type, lanes, count

    def load(self, pointer: Value, index: Value) -> Value:
        return load_vector(self.b, self.type, self.lanes, self.b.offset(pointer, index, self.type), self.count)

    def store(self, value: Value, pointer: Value, index: Value) -> None:
        where = self.b.offset(pointer, index, self.type)
        if self.count and self.lanes > 1:
            self.b.masked_store(value, where, prefix_mask(self.count, self.lanes))
        else:
            self.b.store(value, where)


def each_vector(b: Builder, type: str, lanes: int, columns: int, visit: Callable[[Cells, Value], None]) -> None:
    """visit(cells, first column) for the vectors of so many columns."""
    whole, tail = columns // lanes * lanes, columns % lanes
    if whole:
        with b.loop(i64(0), i64(whole), i64(lanes)) as loop:
            visit(Cells(b, type, lanes), loop.index)
    if tail:
        visit(Cells(b, type, lanes, tail), i64(whole))


@contextmanager
def positive(b: Builder, count: Value) -> Iterator[None]:
    """Run what is written inside if a number is above 0."""
    with b.when(b.compare(">", count, i64(0))):
        yield


def least(b: Builder, x: Value, y: Value) -> Value:
    return b.select(b.compare("<", x, y), x, y)

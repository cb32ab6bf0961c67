"""Products of any size by one kernel for each type: sizes, strides and how the product is cut are found at run time.

A chunk is a block of rows by a block of columns of a batch. It goes through k in blocks: the columns' part of B is packed
into panels on the stack, and each tile of rows of A is copied and multiplied with all of them. A number of the result is
the sum, in order, of the sums over blocks of k, however the product is cut.

After 'Anatomy of High-Performance Matrix Multiplication' (2008).
"""

from __future__ import annotations

from ..machine import Machine
from ..text import Builder, Module, Value, i64
from .free_tile import (
    K_BLOCK,
    FreeTile,
    emit_lines,
    emit_pack_rows,
    emit_pack_turned,
    emit_put,
    emit_tiles,
    least,
    tile_index,
)

FIELDS = (
    "a b c bias at_a at_b m n k a_row a_step b_step b_column c_row c_batch k_block row_blocks column_blocks columns packs"
).split()
"""What the kernel's table holds: the addresses of A, B, C = A B + bias (0: none), and of tables of the batches' first
elements in A and in B; sizes; strides in elements. Either stride of A is 1, and either of B.

k_block: steps of k at a time, K_BLOCK at most. row_blocks, column_blocks: how a batch is cut; columns: of a block, a multiple
of a panel's. packs: whether B is packed where it need not be.
"""

ADDRESSES = ("a", "b", "c", "bias", "at_a", "at_b")


def emit_any_size(module: Module, name: str, type: str, machine: Machine) -> None:
    """Write the kernel of all products of a type."""
    _Driver(module, name, FreeTile(type, machine))


class _Driver:
    """The kernel being written."""

    def __init__(self, module: Module, name: str, t: FreeTile):
        self.t = t
        self.tiles, self.tile_rows = (Value(f"@{name}", "ptr") for name in emit_tiles(module, t))
        self.lines, self.pack_rows = emit_lines(module, t), emit_pack_rows(module, t, t.width)
        self.pack_across, self.pack_turned = emit_pack_rows(module, t, t.across), emit_pack_turned(module, t)
        self.put = emit_put(module, t)
        self.b = b = Builder(module, name, ["ptr", "i64", "i64"])
        self.at = {}
        for i, field in enumerate(FIELDS):
            kind = "ptr" if field in ADDRESSES else "i64"
            self.at[field] = b.load(kind, b.offset(b.args[0], i64(i), "i64"))
        self.panels = b.place(t.type, K_BLOCK * t.columns)
        self.copy = b.place(t.type, t.copied)
        self.tile = b.place(t.type, t.across * t.width)
        self.biased = b.compare("!=", self["bias"], Value("null", "ptr"))
        with b.loop(b.args[1], b.args[2]) as loop:
            self.chunk(loop.index)
        b.finish()

    def __getitem__(self, field: str) -> Value:
        return self.at[field]

    def chunk(self, index: Value) -> None:
        b, t = self.b, self.t
        column_block = b.rem(index, self["column_blocks"], signed=False)
        rest = b.div(index, self["column_blocks"], signed=False)
        row_block = b.rem(rest, self["row_blocks"], signed=False)
        batch = b.div(rest, self["row_blocks"], signed=False)
        self.a = b.offset(self["a"], b.load("i64", b.offset(self["at_a"], batch, "i64")), t.type)
        self.right = b.offset(self["b"], b.load("i64", b.offset(self["at_b"], batch, "i64")), t.type)
        self.c = b.offset(self["c"], b.mul(batch, self["c_batch"]), t.type)
        first = b.div(b.mul(row_block, self["m"]), self["row_blocks"], signed=False)
        last = b.div(b.mul(b.add(row_block, i64(1)), self["m"]), self["row_blocks"], signed=False)
        column = b.mul(column_block, self["columns"])
        end = least(b, b.add(column, self["columns"]), self["n"])
        with b.when(self.biased):
            self.fill(first, last, column, end)
        with b.loop(i64(0), self["k"], self["k_block"]) as blocks:
            k = least(b, self["k_block"], b.sub(self["k"], blocks.index))
            later = b.compare(">", blocks.index, i64(0))
            adds = b.convert(b.logical("or", later, self.biased), "i64", signed=False)
            self.pack(blocks.index, k, column, end)
            self.rows(blocks.index, k, adds, first, last, column, end)

    def place(self, row: Value, column: Value) -> Value:
        """Where C has a row and column."""
        b = self.b
        return b.offset(self.c, b.add(b.mul(row, self["c_row"]), column), self.t.type)

    def fill(self, first: Value, last: Value, column: Value, end: Value) -> None:
        """The bias in the chunk's part of C."""
        b = self.b
        source, rows, columns = b.offset(self["bias"], column, self.t.type), b.sub(last, first), b.sub(end, column)
        b.call_local(self.lines, "void", source, self.place(first, column), rows, columns, i64(0), self["c_row"])

    def panel(self, column: Value, end: Value) -> tuple[Value, Value, Value]:
        """A panel's columns, how many vectors these are, and whether B is packed for them."""
        b, t = self.b, self.t
        left = least(b, i64(t.width), b.sub(end, column))
        vectors = b.div(b.add(left, i64(t.lanes - 1)), i64(t.lanes), signed=False)
        ragged = b.compare("!=", left, b.mul(vectors, i64(t.lanes)))
        return left, vectors, b.logical("or", b.compare("!=", self["packs"], i64(0)), ragged)

    def pack(self, start: Value, k: Value, column: Value, end: Value) -> None:
        b, t = self.b, self.t
        with b.loop(column, end, i64(t.width)) as loop:
            left, _, packs = self.panel(loop.index, end)
            with b.when(packs):
                source = b.add(b.mul(start, self["b_step"]), b.mul(loop.index, self["b_column"]))
                source = b.offset(self.right, source, t.type)
                target = b.offset(self.panels, b.mul(b.sub(loop.index, column), k), t.type)
                beside = b.compare("==", self["b_column"], i64(1))
                with b.when(beside):
                    whole = b.convert(b.compare("==", left, i64(t.width)), "i64", signed=False)
                    b.call_local(self.pack_rows, "void", source, target, left, k, self["b_step"], whole)
                with b.when(b.invert(beside)):
                    b.call_local(self.pack_turned, "void", source, target, left, k, self["b_column"])

    def rows(self, start: Value, k: Value, adds: Value, first: Value, last: Value, column: Value, end: Value) -> None:
        """All tiles of rows, for one block of k."""
        b, t = self.b, self.t
        rows = b.sub(last, first)
        tiles = b.div(b.add(rows, i64(t.rows - 1)), i64(t.rows), signed=False)
        across = b.compare("==", self["a_row"], i64(1))
        kind = b.convert(across, "i64", signed=False)
        with b.loop(i64(0), tiles) as loop:
            row = b.add(first, b.div(b.mul(loop.index, rows), tiles, signed=False))
            after = b.add(first, b.div(b.mul(b.add(loop.index, i64(1)), rows), tiles, signed=False))
            count = b.sub(after, row)
            source = b.add(b.mul(row, self["a_row"]), b.mul(start, self["a_step"]))
            source = b.offset(self.a, source, t.type)
            with b.when(across):
                fits = b.compare("<=", b.add(row, i64(t.across)), self["m"])
                whole = b.convert(fits, "i64", signed=False)
                b.call_local(self.pack_across, "void", source, self.copy, count, k, self["a_step"], whole)
            with b.when(b.invert(across)):
                b.call_local(self.lines, "void", source, self.copy, count, k, self["a_row"], i64(t.line))
            with b.loop(column, end, i64(t.width)) as panel:
                self.multiply(start, k, adds, kind, row, count, panel.index, column, end)

    def multiply(
        self,
        start: Value,
        k: Value,
        adds: Value,
        kind: Value,
        row: Value,
        rows: Value,
        at: Value,
        column: Value,
        end: Value,
    ) -> None:
        """One tile of rows by one panel."""
        b, t = self.b, self.t
        left, vectors, packs = self.panel(at, end)
        packed = b.offset(self.panels, b.mul(b.sub(at, column), k), t.type)
        # Where the panel is not packed its columns lie beside each other.
        there = b.offset(self.right, b.add(b.mul(start, self["b_step"]), at), t.type)
        panel, step = b.select(packs, packed, there), b.select(packs, i64(t.width), self["b_step"])
        index = tile_index(b, t, kind, vectors, rows)
        tile = b.load("ptr", b.offset(self.tiles, index, "ptr"))
        # What is not as large as the tile is put into its place afterwards.
        ragged = b.compare("!=", left, b.mul(vectors, i64(t.lanes)))
        ragged = b.logical("or", ragged, b.compare("!=", rows, b.load("i64", b.offset(self.tile_rows, index, "i64"))))
        place = self.place(row, at)
        out = b.select(ragged, self.tile, place)
        width, more = b.select(ragged, i64(t.width), self["c_row"]), b.select(ragged, i64(0), adds)
        b.call_address(tile, self.copy, panel, out, k, step, width, more)
        with b.when(ragged):
            b.call_local(self.put, "void", self.tile, place, rows, left, self["c_row"], adds)

"""The driver of a matrix product: chunks, row tiles, panels, blocks of k, and what happens to a finished vector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..text import Builder, Module, Value, const, element, i64, vector
from .micro_kernel import Dot, Tile, emit_dot, emit_tile, load_vector, prefix_mask
from .pack import copied_size, copied_strides, emit_copy, emit_panel_loop, piece_lanes, transpose
from .tiling import ROUND, Plan

Pointer = Callable[[Builder], Value]

Finish = Callable[[Builder, Value, Value, Value, Value, "Value | None"], None]
"""finish(b, value, batch, row, column, mask): C[batch, row, column : column + lanes] is `value`.

Called while the code is written, once or twice; the code runs once for every vector of the result. mask: None if all
lanes exist, else a constant of the first lanes (only those may be loaded or stored). If it has a method `begin(b)`, that
is called at the kernel's start, for what the loops should find ready in registers. If it then has an attribute `plain`
that is not None, a `StoreRowMajor`, that is all there is to do, and micro-kernels may do it themselves. If it has a method
`fetch(b, batch, row, column)`, that is called for each vector before its tile is computed, to prefetch what it will read.
"""


@dataclass(frozen=True)
class Operands:
    """Where kernels find A, B, the scratch for panels (if plan.packed) and for unfinished sums (if plan.needs_partial).

    Each is called at most once, at a kernel's start, with its builder (`b.args[0]` is the table), and gives a pointer.
    """

    a: Pointer
    b: Pointer
    packed: Pointer | None = None
    partial: Pointer | None = None


class StoreRowMajor:
    """Store the result to C[batch, row, column], `columns` elements between rows and `rows` rows between batches."""

    def __init__(self, pointer: Pointer, columns: int, rows: int = 0):
        self.pointer, self.columns, self.rows = pointer, columns, rows

    @property
    def plain(self) -> StoreRowMajor:
        return self

    def begin(self, b: Builder) -> None:
        self.base = self.pointer(b)

    def place(self, b: Builder, type: str, batch: Value, row: Value, column: Value) -> Value:
        """The address of C[batch, row, column]."""
        line = b.add(b.mul(batch, i64(self.rows)), row)
        return b.offset(self.base, b.add(b.mul(line, i64(self.columns)), column), type)

    def __call__(self, b: Builder, value: Value, batch: Value, row: Value, column: Value, mask: Value | None) -> None:
        where = self.place(b, element(value.type), batch, row, column)
        if mask is None:
            b.store(value, where)
        else:
            b.masked_store(value, where, mask)


def emit_pack(module: Module, name: str, plan: Plan, operands: Operands) -> None:
    """Write the kernel that packs panels into operands.packed (plan.packed elements): plan.pack_chunks chunks."""
    b = Builder(module, name, ["ptr", "i64", "i64"])
    source = operands.a if plan.swapped else operands.b
    emit_panel_loop(b, plan, source(b), _scratch(operands.packed, "packed panels")(b))
    b.finish()


def _scratch(pointer: Pointer | None, what: str) -> Pointer:
    if pointer is None:
        raise ValueError(f"product: a buffer for {what} is needed")
    return pointer


def emit_product(module: Module, name: str, plan: Plan, operands: Operands, finish: Finish) -> None:
    """Write the kernel that computes the product: plan.chunks chunks. Needs packed panels if plan.packed."""
    b = Builder(module, name, ["ptr", "i64", "i64"])
    _Driver(b, plan, operands, finish).emit()
    b.finish()


class _Driver:
    """One product's kernel being written."""

    def __init__(self, b: Builder, plan: Plan, operands: Operands, finish: Finish):
        self.b, self.plan, self.finish = b, plan, finish
        a, right = (operands.b, operands.a) if plan.swapped else (operands.a, operands.b)
        self.a = a(b)
        self.panels = (_scratch(operands.packed, "packed panels") if plan.packed else right)(b)
        p = plan.product
        begin = getattr(finish, "begin", None)
        if begin is not None:
            begin(b)
        self.partial = None
        if plan.needs_partial:
            self.partial = _scratch(operands.partial, f"partial sums (k = {p.k} is blocked by {plan.k_block})")(b)
        self.width = plan.vectors * plan.lanes
        # Whole tiles of a plain result are stored by the micro-kernel itself.
        plain = getattr(finish, "plain", None)
        self.direct = plain if not plan.needs_partial and not plan.swapped else None
        self.tile = b.emit("ptr", f"alloca [{plan.rows * self.width} x {p.type}], align 64")
        self.turned = None
        if plan.swapped:
            self.turned = b.emit("ptr", f"alloca [{self.width * plan.lanes} x {p.type}], align 64")
        self.copy = None
        if plan.copies_a:
            self.copy = b.emit("ptr", f"alloca [{copied_size(plan)} x {p.type}], align 64")

    def emit(self) -> None:
        b, plan, p = self.b, self.plan, self.plan.product
        with b.loop(b.args[1], b.args[2]) as loop:
            row_block = b.rem(loop.index, i64(plan.row_blocks), signed=False)
            rest = b.div(loop.index, i64(plan.row_blocks), signed=False)
            column_block = b.rem(rest, i64(plan.column_blocks), signed=False)
            self.batch = b.div(rest, i64(plan.column_blocks), signed=False)
            self.a_batch = b.offset(self.a, self._batch_offset(p.a), p.element)
            self.b_batch = b.offset(self.panels, self._panel_batch(), p.type)
            tiles = plan.row_tiles // plan.row_blocks
            first_tile = b.mul(row_block, i64(tiles))
            last_tile = b.add(first_tile, i64(tiles))
            first_panel = self._share(column_block, plan.panels, plan.column_blocks)
            last_panel = self._share(b.add(column_block, i64(1)), plan.panels, plan.column_blocks)
            with b.loop(i64(0), i64(plan.k_blocks)) as blocks, b.loop(first_tile, last_tile) as tile:
                self._row_tile(blocks.index, tile.index, first_panel, last_panel)

    def _share(self, index: Value, total: int, parts: int) -> Value:
        """index * total // parts: where share `index` begins."""
        b = self.b
        if total % parts == 0:
            return b.mul(index, i64(total // parts))
        return b.div(b.mul(index, i64(total)), i64(parts), signed=False)

    def _batch_offset(self, strides: tuple[int, ...]) -> Value:
        """Where the batch begins, by the strides of its dimensions."""
        b, index, total = self.b, self.batch, i64(0)
        for size, stride in zip(reversed(self.plan.product.batch), reversed(strides[:-2])):
            digit = b.rem(index, i64(size), signed=False)
            index = b.div(index, i64(size), signed=False)
            total = b.add(total, b.mul(digit, i64(stride)))
        return total

    def _panel_batch(self) -> Value:
        """Where the batch's part of B begins, in place or packed."""
        p, each = self.plan.product, self.plan.packed_each
        if not self.plan.packed:
            return self._batch_offset(p.b)
        strides = []
        for size, stride in zip(reversed(p.batch), reversed(p.b[:-2])):
            strides.insert(0, each if stride else 0)
            each *= size if stride else 1
        return self._batch_offset((*strides, 0, 0))

    def _row_tile(self, block: Value, index: Value, first_panel: Value, last_panel: Value) -> None:
        b, plan, p = self.b, self.plan, self.plan.product
        row = self._share(index, p.m, plan.row_tiles)
        rows = b.sub(self._share(b.add(index, i64(1)), p.m, plan.row_tiles), row)
        start = b.mul(block, i64(plan.k_block))
        after = b.add(start, i64(plan.k_block))
        count = b.sub(b.select(b.compare("<", after, i64(p.k)), after, i64(p.k)), start)
        a = b.offset(self.a_batch, b.add(b.mul(row, i64(p.a[-2])), b.mul(start, i64(p.a[-1]))), p.element)
        if self.copy is not None:
            for size in self._row_sizes():
                with b.when(b.compare("==", rows, i64(size))):
                    b.call_local(emit_copy(b.module, plan, size), "void", a, self.copy, count)
            a = self.copy
        with b.loop(first_panel, last_panel) as loop:
            column = b.mul(loop.index, i64(self.width))
            whole = b.compare("<", loop.index, i64(plan.whole_panels))
            panel = self._panel(loop.index, start, whole)
            if self.partial is not None:
                with b.when(b.compare("==", block, i64(0))):
                    self._each(rows, whole, self._clear)
                with b.when(b.compare(">", block, i64(0))):
                    self._each(rows, whole, lambda *place: self._fetch(row, column, *place))
            self._fetch_ahead(rows, row, column)
            self._multiply(rows, whole, a, panel, count, row, column, loop.index)
            if self.partial is None:
                self._finish_tile(rows, whole, row, column)
            else:
                last = b.compare("==", block, i64(plan.k_blocks - 1))
                with b.when(b.invert(last)):
                    self._each(rows, whole, lambda *place: self._keep(row, column, *place))
                with b.when(last):
                    self._finish_tile(rows, whole, row, column)

    def _fetch_ahead(self, rows: Value, row: Value, column: Value) -> None:
        """Ask for what finishing the tile will touch, so that it comes while the tile is computed."""
        b, plan = self.b, self.plan
        fetch = getattr(self.finish, "fetch", None)
        if fetch is None or plan.swapped:
            return
        with b.loop(i64(0), rows) as line:
            for v in range(plan.vectors):
                fetch(b, self.batch, b.add(row, line.index), b.add(column, i64(v * plan.lanes)))

    def _finish_tile(self, rows: Value, whole: Value, row: Value, column: Value) -> None:
        """Hand over a finished tile, vector by vector."""
        b, plan, p = self.b, self.plan, self.plan.product
        if self.turned is None:
            self._each(rows, whole, lambda *place: self._finished(row, column, *place))
            return
        # The tile's columns are the result's rows: up to `lanes` of its rows at a time become a vector of each.
        lanes, side = plan.lanes, piece_lanes(p.type)
        left = b.sub(i64(p.n), column)
        columns = b.select(b.compare("<", left, i64(self.width)), left, i64(self.width))
        for size in self._row_sizes():
            with b.when(b.compare("==", rows, i64(size))):
                for first in range(0, size, lanes):
                    count = min(lanes, size - first)
                    with b.loop(i64(0), columns, i64(side)) as loop:
                        spot = self._spot(i64(first), loop.index)
                        target = b.offset(self.turned, b.mul(loop.index, i64(lanes)), p.type)
                        transpose(b, p.type, lanes, side, count, self.width, spot, lanes, target)
                    mask = prefix_mask(count, lanes) if count < lanes else None
                    with b.loop(i64(0), columns) as loop:
                        spot = b.offset(self.turned, b.mul(loop.index, i64(lanes)), p.type)
                        value = b.load(vector(p.type, lanes), spot)
                        there = b.add(row, i64(first))
                        self.finish(b, value, self.batch, b.add(column, loop.index), there, mask)

    def _panel(self, index: Value, start: Value, whole: Value) -> Value:
        """Where the panel's part of B begins, for k from `start`."""
        b, plan, p = self.b, self.plan, self.plan.product
        if plan.method == "dot":
            return b.offset(self.b_batch, b.mul(index, i64(self.width * p.b[-1])), p.type)
        if not plan.packed:
            where = b.add(b.mul(index, i64(self.width)), b.mul(start, i64(p.b[-2])))
            return b.offset(self.b_batch, where, p.type)
        each = i64(self.width)
        if plan.last_vectors < plan.vectors:
            each = b.select(whole, each, i64(plan.last_vectors * plan.lanes))
        where = b.add(b.mul(index, i64(self.width * p.k)), b.mul(start, each))
        return b.offset(self.b_batch, where, p.type)

    def _row_sizes(self) -> list[int]:
        """The sizes of row tiles that occur: at most two."""
        return sorted({self.plan.rows, self.plan.product.m // self.plan.row_tiles}, reverse=True)

    def _multiply(
        self, rows: Value, whole: Value, a: Value, panel: Value, count: Value, row: Value, column: Value, index: Value
    ) -> None:
        """Call the micro-kernel that fits this tile."""
        b, plan = self.b, self.plan
        following = []
        if plan.brought:
            ahead = b.add(b.mul(rows, i64(plan.product.k)), b.mul(index, i64(plan.product.k // ROUND * plan.brought)))
            following = [b.offset(a, ahead, plan.product.type)]
        for size in self._row_sizes():
            right_rows = b.compare("==", rows, i64(size))
            for is_whole in (True, False):
                if not (plan.whole_panels if is_whole else plan.whole_panels < plan.panels):
                    continue
                right = b.logical("and", right_rows, whole if is_whole else b.invert(whole))
                with b.when(right):
                    out = self.tile
                    if self.direct and is_whole:
                        out = self.direct.place(b, plan.product.type, self.batch, row, column)
                    b.call_local(self._micro_kernel(size, is_whole), "void", a, panel, out, count, *following)

    def _micro_kernel(self, rows: int, whole: bool) -> str:
        plan, p = self.plan, self.plan.product
        vectors = plan.vectors if whole else plan.last_vectors
        tail = 0 if whole else plan.tail
        width = self.direct.columns if self.direct and whole else self.width
        if plan.method == "dot":
            columns = tail or plan.lanes
            dot = Dot(p.type, plan.lanes, rows, columns, p.k, p.a[-2], p.b[-1], width)
            return emit_dot(self.b.module, dot, plan.machine)
        row_stride, step = copied_strides(plan) if plan.copies_a else p.a[-2:]
        packed = bool(plan.packed)
        more = plan.needs_partial
        return emit_tile(
            self.b.module,
            Tile(
                type=p.type,
                lanes=plan.lanes,
                rows=rows,
                vectors=vectors,
                tail=0 if packed else tail,
                k=None if more else p.k,
                row_stride=row_stride,
                a_step=step,
                b_step=vectors * plan.lanes if packed else p.b[-2],
                width=width,
                accumulates=more,
                pairs=bool(p.pair),
                brought=plan.brought,
            ),
        )

    def _each(self, rows: Value, whole: Value, visit: Callable[[Value, Value, Value | None], None]) -> None:
        """visit(row in the tile, column in the tile, mask) for the tile's vectors."""
        b, plan = self.b, self.plan
        if plan.whole_panels and not self.direct:
            with b.when(whole):
                self._lines(rows, plan.vectors, 0, visit)
        if plan.whole_panels < plan.panels:
            with b.when(b.invert(whole)):
                self._lines(rows, plan.last_vectors, plan.tail, visit)

    def _lines(self, rows: Value, vectors: int, tail: int, visit: Callable[[Value, Value, Value | None], None]) -> None:
        """`_each` for one width; a few vectors are written out, more are a loop."""
        b, lanes = self.b, self.plan.lanes
        unmasked = vectors - (tail > 0)
        with b.loop(i64(0), rows) as line:
            if unmasked <= 3:
                for v in range(unmasked):
                    visit(line.index, i64(v * lanes), None)
            else:
                with b.loop(i64(0), i64(unmasked)) as loop:
                    visit(line.index, b.mul(loop.index, i64(lanes)), None)
            if tail:
                visit(line.index, i64(unmasked * lanes), prefix_mask(tail, lanes))

    def _spot(self, row: Value, column: Value) -> Value:
        b = self.b
        return b.offset(self.tile, b.add(b.mul(row, i64(self.width)), column), self.plan.product.type)

    def _finished(self, first_row: Value, first_column: Value, row: Value, column: Value, mask: Value | None) -> None:
        b = self.b
        value = b.load(vector(self.plan.product.type, self.plan.lanes), self._spot(row, column))
        self.finish(b, value, self.batch, b.add(first_row, row), b.add(first_column, column), mask)

    def _unfinished(self, row: Value, column: Value) -> Value:
        b, p = self.b, self.plan.product
        assert self.partial is not None
        line = b.add(b.mul(self.batch, i64(p.m)), row)
        return b.offset(self.partial, b.add(b.mul(line, i64(p.n)), column), p.type)

    def _clear(self, row: Value, column: Value, mask: Value | None) -> None:
        self.b.store(const(0, vector(self.plan.product.type, self.plan.lanes)), self._spot(row, column))

    def _fetch(self, first_row: Value, first_column: Value, row: Value, column: Value, mask: Value | None) -> None:
        b, plan = self.b, self.plan
        where = self._unfinished(b.add(first_row, row), b.add(first_column, column))
        value = load_vector(b, plan.product.type, plan.lanes, where, plan.tail if mask else 0)
        b.store(value, self._spot(row, column))

    def _keep(self, first_row: Value, first_column: Value, row: Value, column: Value, mask: Value | None) -> None:
        b, plan = self.b, self.plan
        value = b.load(vector(plan.product.type, plan.lanes), self._spot(row, column))
        where = self._unfinished(b.add(first_row, row), b.add(first_column, column))
        if mask is None:
            b.store(value, where)
        else:
            b.masked_store(value, where, mask)

"""The driver of a convolution of pixels: strips of tiles, panels of weights, blocks of the sums, finished vectors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..gemm import Finish, Operands, emit_pack, emit_product
from ..gemm.matmul import Pointer
from ..gemm.micro_kernel import prefix_mask
from ..text import Builder, Module, Value, const, i64, vector
from .pixels_places import copies_size, emit_places, table_size
from .pixels_plan import PixelPlan
from .pixels_tile import DepthwiseTile, PixelTile, emit_depthwise_tile, emit_pixel_tile
from .pixels_weights import emit_block_pack, emit_pixel_weights


@dataclass(frozen=True)
class PixelOperands:
    """Where kernels find x, w, scratch for packed weights (plan.packed elements, if any) and for a product's unfinished sums."""

    x: Pointer
    w: Pointer
    packed: Pointer | None = None
    partial: Pointer | None = None


def emit_pixel_pack(module: Module, name: str, plan: PixelPlan, operands: PixelOperands) -> None:
    """Write the kernel that packs weights (if plan.packed): plan.pack_chunks chunks."""
    if plan.product is not None:
        emit_pack(module, name, plan.product, _of_product(operands))
    else:
        assert operands.packed is not None
        emit_pixel_weights(module, name, plan, operands.w, operands.packed)


def emit_pixels(module: Module, name: str, plan: PixelPlan, operands: PixelOperands, finish: Finish) -> None:
    """Write `void name(ptr table, i64 first chunk, i64 last chunk)`, which computes plan.chunks chunks from packed weights.

    finish: as for a matrix product; batch is the image, row the flattened position, column the output channel over all
    groups.
    """
    if plan.product is not None:
        c = plan.convolution
        if c.images > 1 and not plan.product.product.batch:
            finish = _ByImage(finish, c.positions)
        emit_product(module, name, plan.product, _of_product(operands), finish)
        return
    b = Builder(module, name, ["ptr", "i64", "i64"])
    _Driver(b, plan, operands, finish).emit()
    b.finish()


def _of_product(operands: PixelOperands) -> Operands:
    return Operands(operands.x, operands.w, operands.packed, operands.partial)


class _ByImage:
    """A finish for products whose rows count through the positions of all images."""

    def __init__(self, finish: Finish, positions: int):
        self.inner, self.positions = finish, positions
        if hasattr(finish, "begin"):
            self.begin = finish.begin
        if hasattr(finish, "fetch"):
            self.fetch = self._fetch

    def _split(self, b: Builder, row: Value) -> tuple[Value, Value]:
        size = i64(self.positions)
        return b.div(row, size, signed=False), b.rem(row, size, signed=False)

    def _fetch(self, b: Builder, batch: Value, row: Value, column: Value) -> None:
        self.inner.fetch(b, *self._split(b, row), column)

    def __call__(self, b: Builder, value: Value, batch: Value, row: Value, column: Value, mask: Value | None) -> None:
        self.inner(b, value, *self._split(b, row), column, mask)


class _Driver:
    """One convolution's kernel being written."""

    def __init__(self, b: Builder, plan: PixelPlan, operands: PixelOperands, finish: Finish):
        self.b, self.plan, self.finish, c = b, plan, finish, plan.convolution
        packed = operands.w if plan.fresh else operands.packed
        assert packed is not None
        self.x, self.w = operands.x(b), packed(b)
        if plan.fresh:
            self.block = b.place(c.type, plan.lines_each * plan.steps_each * plan.vectors * plan.lanes)
        begin = getattr(finish, "begin", None)
        if begin is not None:
            begin(b)
        self.fetch = getattr(finish, "fetch", None)
        self.each = plan.rows * plan.vectors * plan.lanes
        self.sums = b.place(c.type, self.each * (plan.strip if plan.blocks > 1 or plan.fresh else 1))
        self.tables = b.place("i64", plan.strip * table_size(plan))
        self.copies = b.place(c.type, max(1, plan.strip * copies_size(plan)))

    def emit(self) -> None:
        b, plan, c = self.b, self.plan, self.plan.convolution
        first, last = (self._share(b.args[i], plan.units, plan.chunks) for i in (1, 2))
        with b.loop(first, last) as loop:
            strip = b.rem(loop.index, i64(plan.strips), signed=False)
            columns = b.div(loop.index, i64(plan.strips), signed=False)
            start = self._share(strip, plan.tiles, plan.strips)
            count = b.sub(self._share(b.add(strip, i64(1)), plan.tiles, plan.strips), start)
            self._find_places(start, count)
            total = c.groups * plan.panels
            begin = self._share(columns, total, plan.column_blocks)
            end = self._share(b.add(columns, i64(1)), total, plan.column_blocks)
            with b.loop(begin, end) as panel:
                self._panel(start, count, panel.index)

    def _share(self, index: Value, total: int, parts: int) -> Value:
        """index * total // parts: where share `index` begins."""
        b = self.b
        if total % parts == 0:
            return b.mul(index, i64(total // parts))
        return b.div(b.mul(index, i64(total)), i64(parts), signed=False)

    def _tile(self, index: Value) -> tuple[Value, Value]:
        """A tile's first pixel, and how many it has."""
        plan = self.plan
        first = self._share(index, plan.pixels, plan.tiles)
        return first, self.b.sub(self._share(self.b.add(index, i64(1)), plan.pixels, plan.tiles), first)

    def _find_places(self, start: Value, count: Value) -> None:
        b, plan = self.b, self.plan
        with b.loop(i64(0), count) as loop:
            first, pixels = self._tile(b.add(start, loop.index))
            copies = b.offset(self.copies, b.mul(loop.index, i64(copies_size(plan))), plan.convolution.type)
            table = self._table(loop.index)
            b.call_local(emit_places(b.module, plan), "void", self.x, table, copies, first, pixels)

    def _table(self, index: Value) -> Value:
        return self.b.offset(self.tables, self.b.mul(index, i64(table_size(self.plan))), "i64")

    def _panel(self, start: Value, count: Value, index: Value) -> None:
        """A panel's output channels of all the strip's tiles."""
        b, plan, c = self.b, self.plan, self.plan.convolution
        group = b.div(index, i64(plan.panels), signed=False)
        panel = b.rem(index, i64(plan.panels), signed=False)
        first = self._share(panel, plan.all_vectors, plan.panels)
        vectors = b.sub(self._share(b.add(panel, i64(1)), plan.all_vectors, plan.panels), first)
        at = b.mul(b.add(b.mul(group, i64(plan.all_vectors)), first), i64(plan.packed_each))
        if plan.fresh:
            at = b.add(b.mul(group, i64(c.w[0])), b.mul(first, i64(plan.lanes * c.w[1])))
        w = b.offset(self.w, at, c.type)
        column = b.add(b.mul(group, i64(c.outputs)), b.mul(first, i64(plan.lanes)))
        ends = b.compare("==", panel, i64(plan.panels - 1))
        channel = column if plan.depthwise else b.mul(group, i64(c.inputs))
        if plan.blocks == 1 and not plan.fresh:
            with b.loop(i64(0), count) as tile:
                self._fetch_ahead(tile.index, start, vectors, column)
                span = i64(0), i64(plan.lines), channel, i64(0), i64(0)
                self._multiply(tile.index, start, vectors, ends, w, self.sums, *span)
                self._finish_tile(tile.index, start, vectors, column, ends, self.sums)
            return
        with b.loop(i64(0), b.mul(count, i64(self.each)), i64(plan.lanes)) as loop:
            b.store(const(0, vector(c.type, plan.lanes)), b.offset(self.sums, loop.index, c.type))
        with (
            b.loop(i64(0), i64(plan.lines), i64(plan.lines_each)) as lines,
            b.loop(i64(0), i64(plan.step_blocks)) as part,
        ):
            after = b.add(lines.index, i64(plan.lines_each))
            after = b.select(b.compare("<", after, i64(plan.lines)), after, i64(plan.lines))
            inner = self._share(part.index, plan.run, plan.step_blocks)
            length = b.sub(self._share(b.add(part.index, i64(1)), plan.run, plan.step_blocks), inner)
            here = b.add(channel, inner)
            packed = self._packed(w, vectors, ends, lines.index, after, inner, length) if plan.fresh else w
            with b.loop(i64(0), count) as tile:
                sums = b.offset(self.sums, b.mul(tile.index, i64(self.each)), c.type)
                self._multiply(tile.index, start, vectors, ends, packed, sums, lines.index, after, here, inner, length)
        with b.loop(i64(0), count) as tile:
            sums = b.offset(self.sums, b.mul(tile.index, i64(self.each)), c.type)
            self._finish_tile(tile.index, start, vectors, column, ends, sums)

    def _packed(
        self, w: Value, vectors: Value, ends: Value, first: Value, after: Value, inner: Value, length: Value
    ) -> Value:
        """A block of the panel's weights packed on the stack."""
        b, plan, c = self.b, self.plan, self.plan.convolution
        source = b.offset(w, b.add(b.mul(first, i64(c.apart)), inner), c.type)
        for wide in plan.widths:
            for last in (False, True) if plan.tail else (False,):
                right = b.compare("==", vectors, i64(wide))
                if plan.tail:
                    right = b.logical("and", right, ends if last else b.invert(ends))
                with b.when(right):
                    name = emit_block_pack(b.module, plan, wide, last)
                    b.call_local(name, "void", source, self.block, b.sub(after, first), length)
        return self.block

    def _multiply(
        self, tile: Value, start: Value, vectors: Value, ends: Value, w: Value, sums: Value, *span: Value
    ) -> None:
        """Call the micro-kernel that fits a tile."""
        b, plan = self.b, self.plan
        _, pixels = self._tile(b.add(start, tile))
        for rows in plan.row_sizes:
            for wide in plan.widths:
                right = b.logical("and", b.compare("==", pixels, i64(rows)), b.compare("==", vectors, i64(wide)))
                for tail in {0, plan.tail} if plan.depthwise else {0}:
                    here = right
                    if plan.depthwise and plan.tail:
                        here = b.logical("and", right, ends if tail else b.invert(ends))
                    with b.when(here):
                        name = self._kernel(rows, wide, tail)
                        b.call_local(name, "void", self._table(tile), w, sums, *span)

    def _kernel(self, rows: int, vectors: int, tail: int) -> str:
        """The micro-kernel of a tile."""
        plan, module = self.plan, self.b.module
        kind, lanes, line = plan.convolution.type, plan.lanes, plan.rows + 1
        if plan.depthwise:
            return emit_depthwise_tile(module, DepthwiseTile(kind, lanes, rows, vectors, tail, line))
        parts, more = plan.step_blocks > 1, plan.blocks > 1 or plan.fresh
        return emit_pixel_tile(module, PixelTile(kind, lanes, rows, vectors, line, plan.run, parts, more, plan.fresh))

    def _fetch_ahead(self, tile: Value, start: Value, vectors: Value, column: Value) -> None:
        """Ask for what finishing the tile will touch, so that it comes while the tile is computed."""
        b, fetch = self.b, self.fetch
        if fetch is None:
            return
        with self._pixels(tile, start) as (_, image, row), b.loop(i64(0), vectors) as v:
            fetch(b, image, row, b.add(column, b.mul(v.index, i64(self.plan.lanes))))

    @contextmanager
    def _pixels(self, tile: Value, start: Value) -> Iterator[tuple[Value, Value, Value]]:
        """A loop over a tile's pixels: number, image, position."""
        b, c = self.b, self.plan.convolution
        first, count = self._tile(b.add(start, tile))
        image = b.div(first, i64(c.positions), signed=False)
        row = b.rem(first, i64(c.positions), signed=False)
        with b.loop(i64(0), count, carry=[image, row]) as loop:
            image, row = loop.values
            yield loop.index, image, row
            row = b.add(row, i64(1))
            over = b.compare("==", row, i64(c.positions))
            loop.values = [b.add(image, b.select(over, i64(1), i64(0))), b.select(over, i64(0), row)]

    def _finish_tile(self, tile: Value, start: Value, vectors: Value, column: Value, ends: Value, sums: Value) -> None:
        """Hand over a finished tile, vector by vector."""
        b, plan, c = self.b, self.plan, self.plan.convolution
        wide = vector(c.type, plan.lanes)
        cut = b.select(ends, i64(int(plan.tail > 0)), i64(0))
        whole = b.sub(vectors, cut)
        with self._pixels(tile, start) as (number, image, row):
            line = b.offset(sums, b.mul(number, b.mul(vectors, i64(plan.lanes))), c.type)

            def hand_over(v: Value, mask: Value | None) -> None:
                at = b.mul(v, i64(plan.lanes))
                self.finish(b, b.load(wide, b.offset(line, at, c.type)), image, row, b.add(column, at), mask)

            with b.loop(i64(0), whole) as loop:
                hand_over(loop.index, None)
            if plan.tail:
                with b.when(ends):
                    hand_over(whole, prefix_mask(plan.tail, plan.lanes))

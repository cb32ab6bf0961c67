"""The driver of a convolution: units of work, panels, row tiles, tiles of places, and what happens to finished vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..gemm import Finish, Operands, emit_product
from ..gemm.matmul import Pointer
from ..gemm.micro_kernel import prefix_mask
from ..text import Builder, Module, Value, const, i64, vector
from .assembly import emit_interleave, finish_runs, finished_slots, lines_width, tails
from .micro_kernel import ConvTile, emit_conv_tile
from .panels import Strip, emit_panel
from .plan import ConvPlan
from .slots import Part, Slots, place_runs
from .weights import copied_size, copied_taps, emit_weight_copy


@dataclass(frozen=True)
class ConvOperands:
    """Where kernels find x and w; called at most once, at a kernel's start, with its builder (`b.args[0]`: the table)."""

    x: Pointer
    w: Pointer


def emit_convolution(module: Module, name: str, plan: ConvPlan, operands: ConvOperands, finish: Finish) -> None:
    """Write `void name(ptr table, i64 first chunk, i64 last chunk)`, which computes plan.chunks chunks.

    finish: as for a matrix product; batch is the image, row the output channel over all groups, column the flattened
    position. It is told of every vector of the result exactly once.
    """
    if plan.product is not None:
        c = plan.convolution
        emit_product(
            module,
            name,
            plan.product,
            Operands(operands.w, operands.x),
            finish if c.groups == 1 else _Grouped(finish, c.groups, c.outputs),
        )
        return
    b = Builder(module, name, ["ptr", "i64", "i64"])
    _Driver(b, plan, operands, finish).emit()
    b.finish()


class _Grouped:
    """A finish for products whose batches are (image, group)."""

    def __init__(self, finish: Finish, groups: int, outputs: int):
        self.inner, self.groups, self.outputs = finish, groups, outputs
        if hasattr(finish, "begin"):
            self.begin = finish.begin
        if hasattr(finish, "fetch"):
            self.fetch = self._fetch

    def _image_and_row(self, b: Builder, batch: Value, row: Value) -> tuple[Value, Value]:
        group = b.rem(batch, i64(self.groups), signed=False)
        image = b.div(batch, i64(self.groups), signed=False)
        return image, b.add(b.mul(group, i64(self.outputs)), row)

    def _fetch(self, b: Builder, batch: Value, row: Value, column: Value) -> None:
        self.inner.fetch(b, *self._image_and_row(b, batch, row), column)

    def __call__(self, b: Builder, value: Value, batch: Value, row: Value, column: Value, mask: Value | None) -> None:
        self.inner(b, value, *self._image_and_row(b, batch, row), column, mask)


class _Driver:
    """One convolution's kernel being written."""

    def __init__(self, b: Builder, plan: ConvPlan, operands: ConvOperands, finish: Finish):
        self.b, self.plan, self.finish = b, plan, finish
        c, panel = plan.convolution, plan.panel
        self.x, self.w = operands.x(b), operands.w(b)
        begin = getattr(finish, "begin", None)
        if begin is not None:
            begin(b)
        self.fetch = getattr(finish, "fetch", None)
        self.panel = b.place(c.type, panel.size)
        self.slots = Slots(b, plan.tiles * plan.vectors, plan.lanes)
        self.finished = self.slots
        self.width = plan.vectors * plan.lanes * (plan.tiles if plan.assembled else 1)
        self.each = self.width * plan.rows * len(panel.phases)
        tiles = plan.row_tiles // plan.row_blocks if plan.channel_blocks > 1 else 1
        self.sums = b.place(c.type, self.each * tiles + plan.lanes)
        self.lines, self.lines_width = self.sums, self.width
        if plan.copies:
            self.weights = b.place(c.type, copied_size(panel, plan.rows))
        if plan.assembled:
            self.finished = Slots(b, finished_slots(plan), plan.lanes)
        if len(panel.phases) > 1:
            self.lines_width = lines_width(plan)
            self.lines = b.place(c.type, plan.rows * self.lines_width + 2 * plan.lanes)

    def emit(self) -> None:
        b, plan = self.b, self.plan
        with b.loop(
            self._share(b.args[1], plan.units, plan.chunks), self._share(b.args[2], plan.units, plan.chunks)
        ) as loop:
            index = loop.index
            row_block, index = self._digit(index, plan.row_blocks)
            group_block, index = self._digit(index, plan.group_blocks)
            places: list[tuple[Value, Value]] = []
            for dim in (2, 1, 0):
                piece, index = self._digit(index, plan.strips[dim])
                places.insert(0, self._places(dim, piece))
            c = plan.convolution
            first_image = self._share(index, c.images, plan.image_blocks)
            images = b.sub(self._share(b.add(index, i64(1)), c.images, plan.image_blocks), first_image)
            first, count = zip(*places)
            part = Part(first_image, images, first, count)
            self._fill_slots(part)
            with self._shares(group_block, c.groups, plan.group_blocks) as group:
                self._group(part, group.index, row_block)

    def _digit(self, index: Value, size: int) -> tuple[Value, Value]:
        """The last digit of a mixed number, and the rest."""
        if size == 1:
            return i64(0), index
        return self.b.rem(index, i64(size), signed=False), self.b.div(index, i64(size), signed=False)

    def _share(self, index: Value, total: int, parts: int) -> Value:
        """index * total // parts: where share `index` begins."""
        b = self.b
        if total % parts == 0:
            return b.mul(index, i64(total // parts))
        return b.div(b.mul(index, i64(total)), i64(parts), signed=False)

    def _shares(self, index: Value, total: int, parts: int):
        """A loop over the members of a share."""
        return self.b.loop(self._share(index, total, parts), self._share(self.b.add(index, i64(1)), total, parts))

    def _places(self, dim: int, piece: Value) -> tuple[Value, Value]:
        """First place and number of places of a strip along one dimension; columns are cut between whole vectors."""
        b, plan = self.b, self.plan
        places, parts = plan.panel.axes[dim].places, plan.strips[dim]
        if parts == 1:
            return i64(0), i64(places)
        unit = plan.lanes if dim == 2 else 1
        total = -(-places // unit)
        first = b.mul(self._share(piece, total, parts), i64(unit))
        last = b.mul(self._share(b.add(piece, i64(1)), total, parts), i64(unit))
        last = b.select(b.compare("<", last, i64(places)), last, i64(places))
        return first, b.sub(last, first)

    def _column(self, part: Part) -> Value:
        """The flattened position of the result that a unit begins with."""
        b, (_, rows, columns) = self.b, self.plan.convolution.output
        d, h, w = (b.mul(f, i64(a.phases)) for f, a in zip(part.first, self.plan.panel.axes))
        return b.add(b.mul(b.add(b.mul(d, i64(rows)), h), i64(columns)), w)

    def _fill_slots(self, part: Part) -> None:
        b, plan = self.b, self.plan
        first = self._column(part)
        self.runs = place_runs(b, plan, part)
        self.count = self.slots.fill(self.runs, part.first_image, first)
        self.slots.repeat_first(self.count)
        self.finished_count = self.count
        if plan.assembled:
            runs = finish_runs(b, plan, part, self.runs)
            self.finished_count = self.finished.fill(runs, part.first_image, first)

    def _group(self, part: Part, group: Value, row_block: Value) -> None:
        """All that a unit does for one group: panel after panel, each with all row tiles."""
        b, plan, c = self.b, self.plan, self.plan.convolution
        if plan.channel_blocks > 1:
            size = self.each * (plan.row_tiles // plan.row_blocks)
            with b.loop(i64(0), i64(size), i64(plan.lanes)) as loop:
                b.store(const(0, vector(c.type, plan.lanes)), b.offset(self.sums, loop.index, c.type))
        with b.loop(i64(0), i64(plan.channel_blocks)) as blocks:
            first = self._share(blocks.index, c.inputs, plan.channel_blocks)
            channels = b.sub(self._share(b.add(blocks.index, i64(1)), c.inputs, plan.channel_blocks), first)
            channel = b.add(b.mul(group, i64(c.inputs)), first)
            x = b.add(b.mul(part.first_image, i64(c.x[0])), b.mul(channel, i64(c.x[1])))
            strip = Strip(b.offset(self.x, x, c.type), part.images, channels, part.first, part.count)
            emit_panel(b, plan.panel, strip, self.panel)
            last = b.compare("==", blocks.index, i64(plan.channel_blocks - 1))
            with self._shares(row_block, plan.row_tiles, plan.row_blocks) as tile:
                row = self._share(tile.index, c.outputs, plan.row_tiles)
                rows = b.sub(self._share(b.add(tile.index, i64(1)), c.outputs, plan.row_tiles), row)
                w = b.add(b.mul(group, i64(c.w[0])), b.add(b.mul(row, i64(c.w[1])), b.mul(first, i64(c.w[2]))))
                channel_row = b.add(b.mul(group, i64(c.outputs)), row)
                w = b.offset(self.w, w, c.type)
                self.following = b.offset(w, b.mul(rows, i64(c.w[1])), c.type) if plan.brought else None
                if plan.copies:
                    for size in self._row_sizes():
                        with b.when(b.compare("==", rows, i64(size))):
                            copy = emit_weight_copy(b.module, plan.panel, size)
                            b.call_local(copy, "void", w, self.weights, channels)
                    w = self.weights
                if plan.assembled:
                    before = b.sub(tile.index, self._share(row_block, plan.row_tiles, plan.row_blocks))
                    offset = b.mul(before, i64(self.each if plan.channel_blocks > 1 else 0))
                    sums = b.offset(self.sums, offset, c.type)
                    for number in range(len(plan.panel.phases)):
                        self._tiles(rows, w, channels, sums, number, None)
                    with b.when(last):
                        self._assemble(part, rows, channel_row, sums)
                else:
                    self._tiles(rows, w, channels, self.sums, 0, (rows, channel_row))

    def _row_sizes(self) -> list[int]:
        """The sizes of row tiles that occur: at most two."""
        return sorted({self.plan.rows, self.plan.convolution.outputs // self.plan.row_tiles}, reverse=True)

    def _tiles(
        self, rows: Value, w: Value, channels: Value, sums: Value, phase: int, finish: tuple[Value, Value] | None
    ) -> None:
        """Compute a row tile for all places, one tile after the other; finish each if its rows and first row are given."""
        b, plan, c = self.b, self.plan, self.plan.convolution
        vectors, rest = plan.vectors, plan.rest
        sums = b.offset(sums, i64(phase * plan.rows * self.width), c.type)

        def tile(index: Value, left: Value) -> None:
            out = sums
            if finish is None:
                out = b.offset(sums, b.mul(index, i64(plan.lanes)), c.type)
            here = b.select(b.compare("<", left, i64(vectors)), left, i64(vectors))
            if finish is not None:
                self._fetch_ahead(here, index, *finish)
            offsets = b.offset(self.slots.spots, index, "i64")
            following = []
            if self.following is not None:
                number = b.div(index, i64(vectors), signed=False)
                ahead = b.mul(b.mul(number, channels), i64(plan.brought))
                following = [b.offset(self.following, ahead, c.type)]
            short = b.compare("<=", left, i64(rest))
            for size in self._row_sizes():
                right = b.compare("==", rows, i64(size))
                for count, this in ((vectors, b.invert(short)), (rest, short)):
                    if count:
                        with b.when(b.logical("and", right, this)):
                            kernel = self._kernel(phase, size, count)
                            first = i64(copied_taps(plan.panel, phase, size)[0] if plan.copies else 0)
                            here_w = b.offset(w, first, c.type)
                            b.call_local(kernel, "void", here_w, self.panel, offsets, out, channels, *following)
            if finish is not None:
                self._finish(here, index, *finish, sums, None)

        if plan.stacked:
            high = i64(plan.panel.strip[1])
            with b.loop(i64(0), self.count, high) as column, b.loop(i64(0), high, i64(vectors)) as loop:
                tile(b.add(column.index, loop.index), b.sub(high, loop.index))
        else:
            with b.loop(i64(0), self.count, i64(vectors)) as loop:
                tile(loop.index, b.sub(self.count, loop.index))

    def _fetch_ahead(self, count: Value, first: Value, rows: Value, channel_row: Value) -> None:
        """Ask for what finishing a tile will touch, so that it comes while the tile is computed."""
        b, slots, fetch = self.b, self.slots, self.fetch
        if fetch is None:
            return
        with b.loop(i64(0), count) as loop:
            entry = b.add(first, loop.index)
            image, column = slots.entry(slots.images, entry), slots.entry(slots.columns, entry)
            with b.loop(i64(0), rows) as line:
                fetch(b, image, b.add(channel_row, line.index), column)

    def _kernel(self, phase: int, rows: int, vectors: int) -> str:
        plan, c = self.plan, self.plan.convolution
        if plan.copies:
            _, taps = copied_taps(plan.panel, phase, rows)
            row_stride, input_stride = 1, rows * len(taps)
        else:
            found = plan.panel.taps(plan.panel.phases[phase])
            taps = tuple(sorted((c.tap_offset(tap), offset) for tap, offset in found))
            row_stride, input_stride = c.w[1:]
        tile = ConvTile(
            type=c.type,
            lanes=plan.lanes,
            rows=rows,
            vectors=vectors,
            taps=taps,
            row_stride=row_stride,
            input_stride=input_stride,
            channel_stride=plan.panel.strides["channel"],
            width=self.width,
            accumulates=plan.channel_blocks > 1,
            spacing=plan.panel.strides["row"] if plan.stacked else 0,
            brought=plan.brought,
        )
        return emit_conv_tile(self.b.module, tile)

    def _assemble(self, part: Part, rows: Value, channel_row: Value, sums: Value) -> None:
        """Bring the phases of a row tile's positions together, and finish them."""
        lines = sums
        if len(self.plan.panel.phases) > 1:
            lines = self.lines
            emit_interleave(self.b, self.plan, part, self.runs, rows, sums, self.width, lines, self.lines_width)
        slots = self.finished
        self._finish(self.finished_count, i64(0), rows, channel_row, lines, slots)

    def _finish(
        self, count: Value, first: Value, rows: Value, channel_row: Value, sums: Value, spots: Slots | None
    ) -> None:
        """Hand over `count` vectors of all rows, from entry `first` on; in memory where `spots` tells, or side by side."""
        b, plan, slots = self.b, self.plan, self.finished
        wide = vector(plan.convolution.type, plan.lanes)
        width = self.width if spots is None else self.lines_width
        with b.loop(i64(0), count) as loop:
            entry = b.add(first, loop.index)
            image, column, exist = (slots.entry(t, entry) for t in (slots.images, slots.columns, slots.counts))
            spot = b.mul(loop.index, i64(plan.lanes)) if spots is None else slots.entry(slots.spots, entry)
            where = b.offset(sums, spot, plan.convolution.type)

            def lines(mask: Value | None) -> None:
                with b.loop(i64(0), rows) as line:
                    value = b.load(wide, b.offset(where, b.mul(line.index, i64(width)), plan.convolution.type))
                    self.finish(b, value, image, b.add(channel_row, line.index), column, mask)

            self._by_count(exist, lines)

    def _by_count(self, exist: Value, visit: Callable[[Value | None], None]) -> None:
        """visit(mask) for as many lanes as exist: all, or one of the numbers that ends of runs leave."""
        b, plan = self.b, self.plan
        for lanes in (plan.lanes, *tails(plan)):
            with b.when(b.compare("==", exist, i64(lanes))):
                visit(None if lanes == plan.lanes else prefix_mask(lanes, plan.lanes))

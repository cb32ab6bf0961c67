"""The gradient of a convolution's weights: dw[g, o, i, k] = sum over n, p of grad[n, g, o, p] x[n, g, i, p stride + k dilation - padding].

Lanes of the register tiles are positions, which lie side by side both in the gradient and in the input's panels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import prod

from ..gemm.matmul import Pointer
from ..text import Builder, Module, Value, const, i64, vector
from .panels import Strip, emit_panel
from .weight_gradient_plan import WeightGradientPlan, plan_weight_gradient, shares
from .weight_gradient_tile import Tile, emit_gather, emit_tile


def emit_weight_gradient(
    module: Module, name: str, plan: WeightGradientPlan, x: Pointer, grad: Pointer, out: Pointer
) -> None:
    """Write the kernel `void name(ptr table, i64 first, i64 last)`: chunks [first, last) of plan.chunks.

    x, grad: called once, with the kernel's builder, for the addresses of the first elements. out: of plan.parts partial
    results, each (groups * outputs, inputs * taps) in C order; their sum is the gradient.
    """
    b = Builder(module, name, ["ptr", "i64", "i64"])
    _Driver(b, plan, x(b), grad(b), out(b)).emit()
    b.finish()


class _Driver:
    """One weight gradient's kernel being written."""

    def __init__(self, b: Builder, plan: WeightGradientPlan, x: Value, grad: Value, out: Value):
        self.b, self.plan, self.lay, self.c = b, plan, plan.lay, plan.convolution
        self.x, self.grad, self.out = x, grad, out
        self.width = self.c.inputs * self.c.taps
        self.panel = None
        if self.lay.way != "direct":
            self.panel = self.lay.panel(plan.most_inputs)
            self.scratch = b.place(self.c.type, self.panel.size)
        if plan.copies:
            self.copied = b.place(self.c.type, plan.rows * plan.grad_row)

    def emit(self) -> None:
        b, plan, c = self.b, self.plan, self.c
        with b.loop(b.args[1], b.args[2]) as loop:
            self.part, rest = self._digit(loop.index, plan.parts)
            column_block, rest = self._digit(rest, plan.column_blocks)
            row_block, group_block = self._digit(rest, plan.row_blocks)
            self.first_tile, self.last_tile = self._range(row_block, plan.row_tiles, plan.row_blocks)
            self.first_row, self.last_row = (
                self._share(t, c.outputs, plan.row_tiles) for t in (self.first_tile, self.last_tile)
            )
            self.columns = self._range(column_block, plan.columns, plan.column_blocks)
            self.first_input, self.last_input = (self._share(i, c.inputs, plan.columns) for i in self.columns)
            panels = self._range(self.part, self.lay.panels, plan.parts)
            with b.loop(*self._range(group_block, c.groups, plan.group_blocks)) as groups:
                self.group = groups.index
                self._clear()
                with b.loop(*panels) as panel:
                    self._panel(panel.index)

    # Shares and digits.

    def _digit(self, index: Value, base: int) -> tuple[Value, Value]:
        """index % base, index // base."""
        if base == 1:
            return i64(0), index
        b = self.b
        return b.rem(index, i64(base), signed=False), b.div(index, i64(base), signed=False)

    def _share(self, index: Value, total: int, parts: int) -> Value:
        """index * total // parts: where share `index` begins."""
        b = self.b
        if total % parts == 0:
            return index if total == parts else b.mul(index, i64(total // parts))
        return b.div(b.mul(index, i64(total)), i64(parts), signed=False)

    def _range(self, index: Value, total: int, parts: int) -> tuple[Value, Value]:
        """From where to where share `index` goes."""
        return self._share(index, total, parts), self._share(self.b.add(index, i64(1)), total, parts)

    def _sum(self, *terms: tuple[Value, int]) -> Value:
        """The sum of values, each times a constant."""
        b, total = self.b, i64(0)
        for value, factor in terms:
            if value.text != "0" and factor:
                total = b.add(total, value if factor == 1 else b.mul(value, i64(factor)))
        return total

    @contextmanager
    def _variant(self, value: Value, sizes: Sequence[int], size: int) -> Iterator[None]:
        """Only if a value that is one of `sizes` is this one."""
        if len(sizes) == 1:
            yield
            return
        with self.b.when(self.b.compare("==", value, i64(size))):
            yield

    # The parts of a chunk.

    def _result(self, row: Value, channel: Value) -> Value:
        """The address of a pair of channels' first weight in this part's result."""
        c = self.c
        place = self._sum(
            (self.part, c.groups * c.outputs * self.width),
            (self.group, c.outputs * self.width),
            (row, self.width),
            (channel, c.taps),
        )
        return self.b.offset(self.out, place, c.type)

    def _clear(self) -> None:
        """Zeros in this chunk's share of a result."""
        b, c, lanes = self.b, self.c, self.lay.lanes
        count = self._sum((b.sub(self.last_input, self.first_input), c.taps))
        whole = b.logical("and", count, i64(-lanes))
        with b.loop(self.first_row, self.last_row) as row:
            out = self._result(row.index, self.first_input)
            with b.loop(i64(0), whole, i64(lanes)) as loop:
                b.store(const(0, vector(c.type, lanes)), b.offset(out, loop.index, c.type))
            self._zeros(out, whole, count)

    def _zeros(self, where: Value, start: Value, stop: Value) -> None:
        with self.b.loop(start, stop) as loop:
            self.b.store(const(0, self.c.type), self.b.offset(where, loop.index, self.c.type))

    def _panel(self, index: Value) -> None:
        """Add what the positions of one panel give."""
        b, lay, c = self.b, self.lay, self.c
        first: list[Value] = []
        count: list[Value] = []
        sizes = (*lay.strip[::-1], lay.images)
        for size, total in zip(sizes, (*c.output[::-1], c.images)):
            digit, index = self._digit(index, -(-total // size))
            start = self._sum((digit, size))
            left = b.sub(i64(total), start)
            first.insert(0, start)
            even = total % size == 0
            count.insert(0, i64(size) if even else b.select(b.compare("<", left, i64(size)), left, i64(size)))
        self._read_x(first, count)
        self._gradient(first)
        self._tiles(count)

    def _read_x(self, first: list[Value], count: list[Value]) -> None:
        """Find or copy this chunk's channels of x for some images and strip: self.source."""
        b, c, lay = self.b, self.c, self.lay
        image, *places = first
        x = [(image, c.x[0]), (self._sum((self.group, c.inputs), (self.first_input, 1)), c.x[1])]
        if self.panel is None:
            x += [(place, stride * step) for place, stride, step in zip(places, c.stride, c.x[2:])]
            self.source = b.offset(self.x, self._sum(*x), c.type)
            return
        inputs = b.sub(self.last_input, self.first_input)
        start = b.offset(self.x, self._sum(*x), c.type)
        d, h, w = places
        emit_panel(
            b, self.panel, Strip(start, count[0], inputs, (d, h, w), (count[1], count[2], count[3])), self.scratch
        )
        self.source = self.scratch
        if lay.way == "dense":
            # The last vector of every plane holds zeros where there is no image any more.
            planes = prod(a.planes for a in self.panel.axes)
            with b.loop(i64(0), inputs) as channel, b.loop(i64(0), i64(planes)) as plane:
                place = self._sum((channel.index, self._channel_step), (plane.index, lay.positions))
                self._zeros(b.offset(self.scratch, place, c.type), *self._dense(count[0]))

    def _dense(self, images: Value) -> tuple[Value, Value]:
        """How many positions so many images have, and the same in whole vectors."""
        b, lanes = self.b, self.lay.lanes
        used = self._sum((images, self.c.positions))
        return used, b.logical("and", b.add(used, i64(lanes - 1)), i64(-lanes))

    def _gradient(self, first: list[Value]) -> None:
        """Find the gradient of this chunk's outputs for some images and strip: self.slope."""
        c, (per_image, per_channel) = self.c, self.plan.grad
        _, h, w = c.output
        channel = self._sum((self.group, c.outputs), (self.first_row, 1))
        terms = zip((*first, channel), (per_image, h * w, w, 1, per_channel))
        self.slope = self.b.offset(self.grad, self._sum(*terms), c.type)

    # The register tiles of a panel.

    def _tiles(self, count: list[Value]) -> None:
        b, plan, c, lay = self.b, self.plan, self.c, self.lay
        counts, levels = self._levels(count)
        lengths = lay.lengths
        run = self._sum((count[1 + 3 - lay.run_dims], prod(lay.strip[4 - lay.run_dims :])))
        row_sizes = sorted(set(shares(c.outputs, plan.row_tiles)))
        for length in lengths:
            with self._variant(run, lengths, length), b.loop(self.first_tile, self.last_tile) as tile:
                row, after = self._range(tile.index, c.outputs, plan.row_tiles)
                grad = b.offset(self.slope, self._sum((b.sub(row, self.first_row), plan.grad[1])), c.type)
                for rows in row_sizes:
                    shape = Tile(c.type, lay.lanes, rows, (), length, plan.grad_row, levels, self.width)
                    with self._variant(b.sub(after, row), row_sizes, rows):
                        if not (lay.way == "direct" and c.taps == 1):
                            self._row_tile(shape, row, grad, count[0], counts)
                            continue
                        # The first row tile finds x in the third cache, or in memory (measured: 3 to 10% of the whole).
                        early = b.compare("==", tile.index, self.first_tile)
                        with b.when(early):
                            fetching = replace(shape, ahead=max(1, plan.channels) * c.x[1])
                            self._row_tile(fetching, row, grad, count[0], counts)
                        with b.when(b.invert(early)):
                            self._row_tile(shape, row, grad, count[0], counts)

    def _row_tile(self, shape: Tile, row: Value, grad: Value, images: Value, counts: list[Value]) -> None:
        """A few output channels with all input channels of the chunk. shape: the tiles, of which only taps are missing."""
        b, plan, c = self.b, self.plan, self.c
        if plan.copies:
            name = emit_gather(b.module, shape, c.positions, *plan.grad)
            b.call_local(name, "void", grad, self.copied, images)
            grad = self.copied
        sizes = sorted(set(shares(c.inputs, plan.columns)))
        with b.loop(*self.columns) as column:
            channel, past = self._range(column.index, c.inputs, plan.columns)
            further = self._sum((b.sub(channel, self.first_input), self._channel_step))
            x, out = b.offset(self.source, further, c.type), self._result(row, channel)
            for channels in sizes:
                with self._variant(b.sub(past, channel), sizes, channels):
                    for taps in self._pieces(channels):
                        # Kernels are the same where only the place of their first tap differs.
                        offset, place = taps[0]
                        tile = replace(shape, taps=tuple((o - offset, p - place) for o, p in taps))
                        places = b.offset(x, i64(offset), c.type), grad, b.offset(out, i64(place), c.type)
                        b.call_local(emit_tile(b.module, tile), "void", *places, *counts)

    @property
    def _channel_step(self) -> int:
        return self.c.x[1] if self.panel is None else self.panel.strides["channel"]

    def _pieces(self, channels: int) -> list[list[tuple[int, int]]]:
        """The (offset of x, place in the result) of the taps of so many channels, cut for the register tiles."""
        taps = [
            (i * self._channel_step + offset, i * self.c.taps + self.c.tap_offset(tap))
            for i in range(channels)
            for tap, offset in self.lay.taps
        ]
        pieces = min(self.plan.pieces, len(taps))
        return [taps[i * len(taps) // pieces : (i + 1) * len(taps) // pieces] for i in range(pieces)]

    def _levels(self, count: list[Value]) -> tuple[list[Value], tuple[tuple[int, int], ...]]:
        """How often each loop over runs goes round, and its steps in x and in the gradient."""
        lay, c = self.lay, self.c
        if lay.way == "dense":
            _, whole = self._dense(count[0])
            return [self.b.div(whole, i64(lay.lanes), signed=False)], ((lay.lanes, lay.lanes),)
        _, h, w = c.output
        if self.panel is None:
            steps = [c.x[0], *(stride * step for stride, step in zip(c.stride[:2], c.x[2:4]))]
        else:
            steps = [self.panel.strides[kind] for kind in ("image", "depth", "row")]
        images = c.positions if self.plan.copies else self.plan.grad[0]
        levels = zip(count, steps, (images, h * w, w), (lay.images, *lay.strip))
        kept = [level for level in list(levels)[: 4 - lay.run_dims] if level[3] > 1]
        return [level[0] for level in kept], tuple((x, grad) for _, x, grad, _ in kept)


__all__ = ["WeightGradientPlan", "emit_weight_gradient", "plan_weight_gradient"]

"""Winograd's F(2x2, 3x3): the kernel that transforms blocks of the input, multiplies, and transforms back.

`winograd_plan` explains the method and how a convolution is cut up; `winograd_weights` transforms the weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import ceil

from ..gemm.matmul import Finish, Pointer
from ..gemm.micro_kernel import Tile, emit_tile, load_vector, prefix_mask
from ..gemm.pack import transpose
from ..text import BITS, Builder, Module, Value, const, i32, i64, vector
from .winograd_plan import PLACES, WinogradPlan, plan_winograd
from .winograd_weights import emit_weight_transform

AHEAD = 4096
"""Bytes of U that are fetched ahead where it is too large for the second cache (up to a tenth faster)."""


@dataclass(frozen=True)
class WinogradOperands:
    """Where the kernel finds x and the transformed weights: each is called once, at its start, and gives a pointer."""

    x: Pointer
    packed: Pointer


@dataclass(frozen=True)
class _Block:
    """The tile rows [start, stop) of all images, and the first one's image."""

    start: Value
    stop: Value
    image: Value


@dataclass(frozen=True)
class _Part:
    """The tile rows of one image in a block: [first, last) of the image, from `place` in the block."""

    image: Value
    first: Value
    last: Value
    place: Value


def emit_winograd(module: Module, name: str, plan: WinogradPlan, operands: WinogradOperands, finish: Finish) -> None:
    """Write the kernel that computes the convolution: plan.chunks chunks. Needs transformed weights.

    finish gets vectors of consecutive positions: batch = image, row = output channel, column = position. Where plan.tails
    has more than one number, a mask of the first lanes is computed, not a constant.
    """
    b = Builder(module, name, ["ptr", "i64", "i64"])
    _Kernel(b, plan, operands, finish).emit()
    b.finish()


class _Kernel:
    """One convolution's kernel being written."""

    def __init__(self, b: Builder, plan: WinogradPlan, operands: WinogradOperands, finish: Finish):
        self.b, self.plan, self.finish = b, plan, finish
        self.type = plan.convolution.type
        self.wide = vector(self.type, plan.lanes)
        self.x, self.u = operands.x(b), operands.packed(b)
        begin = getattr(finish, "begin", None)
        if begin is not None:
            begin(b)
        positions = 2 * plan.rows * plan.convolution.output[2]
        self.copies = b.place(self.type, plan.copied * plan.copied_channels)
        self.v = b.place(self.type, PLACES * plan.v_place)
        self.m = b.place(self.type, PLACES * plan.m_place * plan.m_rows)
        self.lines = [b.place(self.type, 2 * plan.block_vectors * plan.lanes + plan.lanes) for _ in range(2)]
        self.result = b.place(self.type, positions + plan.lanes)

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

    def emit(self) -> None:
        b, plan = self.b, self.plan
        with b.loop(b.args[1], b.args[2]) as chunk:
            outputs = b.rem(chunk.index, i64(plan.output_chunks), signed=False)
            tiles = b.div(chunk.index, i64(plan.output_chunks), signed=False)
            first_output = self.share(outputs, plan.output_blocks, plan.output_chunks)
            last_output = self.share(b.add(outputs, i64(1)), plan.output_blocks, plan.output_chunks)
            first = self.share(tiles, plan.blocks, plan.tile_chunks)
            last = self.share(b.add(tiles, i64(1)), plan.blocks, plan.tile_chunks)
            with b.loop(first, last) as block:
                self.block = self._rows_of(block.index)
                self.following = self._first_row(self._rows_of(b.add(block.index, i64(1))))
                self._transform_input()
                with b.loop(first_output, last_output) as output:
                    first_tile = self.share(output.index, plan.row_tiles, plan.output_blocks)
                    last_tile = self.share(b.add(output.index, i64(1)), plan.row_tiles, plan.output_blocks)
                    self._multiply(first_tile, last_tile)
                    self._transform_output(first_tile, last_tile)

    def _rows_of(self, block: Value) -> _Block:
        """A block's tile rows; none after the last block."""
        b, plan = self.b, self.plan
        start = b.mul(block, i64(plan.rows))
        stop = self.smaller(b.add(start, i64(plan.rows)), i64(plan.all_rows))
        return _Block(start, stop, b.div(start, i64(plan.tile_rows), signed=False))

    def _first_row(self, block: _Block) -> Value:
        """The row of x, in the first channel, above a block that begins in `block.image`."""
        b, plan, c = self.b, self.plan, self.plan.convolution
        row = b.mul(b.sub(block.start, b.mul(block.image, i64(plan.tile_rows))), i64(2))
        return self.at(self.x, (block.image, c.x[0]), (b.sub(row, i64(c.padding[1])), c.x[3]))

    @contextmanager
    def _parts(self, block: _Block) -> Iterator[_Part]:
        """A loop over the images that a block has a part of."""
        b, plan = self.b, self.plan
        after = b.add(block.stop, i64(plan.tile_rows - 1))
        with b.loop(block.image, b.div(after, i64(plan.tile_rows), signed=False)) as image:
            start = b.mul(image.index, i64(plan.tile_rows))
            first = self.larger(b.sub(block.start, start), i64(0))
            after = self.smaller(b.sub(block.stop, start), i64(plan.tile_rows))
            yield _Part(image.index, first, after, b.sub(b.add(start, first), block.start))

    @contextmanager
    def _input_rows(self, block: _Block) -> Iterator[tuple[_Part, Value, Value, Value]]:
        """A loop over a block's images: the part, its first row of x, and the first and last of those rows that exist."""
        b, c = self.b, self.plan.convolution
        with self._parts(block) as part:
            top = b.sub(b.mul(part.first, i64(2)), i64(c.padding[1]))
            rows = b.add(b.mul(b.sub(part.last, part.first), i64(2)), i64(2))
            first = self.larger(b.sub(i64(0), top), i64(0))
            yield part, top, first, self.smaller(b.sub(i64(c.spatial[1]), top), rows)

    # Input.

    def _transform_input(self) -> None:
        """V from the block's rows: a few channels are copied between zeros, then transformed."""
        b, plan, c = self.b, self.plan, self.plan.convolution
        total = plan.copied * plan.copied_channels
        with b.loop(i64(0), i64(total - plan.lanes + 1), i64(plan.lanes)) as loop:
            b.store(const(0, self.wide), self.at(self.copies, (loop.index, 1)))
        if total >= plan.lanes:
            b.store(const(0, self.wide), b.offset(self.copies, i64(total - plan.lanes), self.type))
        with b.loop(i64(0), i64(c.inputs), i64(plan.copied_channels)) as group:
            stop = self.smaller(b.add(group.index, i64(plan.copied_channels)), i64(c.inputs))
            count = b.sub(stop, group.index)
            self._copy_channels(group.index, count)
            with b.loop(i64(0), i64(plan.block_vectors)) as index:
                places = self._piece_places(index.index)
                panel = b.div(index.index, i64(plan.vectors), signed=False)
                within = b.rem(index.index, i64(plan.vectors), signed=False)
                step: Value = i64(plan.vectors * plan.lanes)
                if plan.last_vectors < plan.vectors:
                    last = b.compare("==", panel, i64(plan.panels - 1))
                    step = b.select(last, i64(plan.last_vectors * plan.lanes), step)
                v = self.at(self.v, (panel, c.inputs * plan.vectors * plan.lanes), (within, plan.lanes))
                v = b.offset(v, b.mul(group.index, step), self.type)
                with b.loop(i64(0), count) as channel:
                    source = self.at(self.copies, (channel.index, plan.copied))
                    self._transform_tiles(source, places, b.offset(v, b.mul(channel.index, step), self.type))

    def _copy_channels(self, first_channel: Value, count: Value) -> None:
        """Copy some channels' rows of the block; rows and columns outside x stay zeros."""
        b, plan, c = self.b, self.plan, self.plan.convolution
        with self._input_rows(self.block) as (part, top, first, last):
            line = b.mul(b.add(part.place, b.sub(part.image, self.block.image)), i64(2))
            source = self.at(self.x, (part.image, c.x[0]), (first_channel, c.x[1]), (top, c.x[3]))
            target = self.at(self.copies, (line, plan.image_row))
            target = b.offset(target, i64(c.padding[2]), self.type)
            with b.loop(i64(0), count, i64(plan.turned_channels)) as channel, b.loop(first, last) as row:
                from_row = self.at(source, (channel.index, c.x[1]), (row.index, c.x[3]))
                to_row = self.at(target, (channel.index, plan.copied), (row.index, plan.image_row))
                if plan.turned_channels > 1:
                    self._turn_rows(from_row, to_row, c.spatial[2])
                else:
                    self._copy_row(from_row, to_row, c.spatial[2])

    def _turn_rows(self, source: Value, target: Value, width: int) -> None:
        """Copy a row of a few channels that lie side by side."""
        b, plan, lanes = self.b, self.plan, self.plan.copy_lanes
        stride = plan.convolution.x[4]
        turn = partial(transpose, b, self.type, lanes, plan.turned_channels)
        whole = width // lanes * lanes
        if whole:
            with b.loop(i64(0), i64(whole), i64(lanes)) as at:
                there = self.at(target, (at.index, 1))
                turn(lanes, stride, self.at(source, (at.index, stride)), plan.copied, there)
        if whole < width:
            start, there = b.offset(source, i64(whole * stride), self.type), b.offset(target, i64(whole), self.type)
            turn(width - whole, stride, start, plan.copied, there)

    def _fetch_input(self, call: Value) -> None:
        """Ask for a share of the following block's rows, so that they come while this one's products are computed.

        call: the number of the product of tiles, of all the block's. Without branches, since wrong guesses would cost
        more than is won; what is asked for before or after x does no harm.
        """
        b, plan, c = self.b, self.plan, self.plan.convolution
        line = 512 // BITS[self.type]
        # The first two rows, this block has read.
        each = ceil(2 * plan.rows * c.x[3] / line)
        for item, first, count in self._items(call, c.inputs, PLACES * plan.panels * plan.row_tiles, each):
            channel = self.smaller(item, i64(c.inputs - 1))
            start = self.at(self.following, (channel, c.x[1]), (first, line))
            for i in range(count):
                self._prefetch(b.offset(start, i64(2 * c.x[3] + i * line), self.type))

    def _items(self, call: Value, channels: int, calls: int, each: int) -> Iterator[tuple[Value, Value, int]]:
        """What one of so many calls handles if channels have `each` parts: a channel, its first part, and how many."""
        b = self.b
        together, shares = ceil(channels / calls), max(1, calls // channels)
        count = ceil(each / shares)
        for i in range(together):
            item = b.add(b.mul(call, i64(together)), i64(i))
            first = b.mul(b.rem(item, i64(shares), signed=False), i64(count))
            yield b.div(item, i64(shares), signed=False), first, count

    def _fetch_results(self, call: Value, row: Value, rows: Value) -> None:
        """Ask for a share of what finishing a row tile will touch; call: the number of its product, of the row tile's."""
        b, plan = self.b, self.plan
        plain, fetch = getattr(self.finish, "plain", None), getattr(self.finish, "fetch", None)
        run = 2 * plan.rows * plan.convolution.output[2]
        image, last = self.block.image, b.sub(rows, i64(1))
        position = b.mul(b.sub(self.block.start, b.mul(image, i64(plan.tile_rows))), i64(run // plan.rows))
        for item, first, count in self._items(call, plan.row_sizes[0], PLACES * plan.panels, ceil(run / plan.lanes)):
            channel = b.add(row, self.smaller(item, last))
            start = b.add(position, b.mul(first, i64(plan.lanes)))
            for i in range(count):
                there = b.add(start, i64(i * plan.lanes))
                if plain is not None:
                    self._prefetch(plain.place(b, self.type, image, channel, there), write=True)
                elif fetch is not None:
                    fetch(b, image, channel, there)

    def _prefetch(self, pointer: Value, write: bool = False) -> None:
        """Fetch a line, to be read into the second cache, or to be written."""
        self.b.call("llvm.prefetch.p0", "void", pointer, i32(int(write)), i32(2), i32(1))

    def _copy_row(self, source: Value, target: Value, width: int) -> None:
        b, lanes, stride = self.b, self.plan.copy_lanes, self.plan.convolution.x[4]
        if stride != 1:
            with b.loop(i64(0), i64(width)) as loop:
                b.store(b.load(self.type, self.at(source, (loop.index, stride))), self.at(target, (loop.index, 1)))
            return
        whole = width // lanes * lanes
        if whole > 8 * lanes:
            with b.loop(i64(0), i64(whole), i64(lanes)) as loop:
                value = b.load(vector(self.type, lanes), self.at(source, (loop.index, 1)))
                b.store(value, self.at(target, (loop.index, 1)))
        else:
            for at in range(0, whole, lanes):
                value = b.load(vector(self.type, lanes), b.offset(source, i64(at), self.type))
                b.store(value, b.offset(target, i64(at), self.type))
        if whole < width:
            value = load_vector(b, self.type, lanes, b.offset(source, i64(whole), self.type), width - whole)
            b.store(value, b.offset(target, i64(whole), self.type))

    def _piece_places(self, index: Value) -> list[Value]:
        """Where in a copied channel the pieces of a vector of tiles begin."""
        b, plan = self.b, self.plan
        count = plan.lanes // plan.piece
        last = b.sub(b.mul(b.sub(self.block.stop, self.block.start), i64(plan.row_pieces)), i64(1))
        places = []
        for i in range(count):
            piece = self.smaller(b.add(b.mul(index, i64(count)), i64(i)), last)
            row = b.div(piece, i64(plan.row_pieces), signed=False)
            column = b.rem(piece, i64(plan.row_pieces), signed=False)
            line = row
            if plan.touched > 1:
                image = b.div(b.add(self.block.start, row), i64(plan.tile_rows), signed=False)
                line = b.add(row, b.sub(image, self.block.image))
            places.append(b.add(b.mul(line, i64(2 * plan.image_row)), b.mul(column, i64(2 * plan.piece))))
        return places

    def _transform_tiles(self, source: Value, places: list[Value], v: Value) -> None:
        """B^T d B of as many tiles as there are lanes."""
        b, plan, lanes = self.b, self.plan, self.plan.lanes
        pieces = [self.at(source, (place, 1)) for place in places]
        rows = [self._row_of_tiles(pieces, y) for y in range(4)]
        even, odd = range(0, 2 * lanes, 2), range(1, 2 * lanes, 2)
        for y, combine, (i, j) in ((0, b.sub, (0, 2)), (1, b.add, (1, 2)), (2, b.sub, (2, 1)), (3, b.sub, (1, 3))):
            (a0, a1), (b0, b1) = [[combine(p, q) for p, q in zip(s, t)] for s, t in zip(rows[i], rows[j])]
            c0, c1, c2, c3 = (b.shuffle(*pair, order) for pair in ((a0, a1), (b0, b1)) for order in (even, odd))
            for x, value in enumerate((b.sub(c0, c2), b.add(c1, c2), b.sub(c2, c1), b.sub(c1, c3))):
                b.store(value, b.offset(v, i64((4 * y + x) * plan.v_place), self.type))

    def _row_of_tiles(self, pieces: list[Value], y: int) -> list[list[Value]]:
        """Row y of the tiles: columns 0 and 1 of each tile in two vectors, columns 2 and 3 in two."""
        b, plan, lanes = self.b, self.plan, self.plan.lanes
        result = []
        for column in (0, 2):

            def there(piece: Value, more: int = 0) -> Value:
                return b.offset(piece, i64(y * plan.image_row + column + more), self.type)

            if len(pieces) == 1:
                result.append([b.load(self.wide, there(pieces[0], more)) for more in (0, lanes)])
                continue
            parts = [b.load(vector(self.type, 2 * plan.piece), there(piece)) for piece in pieces]
            while len(parts) > 2:
                width = 2 * lanes // len(parts)
                parts = [b.shuffle(p, q, range(2 * width)) for p, q in zip(parts[::2], parts[1::2])]
            result.append(parts)
        return result

    # Products.

    def _multiply(self, first_tile: Value, last_tile: Value) -> None:
        """M = U V of the output block's row tiles, for each place."""
        b, plan, c = self.b, self.plan, self.plan.convolution
        first_row = self.share(first_tile, c.outputs, plan.row_tiles)
        width = plan.vectors * plan.lanes
        with b.loop(i64(0), i64(PLACES)) as place, b.loop(i64(0), i64(plan.panels)) as panel:
            u = self.at(self.u, (place.index, plan.u_place))
            v = self.at(self.v, (place.index, plan.v_place), (panel.index, c.inputs * width))
            m = self.at(self.m, (place.index, plan.m_place), (panel.index, width))
            last = b.compare("==", panel.index, i64(plan.panels - 1))
            for k in range(0, c.inputs, plan.k_block):
                with b.loop(first_tile, last_tile) as tile:
                    row = self.share(tile.index, c.outputs, plan.row_tiles)
                    rows = b.sub(self.share(b.add(tile.index, i64(1)), c.outputs, plan.row_tiles), row)
                    a = self.at(u, (row, c.inputs), (rows, k)) if k else self.at(u, (row, c.inputs))
                    if k == 0 and plan.fetches:
                        call = b.add(b.mul(place.index, i64(plan.panels)), panel.index)
                        self._fetch_results(call, row, rows)
                        self._fetch_input(b.add(b.mul(call, i64(plan.row_tiles)), tile.index))
                    out = self.at(m, (b.sub(row, first_row), PLACES * plan.m_place))
                    for size in plan.row_sizes:
                        with b.when(b.compare("==", rows, i64(size))):
                            if plan.last_vectors == plan.vectors:
                                self._tile(size, plan.vectors, k, a, v, out)
                                continue
                            with b.when(last):
                                self._tile(size, plan.last_vectors, k, a, v, out)
                            with b.when(b.invert(last)):
                                self._tile(size, plan.vectors, k, a, v, out)

    def _tile(self, rows: int, vectors: int, k: int, a: Value, v: Value, out: Value) -> None:
        """Call the micro-kernel for input channels from k on."""
        b, plan = self.b, self.plan
        width = vectors * plan.lanes
        count = min(plan.k_block, plan.convolution.inputs - k)
        tile = Tile(
            type=self.type,
            lanes=plan.lanes,
            rows=rows,
            vectors=vectors,
            tail=0,
            k=count,
            row_stride=1,
            a_step=rows,
            b_step=width,
            width=PLACES * plan.m_place,
            accumulates=k > 0,
            ahead=AHEAD // (BITS[self.type] // 8) if plan.far else 0,
        )
        b.call_local(emit_tile(b.module, tile), "void", a, b.offset(v, i64(k * width), self.type), out, i64(count))

    # Output.

    def _transform_output(self, first_tile: Value, last_tile: Value) -> None:
        """The result's vectors from M, channel by channel."""
        b, plan, c = self.b, self.plan, self.plan.convolution
        first_row = self.share(first_tile, c.outputs, plan.row_tiles)
        last_row = self.share(last_tile, c.outputs, plan.row_tiles)
        with b.loop(first_row, last_row) as channel:
            m = self.at(self.m, (b.sub(channel.index, first_row), PLACES * plan.m_place))
            with b.loop(i64(0), i64(plan.block_vectors)) as index:
                self._transform_back(self.at(m, (index.index, plan.lanes)), index.index)
            self._arrange()
            self._finish_channel(channel.index)

    def _transform_back(self, m: Value, index: Value) -> None:
        """A^T m A of a vector of tiles: both of their rows, in the order of the tiles."""
        b, plan, lanes = self.b, self.plan, self.plan.lanes

        def two(m: list[Value]) -> tuple[Value, Value]:
            return b.add(b.add(m[0], m[1]), m[2]), b.sub(b.sub(m[1], m[2]), m[3])

        columns = []
        for x in range(4):
            where = [b.offset(m, i64((4 * y + x) * plan.m_place), self.type) for y in range(4)]
            columns.append(two([b.load(self.wide, w) for w in where]))
        low = [i for lane in range(lanes // 2) for i in (lane, lanes + lane)]
        high = [i + lanes // 2 for i in low]
        for y, line in enumerate(self.lines):
            pair = two([column[y] for column in columns])
            there = self.at(line, (index, 2 * lanes))
            b.store(b.shuffle(*pair, low), there)
            b.store(b.shuffle(*pair, high), b.offset(there, i64(lanes), self.type))

    def _arrange(self) -> None:
        """The rows of the channel one after the other; what is written past a row's end, the next row overwrites."""
        b, plan, width = self.b, self.plan, self.plan.convolution.output[2]
        lanes = plan.lanes
        while lanes > 2 and lanes // 2 >= width:
            lanes //= 2
        with b.loop(i64(0), i64(plan.rows)) as row:
            for y, line in enumerate(self.lines):
                source = self.at(line, (row.index, 2 * plan.row_pieces * plan.piece))
                target = b.offset(self.at(self.result, (row.index, 2 * width)), i64(y * width), self.type)
                for at in range(0, width, lanes):
                    value = b.load(vector(self.type, lanes), b.offset(source, i64(at), self.type))
                    b.store(value, b.offset(target, i64(at), self.type))

    @contextmanager
    def _runs(self) -> Iterator[tuple[Value, Value, Value, Value]]:
        """A loop over the block's runs of positions: image, first position, their number, their place in the result."""
        b, c = self.b, self.plan.convolution
        width = c.output[2]
        with self._parts(self.block) as part:
            position = b.mul(part.first, i64(2 * width))
            after = self.smaller(b.mul(part.last, i64(2 * width)), i64(c.positions))
            yield part.image, position, b.sub(after, position), b.mul(part.place, i64(2 * width))

    def _finish_channel(self, channel: Value) -> None:
        """Hand over a channel's positions, vector by vector."""
        b, plan, lanes = self.b, self.plan, self.plan.lanes
        tails = plan.tails
        with self._runs() as (image, position, count, place):
            source = b.offset(self.result, place, self.type)
            whole = b.logical("and", count, i64(-lanes))
            with b.loop(i64(0), whole, i64(lanes)) as at:
                value = b.load(self.wide, self.at(source, (at.index, 1)))
                self.finish(b, value, image, channel, b.add(position, at.index), None)
            if not tails:
                return
            rest = b.sub(count, whole)
            with b.when(b.compare(">", rest, i64(0))):
                value = b.load(self.wide, self.at(source, (whole, 1)))
                if len(tails) == 1:
                    mask = prefix_mask(tails[0], lanes)
                else:
                    mask = b.compare("<", b.lane_numbers(vector("i64", lanes)), b.splat(rest, lanes))
                self.finish(b, value, image, channel, b.add(position, whole), mask)


__all__ = ["WinogradOperands", "WinogradPlan", "emit_weight_transform", "emit_winograd", "plan_winograd"]

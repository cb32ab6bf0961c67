"""The input's part of Winograd's F(2x2, 3x3): V = B^T x B of a block's tiles."""

from __future__ import annotations

from functools import partial

from ..gemm.micro_kernel import load_vector
from ..gemm.pack import transpose
from ..text import Builder, Value, const, i64, vector
from .winograd_blocks import Block, Blocks
from .winograd_plan import PLACES, WinogradPlan


class InputTransform:
    """Writes the transform of blocks of x into `v`, V[place][panel][channel][tiles of the panel]."""

    def __init__(self, b: Builder, plan: WinogradPlan, blocks: Blocks, x: Value):
        self.b, self.plan, self.blocks, self.x = b, plan, blocks, x
        self.type = plan.convolution.type
        self.wide = vector(self.type, plan.lanes)
        self.copies = b.place(self.type, plan.copied * plan.copied_channels)
        self.v = b.place(self.type, PLACES * plan.v_place)

    def emit(self, block: Block) -> None:
        """V from the block's rows: a few channels are copied between zeros, then transformed."""
        b, plan, c = self.b, self.plan, self.plan.convolution
        total = plan.copied * plan.copied_channels
        with b.loop(i64(0), i64(total - plan.lanes + 1), i64(plan.lanes)) as loop:
            b.store(const(0, self.wide), self.blocks.at(self.copies, (loop.index, 1)))
        if total >= plan.lanes:
            b.store(const(0, self.wide), b.offset(self.copies, i64(total - plan.lanes), self.type))
        with b.loop(i64(0), i64(c.inputs), i64(plan.copied_channels)) as group:
            stop = self.blocks.smaller(b.add(group.index, i64(plan.copied_channels)), i64(c.inputs))
            count = b.sub(stop, group.index)
            self._copy_channels(block, group.index, count)
            with b.loop(i64(0), i64(plan.block_vectors)) as index:
                places = self._piece_places(block, index.index)
                panel = b.div(index.index, i64(plan.vectors), signed=False)
                within = b.rem(index.index, i64(plan.vectors), signed=False)
                step: Value = i64(plan.vectors * plan.lanes)
                if plan.last_vectors < plan.vectors:
                    last = b.compare("==", panel, i64(plan.panels - 1))
                    step = b.select(last, i64(plan.last_vectors * plan.lanes), step)
                v = self.blocks.at(self.v, (panel, c.inputs * plan.vectors * plan.lanes), (within, plan.lanes))
                v = b.offset(v, b.mul(group.index, step), self.type)
                with b.loop(i64(0), count) as channel:
                    source = self.blocks.at(self.copies, (channel.index, plan.copied))
                    self._transform_tiles(source, places, b.offset(v, b.mul(channel.index, step), self.type))

    def _copy_channels(self, block: Block, first_channel: Value, count: Value) -> None:
        """Copy some channels' rows of the block; rows and columns outside x stay zeros."""
        b, plan, c = self.b, self.plan, self.plan.convolution
        with self.blocks.input_rows(block) as (part, top, first, last):
            line = b.mul(b.add(part.place, b.sub(part.number, block.strip)), i64(2))
            source = self.blocks.at(self.x, (part.image, c.x[0]), (first_channel, c.x[1]), (top, c.x[3]))
            target = self.blocks.at(self.copies, (line, plan.image_row))
            left = b.sub(part.column, i64(c.padding[2]))
            begin = self.blocks.larger(left, i64(0))
            source, target = self.blocks.at(source, (begin, c.x[4])), self.blocks.at(target, (b.sub(begin, left), 1))
            end = self.blocks.smaller(b.add(left, i64(2 * plan.strip + 2)), i64(c.spatial[2]))
            with b.loop(i64(0), count, i64(plan.turned_channels)) as channel, b.loop(first, last) as row:
                from_row = self.blocks.at(source, (channel.index, c.x[1]), (row.index, c.x[3]))
                to_row = self.blocks.at(target, (channel.index, plan.copied), (row.index, plan.image_row))
                if plan.strips > 1:
                    self._copy_part(from_row, to_row, self.blocks.larger(b.sub(end, begin), i64(0)))
                elif plan.turned_channels > 1:
                    self._turn_rows(from_row, to_row, c.spatial[2])
                else:
                    self._copy_row(from_row, to_row, c.spatial[2])

    def _copy_part(self, source: Value, target: Value, count: Value) -> None:
        """Copy so many elements of a row."""
        b, lanes, stride = self.b, self.plan.lanes, self.plan.convolution.x[4]
        whole = i64(0)
        if stride == 1:
            whole = b.sub(count, b.logical("and", count, i64(lanes - 1)))
            with b.loop(i64(0), whole, i64(lanes)) as loop:
                value = b.load(self.wide, self.blocks.at(source, (loop.index, 1)))
                b.store(value, self.blocks.at(target, (loop.index, 1)))
        with b.loop(whole, count) as loop:
            b.store(
                b.load(self.type, self.blocks.at(source, (loop.index, stride))), self.blocks.at(target, (loop.index, 1))
            )

    def _turn_rows(self, source: Value, target: Value, width: int) -> None:
        """Copy a row of a few channels that lie side by side."""
        b, plan, lanes = self.b, self.plan, self.plan.copy_lanes
        stride = plan.convolution.x[4]
        turn = partial(transpose, b, self.type, lanes, plan.turned_channels)
        whole = width // lanes * lanes
        if whole:
            with b.loop(i64(0), i64(whole), i64(lanes)) as at:
                there = self.blocks.at(target, (at.index, 1))
                turn(lanes, stride, self.blocks.at(source, (at.index, stride)), plan.copied, there)
        if whole < width:
            start, there = b.offset(source, i64(whole * stride), self.type), b.offset(target, i64(whole), self.type)
            turn(width - whole, stride, start, plan.copied, there)

    def _copy_row(self, source: Value, target: Value, width: int) -> None:
        b, lanes, stride = self.b, self.plan.copy_lanes, self.plan.convolution.x[4]
        if stride != 1:
            with b.loop(i64(0), i64(width)) as loop:
                b.store(
                    b.load(self.type, self.blocks.at(source, (loop.index, stride))),
                    self.blocks.at(target, (loop.index, 1)),
                )
            return
        whole = width // lanes * lanes
        if whole > 8 * lanes:
            with b.loop(i64(0), i64(whole), i64(lanes)) as loop:
                value = b.load(vector(self.type, lanes), self.blocks.at(source, (loop.index, 1)))
                b.store(value, self.blocks.at(target, (loop.index, 1)))
        else:
            for at in range(0, whole, lanes):
                value = b.load(vector(self.type, lanes), b.offset(source, i64(at), self.type))
                b.store(value, b.offset(target, i64(at), self.type))
        if whole < width:
            value = load_vector(b, self.type, lanes, b.offset(source, i64(whole), self.type), width - whole)
            b.store(value, b.offset(target, i64(whole), self.type))

    def _piece_places(self, block: Block, index: Value) -> list[Value]:
        """Where in a copied channel the pieces of a vector of tiles begin."""
        b, plan = self.b, self.plan
        count = plan.lanes // plan.piece
        last = b.sub(b.mul(b.sub(block.stop, block.start), i64(plan.row_pieces)), i64(1))
        places = []
        for i in range(count):
            piece = self.blocks.smaller(b.add(b.mul(index, i64(count)), i64(i)), last)
            row = b.div(piece, i64(plan.row_pieces), signed=False)
            column = b.rem(piece, i64(plan.row_pieces), signed=False)
            line = row
            if plan.touched > 1:
                image = b.div(b.add(block.start, row), i64(plan.tile_rows), signed=False)
                line = b.add(row, b.sub(image, block.strip))
            places.append(b.add(b.mul(line, i64(2 * plan.image_row)), b.mul(column, i64(2 * plan.piece))))
        return places

    def _transform_tiles(self, source: Value, places: list[Value], v: Value) -> None:
        """B^T d B of as many tiles as there are lanes."""
        b, plan, lanes = self.b, self.plan, self.plan.lanes
        pieces = [self.blocks.at(source, (place, 1)) for place in places]
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

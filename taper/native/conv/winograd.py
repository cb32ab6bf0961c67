"""Winograd's F(2x2, 3x3): the kernel that transforms blocks of the input, multiplies, and transforms back.

`winograd_plan` explains the method and how a convolution is cut up, `winograd_blocks` finds the way through it,
`winograd_weights` and `winograd_input` transform, `winograd_fetch` asks for memory in time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..gemm.matmul import Finish, Pointer
from ..gemm.micro_kernel import Tile, emit_tile, prefix_mask
from ..gemm.tiling import ROUND
from ..text import BITS, Builder, Module, Value, i64, vector
from .winograd_blocks import Blocks
from .winograd_fetch import Fetch
from .winograd_input import InputTransform
from .winograd_plan import PLACES, WinogradPlan, plan_winograd
from .winograd_weights import emit_weight_transform, transform_row_tile

AHEAD = 4096
"""Bytes of U that are fetched ahead where it is too large for the second cache (up to a tenth faster)."""


@dataclass(frozen=True)
class WinogradOperands:
    """Where the kernel finds x and the transformed weights (the weights, if plan.within): each is called once, at its
    start, and gives a pointer."""

    x: Pointer
    packed: Pointer


def emit_winograd(module: Module, name: str, plan: WinogradPlan, operands: WinogradOperands, finish: Finish) -> None:
    """Write the kernel that computes the convolution: plan.chunks chunks. Needs transformed weights unless plan.within.

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
        x, self.weights = operands.x(b), operands.packed(b)
        self.u = self.weights
        if plan.within:
            self.u = b.place(self.type, PLACES * plan.u_place)
            self.taps = b.place(self.type, plan.convolution.taps * plan.lanes)
        begin = getattr(finish, "begin", None)
        if begin is not None:
            begin(b)
        positions = 2 * plan.rows * plan.row_positions
        self.blocks = Blocks(b, plan)
        self.input = InputTransform(b, plan, self.blocks, x)
        self.fetch = Fetch(b, plan, self.blocks, x, finish)
        self.m = b.place(self.type, PLACES * plan.m_place * plan.m_rows)
        self.lines = [b.place(self.type, 2 * plan.block_vectors * plan.lanes + plan.lanes) for _ in range(2)]
        self.result = b.place(self.type, positions + plan.lanes)

    def emit(self) -> None:
        b, plan = self.b, self.plan
        with b.loop(b.args[1], b.args[2]) as chunk:
            outputs = b.rem(chunk.index, i64(plan.output_chunks), signed=False)
            tiles = b.div(chunk.index, i64(plan.output_chunks), signed=False)
            first_output = self.blocks.share(outputs, plan.output_blocks, plan.output_chunks)
            last_output = self.blocks.share(b.add(outputs, i64(1)), plan.output_blocks, plan.output_chunks)
            first = self.blocks.share(tiles, plan.blocks, plan.tile_chunks)
            last = self.blocks.share(b.add(tiles, i64(1)), plan.blocks, plan.tile_chunks)
            with b.loop(first, last) as block:
                self.block = self.blocks.rows_of(block.index)
                if plan.fetches:
                    self.fetch.start(self.blocks.rows_of(b.add(block.index, i64(1))))
                self.input.emit(self.block)
                with b.loop(first_output, last_output) as output:
                    first_tile = self.blocks.share(output.index, plan.row_tiles, plan.output_blocks)
                    last_tile = self.blocks.share(b.add(output.index, i64(1)), plan.row_tiles, plan.output_blocks)
                    if plan.within:
                        self._transform_weights(first_tile)
                    self._multiply(first_tile, last_tile)
                    self._transform_output(first_tile, last_tile)

    # Products.

    def _transform_weights(self, tile: Value) -> None:
        """U of one row tile, the only one of its output block."""
        b, c = self.b, self.plan.convolution
        row = self.blocks.share(tile, c.outputs, self.plan.row_tiles)
        rows = b.sub(self.blocks.share(b.add(tile, i64(1)), c.outputs, self.plan.row_tiles), row)
        w = self.blocks.at(self.weights, (row, c.w[1]))
        transform_row_tile(b, self.plan, rows, (i64(0), i64(c.inputs)), w, self.taps, self.u)

    def _multiply(self, first_tile: Value, last_tile: Value) -> None:
        """M = U V of the output block's row tiles, for each place."""
        b, plan, c = self.b, self.plan, self.plan.convolution
        first_row = self.blocks.share(first_tile, c.outputs, plan.row_tiles)
        width = plan.vectors * plan.lanes
        with b.loop(i64(0), i64(PLACES)) as place, b.loop(i64(0), i64(plan.panels)) as panel:
            u = self.blocks.at(self.u, (place.index, plan.u_place))
            v = self.blocks.at(self.input.v, (place.index, plan.v_place), (panel.index, c.inputs * width))
            m = self.blocks.at(self.m, (place.index, plan.m_place), (panel.index, width))
            last = b.compare("==", panel.index, i64(plan.panels - 1))
            for k in range(0, c.inputs, plan.k_block):
                with b.loop(first_tile, last_tile) as tile:
                    row = self.blocks.share(tile.index, c.outputs, plan.row_tiles)
                    rows = b.sub(self.blocks.share(b.add(tile.index, i64(1)), c.outputs, plan.row_tiles), row)
                    before = () if plan.within else ((row, c.inputs),)
                    a = self.blocks.at(u, *before, (rows, k)) if k else self.blocks.at(u, *before)
                    if k == 0 and plan.fetches:
                        call = b.add(b.mul(place.index, i64(plan.panels)), panel.index)
                        self.fetch.results(self.block, call, row, rows)
                        self.fetch.input(b.add(b.mul(call, i64(plan.row_tiles)), tile.index))
                    out = self.blocks.at(m, (b.sub(row, first_row), PLACES * plan.m_place))
                    following = []
                    if plan.brought:
                        call = b.add(b.mul(place.index, i64(plan.panels)), panel.index)
                        after = b.add(row, rows)
                        ahead = (call, c.inputs // ROUND * plan.brought)
                        where = self.blocks.at(
                            self.weights, (after, c.w[1]), ahead, (i64(1), k // ROUND * plan.brought)
                        )
                        following = [where]
                    for size in plan.row_sizes:
                        with b.when(b.compare("==", rows, i64(size))):
                            if plan.last_vectors == plan.vectors:
                                self._tile(size, plan.vectors, k, a, v, out, *following)
                                continue
                            with b.when(last):
                                self._tile(size, plan.last_vectors, k, a, v, out, *following)
                            with b.when(b.invert(last)):
                                self._tile(size, plan.vectors, k, a, v, out, *following)

    def _tile(self, rows: int, vectors: int, k: int, a: Value, v: Value, out: Value, *following: Value) -> None:
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
            brought=plan.brought,
        )
        panel = b.offset(v, i64(k * width), self.type)
        b.call_local(emit_tile(b.module, tile), "void", a, panel, out, i64(count), *following)

    # Output.

    def _transform_output(self, first_tile: Value, last_tile: Value) -> None:
        """The result's vectors from M, channel by channel."""
        b, plan, c = self.b, self.plan, self.plan.convolution
        first_row = self.blocks.share(first_tile, c.outputs, plan.row_tiles)
        last_row = self.blocks.share(last_tile, c.outputs, plan.row_tiles)
        with b.loop(first_row, last_row) as channel:
            m = self.blocks.at(self.m, (b.sub(channel.index, first_row), PLACES * plan.m_place))
            with b.loop(i64(0), i64(plan.block_vectors)) as index:
                self._transform_back(self.blocks.at(m, (index.index, plan.lanes)), index.index)
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
            there = self.blocks.at(line, (index, 2 * lanes))
            b.store(b.shuffle(*pair, low), there)
            b.store(b.shuffle(*pair, high), b.offset(there, i64(lanes), self.type))

    def _arrange(self) -> None:
        """The rows of the channel one after the other; what is written past a row's end, the next row overwrites."""
        b, plan, width = self.b, self.plan, self.plan.row_positions
        lanes = plan.lanes
        while lanes > 2 and lanes // 2 >= width:
            lanes //= 2
        with b.loop(i64(0), i64(plan.rows)) as row:
            for y, line in enumerate(self.lines):
                source = self.blocks.at(line, (row.index, 2 * plan.row_pieces * plan.piece))
                target = b.offset(self.blocks.at(self.result, (row.index, 2 * width)), i64(y * width), self.type)
                for at in range(0, width, lanes):
                    value = b.load(vector(self.type, lanes), b.offset(source, i64(at), self.type))
                    b.store(value, b.offset(target, i64(at), self.type))

    @contextmanager
    def _runs(self) -> Iterator[tuple[Value, Value, Value, Value]]:
        """A loop over the block's runs of positions: image, first position, their number, their place in the result."""
        b, plan, c = self.b, self.plan, self.plan.convolution
        width, line = c.output[2], 2 * plan.row_positions
        with self.blocks.parts(self.block) as part:
            place = b.mul(part.place, i64(line))
            if plan.strips == 1:
                position = b.mul(part.first, i64(line))
                after = self.blocks.smaller(b.mul(part.last, i64(line)), i64(c.positions))
                yield part.image, position, b.sub(after, position), place
                return
            first, last = b.mul(part.first, i64(2)), self.blocks.smaller(b.mul(part.last, i64(2)), i64(c.output[1]))
            count = self.blocks.smaller(b.sub(i64(width), part.column), i64(plan.row_positions))
            with b.loop(first, last) as row:
                position = b.add(b.mul(row.index, i64(width)), part.column)
                yield part.image, position, count, b.add(place, b.mul(b.sub(row.index, first), i64(line // 2)))

    def _finish_channel(self, channel: Value) -> None:
        """Hand over a channel's positions, vector by vector."""
        b, plan, lanes = self.b, self.plan, self.plan.lanes
        tails = plan.tails
        with self._runs() as (image, position, count, place):
            source = b.offset(self.result, place, self.type)
            whole = b.logical("and", count, i64(-lanes))
            with b.loop(i64(0), whole, i64(lanes)) as at:
                value = b.load(self.wide, self.blocks.at(source, (at.index, 1)))
                self.finish(b, value, image, channel, b.add(position, at.index), None)
            if not tails:
                return
            rest = b.sub(count, whole)
            with b.when(b.compare(">", rest, i64(0))):
                value = b.load(self.wide, self.blocks.at(source, (whole, 1)))
                if len(tails) == 1:
                    mask = prefix_mask(tails[0], lanes)
                else:
                    mask = b.compare("<", b.lane_numbers(vector("i64", lanes)), b.splat(rest, lanes))
                self.finish(b, value, image, channel, b.add(position, whole), mask)


__all__ = ["WinogradOperands", "WinogradPlan", "emit_weight_transform", "emit_winograd", "plan_winograd"]

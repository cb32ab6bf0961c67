"""Weights packed for tiles of pixels: [group][panel][tap][input channel][vectors of output channels], zeros past the last."""

from __future__ import annotations

from ..gemm.matmul import Pointer
from ..gemm.micro_kernel import defined
from ..gemm.pack import piece_lanes, transpose
from ..text import Builder, Module, Value, const, i64, vector
from .pixels_plan import PixelPlan


def emit_pixel_weights(module: Module, name: str, plan: PixelPlan, w_pointer: Pointer, packed_pointer: Pointer) -> None:
    """Write `void name(ptr table, i64 first chunk, i64 last chunk)`; a chunk is a vector of a group's output channels."""
    b = Builder(module, name, ["ptr", "i64", "i64"])
    _Packing(b, plan, w_pointer(b), packed_pointer(b)).emit()
    b.finish()


def emit_block_pack(module: Module, plan: PixelPlan, vectors: int, last: bool) -> str:
    """Write `void pack(ptr w, ptr target, i64 lines, i64 length)`, which packs a block of a panel of so many vectors, of
    weights whose input channels lie side by side; w: at the block's first weight. last: it is a group's last panel.
    Returns its name."""
    c, lanes, side = plan.convolution, plan.lanes, piece_lanes(plan.convolution.type)
    tail = plan.tail if last else 0
    name = f"pack_block_{c.type}_{vectors}x{lanes}_{tail}_{c.w[1]}_{plan.run}_{c.apart if c.taps > 1 else 0}"
    if defined(module, name):
        return name
    b = Builder(module, name, ["ptr", "ptr", "i64", "i64"], attributes="noinline nounwind", linkage="internal")
    w, target, count, length = b.args
    width = vectors * lanes
    even = b.logical("and", length, i64(-side)) if lanes % side == 0 else i64(0)
    with b.loop(i64(0), count) as line:
        source = b.offset(w, b.mul(line.index, i64(c.apart)), c.type)
        spot = b.offset(target, b.mul(line.index, i64(plan.run * width)), c.type)
        for v in range(vectors):
            exist = tail if tail and v == vectors - 1 else lanes
            column, there = b.offset(source, i64(v * lanes * c.w[1]), c.type), b.offset(spot, i64(v * lanes), c.type)
            if lanes % side == 0:
                with b.loop(i64(0), even, i64(side)) as loop:
                    where = b.offset(there, b.mul(loop.index, i64(width)), c.type)
                    at = b.offset(column, loop.index, c.type)
                    transpose(b, c.type, lanes, side, exist, c.w[1], at, width, where)
            with b.loop(even, length) as loop:
                where = b.offset(there, b.mul(loop.index, i64(width)), c.type)
                if exist < lanes:
                    b.store(const(0, vector(c.type, lanes)), where)
                with b.loop(i64(0), i64(exist)) as lane:
                    at = b.add(loop.index, b.mul(lane.index, i64(c.w[1])))
                    b.store(b.load(c.type, b.offset(column, at, c.type)), b.offset(where, lane.index, c.type))
    b.finish()
    return name


class _Packing:
    """The kernel that packs weights, being written."""

    def __init__(self, b: Builder, plan: PixelPlan, w: Value, packed: Value):
        self.b, self.plan, self.w, self.packed = b, plan, w, packed
        self.lanes, self.type = plan.lanes, plan.convolution.type
        self.rows = b.place(self.type, self.lanes * piece_lanes(self.type))

    def emit(self) -> None:
        b, plan, c = self.b, self.plan, self.plan.convolution
        with b.loop(b.args[1], b.args[2]) as loop:
            vectors, panels = plan.all_vectors, plan.panels
            group = b.div(loop.index, i64(vectors), signed=False)
            v = b.rem(loop.index, i64(vectors), signed=False)
            # The panel that holds vector v: the last one that begins at v * panels // vectors or before.
            panel = b.div(b.sub(b.mul(b.add(v, i64(1)), i64(panels)), i64(1)), i64(vectors), signed=False)
            first = b.div(b.mul(panel, i64(vectors)), i64(panels), signed=False)
            last = b.div(b.mul(b.add(panel, i64(1)), i64(vectors)), i64(panels), signed=False)
            width = b.mul(b.sub(last, first), i64(self.lanes))
            start = b.mul(b.add(b.mul(group, i64(vectors)), first), i64(plan.packed_each))
            start = b.add(start, b.mul(b.sub(v, first), i64(self.lanes)))
            target = b.offset(self.packed, start, self.type)
            row = b.add(b.mul(group, i64(c.w[0])), b.mul(v, i64(self.lanes * c.w[1])))
            source = b.offset(self.w, row, self.type)
            if not plan.tail:
                self._vector(source, target, width, self.lanes)
            else:
                whole = b.compare("<", v, i64(vectors - 1))
                if vectors > 1:
                    with b.when(whole):
                        self._vector(source, target, width, self.lanes)
                with b.when(b.invert(whole)):
                    self._vector(source, target, width, plan.tail)

    def _vector(self, source: Value, target: Value, width: Value, count: int) -> None:
        """One vector of `count` output channels: all taps and input channels."""
        c = self.plan.convolution
        if not c.turned and {(c.w[2], c.apart)} & {(c.taps, 1), (1, self.plan.inputs)} or c.taps == 1 == c.w[2]:
            self._runs(source, target, width, count)
        else:
            self._apart(source, target, width, count)

    def _place(self, target: Value, at: Value, width: Value) -> Value:
        """Where element `at` of an output channel's run of memory goes."""
        b, c = self.b, self.plan.convolution
        if c.taps > 1 and c.apart == 1 and self.plan.inputs > 1:
            tap, channel = b.rem(at, i64(c.taps), signed=False), b.div(at, i64(c.taps), signed=False)
            at = b.add(b.mul(tap, i64(self.plan.inputs)), channel)
        return b.offset(target, b.mul(at, width), self.type)

    def _runs(self, source: Value, target: Value, width: Value, count: int) -> None:
        """All of an output channel's weights lie side by side: blocks of them are turned round."""
        b, c, side = self.b, self.plan.convolution, piece_lanes(self.type)
        total = c.taps * self.plan.inputs
        even = total // side * side if self.lanes % side == 0 and side > 1 and self.lanes >= side else 0
        wide = vector(self.type, self.lanes)
        with b.loop(i64(0), i64(even), i64(max(side, 1))) as loop:
            where = b.offset(source, loop.index, self.type)
            transpose(b, self.type, self.lanes, side, count, c.w[1], where, self.lanes, self.rows)
            for i in range(side):
                value = b.load(wide, b.offset(self.rows, i64(i * self.lanes), self.type))
                b.store(value, self._place(target, b.add(loop.index, i64(i)), width))
        with b.loop(i64(even), i64(total)) as loop:
            spot = self._place(target, loop.index, width)
            b.store(const(0, wide), spot)
            for lane in range(count):
                there = b.add(loop.index, i64(lane * c.w[1]))
                b.store(b.load(self.type, b.offset(source, there, self.type)), b.offset(spot, i64(lane), self.type))

    def _apart(self, source: Value, target: Value, width: Value, count: int) -> None:
        """Weights that lie anyhow, one by one; vectors of them where output channels lie side by side."""
        b, c = self.b, self.plan.convolution
        wide = vector(self.type, self.lanes)
        with b.loop(i64(0), i64(c.taps)) as tap, b.loop(i64(0), i64(self.plan.inputs)) as channel:
            there = b.sub(i64(c.taps - 1), tap.index) if c.turned else tap.index
            there = b.add(b.mul(there, i64(c.apart)), b.mul(channel.index, i64(c.w[2])))
            where = b.offset(source, there, self.type)
            at = b.add(b.mul(tap.index, i64(self.plan.inputs)), channel.index)
            spot = b.offset(target, b.mul(at, width), self.type)
            if c.w[1] == 1 and count == self.lanes:
                b.store(b.load(wide, where), spot)
                count = 0
            elif count < self.lanes:
                b.store(const(0, wide), spot)
            for lane in range(count):
                value = b.load(self.type, b.offset(where, i64(lane * c.w[1]), self.type))
                b.store(value, b.offset(spot, i64(lane), self.type))

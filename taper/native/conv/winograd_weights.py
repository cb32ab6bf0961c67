"""The weights' part of Winograd's F(2x2, 3x3): U = G w G^T, packed in the order in which the products read it.

U[place][row tile][input channel][output channel of the tile]: a micro-kernel broadcasts its rows from one stream.
"""

from __future__ import annotations

from ..gemm.matmul import Pointer
from ..gemm.micro_kernel import prefix_mask
from ..gemm.pack import piece_lanes, transpose
from ..text import Builder, Module, Value, const, i64, vector
from .winograd_plan import PLACES, WinogradPlan


def emit_weight_transform(
    module: Module, name: str, plan: WinogradPlan, w_pointer: Pointer, packed_pointer: Pointer
) -> None:
    """Write the kernel that transforms w into U (plan.packed elements): plan.pack_chunks chunks."""
    b = Builder(module, name, ["ptr", "i64", "i64"])
    c = plan.convolution
    source, target = w_pointer(b), packed_pointer(b)
    taps = b.place(c.type, c.taps * plan.lanes)
    with b.loop(b.args[1], b.args[2]) as loop:
        part = b.rem(loop.index, i64(plan.pack_splits), signed=False)
        tile = b.div(loop.index, i64(plan.pack_splits), signed=False)
        row = _share(b, tile, c.outputs, plan.row_tiles)
        rows = b.sub(_share(b, b.add(tile, i64(1)), c.outputs, plan.row_tiles), row)
        first = _share(b, part, c.inputs, plan.pack_splits)
        last = _share(b, b.add(part, i64(1)), c.inputs, plan.pack_splits)
        begin = b.offset(source, b.mul(row, i64(c.w[1])), c.type)
        place = b.offset(target, b.mul(row, i64(c.inputs)), c.type)
        transform_row_tile(b, plan, rows, (first, last), begin, taps, place)
    b.finish()


def transform_row_tile(
    b: Builder, plan: WinogradPlan, rows: Value, inputs: tuple[Value, Value], w: Value, taps: Value, u: Value
) -> None:
    """The input channels [first, last) of the `rows` output channels whose weights begin at w, to u.

    taps: scratch of plan.lanes elements for each tap.
    """
    c = plan.convolution
    for size in plan.row_sizes:
        with b.when(b.compare("==", rows, i64(size))), b.loop(*inputs) as loop:
            source = b.offset(w, b.mul(loop.index, i64(c.w[2])), c.type)
            target = b.offset(u, b.mul(loop.index, i64(size)), c.type)
            for start in range(0, size, plan.lanes):
                count = min(plan.lanes, size - start)
                here = b.offset(source, i64(start * c.w[1]), c.type)
                _transform(b, plan, count, here, taps, b.offset(target, i64(start), c.type))


def _share(b: Builder, index: Value, total: int, parts: int) -> Value:
    """index * total // parts."""
    if total % parts == 0:
        return b.mul(index, i64(total // parts))
    return b.div(b.mul(index, i64(total)), i64(parts), signed=False)


def _transform(b: Builder, plan: WinogradPlan, count: int, w: Value, taps: Value, u: Value) -> None:
    """One input channel's taps of `count` output channels, a lane for each, to the 16 places of U."""
    c, lanes = plan.convolution, plan.lanes
    wide = vector(c.type, lanes)
    side = piece_lanes(c.type)
    if c.apart == 1:
        for start in [*range(0, c.taps - side, side), c.taps - side]:
            there = b.offset(taps, i64(start * lanes), c.type)
            transpose(b, c.type, lanes, side, count, c.w[1], b.offset(w, i64(start), c.type), lanes, there)
    else:
        with b.loop(i64(0), i64(c.taps)) as loop, b.loop(i64(0), i64(count)) as lane:
            where = b.add(b.mul(loop.index, i64(c.apart)), b.mul(lane.index, i64(c.w[1])))
            there = b.add(b.mul(loop.index, i64(lanes)), lane.index)
            b.store(b.load(c.type, b.offset(w, where, c.type)), b.offset(taps, there, c.type))

    def tap(y: int, x: int) -> Value:
        return b.load(wide, b.offset(taps, i64(c.tap_place((0, y, x)) * lanes), c.type))

    columns = [_four(b, [tap(y, x) for y in range(3)]) for x in range(3)]
    mask = prefix_mask(count, lanes) if count < lanes else None
    for y in range(4):
        for x, value in enumerate(_four(b, [column[y] for column in columns])):
            there = b.offset(u, i64((4 * y + x) * plan.u_place), c.type)
            if mask is None:
                b.store(value, there)
            else:
                b.masked_store(value, there, mask)


def _four(b: Builder, g: list[Value]) -> list[Value]:
    """G g: g0, (g0 + g1 + g2) / 2, (g0 - g1 + g2) / 2, g2."""
    half = const(0.5, g[0].type)
    ends = b.mul(b.add(g[0], g[2]), half)
    middle = b.mul(g[1], half)
    return [g[0], b.add(ends, middle), b.sub(ends, middle), g[2]]


__all__ = ["PLACES", "emit_weight_transform", "transform_row_tile"]

"""Packing: B into panels of a register tile's width, and a row tile of A onto the stack.

A panel holds, for each k, its vectors one after the other, so a tile reads it from front to back. Columns past the
last are zeros.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..text import BITS, Builder, Module, Value, const, i64, vector
from .micro_kernel import defined, load_vector, prefix_mask
from .tiling import Plan, Product


def emit_panel_loop(b: Builder, plan: Plan, source: Value, target: Value) -> None:
    """Pack the chunks [begin, end) of the kernel being written; source: B, target: its panels."""
    p, lanes = plan.product, plan.lanes
    with b.loop(b.args[1], b.args[2]) as loop:
        part = b.rem(loop.index, i64(plan.pack_splits), signed=False)
        rest = b.div(loop.index, i64(plan.pack_splits), signed=False)
        panel = b.rem(rest, i64(plan.panels), signed=False)
        batch = b.div(rest, i64(plan.panels), signed=False)
        # Parts of k start at multiples of 16 so that blocks stay whole.
        blocks = (p.k + 15) // 16
        start = b.mul(b.div(b.mul(part, i64(blocks)), i64(plan.pack_splits), signed=False), i64(16))
        after = b.mul(b.div(b.mul(b.add(part, i64(1)), i64(blocks)), i64(plan.pack_splits), signed=False), i64(16))
        stop = b.select(b.compare("<", after, i64(p.k)), after, i64(p.k))
        begin = b.offset(source, _source_batch(b, plan, batch), p.element)
        begin = b.offset(begin, b.mul(panel, i64(plan.vectors * lanes * p.b[-1])), p.element)
        place = b.add(b.mul(batch, i64(plan.packed_each)), b.mul(panel, i64(plan.vectors * lanes * p.k)))
        whole = b.compare("<", panel, i64(plan.whole_panels))
        if plan.whole_panels:
            with b.when(whole):
                _panel(b, plan, plan.vectors, 0, begin, b.offset(target, place, p.type), start, stop)
        if plan.whole_panels < plan.panels:
            with b.when(b.invert(whole)):
                _panel(b, plan, plan.last_vectors, plan.tail, begin, b.offset(target, place, p.type), start, stop)


def _source_batch(b: Builder, plan: Plan, index: Value) -> Value:
    """Where in B the batch of this packed index begins."""
    p, total = plan.product, i64(0)
    for size, stride in reversed([(s, t) for s, t in zip(p.batch, p.b) if t]):
        digit = b.rem(index, i64(size), signed=False)
        index = b.div(index, i64(size), signed=False)
        total = b.add(total, b.mul(digit, i64(stride)))
    return total


def _panel(
    b: Builder, plan: Plan, vectors: int, tail: int, source: Value, target: Value, start: Value, stop: Value
) -> None:
    """target[k, c] = source[k * step + c * stride] for k in [start, stop)."""
    p, lanes = plan.product, plan.lanes
    step, stride = p.b[-2:]
    width = vectors * lanes
    pair = p.pair[1] if p.pair else 0
    if stride == 1:
        with b.loop(start, stop) as loop:
            for v in range(vectors):
                where = b.offset(source, b.add(b.mul(loop.index, i64(step)), i64(v * lanes)), p.element)
                value = fetched(b, p, pair, lanes, where, tail if v == vectors - 1 else 0)
                b.store(
                    value,
                    b.offset(target, b.add(b.mul(loop.index, i64(width)), i64(v * lanes)), p.type),
                )
        return
    side = piece_lanes(p.type)
    if (pair == 1 if pair else step == 1) and lanes % side == 0:
        # Blocks of whole 128-bit pieces; k's last few one by one.
        even = b.logical("and", stop, i64(-side))
        for v in range(vectors):
            count = tail if tail and v == vectors - 1 else lanes
            with b.loop(start, even, i64(side)) as loop:
                where = b.offset(source, b.add(b.mul(loop.index, i64(step)), i64(v * lanes * stride)), p.element)
                place = b.offset(target, b.add(b.mul(loop.index, i64(width)), i64(v * lanes)), p.type)
                transpose(b, p.type, lanes, side, count, stride, where, width, place, p.element, bool(pair))
        start = even
    with b.loop(start, stop) as loop:
        row = b.mul(loop.index, i64(width))
        existing = width - lanes + tail if tail else width
        with b.loop(i64(0), i64(existing)) as columns:
            where = b.add(b.mul(loop.index, i64(step)), b.mul(columns.index, i64(stride)))
            value = fetched(b, p, pair, 1, b.offset(source, where, p.element))
            b.store(value, b.offset(target, b.add(row, columns.index), p.type))
        if existing < width:
            with b.loop(i64(existing), i64(width)) as columns:
                b.store(const(0, p.type), b.offset(target, b.add(row, columns.index), p.type))


def fetched(b: Builder, p: Product, pair: int, lanes: int, where: Value, count: int = 0) -> Value:
    """`count` neighbours (0: all) of an operand as `lanes` elements of panels and copies.

    pair: 0, or how far off is the second number of each; the first one is then the lower half of a word.
    """
    if not pair:
        return b.convert(load_vector(b, p.element, lanes, where, count), p.type)
    wide = vector("i32", lanes)
    low, high = (
        b.convert(load_vector(b, "i16", lanes, place, count), "i32", signed=False)
        for place in (where, b.offset(where, i64(pair), "i16"))
    )
    return b.bitcast(b.logical("or", low, b.logical("shl", high, const(16, wide))), vector(p.type, lanes))


def piece_lanes(type: str) -> int:
    """Elements of a 128-bit piece of a register, the side of the blocks that `transpose` turns round."""
    return max(1, 128 // BITS[type])


def transpose(
    b: Builder,
    type: str,
    lanes: int,
    side: int,
    count: int,
    stride: int | Sequence[Value],
    source: Value,
    width: int,
    target: Value,
    element: str = "",
    pairs: bool = False,
) -> None:
    """target[i * width + c] = source[c * stride + i], i < side, c < lanes; zero for c >= count; widened from `element`.

    stride: a number, or what there is instead of each c * stride. pairs: the source's elements lie in pairs that stay together, as one of `type`.

    128-bit pieces of the columns are loaded into place (column g * side + j into piece g of register j), which costs no
    shuffle; what is left is a transposition of side by side within each piece.
    """
    piece, element = vector(type, side), element or type
    groups = lanes // side

    def part(column: int) -> Value:
        if column >= count:
            return const(0, piece)
        where = b.offset(source, i64(column * stride) if isinstance(stride, int) else stride[column], element)
        return b.load(piece, where, 2) if pairs else b.convert(b.load(vector(element, side), where), type)

    registers = []
    for j in range(side):
        parts = [part(g * side + j) for g in range(groups)]
        while len(parts) > 1:
            size = lanes // len(parts)
            parts = [b.shuffle(x, y, range(2 * size)) for x, y in zip(parts[::2], parts[1::2])]
        registers += parts
    if side == 2:
        pairs = [b.shuffle(*registers, [g + i + o for g in range(0, lanes, 2) for o in (0, lanes)]) for i in (0, 1)]
        columns = pairs
    else:
        low = [g + o for g in range(0, lanes, 4) for o in (0, lanes, 1, lanes + 1)]
        high = [i + 2 for i in low]
        r0, r1, r2, r3 = registers
        left = b.shuffle(r0, r1, low), b.shuffle(r2, r3, low)
        right = b.shuffle(r0, r1, high), b.shuffle(r2, r3, high)
        ends = [g + o for g in range(0, lanes, 4) for o in (0, 1, lanes, lanes + 1)]
        rear = [i + 2 for i in ends]
        columns = [b.shuffle(*pair, order) for pair in (left, right) for order in (ends, rear)]
    for i, value in enumerate(columns):
        b.store(value, b.offset(target, i64(i * width), type))


def emit_copy(module: Module, plan: Plan, rows: int) -> str:
    """Write `void copy(ptr a, ptr target, i64 k)`, which copies so many rows of A and k columns; returns its name.

    The copy keeps A's order: k runs within rows if it does in A, else rows within k; `copied_strides` tells.
    """
    p, lanes = plan.product, plan.lanes
    row_stride, step = p.a[-2:]
    to_row, to_step = copied_strides(plan)
    pair = p.pair[0] if p.pair else 0
    name = f"copy_{p.element}_{p.type}_{rows}_{row_stride}_{step}_{to_row}_{to_step}_{pair}".replace("-", "m")
    if defined(module, name):
        return name
    b = Builder(module, name, ["ptr", "ptr", "i64"], attributes="noinline nounwind", linkage="internal")
    source, target, count = b.args

    def one(r: Value, k: Value) -> None:
        where = b.add(b.mul(r, i64(row_stride)), b.mul(k, i64(step)))
        place = b.add(b.mul(r, i64(to_row)), b.mul(k, i64(to_step)))
        b.store(fetched(b, p, pair, 1, b.offset(source, where, p.element)), b.offset(target, place, p.type))

    if row_stride == 1:
        with b.loop(i64(0), count) as loop:
            for v in range(0, rows, lanes):
                here = min(lanes, rows - v)
                where = b.offset(source, b.add(b.mul(loop.index, i64(step)), i64(v)), p.element)
                value = fetched(b, p, pair, lanes, where, here if here < lanes else 0)
                place = b.offset(target, b.add(b.mul(loop.index, i64(to_step)), i64(v)), p.type)
                if here < lanes:
                    b.masked_store(value, place, prefix_mask(here, lanes))
                else:
                    b.store(value, place)
    elif pair == 1 or step == 1:
        even = b.logical("and", count, i64(-lanes))
        with b.loop(i64(0), i64(rows)) as loop:
            with b.loop(i64(0), even, i64(lanes)) as inner:
                there = b.add(b.mul(loop.index, i64(row_stride)), b.mul(inner.index, i64(step)))
                where = b.offset(source, there, p.element)
                place = b.offset(target, b.add(b.mul(loop.index, i64(to_row)), inner.index), p.type)
                wide = vector(p.type, lanes)
                b.store(b.load(wide, where, 2) if pair else fetched(b, p, 0, lanes, where), place)
            with b.loop(even, count) as inner:
                one(loop.index, inner.index)
    else:
        with b.loop(i64(0), count) as loop, b.loop(i64(0), i64(rows)) as inner:
            one(inner.index, loop.index)
    b.finish()
    return name


def copied_strides(plan: Plan) -> tuple[int, int]:
    """Row stride and k stride of the copy of A's row tile."""
    row_stride, step = plan.product.a[-2:]
    if (step == 1 or plan.product.pair[:1] == (1,)) and row_stride != 1:
        # Sixteen elements more than needed, so that rows do not fall on the same sets of the cache.
        return -(-plan.k_block // 16) * 16 + 16, 1
    return 1, plan.rows


def copied_size(plan: Plan) -> int:
    """Elements of the copy of A's row tile."""
    to_row, to_step = copied_strides(plan)
    return (plan.rows - 1) * to_row + (plan.k_block - 1) * to_step + 1

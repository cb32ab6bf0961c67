"""Attention over blocks of queries and keys that stay in the caches, and its gradient (T. Dao et al., "FlashAttention", 2022).

Forward, a chunk is a block of queries of one batch: it goes through the blocks of keys with a running maximum and sum for each
query, so that scores are never stored for more than a block; the logarithm of the sum of their exponentials is kept.
Backward, a chunk is a whole batch: the weights come again from the scores and what was kept, a block of keys at a time, whose
gradients are finished before the next; those of the queries are added up.

"Batch" is one pair of matrices, whatever leading dimensions there are; where it begins in each array is told by a table,
and lengths, batches and strides are numbers found at run time. Blocks are copied to the stack, with zeros up to whole
vectors and tiles: the caller sees to it that features are not so many that these blocks are large.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from .. import vector_math
from ..gemm.micro_kernel import Tile, emit_tile
from ..gemm.pack import piece_lanes, transpose
from ..gemm.tiling import fits
from ..machine import Machine
from ..text import Builder, Module, Value, const, i64, vector
from .rows import Cells, each_vector, least

Operand = Callable[[Builder, str], Value]
"""operand(b, name): where an array begins, or a number. Called once a name at the kernel's start.

Arrays: q, k, v, out, lse, and mask and drop where the plan has them; backward also g, work, dq, dk, dv. NAME_at: a table of
the batches' first elements; NAME_step: elements between rows. scale: one number in memory. length, keys: queries and keys.
lse is (batch, length), and so is work, in rows of `Attention.work` and blocks of QUERIES.
"""

QUERIES, KEYS = 64, 128
"""Rows of a block of queries and of a block of keys."""


@dataclass(frozen=True)
class Attention:
    """features, values: columns of q and k, and of v. mask: "", "i1" (hides where 0) or the type, whose numbers are
    added to the scores. drop: whether weights are multiplied by another array. causal: query i sees the keys 0 to i."""

    type: str
    features: int
    values: int
    mask: str
    drop: bool
    causal: bool
    machine: Machine

    @property
    def lanes(self) -> int:
        return self.machine.lanes(self.type)

    @property
    def rows(self) -> int:
        """Of a tile, two vectors wide."""
        return 8 if fits(8, 2, self.machine) else 4

    @property
    def wide(self) -> tuple[int, int]:
        """Features and values up to whole vectors."""
        return tuple(-(-n // self.lanes) * self.lanes for n in (self.features, self.values))

    @property
    def work(self) -> int:
        """Elements of the backward kernel's scratch for each query."""
        return self.wide[0]

    @staticmethod
    def blocks(length: int) -> int:
        return -(-length // QUERIES)

    def flops(self, batch: int, length: int, keys: int, backward: bool) -> int:
        each = 6 * self.features + 4 * self.values if backward else 2 * self.features + 2 * self.values
        return batch * length * keys * (each + 20) // (2 if self.causal else 1)


class _Blocks:
    """What both kernels do with blocks."""

    def __init__(self, module: Module, name: str, plan: Attention, operand: Operand, arrays: str):
        self.plan = plan
        self.b = b = Builder(module, name, ["ptr", "i64", "i64"])
        names = [*arrays.split(), *(["mask"] if plan.mask else []), *(["drop"] if plan.drop else [])]
        self.at: dict[str, Value] = {}
        for n in names:
            self.at[n] = operand(b, n)
            self.at[n + "_at"], self.at[n + "_step"] = operand(b, n + "_at"), operand(b, n + "_step")
        for n in ("lse", "length", "keys"):
            self.at[n] = operand(b, n)
        self.scale = b.load(plan.type, operand(b, "scale"))
        self.type, self.lanes = plan.type, plan.lanes
        self.wide_q, self.wide_v = plan.wide
        self.zero = const(0, plan.type)

    def __getitem__(self, name: str) -> Value:
        return self.at[name]

    def line(self, name: str, batch: Value, row: Value, type: str = "") -> Value:
        """Where a row of a batch of an array begins."""
        b = self.b
        start = b.load("i64", b.offset(self[name + "_at"], batch, "i64"))
        return b.offset(self[name], b.add(start, b.mul(row, self[name + "_step"])), type or self.type)

    def scratch(self, rows: int, columns: int) -> Value:
        return self.b.place(self.type, rows * columns)

    def splat(self, x: Value) -> Value:
        return self.b.splat(x, self.lanes)

    def up(self, count: Value, to: int) -> Value:
        """A number up to a multiple of a power of two."""
        return self.b.logical("and", self.b.add(count, i64(to - 1)), i64(-to))

    def fetch(
        self, source: Value, step: Value, rows: Value, columns: int, target: Value, padded: Value, scale=None
    ) -> None:
        """Copy rows, perhaps scaled, to where they lie side by side in whole vectors; zeros up to `padded` rows."""
        b = self.b
        width = -(-columns // self.lanes) * self.lanes
        whole = Cells(b, self.type, self.lanes)
        with b.loop(i64(0), rows) as loop:
            line = b.offset(source, b.mul(loop.index, step), self.type)
            to = b.offset(target, b.mul(loop.index, i64(width)), self.type)

            def one(cells: Cells, column: Value) -> None:
                value = cells.load(line, column)
                whole.store(value if scale is None else b.mul(value, scale), to, column)

            each_vector(b, self.type, self.lanes, columns, one)
        with b.loop(b.mul(rows, i64(width)), b.mul(padded, i64(width)), i64(self.lanes)) as loop:
            whole.store(const(0, vector(self.type, self.lanes)), target, loop.index)

    def turn(self, source: Value, keys: Value, width: int, target: Value) -> None:
        """Rows of keys (a multiple of two vectors of them) as panels: for each feature, two vectors of keys."""
        b, lanes = self.b, self.lanes
        side = piece_lanes(self.type)
        with b.loop(i64(0), keys, i64(2 * lanes)) as panel:
            for v in range(2):
                rows = b.offset(source, b.mul(b.add(panel.index, i64(v * lanes)), i64(width)), self.type)
                to = b.offset(target, b.add(b.mul(panel.index, i64(width)), i64(v * lanes)), self.type)
                with b.loop(i64(0), i64(width), i64(side)) as loop:
                    place = b.offset(to, b.mul(loop.index, i64(2 * lanes)), self.type)
                    transpose(
                        b, self.type, lanes, side, lanes, width, b.offset(rows, loop.index, self.type), 2 * lanes, place
                    )

    def scores(self, a: Value, rows: Value, features: int, panels: Value, keys: Value, out: Value) -> None:
        """out = a @ panels for a block; rows and keys are multiples of the tile's."""
        b, lanes, count = self.b, self.lanes, self.plan.rows
        width = -(-features // lanes) * lanes
        tile = Tile(self.type, lanes, count, 2, 0, features, width, 1, 2 * lanes, KEYS, False)
        name = emit_tile(b.module, tile)
        with b.loop(i64(0), keys, i64(2 * lanes)) as panel, b.loop(i64(0), rows, i64(count)) as row:
            right = b.offset(panels, b.mul(panel.index, i64(width)), self.type)
            left = b.offset(a, b.mul(row.index, i64(width)), self.type)
            to = b.offset(out, b.add(b.mul(row.index, i64(KEYS)), panel.index), self.type)
            b.call_local(name, "void", left, right, to, i64(features))

    def product(self, a: Value, turned: bool, rows: Value, right: Value, width: int, out: Value, k: Value) -> None:
        """out += a @ right, or a turned round: a is a block of scores, right and out have `width` columns; k steps."""
        b, lanes, count = self.b, self.lanes, self.plan.rows
        vectors = width // lanes
        with b.loop(i64(0), rows, i64(count)) as row:
            left = b.offset(a, row.index if turned else b.mul(row.index, i64(KEYS)), self.type)
            for first in range(0, vectors, 2):
                each = min(2, vectors - first)
                strides = (1, KEYS) if turned else (KEYS, 1)
                name = emit_tile(b.module, Tile(self.type, lanes, count, each, 0, None, *strides, width, width, True))
                to = b.offset(out, b.add(b.mul(row.index, i64(width)), i64(first * lanes)), self.type)
                b.call_local(name, "void", left, b.offset(right, i64(first * lanes), self.type), to, k)

    def each_score(self, keys: Value, first: Value, row: Value, visit: Callable[[Value, Value | None], None]) -> None:
        """visit(key, mask) for the vectors of a row of a block that hold keys; mask: those lanes, None for all."""
        b, lanes = self.b, self.lanes
        whole = b.logical("and", keys, i64(-lanes))
        with b.loop(i64(0), whole, i64(lanes)) as loop:
            visit(loop.index, None)
        with b.when(b.compare("<", whole, keys)):
            visit(whole, self.before(whole, keys))

    def before(self, index: Value, limit: Value) -> Value:
        """The lanes from `index` on that are below a limit."""
        b, type = self.b, vector("i64", self.lanes)
        numbers = b.add(b.splat(index, self.lanes), b.lane_numbers(type))
        return b.compare("<", numbers, b.splat(limit, self.lanes))

    def masked(self, score: Value, index: Value, mask: Value | None, limit: Value, line: Value | None) -> Value:
        """Scores with the mask's numbers added, minus infinity where they are hidden. limit: the first key not seen."""
        b, plan = self.b, self.plan
        hidden = const(-math.inf, score.type)
        if plan.mask:
            kind = "i8" if plan.mask == "i1" else self.type
            place, type = b.offset(line, index, kind), vector(kind, self.lanes)
            value = b.load(type, place) if mask is None else b.masked_load(type, place, mask)
            if plan.mask == "i1":
                score = b.select(b.compare("!=", value, const(0, type)), score, hidden)
            else:
                score = b.add(score, value)
        if plan.causal:
            score = b.select(self.before(index, limit), score, hidden)
        return score if mask is None else b.select(mask, score, hidden)

    def weight(self, x: Value) -> Value:
        """e ** x, and 0 below the normal numbers: those that hold fewer bits take processors a hundred cycles each, and
        every hidden score would be one on its way to 0."""
        b = self.b
        least_one = const(-87.0 if self.type == "float" else -708.0, x.type)
        gone = b.compare("<", x, least_one)
        return b.select(gone, const(0, x.type), vector_math.exp(b, b.select(gone, least_one, x)))

    def dropped(self, index: Value, mask: Value | None, line: Value) -> Value:
        place, type = self.b.offset(line, index, self.type), vector(self.type, self.lanes)
        return self.b.load(type, place) if mask is None else self.b.masked_load(type, place, mask)

    def lines(self, batch: Value, query: Value, first: Value) -> dict[str, Value]:
        """Where a query's rows of the mask and of what is dropped begin, at a block's first key."""
        b, found = self.b, {}
        for n, kind in (("mask", "i8" if self.plan.mask == "i1" else self.type), ("drop", self.type)):
            if n in self.at:
                found[n] = b.offset(self.line(n, batch, query, kind), first, kind)
        return found

    def limit(self, query: Value, first: Value) -> Value:
        """The first key of a block that a query does not see, where it sees none after itself."""
        return self.b.sub(self.b.add(query, i64(1)), first)


class _Forward(_Blocks):
    def __init__(self, module: Module, name: str, plan: Attention, operand: Operand):
        super().__init__(module, name, plan, operand, "q k v out")
        b = self.b
        self.queries, self.rows_k = self.scratch(QUERIES, self.wide_q), self.scratch(KEYS, self.wide_q)
        self.panels, self.rows_v = self.scratch(KEYS, self.wide_q), self.scratch(KEYS, self.wide_v)
        self.block, self.sums = self.scratch(QUERIES, KEYS), self.scratch(QUERIES, self.wide_v)
        self.tops, self.totals = self.scratch(QUERIES, 1), self.scratch(QUERIES, 1)
        blocks = b.div(b.add(self["length"], i64(QUERIES - 1)), i64(QUERIES), signed=False)
        with b.loop(b.args[1], b.args[2]) as loop:
            self.chunk(
                b.div(loop.index, blocks, signed=False), b.mul(b.rem(loop.index, blocks, signed=False), i64(QUERIES))
            )
        b.finish()

    def chunk(self, batch: Value, start: Value) -> None:
        b = self.b
        rows = least(b, i64(QUERIES), b.sub(self["length"], start))
        padded = self.up(rows, self.plan.rows)
        self.fetch(
            self.line("q", batch, start),
            self["q_step"],
            rows,
            self.plan.features,
            self.queries,
            padded,
            self.splat(self.scale),
        )
        with b.loop(i64(0), rows) as loop:
            b.store(const(-math.inf, self.type), b.offset(self.tops, loop.index, self.type))
            b.store(self.zero, b.offset(self.totals, loop.index, self.type))
        with b.loop(i64(0), b.mul(padded, i64(self.wide_v)), i64(self.lanes)) as loop:
            b.store(const(0, vector(self.type, self.lanes)), b.offset(self.sums, loop.index, self.type))
        seen = least(b, self["keys"], b.add(start, rows)) if self.plan.causal else self["keys"]
        with b.loop(i64(0), seen, i64(KEYS)) as loop:
            self.keys(batch, start, rows, padded, loop.index, seen)
        with b.loop(i64(0), rows) as loop:
            self.finish_row(batch, start, loop.index)

    def keys(self, batch: Value, start: Value, rows: Value, padded: Value, first: Value, seen: Value) -> None:
        """One block of keys, of those that are seen."""
        b, plan = self.b, self.plan
        keys = least(b, i64(KEYS), b.sub(seen, first))
        whole = self.up(keys, 2 * self.lanes)
        self.fetch(self.line("k", batch, first), self["k_step"], keys, plan.features, self.rows_k, whole)
        self.turn(self.rows_k, whole, self.wide_q, self.panels)
        self.scores(self.queries, padded, plan.features, self.panels, whole, self.block)
        self.fetch(self.line("v", batch, first), self["v_step"], keys, plan.values, self.rows_v, keys)
        with b.loop(i64(0), rows) as loop:
            self.softmax(batch, start, loop.index, first, keys)
        self.product(self.block, False, padded, self.rows_v, self.wide_v, self.sums, keys)

    def softmax(self, batch: Value, start: Value, row: Value, first: Value, keys: Value) -> None:
        """The weights of a query for a block of keys, as they are before the sum is known."""
        b, type = self.b, vector(self.type, self.lanes)
        line = b.offset(self.block, b.mul(row, i64(KEYS)), self.type)
        query = b.add(start, row)
        beside, limit = self.lines(batch, query, first), self.limit(query, first)
        highest = b.variable(const(-math.inf, type))

        def find(index: Value, mask: Value | None) -> None:
            place = b.offset(line, index, self.type)
            score = self.masked(b.load(type, place), index, mask, limit, beside.get("mask"))
            b.store(score, place)
            known = b.load(type, highest)
            b.store(b.select(b.compare(">", score, known), score, known), highest)

        self.each_score(keys, first, row, find)
        top_at, total_at = b.offset(self.tops, row, self.type), b.offset(self.totals, row, self.type)
        known = b.load(self.type, top_at)
        top = b.fold(lambda x, y: b.select(b.compare(">", x, y), x, y), b.load(type, highest))
        top = b.select(b.compare(">", top, known), top, known)
        # Where everything is hidden so far, infinities must not meet.
        base = b.select(b.compare("==", top, const(-math.inf, self.type)), self.zero, top)
        wide, total = self.splat(base), b.variable(const(0, type))

        def weigh(index: Value, mask: Value | None) -> None:
            place = b.offset(line, index, self.type)
            weight = self.weight(b.sub(b.load(type, place), wide))
            b.store(b.add(b.load(type, total), weight), total)
            b.store(b.mul(weight, self.dropped(index, mask, beside["drop"])) if "drop" in beside else weight, place)

        self.each_score(keys, first, row, weigh)
        shrink = self.weight(b.sub(known, base))
        b.store(top, top_at)
        b.store(b.add(b.mul(b.load(self.type, total_at), shrink), b.fold(b.add, b.load(type, total))), total_at)
        with b.when(b.compare(">", first, i64(0))):
            with b.loop(i64(0), i64(self.wide_v), i64(self.lanes)) as loop:
                place = b.offset(self.sums, b.add(b.mul(row, i64(self.wide_v)), loop.index), self.type)
                b.store(b.mul(b.load(type, place), self.splat(shrink)), place)

    def finish_row(self, batch: Value, start: Value, row: Value) -> None:
        """Divide by the sum of the weights, and keep its logarithm; zeros where nothing was seen."""
        b = self.b
        total = b.load(self.type, b.offset(self.totals, row, self.type))
        none = b.compare("==", total, self.zero)
        share = self.splat(b.select(none, self.zero, b.div(const(1, self.type), total)))
        out, source = (
            self.line("out", batch, b.add(start, row)),
            b.offset(self.sums, b.mul(row, i64(self.wide_v)), self.type),
        )
        each_vector(
            b, self.type, self.lanes, self.plan.values,
            lambda cells, column: cells.store(b.mul(cells.load(source, column), share), out, column),
        )  # fmt: skip
        kept = b.add(b.load(self.type, b.offset(self.tops, row, self.type)), vector_math.log(b, total))
        kept = b.select(none, const(math.inf, self.type), kept)
        b.store(kept, b.offset(self["lse"], b.add(b.mul(batch, self["length"]), b.add(start, row)), self.type))


class _Backward(_Blocks):
    def __init__(self, module: Module, name: str, plan: Attention, operand: Operand):
        super().__init__(module, name, plan, operand, "q k v out g dq dk dv")
        self.at["work"] = operand(self.b, "work")
        b = self.b
        self.queries, self.slopes = self.scratch(QUERIES, self.wide_q), self.scratch(QUERIES, self.wide_v)
        self.rows_k, self.rows_v = self.scratch(KEYS, self.wide_q), self.scratch(KEYS, self.wide_v)
        self.panels_k, self.panels_v = self.scratch(KEYS, self.wide_q), self.scratch(KEYS, self.wide_v)
        self.dk, self.dv = self.scratch(KEYS, self.wide_q), self.scratch(KEYS, self.wide_v)
        self.block, self.back = self.scratch(QUERIES, KEYS), self.scratch(QUERIES, KEYS)
        # The rows of a batch's scratch, in whole blocks.
        self.padded = self.up(self["length"], QUERIES)
        with b.loop(b.args[1], b.args[2]) as loop:
            self.chunk(loop.index)
        b.finish()

    def chunk(self, batch: Value) -> None:
        b, plan = self.b, self.plan
        type = vector(self.type, self.lanes)
        work = b.offset(self["work"], b.mul(batch, b.mul(self.padded, i64(self.wide_q))), self.type)
        with b.loop(i64(0), b.mul(self.padded, i64(self.wide_q)), i64(self.lanes)) as loop:
            b.store(const(0, type), b.offset(work, loop.index, self.type))
        with b.loop(i64(0), self["keys"], i64(KEYS)) as loop:
            self.keys(batch, loop.index, work)
        self.give("dq", batch, i64(0), self["length"], plan.features, work, self.splat(self.scale))

    def keys(self, batch: Value, first: Value, work: Value) -> None:
        """One block of keys: its gradients, and its share of the queries'."""
        b, plan = self.b, self.plan
        keys = least(b, i64(KEYS), b.sub(self["keys"], first))
        whole = self.up(keys, 2 * self.lanes)
        for name, rows, panels, width, columns in (
            ("k", self.rows_k, self.panels_k, self.wide_q, plan.features),
            ("v", self.rows_v, self.panels_v, self.wide_v, plan.values),
        ):
            self.fetch(self.line(name, batch, first), self[name + "_step"], keys, columns, rows, whole)
            self.turn(rows, whole, width, panels)
        for sums, width in ((self.dk, self.wide_q), (self.dv, self.wide_v)):
            with b.loop(i64(0), b.mul(whole, i64(width)), i64(self.lanes)) as loop:
                b.store(const(0, vector(self.type, self.lanes)), b.offset(sums, loop.index, self.type))
        # Queries before the block's first key do not see it.
        start = b.logical("and", first, i64(-QUERIES)) if plan.causal else i64(0)
        with b.loop(start, self["length"], i64(QUERIES)) as loop:
            self.queries_of(batch, loop.index, first, keys, whole, work)
        self.give("dk", batch, first, keys, plan.features, self.dk)
        self.give("dv", batch, first, keys, plan.values, self.dv)

    def queries_of(self, batch: Value, start: Value, first: Value, keys: Value, whole: Value, work: Value) -> None:
        b, plan = self.b, self.plan
        rows = least(b, i64(QUERIES), b.sub(self["length"], start))
        padded = self.up(rows, plan.rows)
        self.fetch(
            self.line("q", batch, start),
            self["q_step"],
            rows,
            plan.features,
            self.queries,
            padded,
            self.splat(self.scale),
        )
        self.fetch(self.line("g", batch, start), self["g_step"], rows, plan.values, self.slopes, padded)
        self.scores(self.queries, padded, plan.features, self.panels_k, whole, self.block)
        self.scores(self.slopes, padded, plan.values, self.panels_v, whole, self.back)
        with b.loop(i64(0), rows) as loop:
            self.row(batch, start, loop.index, first, keys)
        # Keys in whole tiles: what is beyond the last is never read.
        count = self.up(keys, plan.rows)
        self.product(self.block, True, count, self.slopes, self.wide_v, self.dv, rows)
        self.product(self.back, True, count, self.queries, self.wide_q, self.dk, rows)
        to = b.offset(work, b.mul(start, i64(self.wide_q)), self.type)
        self.product(self.back, False, padded, self.rows_k, self.wide_q, to, keys)

    def row(self, batch: Value, start: Value, row: Value, first: Value, keys: Value) -> None:
        """The weights of a query and the gradients of its scores, in place of the scores and of the weights' gradients."""
        b, type = self.b, vector(self.type, self.lanes)
        query = b.add(start, row)
        beside, limit = self.lines(batch, query, first), self.limit(query, first)
        out, slope = self.line("out", batch, query), b.offset(self.slopes, b.mul(row, i64(self.wide_v)), self.type)
        dot = b.variable(const(0, type))

        def along(cells: Cells, column: Value) -> None:
            b.store(b.add(b.load(type, dot), b.mul(cells.load(out, column), cells.load(slope, column))), dot)

        each_vector(b, self.type, self.lanes, self.plan.values, along)
        mean = self.splat(b.fold(b.add, b.load(type, dot)))
        kept = b.load(self.type, b.offset(self["lse"], b.add(b.mul(batch, self["length"]), query), self.type))
        kept = self.splat(kept)
        scores, back = (b.offset(x, b.mul(row, i64(KEYS)), self.type) for x in (self.block, self.back))

        def one(index: Value, mask: Value | None) -> None:
            here, there = b.offset(scores, index, self.type), b.offset(back, index, self.type)
            score = self.masked(b.load(type, here), index, mask, limit, beside.get("mask"))
            weight, gradient = self.weight(b.sub(score, kept)), b.load(type, there)
            used = weight
            if "drop" in beside:
                drop = self.dropped(index, mask, beside["drop"])
                used, gradient = b.mul(weight, drop), b.mul(gradient, drop)
            b.store(used, here)
            b.store(b.mul(weight, b.sub(gradient, mean)), there)

        self.each_score(keys, first, row, one)

    def give(self, name: str, batch: Value, first: Value, rows: Value, columns: int, source: Value, scale=None) -> None:
        """Copy finished rows to their array."""
        b = self.b
        width = -(-columns // self.lanes) * self.lanes
        start = self.line(name, batch, first)
        with b.loop(i64(0), rows) as loop:
            to = b.offset(start, b.mul(loop.index, self[name + "_step"]), self.type)
            line = b.offset(source, b.mul(loop.index, i64(width)), self.type)

            def one(cells: Cells, column: Value) -> None:
                value = cells.load(line, column)
                cells.store(value if scale is None else b.mul(value, scale), to, column)

            each_vector(b, self.type, self.lanes, columns, one)


def emit_attention(module: Module, name: str, plan: Attention, operand: Operand) -> None:
    """Write the kernel of the results; a chunk is a block of queries of a batch."""
    _Forward(module, name, plan, operand)


def emit_attention_gradient(module: Module, name: str, plan: Attention, operand: Operand) -> None:
    """Write the kernel of the gradients of q, k and v; a chunk is a batch."""
    _Backward(module, name, plan, operand)

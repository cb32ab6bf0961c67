"""The innermost loops: a tile of the result held in registers while k runs. Every kernel states its NumPy meaning.

Each is a function of the module that writes its tile to memory, row-major, `width` apart; the driver finishes from there.
Kernels with equal parameters are written once into a module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..machine import Machine
from ..text import BITS, Builder, Module, Value, const, i64, lanes, vector
from .tiling import ROUND, dot_tile, fits

LINE = 64
"""Bytes of a line of the cache."""

AHEAD = 8
"""How many steps of k ahead B's rows are fetched when they are far apart; where it is packed the machine sees to that."""


@dataclass(frozen=True)
class Tile:
    """tile[r, c] (+)= sum over k of a[r * row_stride + k * a_step] * b[k * b_step + c], c over vectors * lanes columns.

    tail: columns of the last vector that exist, 0 for all. accumulates: whether it starts from what the tile holds.
    k: the number of steps, or None if it is an argument. width: columns between rows of the tile.
    ahead: how many elements of a ahead are fetched at each step, for an a that is read once from far away; 0: none.
    brought: elements of what comes next that each round of ROUND steps brings nearer, from a fifth argument on; 0: none.
    pairs: elements of a and b are pairs of bfloat16 numbers, whose products are both added.
    """

    type: str
    lanes: int
    rows: int
    vectors: int
    tail: int
    k: int | None
    row_stride: int
    a_step: int
    b_step: int
    width: int
    accumulates: bool
    ahead: int = 0
    pairs: bool = False
    brought: int = 0

    @property
    def name(self) -> str:
        steps = "n" if self.k is None else self.k
        start = ("_more" if self.accumulates else "") + (f"_ahead{self.ahead}" if self.ahead else "")
        start += f"_brought{self.brought}" if self.brought else ""
        start += "_pairs" if self.pairs else ""
        return (
            f"tile_{self.type}_{self.rows}x{self.vectors}x{self.lanes}_{self.tail}_k{steps}"
            f"_{self.row_stride}_{self.a_step}_{self.b_step}_{self.width}{start}".replace("-", "m")
        )


@dataclass(frozen=True)
class Dot:
    """tile[r, c] = sum over k of a[r * row_stride + k] * b[c * column_stride + k], for `columns` columns."""

    type: str
    lanes: int
    rows: int
    columns: int
    k: int
    row_stride: int
    column_stride: int
    width: int

    @property
    def name(self) -> str:
        return (
            f"dot_{self.type}_{self.rows}x{self.columns}x{self.lanes}_k{self.k}"
            f"_{self.row_stride}_{self.column_stride}_{self.width}".replace("-", "m")
        )


def prefix_mask(count: int, lanes: int) -> Value:
    """The first `count` lanes, as a constant."""
    bits = ", ".join(f"i1 {int(i < count)}" for i in range(lanes))
    return Value(f"<{bits}>", vector("i1", lanes)) if lanes > 1 else Value(str(int(count > 0)), "i1")


def load_vector(b: Builder, type: str, lanes: int, pointer: Value, count: int = 0) -> Value:
    """`count` elements (0: all) as a vector, the other lanes zero and their memory untouched."""
    if not count or lanes == 1:
        return b.load(vector(type, lanes), pointer)
    return b.masked_load(vector(type, lanes), pointer, prefix_mask(count, lanes))


def defined(module: Module, name: str) -> bool:
    """Whether the module has this internal function already."""
    return any(text.startswith(f"define internal void @{name}(") for text in module.functions)


def multiply_add(b: Builder, x: Value, y: Value, total: Value, pairs: bool) -> Value:
    """total + x y. pairs: + x0 y0 + x1 y1 of bfloat16 numbers in one instruction.

    vdpbf16ps adds the odd products first, then the even ones, each time rounding to nearest as a fused multiply-add
    does; it takes numbers below 2^-126 for zeros and makes zeros of them.
    """
    if not pairs:
        return b.add(b.mul(x, y), total)
    width = lanes(total.type)
    wide = vector("bfloat", 2 * width)
    return b.call(
        f"llvm.x86.avx512bf16.dpbf16ps.{32 * width}", total.type, total, b.bitcast(x, wide), b.bitcast(y, wide)
    )


def emit_tile(module: Module, t: Tile) -> str:
    """Write `void tile(ptr a, ptr b, ptr tile, i64 k)`, with `ptr next` besides if `brought`; returns its name."""
    if defined(module, t.name):
        return t.name
    kinds = ["ptr", "ptr", "ptr", "i64"] + ["ptr"] * (t.brought > 0)
    b = Builder(module, t.name, kinds, attributes="noinline nounwind", linkage="internal")
    a, panel, out, count, *following = b.args
    if t.k is not None:
        count = i64(t.k)
    wide = vector(t.type, t.lanes)
    places = [(r, v) for r in range(t.rows) for v in range(t.vectors)]
    spots = [b.offset(out, i64(r * t.width + v * t.lanes), t.type) for r, v in places]
    sums = [b.load(wide, spot) for spot in spots] if t.accumulates else [const(0, wide)] * len(places)

    def step(a: Value, panel: Value, sums: Sequence[Value], at: int) -> list[Value]:
        def scalar(r: int) -> Value:
            return b.splat(b.load(t.type, b.offset(a, i64(r * t.row_stride + at * t.a_step), t.type)), t.lanes)

        def column(v: int) -> Value:
            last = v == t.vectors - 1
            where = b.offset(panel, i64(at * t.b_step + v * t.lanes), t.type)
            return load_vector(b, t.type, t.lanes, where, t.tail if last else 0)

        if t.ahead:
            b.prefetch(b.offset(a, i64(at * t.a_step + t.ahead), t.type))
        if t.b_step != t.vectors * t.lanes:
            for v in range(t.vectors):
                b.prefetch(b.offset(panel, i64((at + AHEAD) * t.b_step + v * t.lanes), t.type))
        result = list(sums)
        if t.vectors <= t.rows:
            columns = [column(v) for v in range(t.vectors)]
            for r in range(t.rows):
                x = scalar(r)
                for v in range(t.vectors):
                    result[r * t.vectors + v] = multiply_add(b, x, columns[v], result[r * t.vectors + v], t.pairs)
        else:
            scalars = [scalar(r) for r in range(t.rows)]
            for v in range(t.vectors):
                y = column(v)
                for r in range(t.rows):
                    result[r * t.vectors + v] = multiply_add(b, scalars[r], y, result[r * t.vectors + v], t.pairs)
        return result

    for unroll in (ROUND, 1):
        if t.k is not None and (t.k < ROUND and unroll > 1 or t.k % ROUND == 0 and unroll == 1):
            continue
        rounds = b.div(count, i64(ROUND), signed=False) if unroll > 1 else b.rem(count, i64(ROUND), signed=False)
        walks = following if unroll > 1 else []
        with b.loop(i64(0), rounds, carry=[a, panel, *walks, *sums]) as loop:
            a, panel, *rest = loop.values
            walks, sums = rest[: len(walks)], rest[len(walks) :]
            for where in walks:
                for line in range(0, t.brought, LINE // (BITS[t.type] // 8)):
                    b.prefetch(b.offset(where, i64(line), t.type), 2)
            for at in range(unroll):
                sums = step(a, panel, sums, at)
            a = b.offset(a, i64(unroll * t.a_step), t.type)
            panel = b.offset(panel, i64(unroll * t.b_step), t.type)
            loop.values = [a, panel, *(b.offset(where, i64(t.brought), t.type) for where in walks), *sums]
        a, panel, *rest = loop.results
        sums = rest[len(walks) :]
    for spot, value in zip(spots, sums):
        b.store(value, spot)
    b.finish()
    return t.name


def emit_dot(module: Module, t: Dot, machine: Machine) -> str:
    """Write `void dot(ptr a, ptr b, ptr tile, i64 unused)`; returns its name."""
    if defined(module, t.name):
        return t.name
    b = Builder(module, t.name, ["ptr", "ptr", "ptr", "i64"], attributes="noinline nounwind", linkage="internal")
    a, columns, out, _ = b.args
    wide = vector(t.type, t.lanes)
    group = dot_tile(t.rows, t.columns, machine)
    whole, rest = divmod(t.k, t.lanes)

    def step(k: Value, sums: Sequence[Value], first: int, width: int, count: int = 0) -> list[Value]:
        def row(r: int) -> Value:
            where = b.offset(b.offset(a, i64(r * t.row_stride), t.type), k, t.type)
            return load_vector(b, t.type, t.lanes, where, count)

        def column(c: int) -> Value:
            where = b.offset(b.offset(columns, i64((first + c) * t.column_stride), t.type), k, t.type)
            return load_vector(b, t.type, t.lanes, where, count)

        result = list(sums)
        if width <= t.rows:
            ys = [column(c) for c in range(width)]
            for r in range(t.rows):
                x = row(r)
                for c in range(width):
                    result[r * width + c] = b.add(b.mul(x, ys[c]), result[r * width + c])
        else:
            xs = [row(r) for r in range(t.rows)]
            for c in range(width):
                y = column(c)
                for r in range(t.rows):
                    result[r * width + c] = b.add(b.mul(xs[r], y), result[r * width + c])
        return result

    for first in range(0, t.columns, group):
        width = min(group, t.columns - first)
        sums = [const(0, wide)] * (t.rows * width)
        with b.loop(i64(0), i64(whole * t.lanes), i64(t.lanes), carry=sums) as loop:
            loop.values = step(loop.index, loop.values, first, width)
        sums = loop.results
        if rest:
            sums = step(i64(whole * t.lanes), sums, first, width, rest)
        for r in range(t.rows):
            _store_sums(b, t, sums[r * width : (r + 1) * width], b.offset(out, i64(r * t.width + first), t.type))
    b.finish()
    return t.name


def _store_sums(b: Builder, t: Dot, vectors: Sequence[Value], out: Value) -> None:
    """Store the sum of each vector's lanes, one after the other: four at a time where registers hold four."""
    quad = 4 if t.lanes % 4 == 0 else 2 if t.lanes % 2 == 0 else 1
    at = 0
    while at < len(vectors):
        count = min(quad, len(vectors) - at)
        if quad > 1 and count == quad:
            b.store(_sums_of(b, list(vectors[at : at + quad])), b.offset(out, i64(at), t.type))
        else:
            count = 1
            b.store(b.fold(b.add, vectors[at]), b.offset(out, i64(at), t.type))
        at += count


def _sums_of(b: Builder, vectors: list[Value]) -> Value:
    """As many sums as there are vectors (2 or 4), in one short vector: neighbours are interleaved and added."""
    lanes = int(vectors[0].type[1 : vectors[0].type.index(" ")])
    count = len(vectors)
    # Interleave pairs within groups of `count` lanes until lane i of a group belongs to vector i, then fold the groups.
    if count == 2:
        x, y = vectors
        even = [g + lane for g in range(0, lanes, 2) for lane in (0, lanes)]
        vectors = [b.add(b.shuffle(x, y, even), b.shuffle(x, y, [i + 1 for i in even]))]
    else:
        low = [g + lane for g in range(0, lanes, 4) for lane in (0, lanes, 1, lanes + 1)]
        pairs = []
        for x, y in (vectors[:2], vectors[2:]):
            pairs.append(b.add(b.shuffle(x, y, low), b.shuffle(x, y, [i + 2 for i in low])))
        first = [g + lane for g in range(0, lanes, 4) for lane in (0, 1, lanes, lanes + 1)]
        x, y = pairs
        vectors = [b.add(b.shuffle(x, y, first), b.shuffle(x, y, [i + 2 for i in first]))]
    (total,) = vectors
    while lanes > count:
        lanes //= 2
        total = b.add(b.shuffle(total, total, range(lanes)), b.shuffle(total, total, range(lanes, 2 * lanes)))
    return total


__all__ = ["Dot", "Tile", "defined", "emit_dot", "emit_tile", "fits", "load_vector", "prefix_mask"]

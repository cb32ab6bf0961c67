"""Register tiles whose sizes are found at run time, and the copies of operands that they read from.

A tile reads A from a copy of its rows, whose strides are constants, and B from a panel, packed or where it lies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..machine import Machine
from ..text import BITS, Builder, Module, Value, const, i64, vector
from .micro_kernel import defined, multiply_add
from .pack import piece_lanes, transpose
from .tiling import fits

VECTORS = 2
"""Of a panel."""

K_BLOCK = 256
"""Steps of k at a time: a panel of so many stays in the first cache."""

BLOCK_BYTES = 1 << 10
"""Bytes of a row of a block of columns: the block's panels stay in the second cache, and on the stack."""


@dataclass(frozen=True)
class FreeTile:
    """The tiles of a type on a machine: up to `rows` rows, `width` columns."""

    type: str
    machine: Machine

    @property
    def lanes(self) -> int:
        return self.machine.lanes(self.type)

    @property
    def width(self) -> int:
        return VECTORS * self.lanes

    @property
    def rows(self) -> int:
        return max(r for r in range(1, 17) if fits(r, VECTORS, self.machine))

    @property
    def columns(self) -> int:
        """Of a block, at most."""
        return BLOCK_BYTES * 8 // BITS[self.type]

    @property
    def line(self) -> int:
        """Between rows of a copy that runs along k: more than its steps, so that rows do not fall on the same sets of the
        cache."""
        return K_BLOCK + 16

    @property
    def across(self) -> int:
        """Between steps of a copy that runs across rows: the rows in whole vectors."""
        return -(-self.rows // self.lanes) * self.lanes

    @property
    def copied(self) -> int:
        """Elements of a copy of either kind."""
        return max(self.rows * self.line, K_BLOCK * self.across)


def least(b: Builder, x: Value, y: Value) -> Value:
    return b.select(b.compare("<", x, y), x, y)


def first_lanes(b: Builder, count: Value, lanes: int) -> Value:
    """A mask of the first `count` lanes."""
    numbers = b.lane_numbers(vector("i64", lanes))
    return b.compare("<", numbers, b.splat(count, lanes))


def _function(module: Module, name: str, arguments: str) -> Builder:
    return Builder(module, name, arguments.split(), attributes="noinline nounwind", linkage="internal")


def emit_tiles(module: Module, t: FreeTile) -> tuple[str, str]:
    """Write the tiles, and two tables for all numbers of rows: of tiles that have as many or more, and how many these have
    (see `tile_index`). Returns the tables' names."""
    tiles, rows = [], []
    for along in (True, False):
        for vectors in range(1, VECTORS + 1):
            made = _written(t.rows, vectors)
            rows += [min(r for r in made if r >= wanted) for wanted in range(1, t.rows + 1)]
            names = {r: _emit_tile(module, t, r, vectors, along) for r in made}
            tiles += [f"ptr @{names[r]}" for r in rows[-t.rows :]]
    tables = f"free_tiles_{t.type}", f"free_rows_{t.type}"
    for name, type, words in zip(tables, ("ptr", "i64"), (tiles, [f"i64 {r}" for r in rows])):
        module.functions.append(f"@{name} = internal constant [{len(words)} x {type}] [{', '.join(words)}]\n")
    return tables


def _written(most: int, vectors: int) -> list[int]:
    """For how many rows there are tiles: each takes milliseconds to compile, and of some there are none."""
    if vectors < VECTORS:
        return sorted({2, 4, 7, 10, most} & set(range(most + 1)))
    return [r for r in range(1, most + 1) if r not in (5, 7, 9) or r == most]


def tile_index(b: Builder, t: FreeTile, kind: Value, vectors: Value, rows: Value) -> Value:
    """The place in the tables of the tile for a copy along k (0) or across rows (1)."""
    kind = b.add(b.mul(kind, i64(VECTORS)), b.sub(vectors, i64(1)))
    return b.add(b.mul(kind, i64(t.rows)), b.sub(rows, i64(1)))


def _emit_tile(module: Module, t: FreeTile, rows: int, vectors: int, along: bool) -> str:
    """`void tile(ptr a, ptr panel, ptr out, i64 k, i64 step, i64 width, i64 adds)`:

    out[r * width + c] (+)= sum over k of a[r, k] * panel[k * step + c]; a lies along k or across rows.
    """
    name = f"tile_{t.type}_{rows}x{vectors}_{'along' if along else 'across'}"
    b = _function(module, name, "ptr ptr ptr i64 i64 i64 i64")
    a, panel, out, count, b_step, width, adds = b.args
    row_stride, a_step = (t.line, 1) if along else (1, t.across)
    wide = vector(t.type, t.lanes)

    with b.loop(i64(0), count, carry=[a, panel, *[const(0, wide)] * (rows * vectors)]) as loop:
        a, panel, *sums = loop.values
        columns = [b.load(wide, b.offset(panel, i64(v * t.lanes), t.type)) for v in range(vectors)]
        for r in range(rows):
            x = b.splat(b.load(t.type, b.offset(a, i64(r * row_stride), t.type)), t.lanes)
            for v in range(vectors):
                sums[r * vectors + v] = multiply_add(b, x, columns[v], sums[r * vectors + v], False)
        loop.values = [b.offset(a, i64(a_step), t.type), b.offset(panel, b_step, t.type), *sums]
    _, _, *sums = loop.results

    def store(adding: bool) -> None:
        for r in range(rows):
            line = b.offset(out, b.mul(i64(r), width), t.type)
            for v in range(vectors):
                place, value = b.offset(line, i64(v * t.lanes), t.type), sums[r * vectors + v]
                b.store(b.add(b.load(wide, place), value) if adding else value, place)

    for adding, relation in ((False, "=="), (True, "!=")):
        with b.when(b.compare(relation, adds, i64(0))):
            store(adding)
    b.finish()
    return name


def _prefix(
    b: Builder, t: FreeTile, count: Value, whole: Callable[[Value, Value | None], None], one: Callable[[Value], None]
) -> None:
    """Visit `count` neighbours: whole(first, mask) whole vectors, and the rest as a masked one, or one(place) by one."""
    even = b.logical("and", count, i64(-t.lanes))
    with b.loop(i64(0), even, i64(t.lanes)) as loop:
        whole(loop.index, None)
    if t.machine.masks:
        with b.when(b.compare("<", even, count)):
            whole(even, first_lanes(b, b.sub(count, even), t.lanes))
    else:
        with b.loop(even, count) as loop:
            one(loop.index)


def _copy(b: Builder, t: FreeTile, source: Value, target: Value, count: Value) -> None:
    """Copy so many neighbours."""
    wide = vector(t.type, t.lanes)

    def whole(at: Value, mask: Value | None) -> None:
        where, to = b.offset(source, at, t.type), b.offset(target, at, t.type)
        if mask is None:
            b.store(b.load(wide, where), to)
        else:
            b.masked_store(b.masked_load(wide, where, mask), to, mask)

    def one(at: Value) -> None:
        b.store(b.load(t.type, b.offset(source, at, t.type)), b.offset(target, at, t.type))

    _prefix(b, t, count, whole, one)


def emit_lines(module: Module, t: FreeTile) -> str:
    """`void lines(ptr source, ptr target, i64 rows, i64 count, i64 from, i64 to)`: rows of `count` neighbours copied, `from`
    and `to` elements apart."""
    name = f"copy_lines_{t.type}"
    b = _function(module, name, "ptr ptr i64 i64 i64 i64")
    source, target, rows, count, apart, to = b.args
    with b.loop(i64(0), rows) as loop:
        line = b.offset(source, b.mul(loop.index, apart), t.type)
        _copy(b, t, line, b.offset(target, b.mul(loop.index, to), t.type), count)
    b.finish()
    return name


def emit_pack_rows(module: Module, t: FreeTile, width: int) -> str:
    """`void pack(ptr source, ptr target, i64 count, i64 k, i64 step, i64 whole)`: target[i * width + c] = source[i * step + c],
    and zeros where c >= count. whole: whether all `width` of them may be read."""
    name = f"pack_rows_{t.type}_{width}"
    if defined(module, name):
        return name
    b = _function(module, name, "ptr ptr i64 i64 i64 i64")
    source, target, count, k, step, whole = b.args
    wide, vectors = vector(t.type, t.lanes), range(0, width, t.lanes)
    with b.when(b.compare("!=", whole, i64(0))), b.loop(i64(0), k) as loop:
        line, to = (
            b.offset(source, b.mul(loop.index, step), t.type),
            b.offset(target, b.mul(loop.index, i64(width)), t.type),
        )
        for at in vectors:
            b.store(b.load(wide, b.offset(line, i64(at), t.type)), b.offset(to, i64(at), t.type))
    with b.when(b.compare("==", whole, i64(0))):
        masks = [first_lanes(b, b.sub(count, i64(at)), t.lanes) for at in vectors] if t.machine.masks else []
        with b.loop(i64(0), k) as loop:
            line = b.offset(source, b.mul(loop.index, step), t.type)
            to = b.offset(target, b.mul(loop.index, i64(width)), t.type)
            for at, mask in zip(vectors, masks):
                b.store(b.masked_load(wide, b.offset(line, i64(at), t.type), mask), b.offset(to, i64(at), t.type))
            if not masks:
                with b.loop(i64(0), count) as column:
                    value = b.load(t.type, b.offset(line, column.index, t.type))
                    b.store(value, b.offset(to, column.index, t.type))
                with b.loop(count, i64(width)) as column:
                    b.store(const(0, t.type), b.offset(to, column.index, t.type))
    b.finish()
    return name


def emit_pack_turned(module: Module, t: FreeTile) -> str:
    """`void pack(ptr source, ptr target, i64 count, i64 k, i64 stride)`: target[i * width + c] = source[i + c * stride], and
    some numbers of source where c >= count."""
    name = f"pack_turned_{t.type}"
    b = _function(module, name, "ptr ptr i64 i64 i64")
    source, target, count, k, stride = b.args
    lanes, side = t.lanes, piece_lanes(t.type)
    last = b.sub(count, i64(1))
    even = b.logical("and", k, i64(-side))
    for v in range(VECTORS):
        with b.when(b.compare(">", count, i64(v * lanes))):
            columns = [b.mul(least(b, i64(v * lanes + c), last), stride) for c in range(lanes)]
            with b.loop(i64(0), even, i64(side)) as loop:
                to = b.offset(target, b.add(b.mul(loop.index, i64(t.width)), i64(v * lanes)), t.type)
                transpose(
                    b, t.type, lanes, side, lanes, columns, b.offset(source, loop.index, t.type), t.width, to
                )  # fmt: skip
            with b.loop(even, k) as loop, b.loop(i64(v * lanes), i64((v + 1) * lanes)) as column:
                where = b.add(b.mul(least(b, column.index, last), stride), loop.index)
                to = b.add(b.mul(loop.index, i64(t.width)), column.index)
                b.store(b.load(t.type, b.offset(source, where, t.type)), b.offset(target, to, t.type))
    b.finish()
    return name


def emit_put(module: Module, t: FreeTile) -> str:
    """`void put(ptr tile, ptr out, i64 rows, i64 count, i64 width, i64 adds)`: out[r * width + c] (+)= tile[r, c], c < count."""
    name = f"put_{t.type}"
    b = _function(module, name, "ptr ptr i64 i64 i64 i64")
    tile, out, rows, count, width, adds = b.args
    with b.loop(i64(0), rows) as loop:
        line = b.offset(tile, b.mul(loop.index, i64(t.width)), t.type)
        _give(b, t, line, b.offset(out, b.mul(loop.index, width), t.type), count, adds)
    b.finish()
    return name


def _give(b: Builder, t: FreeTile, source: Value, target: Value, count: Value, adds: Value) -> None:
    """Store so many neighbours, or add them to what is there."""
    wide, more = vector(t.type, t.lanes), b.compare("!=", adds, i64(0))

    def whole(at: Value, mask: Value | None) -> None:
        value, to = b.load(wide, b.offset(source, at, t.type)), b.offset(target, at, t.type)
        with b.detour(more, [value]) as found:
            known = b.load(wide, to) if mask is None else b.masked_load(wide, to, mask)
            found.values = [b.add(known, value)]
        if mask is None:
            b.store(found.results[0], to)
        else:
            b.masked_store(found.results[0], to, mask)

    def one(at: Value) -> None:
        value, to = b.load(t.type, b.offset(source, at, t.type)), b.offset(target, at, t.type)
        with b.detour(more, [value]) as found:
            found.values = [b.add(b.load(t.type, to), value)]
        b.store(found.results[0], to)

    _prefix(b, t, count, whole, one)

"""The innermost loop of a weight gradient: a tile of (output channel) x (input channel, tap) sums while positions run.

Lanes are positions: the gradient and the input's panel are both read as they lie, and lanes are summed at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from ..gemm.micro_kernel import defined, load_vector
from ..text import Builder, Module, Value, const, i64, lanes, vector


@dataclass(frozen=True)
class Tile:
    """out[r * width + place] += sum over runs f and p < length of grad[r * row + f * grad step + p] * x[offset + f * x step + p]

    for r < rows and each (offset, place) of `taps`. levels: (x step, grad step) of each of the nested loops over runs,
    the outermost first. length: positions side by side, of which the last vector may hold fewer.
    """

    type: str
    lanes: int
    rows: int
    taps: tuple[tuple[int, int], ...]
    length: int
    row: int
    levels: tuple[tuple[int, int], ...]
    width: int
    ahead: int = 0

    @property
    def name(self) -> str:
        return f"dot_weights_{self.rows}x{len(self.taps)}_{sha256(repr(self).encode()).hexdigest()[:16]}"


def emit_tile(module: Module, t: Tile) -> str:
    """Write `void tile(ptr x, ptr grad, ptr out, i64 runs of each level)`; returns its name."""
    if defined(module, t.name):
        return t.name
    arguments = ["ptr", "ptr", "ptr"] + ["i64"] * len(t.levels)
    b = Builder(module, t.name, arguments, attributes="noinline nounwind", linkage="internal")
    x, grad, out, *counts = b.args
    whole, tail = divmod(t.length, t.lanes)
    columns = len(t.taps)

    def step(x: Value, grad: Value, sums: Sequence[Value], count: int = 0) -> list[Value]:
        """The sums with one more vector of positions, or its first `count`."""

        def row(r: int) -> Value:
            return load_vector(b, t.type, t.lanes, b.offset(grad, i64(r * t.row), t.type), count)

        def column(c: int) -> Value:
            return load_vector(b, t.type, t.lanes, b.offset(x, i64(t.taps[c][0]), t.type), count)

        if t.ahead and not count:
            for offset, _ in t.taps:
                b.prefetch(b.offset(x, i64(offset + t.ahead), t.type))
        result = list(sums)
        if t.rows <= columns:
            held = [row(r) for r in range(t.rows)]
            for c in range(columns):
                value = column(c)
                for r in range(t.rows):
                    result[r * columns + c] = b.add(b.mul(held[r], value), result[r * columns + c])
        else:
            held = [column(c) for c in range(columns)]
            for r in range(t.rows):
                value = row(r)
                for c in range(columns):
                    result[r * columns + c] = b.add(b.mul(value, held[c]), result[r * columns + c])
        return result

    def further(x: Value, grad: Value, index: Value) -> tuple[Value, Value]:
        return b.offset(x, index, t.type), b.offset(grad, index, t.type)

    def run(x: Value, grad: Value, sums: list[Value]) -> list[Value]:
        # Never two vectors in one block: the scheduler would mix them, and spill (measured: a third of the speed).
        if t.length == t.lanes:
            return step(x, grad, sums)
        if whole:
            with b.loop(i64(0), i64(whole * t.lanes), i64(t.lanes), carry=sums) as loop:
                loop.values = step(*further(x, grad, loop.index), loop.values)
            sums = loop.results
        return step(*further(x, grad, i64(whole * t.lanes)), sums, tail) if tail else sums

    def nest(level: int, x: Value, grad: Value, sums: list[Value]) -> list[Value]:
        if level == len(t.levels):
            return run(x, grad, sums)
        x_step, grad_step = t.levels[level]
        with b.loop(i64(0), counts[level], carry=[x, grad, *sums]) as loop:
            x, grad, *sums = loop.values
            sums = nest(level + 1, x, grad, sums)
            loop.values = [b.offset(x, i64(x_step), t.type), b.offset(grad, i64(grad_step), t.type), *sums]
        return loop.results[2:]

    sums = nest(0, x, grad, [const(0, vector(t.type, t.lanes))] * (t.rows * columns))
    _add_totals(b, t, sums, out)
    b.finish()
    return t.name


def emit_gather(module: Module, t: Tile, positions: int, image: int, row: int) -> str:
    """Write `void gather(ptr grad, ptr target, i64 images)`: target[r * t.row + n * positions + p] = grad[n * image + r * row + p],
    and zeros up to a whole vector after the last image; returns its name.

    What the last vector of an image has too much is written over by the next one's.
    """
    name = f"dot_gather_{t.type}_{t.rows}x{t.lanes}_{t.row}_{positions}_{image}_{row}".replace("-", "m")
    if defined(module, name):
        return name
    b = Builder(module, name, ["ptr", "ptr", "i64"], attributes="noinline nounwind", linkage="internal")
    grad, target, images = b.args
    tail = positions % t.lanes
    with b.loop(i64(0), images, carry=[grad, target]) as loop:
        source, place = loop.values
        with b.loop(i64(0), i64(t.rows), carry=[source, place]) as line:
            x, y = line.values
            with b.loop(i64(0), i64(positions - tail), i64(t.lanes)) as inner:
                value = b.load(vector(t.type, t.lanes), b.offset(x, inner.index, t.type))
                b.store(value, b.offset(y, inner.index, t.type))
            if tail:
                last = i64(positions - tail)
                b.store(load_vector(b, t.type, t.lanes, b.offset(x, last, t.type), tail), b.offset(y, last, t.type))
            line.values = [b.offset(x, i64(row), t.type), b.offset(y, i64(t.row), t.type)]
        loop.values = [b.offset(source, i64(image), t.type), b.offset(place, i64(positions), t.type)]
    if tail:
        with b.loop(i64(0), i64(t.rows)) as line:
            where = b.offset(loop.results[1], b.mul(line.index, i64(t.row)), t.type)
            b.store(const(0, vector(t.type, t.lanes)), where)
    b.finish()
    return name


def _add_totals(b: Builder, t: Tile, sums: Sequence[Value], out: Value) -> None:
    """Add each vector's lanes and those totals to memory, four neighbours at a time where registers hold four."""
    group = 4 if t.lanes % 4 == 0 else 2 if t.lanes % 2 == 0 else 1
    places = [r * t.width + place for r in range(t.rows) for _, place in t.taps]

    def put(value: Value, place: int) -> None:
        where = b.offset(out, i64(place), t.type)
        b.store(b.add(b.load(value.type, where), value), where)

    alone, at = [], 0
    while at < len(sums):
        if group > 1 and places[at : at + group] == [*range(places[at], places[at] + group)]:
            put(totals(b, list(sums[at : at + group])), places[at])
            at += group
        else:
            alone.append(at)
            at += 1
    for first in range(0, len(alone), group):
        now = alone[first : first + group]
        together = totals(b, [sums[i] for i in now] + [sums[now[0]]] * (group - len(now)))
        for lane, i in enumerate(now):
            put(b.extract(together, lane) if group > 1 else together, places[i])


def totals(b: Builder, vectors: list[Value]) -> Value:
    """The sums of the lanes of 1, 2 or 4 vectors, as a vector of so many: neighbours are interleaved and added."""
    width, count = lanes(vectors[0].type), len(vectors)
    if count == 1:
        return b.fold(b.add, vectors[0])
    side = 1
    while side < count:
        # Lanes of the first of a pair where bit `side` of the lane's number is 0, of the second where it is 1.
        low = [i // (2 * side) * 2 * side + i % side + (width if i // side % 2 else 0) for i in range(width)]
        high = [i + side for i in low]
        pairs = zip(vectors[::2], vectors[1::2])
        vectors = [b.add(b.shuffle(x, y, low), b.shuffle(x, y, high)) for x, y in pairs]
        side *= 2
    (total,) = vectors
    while width > count:
        width //= 2
        total = b.add(b.shuffle(total, total, range(width)), b.shuffle(total, total, range(width, 2 * width)))
    return total

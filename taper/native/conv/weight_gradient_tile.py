"""The innermost loop of a weight gradient: a tile of (output channel) x (input channel, tap) sums while positions run.

Lanes are positions: the gradient and the panel of the input are both read as they lie, and lanes are summed at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from ..gemm.micro_kernel import defined, load_vector
from ..text import Builder, Module, Value, const, i64, lanes, vector

UNROLLED = 8
"""Most vectors of a run that are written out one after the other."""


@dataclass(frozen=True)
class Tile:
    """out[r * width + c] (+)= sum over runs f and p < length of
    grad[r * grad_row + f * grad_run + p] * x[offsets[c] + f * x_run + p].

    rows: how many r. offsets: one for each c. length: positions side by side, of which the last vector may hold fewer.
    """

    type: str
    lanes: int
    rows: int
    offsets: tuple[int, ...]
    length: int
    grad_row: int
    grad_run: int
    x_run: int
    width: int

    @property
    def name(self) -> str:
        places = sha256(repr(self.offsets).encode()).hexdigest()[:16]
        return (
            f"dot_weights_{self.type}_{self.rows}x{len(self.offsets)}x{self.lanes}_{places}_{self.length}"
            f"_{self.grad_row}_{self.grad_run}_{self.x_run}_{self.width}".replace("-", "m")
        )


def emit_tile(module: Module, t: Tile) -> str:
    """Write `void tile(ptr x, ptr grad, ptr out, i64 runs, i1 more)`; returns its name. more: add to what `out` holds."""
    if defined(module, t.name):
        return t.name
    arguments = ["ptr", "ptr", "ptr", "i64", "i1"]
    b = Builder(module, t.name, arguments, attributes="noinline nounwind", linkage="internal")
    x, grad, out, runs, more = b.args
    whole, tail = divmod(t.length, t.lanes)
    columns = len(t.offsets)

    def step(x: Value, grad: Value, sums: Sequence[Value], at: int, count: int = 0) -> list[Value]:
        """The sums with one more vector of positions, at `at` from the pointers."""

        def row(r: int) -> Value:
            return load_vector(b, t.type, t.lanes, b.offset(grad, i64(r * t.grad_row + at), t.type), count)

        def column(c: int) -> Value:
            return load_vector(b, t.type, t.lanes, b.offset(x, i64(t.offsets[c] + at), t.type), count)

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

    sums = [const(0, vector(t.type, t.lanes))] * (t.rows * columns)
    with b.loop(i64(0), runs, carry=[x, grad, *sums]) as loop:
        x, grad, *sums = loop.values
        if whole <= UNROLLED:
            for v in range(whole):
                sums = step(x, grad, sums, v * t.lanes)
            if tail:
                sums = step(x, grad, sums, whole * t.lanes, tail)
        else:
            with b.loop(i64(0), i64(whole * t.lanes), i64(t.lanes), carry=sums) as inner:
                there = [b.offset(pointer, inner.index, t.type) for pointer in (x, grad)]
                inner.values = step(*there, inner.values, 0)
            sums = inner.results
            if tail:
                sums = step(x, grad, sums, whole * t.lanes, tail)
        loop.values = [b.offset(x, i64(t.x_run), t.type), b.offset(grad, i64(t.grad_run), t.type), *sums]
    sums = loop.results[2:]
    _store_totals(b, t, sums, out, more)
    b.finish()
    return t.name


def _store_totals(b: Builder, t: Tile, sums: Sequence[Value], out: Value, more: Value) -> None:
    """Add each vector's lanes and store the totals, four neighbours at a time where registers hold four."""
    columns = len(t.offsets)
    group = 4 if t.lanes % 4 == 0 else 2 if t.lanes % 2 == 0 else 1

    def put(value: Value, place: int) -> None:
        where = b.offset(out, i64(place), t.type)
        b.store(b.add(value, b.select(more, b.load(value.type, where), const(0, value.type))), where)

    rest = []
    for r in range(t.rows):
        whole = columns // group * group
        for c in range(0, whole, group):
            at = r * columns + c
            put(totals(b, list(sums[at : at + group])), r * t.width + c)
        rest += [(sums[r * columns + c], r * t.width + c) for c in range(whole, columns)]
    while rest:
        now, rest = rest[:group], rest[group:]
        vectors = [value for value, _ in now]
        together = totals(b, vectors + [vectors[0]] * (group - len(vectors)))
        for lane, (_, place) in enumerate(now):
            put(b.extract(together, lane) if group > 1 else together, place)


def totals(b: Builder, vectors: list[Value]) -> Value:
    """The sums of the lanes of 1, 2 or 4 vectors, as a vector of so many: neighbours are interleaved and added."""
    width, count = lanes(vectors[0].type), len(vectors)
    if count == 1:
        return b.fold(b.add, vectors[0])
    side = 1
    while side < count:
        # Lanes of the first of a pair where bit `side` of the place is 0, of the second where it is 1.
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

"""How one row of a panel is copied from x: shifted, strided, with zeros where it reaches beyond."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..gemm.pack import piece_lanes, transpose
from ..text import Builder, Value, const, i64, lanes, vector

if TYPE_CHECKING:
    from .panels import Panel


@dataclass(frozen=True)
class Spot:
    """Where nested loops are: offsets in the panel and in x, positions of x, the plane of columns, and whether the
    positions lie inside x (None: surely). lines: rows copied at a time, of neighbouring channels or planes of columns."""

    target: Value
    source: Value
    position: dict[str, Value]
    plane: Value
    inside: Value | None
    lines: int = 1


def plus(b: Builder, x: Value, y: Value) -> Value:
    """x + y, a constant if both are."""
    if x.text.lstrip("-").isdigit() and y.text.lstrip("-").isdigit():
        return i64(int(x.text) + int(y.text))
    return y if x.text == "0" else x if y.text == "0" else b.add(x, y)


def times(b: Builder, x: Value, factor: int) -> Value:
    """x * factor, a constant if x is."""
    if x.text.lstrip("-").isdigit():
        return i64(int(x.text) * factor)
    return x if factor == 1 else b.mul(x, i64(factor))


class RowCopy:
    """The copies of rows of one panel, being written.

    x: the first image's first channel; first: the first column of the strip; width: its columns. whole: rows of known
    width, so that copies are written out, vector after vector.
    """

    def __init__(self, b: Builder, panel: Panel, x: Value, scratch: Value, first: Value, width: Value, whole: bool):
        self.b, self.panel, self.x, self.scratch = b, panel, x, scratch
        self.first, self.width, self.whole = first, width, whole
        self.axis = panel.axes[2]

    def beside(self) -> str:
        """Rows of what lie side by side in x, so that several are turned round at a time: the name of a loop, or ""."""
        c, w = self.panel.convolution, self.axis
        side = piece_lanes(c.type)
        if self.whole or self.panel.lanes < side or side == 1 or w.step * c.x[4] == 1:
            return ""
        if c.x[1] == 1 and self.panel.channels >= side:
            return "channel"
        last = (w.places + w.reach - 1) * w.step + w.start + (w.planes - 1) * w.gap
        inside = w.start >= 0 and last < w.size
        return "column plane" if c.x[4] * w.gap == 1 and w.planes >= side and inside else ""

    def copy(self, at: Spot) -> None:
        """One row of entries: zeros if it lies outside of x."""
        if self.whole:
            self._whole_row(at)
        else:
            self._any_row(at)

    def _whole_row(self, at: Spot) -> None:
        """A row of known width: vectors written out, their borders constant masks; stores overrun into the next row."""
        b, c, lanes = self.b, self.panel.convolution, self.panel.lanes
        places = range(0, self.panel.strip[2] + self.axis.reach, lanes)

        def zeros() -> None:
            for v in places:
                b.store(const(0, vector(c.type, lanes)), b.offset(self.scratch, plus(b, at.target, i64(v)), c.type))

        if at.inside is None:
            self._vectors(at, places)
        elif at.inside.text == "false":
            zeros()
        else:
            with b.when(at.inside):
                self._vectors(at, places)
            with b.when(b.invert(at.inside)):
                zeros()

    def _vectors(self, at: Spot, places: range) -> None:
        """A row that lies inside of x."""
        b, c, w, lanes = self.b, self.panel.convolution, self.axis, self.panel.lanes
        width = self.panel.strip[2] + w.reach
        start = w.start + int(at.plane.text) * w.gap
        for first in places:
            last = min(width, first + lanes) - 1
            parts = []
            for part in range(w.step):
                x = start + first * w.step + part * lanes
                end = min(c.spatial[2], start + last * w.step + 1)
                where = b.offset(self.x, plus(b, at.source, i64(x)), c.type)
                parts.append(self._part(where, max(0, -x), min(lanes, end - x)))
            spot = b.offset(self.scratch, plus(b, at.target, i64(first)), c.type)
            b.store(every(b, parts, w.step), spot)

    def _part(self, where: Value, low: int, high: int) -> Value:
        """Lanes [low, high) from memory, zeros around them."""
        b, lanes = self.b, self.panel.lanes
        wide = vector(self.panel.convolution.type, lanes)
        if low >= high:
            return const(0, wide)
        if high - low == lanes:
            return b.load(wide, where)
        bits = ", ".join(f"i1 {int(low <= i < high)}" for i in range(lanes))
        return b.masked_load(wide, where, Value(f"<{bits}>", vector("i1", lanes)))

    def _any_row(self, at: Spot) -> None:
        """A row of any width and stride: zeros, what is inside, zeros."""
        b, c, w, lanes = self.b, self.panel.convolution, self.axis, self.panel.lanes
        width = b.add(self.width, i64(w.reach))
        first = b.add(b.mul(self.first, i64(w.step)), i64(w.start))
        start = b.add(first, b.mul(at.plane, i64(w.gap)))
        across = self.panel.strides[self.beside()] if at.lines > 1 else 0
        targets = [b.offset(self.scratch, plus(b, at.target, i64(line * across)), c.type) for line in range(at.lines)]

        def bounded(value: Value, most: Value) -> Value:
            value = b.select(b.compare("<", value, i64(0)), i64(0), value)
            return b.select(b.compare("<", value, most), value, most)

        def entries(positions: Value) -> Value:
            """How many entries begin before so many positions from the start."""
            return b.emit("i64", f"sdiv i64 {b.add(positions, i64(w.step - 1)).text}, {w.step}")

        most = width if at.inside is None else b.select(at.inside, width, i64(0))
        high = bounded(entries(b.sub(i64(c.spatial[2]), start)), most)
        low = bounded(entries(b.sub(i64(0), start)), high)
        step = w.step * c.x[4]
        source = b.add(at.source, b.mul(start, i64(c.x[4])))
        left = low
        for block in dict.fromkeys((lanes, piece_lanes(c.type))) if at.lines > 1 else (lanes,) if step == 1 else ():
            whole = b.mul(b.div(b.sub(high, left), i64(block), signed=False), i64(block))
            after = b.add(left, whole)
            with b.loop(left, after, i64(block)) as loop:
                where = b.offset(self.x, b.add(source, b.mul(loop.index, i64(step))), c.type)
                spot = b.offset(targets[0], loop.index, c.type)
                if at.lines > 1:
                    transpose(b, c.type, block, at.lines, block, step, where, across, spot)
                else:
                    b.store(b.load(vector(c.type, block), where), spot)
            left = after
        for line, target in enumerate(targets):
            self._zeros(target, i64(0), low)
            with b.loop(left, high) as loop:
                where = b.add(source, b.add(b.mul(loop.index, i64(step)), i64(line)))
                b.store(b.load(c.type, b.offset(self.x, where, c.type)), b.offset(target, loop.index, c.type))
            self._zeros(target, high, width)

    def _zeros(self, target: Value, start: Value, stop: Value) -> None:
        b, type = self.b, self.panel.convolution.type
        with b.loop(start, stop) as loop:
            b.store(const(0, type), b.offset(target, loop.index, type))


def every(b: Builder, parts: list[Value], step: int) -> Value:
    """Every step-th lane of `step` vectors that follow one another."""
    count = lanes(parts[0].type)
    result = parts[0]
    if step > 1:
        result = b.shuffle(parts[0], parts[1], [min(i * step, 2 * count - 1) for i in range(count)])
    for number, part in enumerate(parts[2:], 2):
        done = number * count
        order = [i if i * step < done else min(count + i * step - done, 2 * count - 1) for i in range(count)]
        result = b.shuffle(result, part, order)
    return result

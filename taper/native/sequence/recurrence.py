"""A recurrent layer over whole sequences as one kernel, and its gradient as another.

Sequences do not depend on each other, so a chunk is a part of the rows of the batch, and a thread takes its parts through
all steps without ever waiting. In each step a tile's hidden state is multiplied with panels of weights that hold the
lanes of all gates beside each other, so that a cell's formulas see whole vectors of each gate as soon as a tile is done. How
many steps, sequences and parts there are is found at run time; a row's arithmetic does not depend on its tile and part.

Arrays are those of ops/recurrence.py: x (rows, gates H), out, before_h, before_c (rows, H), saved (rows, count H), first
and last states (N, H).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..machine import Machine
from ..text import BITS, Builder, Module, Value, const, i64
from .formulas import LaneMath, Lanes
from .rows import Cells, Panels, copy, each_vector, emit_pack, least, multiply, positive

Operand = Callable[[Builder, str], "Value | None"]
"""operand(b, name): where an array begins, or a number; None for a result that nobody wants. Called once a name at the
kernel's start.

Forward: x, h, c, b, panels, sizes, steps, batch, total, parts; results last_h, last_c, out, before_h, before_c, saved.
Backward: g, g_h, g_c, before_h, before_c, saved, panels, work, sizes, steps, batch, total, parts; results dx, dr, d_h, d_c.
sizes: 64-bit integers, the rows of each step; steps, batch, total: how many steps, sequences and rows there are; parts: how
many chunks.
"""


@dataclass(frozen=True)
class Recurrence:
    """cell: its `gates`, `states`, `saved`, `splits`, and its formulas `forward` and `backward`. bias: whether the hidden
    state's share has one."""

    cell: Any
    type: str
    hidden: int
    reverse: bool
    bias: bool
    machine: Machine

    @property
    def lanes(self) -> int:
        return self.machine.lanes(self.type)

    @property
    def gates(self) -> Panels:
        """The weights as they multiply hidden states."""
        return Panels(self.type, self.hidden, self.hidden, self.cell.gates, self.machine)

    @property
    def back(self) -> Panels:
        """The weights as they multiply gradients of gates."""
        return Panels(self.type, self.cell.gates * self.hidden, self.hidden, 1, self.machine)

    @property
    def work(self) -> int:
        """Elements of the backward kernel's scratch for each sequence."""
        return self.back.all_vectors * self.lanes

    def chunks(self, batch: int, panels: Panels, threads: int) -> int:
        """One for each tile of rows; but where weights do not stay in the second cache, each part reads all of them in each
        step, and there are no more parts than threads."""
        tiles = -(-batch // panels.rows)
        large = panels.size * BITS[self.type] // 8 > self.machine.l2 // 2
        return min(tiles, max(threads, 1)) if large else tiles

    def flops(self, total: int) -> int:
        """Operations for so many rows, each way."""
        return total * self.hidden * (2 * self.cell.gates * self.hidden + 60)


def emit_weights(module: Module, name: str, plan: Recurrence, operand: Operand, backward: bool) -> None:
    """Write the kernel that packs w into panels; a chunk is a panel."""
    b = Builder(module, name, ["ptr", "i64", "i64"])
    emit_pack(
        b, plan.back if backward else plan.gates, _there(operand(b, "w")), _there(operand(b, "panels")), not backward
    )
    b.finish()


def _there(value: Value | None) -> Value:
    assert value is not None
    return value


class _Kernel:
    """What both directions share: the tiles of rows, and the walk through the steps."""

    def __init__(self, module: Module, name: str, plan: Recurrence, operand: Operand, panels: Panels, names: str):
        self.plan, self.panels = plan, panels
        self.b = b = Builder(module, name, ["ptr", "i64", "i64"])
        self.at: dict[str, Value | None] = {
            n: operand(b, n) for n in (*names.split(), "panels", "sizes", "steps", "batch", "total", "parts")
        }
        self.first, self.last = self.row(b.args[1]), self.row(b.args[2])

    def __getitem__(self, name: str) -> Value:
        return _there(self.at[name])

    def row(self, part: Value) -> Value:
        """The first row of a part."""
        return self.b.div(self.b.mul(part, self["batch"]), self["parts"], signed=False)

    def each_step(self, reverse: bool, visit: Callable[[Value, Value], None]) -> None:
        """visit(first row of the step, the end of those of these parts' sequences that have it)."""
        b = self.b
        with b.loop(i64(0), self["steps"], carry=[self["total"] if reverse else i64(0)]) as loop:
            t = b.sub(b.sub(self["steps"], i64(1)), loop.index) if reverse else loop.index
            size = b.load("i64", b.offset(self["sizes"], t, "i64"))
            start = b.sub(loop.values[0], size) if reverse else loop.values[0]
            end = least(b, self.last, size)
            with positive(b, b.sub(end, self.first)):
                visit(start, end)
            loop.values = [start if reverse else b.add(start, size)]

    def each_tile(self, end: Value, visit: Callable[[Value, Value], None]) -> None:
        """visit(first row, rows) for the tiles with rows before `end`."""
        b = self.b
        with b.loop(b.args[1], b.args[2]) as loop:
            first = self.row(loop.index)
            count = b.sub(least(b, self.row(b.add(loop.index, i64(1))), end), first)
            with positive(b, count):
                tiles = b.div(b.add(count, i64(self.panels.rows - 1)), i64(self.panels.rows), signed=False)
                with b.loop(i64(0), tiles) as tile:
                    row = b.div(b.mul(tile.index, count), tiles, signed=False)
                    after = b.div(b.mul(b.add(tile.index, i64(1)), count), tiles, signed=False)
                    visit(b.add(first, row), b.sub(after, row))

    def rows(self, array: Value, first: Value, columns: int) -> Value:
        return self.b.offset(array, self.b.mul(first, i64(columns)), self.plan.type)

    def carried(self, source: str, target: str) -> None:
        """Copy a state of these parts' sequences."""
        h = self.plan.hidden
        count = self.b.mul(self.b.sub(self.last, self.first), i64(h))
        places = (self.rows(self[n], self.first, h) for n in (source, target))
        copy(self.b, self.plan.type, self.plan.lanes, *places, count)


class _Forward(_Kernel):
    def __init__(self, module: Module, name: str, plan: Recurrence, operand: Operand):
        names = "x h c b last_h last_c out before_h before_c saved"
        super().__init__(module, name, plan, operand, plan.gates, names)
        p = self.panels
        self.width = p.vectors * p.groups * p.lanes
        self.tile = self.b.place(plan.type, p.rows * self.width)
        self.carried("h", "last_h")
        if plan.cell.states > 1:
            self.carried("c", "last_c")
        self.each_step(plan.reverse, self.step)
        self.b.finish()

    def step(self, start: Value, end: Value) -> None:
        b, plan, p = self.b, self.plan, self.panels
        for first, count, vectors, tail in p.kinds():
            with b.loop(i64(first), i64(first + count)) as loop:
                panel = p.place(b, self["panels"], loop.index)
                unit = b.mul(loop.index, i64(p.vectors * p.lanes))

                def tile(row: Value, rows: Value) -> None:
                    a = self.rows(self["last_h"], row, plan.hidden)
                    multiply(b, p, vectors, rows, a, plan.hidden, panel, self.tile, self.width)
                    with b.loop(i64(0), rows) as line:
                        for v in range(vectors):
                            cells = Cells(b, plan.type, plan.lanes, tail if v == vectors - 1 else 0)
                            column = b.add(unit, i64(v * plan.lanes))
                            self.cell(cells, vectors, v, line.index, b.add(row, line.index), start, column)

                self.each_tile(end, tile)
        out = self.rows(self["out"], b.add(start, self.first), plan.hidden)
        last = self.rows(self["last_h"], self.first, plan.hidden)
        copy(b, plan.type, plan.lanes, out, last, b.mul(b.sub(end, self.first), i64(plan.hidden)))

    def cell(
        self, cells: Cells, vectors: int, v: int, line: Value, sequence: Value, start: Value, column: Value
    ) -> None:
        """One vector of hidden units of one sequence."""
        b, plan, cell = self.b, self.plan, self.plan.cell
        h, lanes = plan.hidden, plan.lanes
        row = b.add(start, sequence)
        x, r = [], []
        place = b.add(b.mul(row, i64(cell.gates * h)), column)
        for g in range(cell.gates):
            x.append(cells.load(self["x"], b.add(place, i64(g * h))))
            spot = b.add(b.mul(line, i64(self.width)), i64((g * vectors + v) * lanes))
            r.append(Cells(b, plan.type, lanes).load(self.tile, spot))
            if plan.bias:
                r[g] = b.add(r[g], cells.load(self["b"], b.add(column, i64(g * h))))
        here = b.add(b.mul(sequence, i64(h)), column)
        states = [cells.load(self[n], here) for n in ("last_h", "last_c")[: cell.states]]
        after, saved = cell.forward(LaneMath, *([Lanes(b, y) for y in each] for each in (x, r, states)))
        place = b.add(b.mul(row, i64(h)), column)
        cells.store(after[0].value, self["out"], place)
        if cell.states > 1:
            cells.store(after[1].value, self["last_c"], here)
        for name, value in zip(("before_h", "before_c"), states):
            if self.at[name] is not None:
                cells.store(value, self[name], place)
        if self.at["saved"] is not None:
            place = b.add(b.mul(row, i64(cell.saved * h)), column)
            for i, value in enumerate(saved):
                cells.store(value.value, self["saved"], b.add(place, i64(i * h)))


class _Backward(_Kernel):
    def __init__(self, module: Module, name: str, plan: Recurrence, operand: Operand):
        names = "g g_h g_c before_h before_c saved work dx dr d_h d_c"
        super().__init__(module, name, plan, operand, plan.back, names)
        b = self.b
        with b.loop(self.first, self.last) as line:
            work, source = (
                self.rows(self["work"], line.index, plan.work),
                self.rows(self["g_h"], line.index, plan.hidden),
            )
            copy(b, plan.type, plan.lanes, source, work, i64(plan.hidden))
            # What lies beyond the last column is added to, and never read.
            with b.loop(i64(plan.hidden), i64(plan.work)) as rest:
                b.store(const(0, plan.type), b.offset(work, rest.index, plan.type))
        if plan.cell.states > 1:
            self.carried("g_c", "d_c")
        self.each_step(not plan.reverse, self.step)
        with b.loop(self.first, self.last) as line:
            work, target = (
                self.rows(self["work"], line.index, plan.work),
                self.rows(self["d_h"], line.index, plan.hidden),
            )
            copy(b, plan.type, plan.lanes, work, target, i64(plan.hidden))
        b.finish()

    def step(self, start: Value, end: Value) -> None:
        b, plan, p = self.b, self.plan, self.panels
        with b.loop(self.first, end) as line:
            each_vector(
                b, plan.type, plan.lanes, plan.hidden, lambda cells, column: self.cell(cells, line.index, start, column)
            )
        for first, count, vectors, _ in p.kinds():
            with b.loop(i64(first), i64(first + count)) as loop:
                panel = p.place(b, self["panels"], loop.index)

                def tile(row: Value, rows: Value) -> None:
                    a = self.rows(self["dr"], b.add(start, row), p.k)
                    out = b.add(b.mul(row, i64(plan.work)), b.mul(loop.index, i64(p.vectors * p.lanes)))
                    out = b.offset(self["work"], out, plan.type)
                    multiply(b, p, vectors, rows, a, p.k, panel, out, plan.work, self.adds)

                self.each_tile(end, tile)

    def cell(self, cells: Cells, sequence: Value, start: Value, column: Value) -> None:
        b, plan, cell = self.b, self.plan, self.plan.cell
        h = plan.hidden
        row = b.add(start, sequence)
        place, own = b.add(b.mul(row, i64(h)), column), b.add(b.mul(sequence, i64(plan.work)), column)
        here = b.add(b.mul(sequence, i64(h)), column)
        slopes = [b.add(cells.load(self["work"], own), cells.load(self["g"], place))]
        if cell.states > 1:
            slopes.append(cells.load(self["d_c"], here))
        start_saved = b.add(b.mul(row, i64(cell.saved * h)), column)
        saved = [cells.load(self["saved"], b.add(start_saved, i64(i * h))) for i in range(cell.saved)]
        before = [cells.load(self[n], place) for n in ("before_h", "before_c")[: cell.states]]
        dx, dr, after = cell.backward(LaneMath, *([Lanes(b, y) for y in each] for each in (slopes, saved, before)))
        place = b.add(b.mul(row, i64(cell.gates * h)), column)
        for name, values in (("dx", dx), ("dr", dr)):
            for i, value in enumerate(values or ()):
                if values is not None and self.at[name] is not None:
                    cells.store(value.value, self[name], b.add(place, i64(i * h)))
        self.adds = after[0] is not None
        if self.adds:
            cells.store(after[0].value, self["work"], own)
        if cell.states > 1:
            cells.store(after[1].value, self["d_c"], here)


def emit_forward(module: Module, name: str, plan: Recurrence, operand: Operand) -> None:
    """Write the kernel of a layer's steps; a chunk is a part of the sequences."""
    _Forward(module, name, plan, operand)


def emit_backward(module: Module, name: str, plan: Recurrence, operand: Operand) -> None:
    """Write the kernel of the gradient; a chunk is a part of the sequences. dr is dx where the cell does not split them."""
    _Backward(module, name, plan, operand)

"""Sums that go through memory before they are finished: phases of spread-out inputs are interleaved there.

Sums lie as [phase][row][vectors of places]; lines as [row][images, and a unit's part of the result's positions].
"""

from __future__ import annotations

from math import ceil, prod

from ..text import Builder, Value, element, i64, lanes, vector
from .plan import ConvPlan
from .slots import Part, Runs, share_sizes


def _pieces(plan: ConvPlan, dim: int) -> list[int]:
    """How many positions of the result the strips along a dimension have."""
    a, total = plan.panel.axes[dim], plan.convolution.output[dim]
    unit = plan.lanes if dim == 2 and plan.strips[2] > 1 else 1
    shares = share_sizes(ceil(a.places / unit), plan.strips[dim])
    return [min((f + n) * unit * a.phases, total) - f * unit * a.phases for f, n in shares]


def tails(plan: ConvPlan) -> list[int]:
    """The numbers of lanes that exist in the last vectors of runs, where not all do."""
    _, h, w = (_pieces(plan, dim) for dim in range(3))
    phases = len(plan.panel.phases) > 1
    if plan.panel.expanded == 3 and not phases:
        lengths = {plan.convolution.positions}
    elif plan.panel.expanded == 1 or (phases and plan.strips[2] == 1):
        lengths = {rows * columns for rows in h for columns in w}
    else:
        lengths = set(w)
    return sorted({n % plan.lanes for n in lengths} - {0})


def lines_width(plan: ConvPlan) -> int:
    """Elements of a row of lines."""
    return plan.panel.images * prod(max(_pieces(plan, dim)) for dim in range(3))


def finished_slots(plan: ConvPlan) -> int:
    """Vectors that a unit finishes at most, if its sums go through memory."""
    d, h, w = (max(_pieces(plan, dim)) for dim in range(3))
    if len(plan.panel.phases) == 1:
        return plan.panel.images * ceil(d * h * w / plan.lanes) if plan.panel.expanded == 3 else plan.slots
    if plan.strips[2] == 1:
        return plan.panel.images * d * ceil(h * w / plan.lanes)
    return plan.panel.images * d * h * ceil(w / plan.lanes)


def _sum_strides(b: Builder, plan: ConvPlan, part: Part, runs: Runs) -> tuple[Value, Value, Value]:
    """Elements between images, depths and rows of places in the sums."""
    d, h, w = part.count
    width = plan.lanes
    whole = b.mul(b.div(b.add(runs.length, i64(width - 1)), i64(width), signed=False), i64(width))
    if plan.panel.expanded == 3:
        return b.mul(d, b.mul(h, w)), b.mul(h, w), w
    if plan.panel.expanded == 1:
        return b.mul(d, whole), whole, w
    return b.mul(b.mul(d, h), whole), b.mul(h, whole), whole


def _positions(b: Builder, plan: ConvPlan, part: Part) -> tuple[Value, Value, Value]:
    """How many positions of the result a unit has, by dimension."""
    counts = []
    for dim, a in enumerate(plan.panel.axes):
        left = b.sub(i64(plan.convolution.output[dim]), b.mul(part.first[dim], i64(a.phases)))
        count = b.mul(part.count[dim], i64(a.phases))
        counts.append(b.select(b.compare("<", left, count), left, count) if a.phases > 1 else part.count[dim])
    return counts[0], counts[1], counts[2]


def finish_runs(b: Builder, plan: ConvPlan, part: Part, runs: Runs) -> Runs:
    """The runs of a unit's positions in its sums, or in its lines if there are phases."""
    _, rows, columns = plan.convolution.output
    d, h, w = part.count
    if len(plan.panel.phases) > 1:
        d, h, w = _positions(b, plan, part)
        plane, whole = b.mul(h, w), i64(rows * columns)
        if plan.strips[2] == 1:
            return Runs((part.images, d), plane, (b.mul(d, plane), plane), (i64(0), whole))
        return Runs((part.images, d, h), w, (b.mul(d, plane), plane, w), (i64(0), whole, i64(columns)))
    if plan.panel.expanded == 3:
        each = b.mul(d, b.mul(h, w))
        return Runs((part.images,), each, (each,), (i64(0),))
    strides = _sum_strides(b, plan, part, runs)
    return Runs(runs.sizes, runs.length, strides[: len(runs.sizes)], runs.columns)


def emit_interleave(
    b: Builder, plan: ConvPlan, part: Part, runs: Runs, rows: Value, sums: Value, width: int, lines: Value, across: int
) -> None:
    """lines[row, position] = sums[its phase, row, its place]; `width` and `across`: elements of a row of both."""
    type = plan.convolution.type
    d, h, w = plan.panel.axes
    strides = _sum_strides(b, plan, part, runs)
    depths, heights, widths = _positions(b, plan, part)
    with b.loop(i64(0), rows) as row, b.loop(i64(0), part.images) as image, b.loop(i64(0), depths) as depth:
        with b.loop(i64(0), heights) as height:
            phase = b.rem(depth.index, i64(d.phases), signed=False)
            phase = b.add(b.mul(phase, i64(h.phases)), b.rem(height.index, i64(h.phases), signed=False))
            places = (
                image.index,
                b.div(depth.index, i64(d.phases), signed=False),
                b.div(height.index, i64(h.phases), signed=False),
            )
            place = b.add(b.mul(phase, i64(w.phases * plan.rows * width)), b.mul(row.index, i64(width)))
            for index, stride in zip(places, strides):
                place = b.add(place, b.mul(index, stride))
            line = b.add(b.mul(image.index, depths), depth.index)
            line = b.mul(b.add(b.mul(line, heights), height.index), widths)
            target = b.offset(lines, b.add(b.mul(row.index, i64(across)), line), type)
            sources = [b.offset(sums, b.add(place, i64(k * plan.rows * width)), type) for k in range(w.phases)]
            if w.phases <= 2:
                _vectors(b, vector(type, plan.lanes), sources, target, part.count[2])
            else:
                _scalars(b, type, sources, target, widths)


def _vectors(b: Builder, wide: str, sources: list[Value], target: Value, count: Value) -> None:
    """One or two phases' places in turn; what the last vectors overrun is written after them."""
    width = lanes(wide)
    with b.loop(i64(0), count, i64(width)) as loop:
        parts = [b.load(wide, b.offset(s, loop.index, element(wide))) for s in sources]
        if len(parts) == 2:
            order = [i // 2 + width * (i % 2) for i in range(2 * width)]
            parts = [b.shuffle(*parts, order[:width]), b.shuffle(*parts, order[width:])]
        start = b.mul(loop.index, i64(len(parts)))
        for number, part in enumerate(parts):
            b.store(part, b.offset(target, b.add(start, i64(number * width)), element(wide)))


def _scalars(b: Builder, type: str, sources: list[Value], target: Value, count: Value) -> None:
    """Any number of phases' places in turn."""
    phases = len(sources)
    for number, source in enumerate(sources):
        with b.loop(i64(number), count, i64(phases)) as loop:
            place = b.div(loop.index, i64(phases), signed=False)
            b.store(b.load(type, b.offset(source, place, type)), b.offset(target, loop.index, type))

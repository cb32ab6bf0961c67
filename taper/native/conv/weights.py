"""A row tile's weights side by side on the stack, where they would come from too many lines of the cache.

The copy lies as [phase][input channel][tap][output channel], so that every phase reads its taps from front to back.
"""

from __future__ import annotations

from math import prod

from ..gemm.micro_kernel import defined
from ..text import BITS, Builder, Module, i64
from .geometry import Convolution
from .panels import Panel

COPY_BYTES = 256 << 10
"""Most bytes that the copy may take."""

SHARING = 24
"""Vectors of places that must share the copy to pay for it."""


def copied_size(panel: Panel, rows: int) -> int:
    """Elements of the copy for so many output channels."""
    return rows * panel.channels * sum(len(panel.taps(phase)) for phase in panel.phases)


def copies_weights(panel: Panel, rows: int, slots: int) -> bool:
    """Whether weights should be copied: phases that read few of the taps side by side, or rows on the same sets."""
    c = panel.convolution
    size = BITS[c.type] // 8
    if slots < SHARING or copied_size(panel, rows) * size > COPY_BYTES:
        return False
    apart = c.w[1] * size % 4096 == 0 and rows >= 8
    return (len(panel.phases) > 1 or apart) and c.inputs * prod(c.kernel) >= 16


def copied_taps(panel: Panel, phase: int, rows: int) -> tuple[int, tuple[tuple[int, int], ...]]:
    """Where a phase begins in the copy, and its taps: place in the copy's channel, offset in the panel."""
    taps = [_taps(panel, number) for number in range(phase + 1)]
    start = rows * panel.channels * sum(map(len, taps[:-1]))
    return start, tuple((index * rows, offset) for index, (_, offset) in enumerate(taps[-1]))


def _taps(panel: Panel, phase: int) -> list[tuple[int, int]]:
    """A phase's taps as they lie in memory: place, offset in the panel."""
    c: Convolution = panel.convolution
    return sorted((c.tap_offset(tap), offset) for tap, offset in panel.taps(panel.phases[phase]))


def emit_weight_copy(module: Module, panel: Panel, rows: int) -> str:
    """Write `void copy_weights(ptr w, ptr target, i64 channels)` for so many output channels; returns its name."""
    c = panel.convolution
    name = f"copy_weights_{rows}"
    if defined(module, name):
        return name
    b = Builder(module, name, ["ptr", "ptr", "i64"], attributes="noinline nounwind", linkage="internal")
    source, target, channels = b.args
    for phase in range(len(panel.phases)):
        start, placed = copied_taps(panel, phase, rows)
        if not placed:
            continue
        with b.loop(i64(0), channels) as channel, b.loop(i64(0), i64(rows)) as row:
            where = b.add(b.mul(channel.index, i64(c.w[2])), b.mul(row.index, i64(c.w[1])))
            place = b.add(b.mul(channel.index, i64(rows * len(placed))), row.index)
            line, copied = b.offset(source, where, c.type), b.offset(target, place, c.type)
            for (at, _), (to, _) in zip(_taps(panel, phase), placed):
                value = b.load(c.type, b.offset(line, i64(at), c.type))
                b.store(value, b.offset(copied, i64(start + to), c.type))
    b.finish()
    return name

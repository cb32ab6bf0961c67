"""The innermost loops of a convolution: output channels times vectors of positions, held in registers while taps and
input channels run.

Each is a function of the module that writes its tile to memory, row-major, `width` apart; the driver finishes from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1

from ..gemm.micro_kernel import defined
from ..text import Builder, Module, Value, const, i64, vector

UNROLLED = 1000
"""Multiply-adds of one input channel's taps up to which they are written out one after the other."""


@dataclass(frozen=True)
class ConvTile:
    """tile[r, v] (+)= sum over i < channels, (at, offset) in taps of
    w[r * row_stride + i * input_stride + at] * panel[offsets[v] + i * channel_stride + offset : + lanes].

    Panel offsets of the vectors are an argument, an array of i64. accumulates: whether it starts from what the tile holds.
    """

    type: str
    lanes: int
    rows: int
    vectors: int
    taps: tuple[tuple[int, int], ...]
    row_stride: int
    input_stride: int
    channel_stride: int
    width: int
    accumulates: bool

    @property
    def name(self) -> str:
        return f"tile_conv_{self.type}_{self.rows}x{self.vectors}_{sha1(repr(self).encode()).hexdigest()[:12]}"

    @property
    def written_out(self) -> bool:
        return len(self.taps) * self.rows * self.vectors <= UNROLLED


def emit_conv_tile(module: Module, t: ConvTile) -> str:
    """Write `void tile(ptr w, ptr panel, ptr offsets, ptr tile, i64 channels)`; returns its name."""
    if defined(module, t.name):
        return t.name
    b = Builder(module, t.name, ["ptr"] * 4 + ["i64"], attributes="noinline nounwind", linkage="internal")
    w, panel, offsets, out, channels = b.args
    wide = vector(t.type, t.lanes)
    spots = [b.offset(out, i64(r * t.width + v * t.lanes), t.type) for r in range(t.rows) for v in range(t.vectors)]
    places = [b.load("i64", b.offset(offsets, i64(v), "i64")) for v in range(t.vectors)]
    sums = [b.load(wide, spot) for spot in spots] if t.accumulates else [const(0, wide)] * len(spots)

    def step(w: Value, panel: Value, at: int, offset: int, sums: Sequence[Value]) -> list[Value]:
        def scalar(r: int) -> Value:
            return b.splat(b.load(t.type, b.offset(w, i64(r * t.row_stride + at), t.type)), t.lanes)

        def column(v: int) -> Value:
            return b.load(wide, b.offset(b.offset(panel, places[v], t.type), i64(offset), t.type))

        result = list(sums)
        if t.vectors <= t.rows:
            columns = [column(v) for v in range(t.vectors)]
            for r in range(t.rows):
                x = scalar(r)
                for v in range(t.vectors):
                    result[r * t.vectors + v] = b.add(b.mul(x, columns[v]), result[r * t.vectors + v])
        else:
            scalars = [scalar(r) for r in range(t.rows)]
            for v in range(t.vectors):
                y = column(v)
                for r in range(t.rows):
                    result[r * t.vectors + v] = b.add(b.mul(scalars[r], y), result[r * t.vectors + v])
        return result

    with b.loop(i64(0), channels if t.taps else i64(0), carry=[w, panel, *sums]) as loop:
        w, panel, *sums = loop.values
        if t.written_out:
            for at, offset in t.taps:
                sums = step(w, panel, at, offset, sums)
        else:
            table = _tap_table(module, t)
            with b.loop(i64(0), i64(len(t.taps)), carry=sums) as taps:
                row = b.offset(table, b.mul(taps.index, i64(2)), "i64")
                at, offset = b.load("i64", row), b.load("i64", b.offset(row, i64(1), "i64"))
                taps.values = step(b.offset(w, at, t.type), b.offset(panel, offset, t.type), 0, 0, taps.values)
            sums = taps.results
        w = b.offset(w, i64(t.input_stride), t.type)
        panel = b.offset(panel, i64(t.channel_stride), t.type)
        loop.values = [w, panel, *sums]
    for spot, value in zip(spots, loop.results[2:]):
        b.store(value, spot)
    b.finish()
    return t.name


def _tap_table(module: Module, t: ConvTile) -> Value:
    """A constant array of the taps' places in w and in the panel, for a loop over them."""
    name = f"@{t.name}_taps"
    values = ", ".join(f"i64 {n}" for tap in t.taps for n in tap)
    module.declarations[name] = f"{name} = internal constant [{2 * len(t.taps)} x i64] [{values}]"
    return Value(name, "ptr")

"""The innermost loops of a convolution: output channels times vectors of positions, held in registers while taps and
input channels run.

Each is a function of the module that writes its tile to memory, row-major, `width` apart; the driver finishes from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1

from ..gemm.micro_kernel import LINE, defined
from ..text import BITS, Builder, Module, Value, const, i64, vector

UNROLLED = 1000
"""Multiply-adds of one input channel's taps up to which they are written out one after the other."""

FETCHED = 4
"""Taps up to which the panel is fetched ahead: channels lie apart, and few taps use what comes from the second cache."""

AHEAD = 16
"""How many taps ahead."""

STACKED = 27
"""Sums and weights that a tile of vectors one below the other holds in registers at most, where there are 32."""


@dataclass(frozen=True)
class ConvTile:
    """tile[r, v] (+)= sum over i < channels, (at, offset) in taps of
    w[r * row_stride + i * input_stride + at] * panel[offsets[v] + i * channel_stride + offset : + lanes].

    Panel offsets of the vectors are an argument, an array of i64. accumulates: whether it starts from what the tile holds.
    spacing: if not 0, the vectors lie so far apart from the first one on, one below the other: what the tap of a vector
    reads another tap of the next reads, too, and is loaded once.
    brought: elements of the weights used next that each input channel's round brings nearer, from a sixth argument on.
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
    spacing: int = 0
    brought: int = 0

    @property
    def name(self) -> str:
        return f"tile_conv_{self.type}_{self.rows}x{self.vectors}_{sha1(repr(self).encode()).hexdigest()[:12]}"

    @property
    def written_out(self) -> bool:
        return len(self.taps) * self.rows * self.vectors <= UNROLLED


def emit_conv_tile(module: Module, t: ConvTile) -> str:
    """Write `void tile(ptr w, ptr panel, ptr offsets, ptr tile, i64 channels)`, with `ptr next` besides if `brought`;
    returns its name."""
    if defined(module, t.name):
        return t.name
    kinds = ["ptr"] * 4 + ["i64"] + ["ptr"] * (t.brought > 0)
    b = Builder(module, t.name, kinds, attributes="noinline nounwind", linkage="internal")
    w, panel, offsets, out, channels, *walks = b.args
    wide = vector(t.type, t.lanes)
    spots = [b.offset(out, i64(r * t.width + v * t.lanes), t.type) for r in range(t.rows) for v in range(t.vectors)]
    places = [b.load("i64", b.offset(offsets, i64(v), "i64")) for v in range(t.vectors)]
    sums = [b.load(wide, spot) for spot in spots] if t.accumulates else [const(0, wide)] * len(spots)

    def stack(w: Value, panel: Value, sums: Sequence[Value]) -> list[Value]:
        """All taps of a channel for vectors that lie one below the other."""
        result = list(sums)
        uses: dict[int, list[tuple[int, int]]] = {}
        for v in range(t.vectors):
            for at, offset in t.taps:
                uses.setdefault(offset + v * t.spacing, []).append((at, v))
        hoisted = t.rows * (len(t.taps) + t.vectors) <= STACKED

        def scalar(r: int, at: int) -> Value:
            return b.splat(b.load(t.type, b.offset(w, i64(r * t.row_stride + at), t.type)), t.lanes)

        weights = {(r, at): scalar(r, at) for r in range(t.rows) for at, _ in t.taps} if hoisted else {}
        for offset, pairs in sorted(uses.items()):
            y = b.load(wide, b.offset(b.offset(panel, places[0], t.type), i64(offset), t.type))
            for at, v in pairs:
                for r in range(t.rows):
                    x = weights[r, at] if hoisted else scalar(r, at)
                    result[r * t.vectors + v] = b.add(b.mul(x, y), result[r * t.vectors + v])
            _keep_order(b)
        return result

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

    with b.loop(i64(0), channels if t.taps else i64(0), carry=[w, panel, *walks, *sums]) as loop:
        w, panel, *rest = loop.values
        walks, sums = rest[: len(walks)], rest[len(walks) :]
        for where in walks:
            for line in range(0, t.brought, LINE * 8 // BITS[t.type]):
                b.prefetch(b.offset(where, i64(line), t.type), 2)
        if t.spacing:
            sums = stack(w, panel, sums)
        elif t.written_out:
            for at, offset in t.taps:
                if len(t.taps) <= FETCHED:
                    ahead = offset + AHEAD // len(t.taps) * t.channel_stride
                    for place in places:
                        b.prefetch(b.offset(b.offset(panel, place, t.type), i64(ahead), t.type))
                sums = step(w, panel, at, offset, sums)
                _keep_order(b)
        else:
            table = _tap_table(module, t)
            with b.loop(i64(0), i64(len(t.taps)), carry=sums) as taps:
                row = b.offset(table, b.mul(taps.index, i64(2)), "i64")
                at, offset = b.load("i64", row), b.load("i64", b.offset(row, i64(1), "i64"))
                taps.values = step(b.offset(w, at, t.type), b.offset(panel, offset, t.type), 0, 0, taps.values)
                _keep_order(b)
            sums = taps.results
        w = b.offset(w, i64(t.input_stride), t.type)
        panel = b.offset(panel, i64(t.channel_stride), t.type)
        loop.values = [w, panel, *(b.offset(where, i64(t.brought), t.type) for where in walks), *sums]
    for spot, value in zip(spots, loop.results[2 + len(walks) :]):
        b.store(value, spot)
    b.finish()
    return t.name


def _keep_order(b: Builder) -> None:
    """Keep LLVM from loading one tap's vectors before the sums of the last are done: it has no registers for both.

    A fence towards the own thread is no instruction.
    """
    b.lines.append('  fence syncscope("singlethread") acq_rel')


def _tap_table(module: Module, t: ConvTile) -> Value:
    """A constant array of the taps' places in w and in the panel, for a loop over them."""
    name = f"@{t.name}_taps"
    values = ", ".join(f"i64 {n}" for tap in t.taps for n in tap)
    module.declarations[name] = f"{name} = internal constant [{2 * len(t.taps)} x i64] [{values}]"
    return Value(name, "ptr")

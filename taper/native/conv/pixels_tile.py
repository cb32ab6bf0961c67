"""The innermost loops of a convolution of pixels: pixels times vectors of output channels, held in registers."""

from __future__ import annotations

from dataclasses import dataclass

from ..gemm.micro_kernel import defined, load_vector
from ..text import Builder, Module, Value, const, i64, vector

UNROLL = 2
"""Steps of a run in one round."""


@dataclass(frozen=True)
class PixelTile:
    """tile[r, v] (+)= sum over the lines [first, last) of a table, over k < length of a line, of
    pointer[r][channel + k] * w[line * run + inner + k, v].

    length is the line's own, or, where it is not 0, the argument if `parts`. accumulates: whether it starts from what
    the tile holds. fresh: w holds no more than is asked for. line: pointers of a line of the table, which are those of the largest tile.
    """

    type: str
    lanes: int
    rows: int
    vectors: int
    line: int
    run: int
    parts: bool
    accumulates: bool
    fresh: bool = False

    @property
    def name(self) -> str:
        kind = (
            ("_fresh" if self.fresh else "") + ("_parts" if self.parts else "") + ("_more" if self.accumulates else "")
        )
        return f"tile_pixels_{self.type}_{self.rows}x{self.vectors}x{self.lanes}_{self.line}_{self.run}{kind}"


def emit_pixel_tile(module: Module, t: PixelTile) -> str:
    """Write `void tile(ptr table, ptr w, ptr tile, i64 first, i64 last, i64 channel, i64 inner, i64 length)`; returns its name.

    channel: where in a pixel the input channels begin, those of groups before included.
    """
    if defined(module, t.name):
        return t.name
    arguments = ["ptr"] * 3 + ["i64"] * 5
    b = Builder(module, t.name, arguments, attributes="noinline nounwind", linkage="internal")
    table, w, out, first, last, channel, inner, piece = b.args
    wide, width = vector(t.type, t.lanes), t.vectors * t.lanes
    spots = [b.offset(out, i64(i * t.lanes), t.type) for i in range(t.rows * t.vectors)]
    sums = [b.load(wide, spot) for spot in spots] if t.accumulates else [const(0, wide)] * len(spots)

    def step(pointers: list[Value], k: Value, panel: Value, sums: list[Value], at: int) -> list[Value]:
        columns = [b.load(wide, b.offset(panel, i64(at * width + v * t.lanes), t.type)) for v in range(t.vectors)]
        result = list(sums)
        for r, pointer in enumerate(pointers):
            where = b.offset(b.offset(pointer, k, t.type), i64(at), t.type)
            x = b.splat(b.load(t.type, where), t.lanes)
            for v, y in enumerate(columns):
                result[r * t.vectors + v] = b.add(b.mul(x, y), result[r * t.vectors + v])
        return result

    with b.loop(first, last, carry=sums) as lines:
        line = b.offset(table, b.mul(lines.index, i64(t.line)), "i64")
        length = b.load("i64", line)
        if t.parts:
            length = b.select(b.compare("==", length, i64(0)), length, piece)
        pointers = [b.offset(b.load("ptr", b.offset(line, i64(1 + r), "i64")), channel, t.type) for r in range(t.rows)]
        at = b.mul(b.sub(lines.index, first), i64(t.run)) if t.fresh else b.add(b.mul(lines.index, i64(t.run)), inner)
        at = b.mul(at, i64(width))
        panel, sums = b.offset(w, at, t.type), lines.values
        even = b.logical("and", length, i64(-UNROLL))
        for start, stop, count in ((i64(0), even, UNROLL), (even, length, 1)):
            with b.loop(start, stop, i64(count), carry=[panel, *sums]) as loop:
                panel, *sums = loop.values
                for i in range(count):
                    sums = step(pointers, loop.index, panel, sums, i)
                loop.values = [b.offset(panel, i64(count * width), t.type), *sums]
            panel, *sums = loop.results
        lines.values = sums
    for spot, value in zip(spots, lines.results):
        b.store(value, spot)
    b.finish()
    return t.name


@dataclass(frozen=True)
class DepthwiseTile:
    """tile[r, v] = sum over the lines [first, last) of a table whose length is not 0 of
    pointer[r][channel + v * lanes : + lanes] * w[line, v].

    tail: channels of the last vector that exist, 0 for all.
    """

    type: str
    lanes: int
    rows: int
    vectors: int
    tail: int
    line: int

    @property
    def name(self) -> str:
        return f"tile_depthwise_{self.type}_{self.rows}x{self.vectors}x{self.lanes}_{self.tail}_{self.line}"


def emit_depthwise_tile(module: Module, t: DepthwiseTile) -> str:
    """Write the function with the arguments of `emit_pixel_tile`'s, the last two unused; returns its name."""
    if defined(module, t.name):
        return t.name
    arguments = ["ptr"] * 3 + ["i64"] * 5
    b = Builder(module, t.name, arguments, attributes="noinline nounwind", linkage="internal")
    table, w, out, first, last, channel = b.args[:6]
    wide, width = vector(t.type, t.lanes), t.vectors * t.lanes
    with b.loop(first, last, carry=[const(0, wide)] * (t.rows * t.vectors)) as lines:
        line = b.offset(table, b.mul(lines.index, i64(t.line)), "i64")
        weights = b.offset(w, b.mul(lines.index, i64(width)), t.type)
        with b.detour(b.compare("!=", b.load("i64", line), i64(0)), lines.values) as there:
            columns = [b.load(wide, b.offset(weights, i64(v * t.lanes), t.type)) for v in range(t.vectors)]
            for r in range(t.rows):
                pointer = b.offset(b.load("ptr", b.offset(line, i64(1 + r), "i64")), channel, t.type)
                for v, y in enumerate(columns):
                    count = t.tail if v == t.vectors - 1 else 0
                    x = load_vector(b, t.type, t.lanes, b.offset(pointer, i64(v * t.lanes), t.type), count)
                    at = r * t.vectors + v
                    there.values[at] = b.add(b.mul(x, y), there.values[at])
        lines.values = there.results
    for i, value in enumerate(lines.results):
        b.store(value, b.offset(out, i64(i * t.lanes), t.type))
    b.finish()
    return t.name

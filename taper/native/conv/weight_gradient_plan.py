"""How a weight gradient is cut up: register tiles, panels of positions, partial results, chunks.

A pure function of the machine, shapes and strides. A chunk is some groups x a block of output channels x a block of
input channels x one part of the positions, which it takes panel by panel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import product
from math import ceil, gcd, prod

from ..gemm.tiling import CHUNKS, SMALL
from ..machine import Machine
from ..text import BITS
from .geometry import Convolution, Triple
from .panels import Panel, panel_rows

PANEL_BYTES = 1 << 20
"""Most bytes of thread-private scratch for a chunk's panels; half of the second cache where that is less."""

POSITIONS = (256, 512, 1024, 2048, 4096)
"""Positions that a panel is made to hold, roughly: the more, the fewer sums of lanes; the fewer, the nearer the caches."""


@dataclass(frozen=True)
class Lay:
    """How positions are laid out for the register tiles, and how many of them a panel holds.

    way: "direct" (x is read where it lies, row by row), "rows" (a panel of sliding rows), "planes" (a panel in which the
    rows of a strip are dense) or "dense" (all positions of all images of a panel are, the gradient's too, in a copy).
    images, strip: images and positions (depth, row, column) of a panel; the last of each dimension may hold fewer.
    """

    convolution: Convolution
    lanes: int
    way: str
    images: int
    strip: Triple

    def panel(self, channels: int) -> Panel:
        """The panel of so many input channels."""
        expanded = {"rows": 0, "planes": 1, "dense": 3}[self.way]
        return Panel(self.convolution, self.lanes, expanded, self.images, channels, self.strip)

    @cached_property
    def taps(self) -> list[tuple[Triple, int]]:
        """The taps that meet x, each with its offset in a panel, or in x itself."""
        c = self.convolution
        if self.way != "direct":
            return self.panel(1).taps()
        steps = [d * s for d, s in zip(c.dilation, c.x[2:])]
        return [(tap, sum(t * s for t, s in zip(tap, steps))) for tap in c.all_taps()]

    @property
    def strips(self) -> Triple:
        """Strips along each dimension."""
        d, h, w = (ceil(n / s) for n, s in zip(self.convolution.output, self.strip))
        return d, h, w

    @property
    def image_blocks(self) -> int:
        return ceil(self.convolution.images / self.images)

    @property
    def panels(self) -> int:
        """Panels that cover all positions of all images."""
        return self.image_blocks * prod(self.strips)

    @property
    def run_dims(self) -> int:
        """How many trailing dimensions a run of positions side by side covers."""
        return 2 if self.way == "planes" else 1

    def lengths(self) -> list[int]:
        """The lengths of runs that occur: at most two, the usual one first."""
        if self.way == "dense":
            return [self.lanes]
        first = 3 - self.run_dims
        usual = prod(self.strip[first:])
        output, strip = self.convolution.output, self.strip
        last = output[first] - (self.strips[first] - 1) * strip[first]
        return sorted({usual, usual // strip[first] * last}, reverse=True)

    @property
    def positions(self) -> int:
        """Positions that a panel has room for."""
        return self.images * prod(self.strip)

    @property
    def runs(self) -> int:
        """Runs of a panel."""
        return self.positions // self.lengths()[0]

    @property
    def vectors(self) -> int:
        """Vectors of a panel's positions."""
        return self.runs * ceil(self.lengths()[0] / self.lanes)


@dataclass(frozen=True)
class Split:
    """The register tile: so many row tiles of output channels; `channels` input channels with all taps at once, or, if
    it is 0, the taps of one channel in `pieces`. copies: whether a row tile's gradient is copied first."""

    row_tiles: int
    channels: int
    pieces: int
    copies: bool


@dataclass(frozen=True)
class WeightGradientPlan:
    """A weight gradient cut up.

    convolution: as asked for, its three dimensions perhaps seen as one. grad: strides of the gradient's (image, channel).
    row_tiles: tile i of output channels begins at i * outputs // row_tiles. channels: input channels of a register tile
    that has all their taps, or 0: then the taps of one channel are cut into `pieces`. group_blocks, row_blocks,
    column_blocks: chunks along groups, output and input channels. copies: whether the gradient of a row tile is copied,
    image after image, since images lie on the same sets of the caches, or their positions are few. parts: partial results, the caller's to add.
    """

    convolution: Convolution
    machine: Machine
    grad: tuple[int, int]
    lay: Lay
    row_tiles: int
    channels: int
    pieces: int
    copies: bool
    group_blocks: int
    row_blocks: int
    column_blocks: int
    parts: int

    @property
    def chunks(self) -> int:
        return self.group_blocks * self.row_blocks * self.column_blocks * self.parts

    @property
    def flops(self) -> int:
        return self.convolution.flops

    @property
    def rows(self) -> int:
        """Output channels of the largest register tile."""
        return ceil(self.convolution.outputs / self.row_tiles)

    @property
    def columns(self) -> int:
        """Steps along the input channels: tiles of some channels, or single channels whose taps are cut."""
        return ceil(self.convolution.inputs / max(1, self.channels))

    @property
    def most_inputs(self) -> int:
        """Input channels of the largest block."""
        return largest_block(self.convolution.inputs, self.columns, self.column_blocks)

    @property
    def most_outputs(self) -> int:
        """Output channels of the largest block."""
        return largest_block(self.convolution.outputs, self.row_tiles, self.row_blocks)

    @property
    def grad_row(self) -> int:
        """Elements between the rows of the gradient, or of its copy; there a vector more than a row has."""
        return self.lay.positions + self.lay.lanes if self.copies else self.grad[1]


def shares(total: int, parts: int) -> list[int]:
    """Sizes of `parts` nearly equal shares: share i begins at i * total // parts."""
    return [(i + 1) * total // parts - i * total // parts for i in range(parts)]


def largest_block(total: int, tiles: int, blocks: int) -> int:
    """The most that one of `blocks` blocks of whole tiles holds."""
    starts = [i * tiles // blocks * total // tiles for i in range(blocks + 1)]
    return max(after - start for start, after in zip(starts, starts[1:]))


@lru_cache(1024)
def plan_weight_gradient(
    convolution: Convolution, machine: Machine, grad: tuple[int, int] | None = None
) -> WeightGradientPlan:
    """Cut a weight gradient up for a machine.

    convolution: the forward one; its x is read, its w is not. grad: strides in elements of the gradient's images and of
    its channels (over all groups), the positions of which are dense; default: C order.
    ValueError if x is spread out: then exchange the roles of x and the gradient.
    """
    c = convolution
    if c.spread != (1, 1, 1):
        raise ValueError(f"weight gradient: x is spread out by {c.spread}; exchange the roles of x and the gradient")
    grad = grad or (c.groups * c.outputs * c.positions, c.positions)
    c = flattened(c)
    best: tuple[float, WeightGradientPlan] | None = None
    for lay in lays(c, machine):
        cost, plan = best_blocks(lay, machine, grad)
        if best is None or cost < best[0]:
            best = cost, plan
    assert best is not None
    return best[1]


def flattened(c: Convolution) -> Convolution:
    """The same sums over a single dimension of positions, if a kernel of one tap meets all of a dense x."""
    plain = c.taps == 1 and c.stride == (1, 1, 1) and c.padding == (0, 0, 0)
    _, h, w = c.spatial
    if not plain or c.x[4] != 1 or (h > 1 and c.x[3] != w) or (c.spatial[0] > 1 and c.x[2] != h * w):
        return c
    size = (1, 1, c.positions)
    return replace(c, spatial=size, output=size, x=(c.x[0], c.x[1], c.positions, c.positions, 1))


def lays(c: Convolution, machine: Machine) -> Iterator[Lay]:
    """The ways to lay positions out that are worth a thought."""
    lanes = machine.lanes(c.type)
    unit = lanes // gcd(c.positions, lanes)
    ways = ["rows", "planes"]
    if c.padding == (0, 0, 0) and c.stride[2] == 1 and c.x[4] == 1:
        ways.append("direct")
    if c.positions % lanes and c.positions < 16 * lanes and c.images > 1:
        ways.append("dense")
    for way in ways:
        seen = set()
        for target in POSITIONS:
            if way == "dense":
                images = min(ceil(target / (unit * c.positions)), ceil(c.images / unit)) * unit
                lay = Lay(c, lanes, way, images, c.output)
            else:
                lay = Lay(c, lanes, way, *_strip(c, target, lanes, way))
            if (lay.images, lay.strip) not in seen:
                seen.add((lay.images, lay.strip))
                yield lay


def _strip(c: Convolution, target: int, lanes: int, way: str) -> tuple[int, Triple]:
    """Images and strip that hold about `target` positions: whole rows, then whole depths, then whole images first."""
    d, h, w = c.output
    if way != "planes" and w > target + target // 2:
        return 1, (1, 1, ceil(ceil(w / ceil(w / target)) / lanes) * lanes)
    if h * w > target:
        return 1, (1, _even(h, target // w), w)
    if d * h * w > target:
        return 1, (_even(d, target // (h * w)), h, w)
    return _even(c.images, target // (d * h * w)), (d, h, w)


def _even(total: int, most: int) -> int:
    """The size of equal shares of a total that are not much above `most`."""
    return ceil(total / ceil(total / max(1, most)))


def _step(rows: float, columns: float, supply: float) -> float:
    """Cycles of one vector of positions in a register tile; supply: bytes that come from the second cache.

    Two multiply-adds, or two loads of which one in four crosses lines, a cycle; 20 bytes a cycle from the second cache.
    """
    return max(rows * columns / 2, (rows + columns) * 0.625, 4.0, supply / 20, (rows * columns + rows + columns + 3) / 3.5)


@lru_cache(4096)
def _split(lay: Lay, machine: Machine, grad: tuple[int, int], far: bool) -> tuple[float, Split]:
    """Cycles of one panel's tiles for all channels of one group, and the register tile that takes the fewest.

    far: whether the panel comes from the second cache.
    """
    c, size = lay.convolution, BITS[lay.convolution.type] // 8
    vector = lay.lanes * size
    taps = max(1, len(lay.taps))
    best = (float("inf"), Split(1, 1, 1, lay.way == "dense"))
    # Images a multiple of 2048 bytes apart lie on one or two of the first cache's sets.
    crowded = lay.images > 6 and grad[0] * size % 2048 == 0
    ways = [True] if lay.way == "dense" else [False, True] if crowded and lay.strip == c.output else [False]
    for row_tiles, copies in product(_sensible(c.outputs), ways):
        rows = ceil(c.outputs / row_tiles)
        if rows + 3 > machine.registers:
            continue
        even = c.outputs / row_tiles
        near = rows * lay.positions * size <= machine.l1 * 5 // 8 and (copies or not crowded)
        for channels, pieces in [(0, p) for p in _sensible(taps) if p > 1] + [(m, 1) for m in range(1, 9)]:
            if channels > c.inputs:
                break
            width = max(1, channels) * ceil(taps / pieces)
            if rows * width + min(rows, width) + 1 > machine.registers:
                continue
            columns = ceil(c.inputs / max(1, channels)) * pieces
            each = c.inputs * taps / columns
            supply = (0 if near else even * vector) + (_fresh(lay, each, pieces) * vector if far else 0)
            cost = lay.vectors * _step(even, each, supply) + lay.runs * 5 + 2.2 * even * each + 60
            cost = cost * columns * row_tiles + (gather_cycles(lay) if copies else 0)
            best = min(best, (cost, Split(row_tiles, channels, pieces, copies)), key=lambda pair: pair[0])
    return best


def gather_cycles(lay: Lay) -> float:
    """Cycles to copy the gradient of one panel, for all outputs of a group."""
    c = lay.convolution
    return c.outputs * lay.images * (5 + 3 * ceil(c.positions / lay.lanes))


def _sensible(total: int) -> list[int]:
    """Numbers of nearly equal shares of a total, one for each size of the largest."""
    return sorted({ceil(total / size) for size in range(1, min(total, 32) + 1)})


def _fresh(lay: Lay, taps: float, pieces: int) -> float:
    """Vectors of x that a tile of so many (channel, tap) reads for the first time at each step."""
    if lay.way == "dense" or lay.convolution.taps == 1:
        return taps
    c = lay.convolution
    planes = min(c.stride[1], c.kernel[1]) * (c.kernel[2] if lay.way == "planes" else min(c.stride[2], c.kernel[2]))
    return min(taps, taps / c.taps * planes if pieces == 1 else planes)


def best_blocks(lay: Lay, machine: Machine, grad: tuple[int, int]) -> tuple[float, WeightGradientPlan]:
    """The cheapest blocks and parts for a layout: cycles of the whole on a core, more where chunks are too few."""
    c, size = lay.convolution, BITS[lay.convolution.type] // 8
    budget = min(machine.l2 // 2, PANEL_BYTES) // size
    channel = 0 if lay.way == "direct" else lay.panel(1).strides["all"]
    whole = c.inputs * max(channel, lay.positions) * size
    cycles, split = _split(lay, machine, grad, whole > machine.l1 // 2)
    columns = ceil(c.inputs / max(1, split.channels))
    weights = c.groups * c.outputs * c.inputs * c.taps
    wanted = 1 if c.flops < SMALL else CHUNKS if c.flops > 2000 * SMALL else CHUNKS // 2
    tiles = c.groups * lay.panels * cycles
    copy = c.groups * lay.panels * c.inputs * _copy_cycles(lay)
    gradient = c.groups * c.outputs * c.images * c.positions
    # The third cache, or memory, gives about 15 bytes a cycle, of which a part is hidden behind other work.
    read = gradient * size / 30
    x = c.groups * c.inputs * c.images * prod(c.spatial) * size / 20
    if split.copies:
        tiles -= c.groups * lay.panels * gather_cycles(lay)
        read += c.groups * lay.panels * gather_cycles(lay)
    best: tuple[tuple[bool, float], WeightGradientPlan] | None = None
    for group_blocks in _counts(c.groups, 4 * CHUNKS):
        for row_blocks in _counts(split.row_tiles, CHUNKS):
            for column_blocks in _counts(columns, 4 * CHUNKS):
                blocks = group_blocks * row_blocks * column_blocks
                for parts in _counts(lay.panels, 2 * CHUNKS):
                    chunks = blocks * parts
                    if chunks > 4 * CHUNKS and parts > 1:
                        break
                    plan = WeightGradientPlan(
                        c, machine, grad, lay, split.row_tiles, split.channels, split.pieces, split.copies,
                        group_blocks, row_blocks, column_blocks, parts,
                    )  # fmt: skip
                    used = plan.most_inputs * channel
                    cost = tiles + copy * row_blocks + read * column_blocks
                    cost += weights * (parts * 0.5 if parts > 1 else 0.2)
                    if lay.way == "direct":
                        cost += x * row_blocks
                        if plan.most_inputs * lay.positions > budget:
                            cost += x * ceil(split.row_tiles / row_blocks)
                    if wanted > 1:
                        cost *= (ceil(chunks / 2) + 2 * ceil(chunks / 4)) / chunks
                        cost *= 1 + 0.5 * max(0.0, 1 - chunks / wanted)
                    cost *= 1 + 0.002 * chunks / wanted
                    key = (max(0, used - budget), cost)
                    if best is None or key < best[0]:
                        best = key, plan
    assert best is not None
    excess, cost = best[0]
    return cost + 1e3 * excess * lay.panels, best[1]


def _counts(total: int, most: int) -> list[int]:
    """1, 2, 3, 4, 6, 8, 12, ... up to a total."""
    return sorted({n for i in range(20) for n in (1 << i, 3 << i) if n <= min(total, most)} | ({total} if total <= most else set()))


def _copy_cycles(lay: Lay) -> float:
    """Cycles to copy one channel into a panel."""
    if lay.way == "direct":
        return 0.0
    c, panel = lay.convolution, lay.panel(1)
    width = lay.strip[2] + panel.axes[2].reach
    if c.x[4] == 1 and c.stride[2] <= 4:
        each = 6 + ceil(width / lay.lanes) * (2.5 * c.stride[2])
    else:
        each = 10 + 1.5 * width
    return panel_rows(panel) * lay.images * each


__all__ = ["Lay", "WeightGradientPlan", "largest_block", "plan_weight_gradient", "shares"]

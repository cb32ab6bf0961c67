"""How a weight gradient is cut up: register tiles, panels of positions, partial results, chunks.

A pure function of the machine, shapes and strides. A chunk is some groups x a block of output channels x a block of
input channels x one part of the positions, which it takes panel by panel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import ceil, prod

from ..gemm.tiling import CHUNKS, SMALL
from ..machine import Machine
from ..text import BITS
from .geometry import Convolution
from .panels import panel_rows
from .weight_gradient_layout import Lay, flattened, lays

PANEL_BYTES = 1 << 20
"""Most bytes of thread-private scratch for a chunk's panels; half of the second cache where that is less."""

FAR_BYTES = 10
"""Bytes of a cycle from the third cache, or memory: 15 are measured where nothing else is done."""


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


@lru_cache(4096)
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


def _step(rows: float, columns: float, loads: float, supply: float) -> float:
    """Cycles of one vector of positions in a register tile.

    Two multiply-adds a cycle. loads: lines read, which take 0.7 cycles each (measured: a tile of 3 x 9 whose vectors all
    cross lines takes 17 cycles), one where some come from the second cache. supply: bytes from there, 24 in a cycle.
    """
    instructions = (rows * columns + rows + columns + 3) / 3.5
    return max(rows * columns / 2, loads * (1.0 if supply else 0.7), 4.0, supply / 24, instructions)


def _crossing(lay: Lay, grad: tuple[int, int], copies: bool) -> tuple[float, float]:
    """Lines that a vector of the gradient and one of x touch, on average."""
    c, lanes = lay.convolution, lay.lanes
    more = lanes * BITS[c.type] // 8 / 64
    _, h, w = c.output
    if lay.way == "dense":
        return 1.0, 1.0
    (length, *_), runs = lay.lengths, [dim for dim, n in enumerate(lay.strip[: 3 - lay.run_dims]) if n > 1]
    steps = [(h * w, w)[dim] for dim in runs] + ([c.positions if copies else grad[0]] if lay.images > 1 else [])
    rough = any(step % lanes for step in (*steps, 0 if copies else grad[1]))
    rough |= bool(lay.panels > lay.image_blocks and length % lanes)
    if lay.way == "direct":
        strides = [c.x[1], c.x[0] * (lay.images > 1), *(c.x[2 + dim] * c.stride[dim] for dim in runs)]
    else:
        kinds = lay.panel(1).strides
        strides = [kinds["channel"], *(kinds[("depth", "row")[dim]] for dim in runs)]
    if any(stride % lanes for stride in strides):
        return 1 + more * rough, 1 + more
    return 1 + more * rough, 1 + more * sum(offset % lanes > 0 for _, offset in lay.taps) / max(1, len(lay.taps))


@lru_cache(4096)
def _split(lay: Lay, machine: Machine, grad: tuple[int, int], far: bool) -> tuple[float, Split]:
    """Cycles of one panel's tiles for all channels of one group, and the register tile that takes the fewest.

    far: whether the panel comes from the second cache.
    """
    c, size = lay.convolution, BITS[lay.convolution.type] // 8
    vector = lay.lanes * size
    vectors, runs, positions = lay.vectors, lay.runs, lay.positions
    taps = max(1, len(lay.taps))
    best = (float("inf"), Split(1, 1, 1, lay.way == "dense"))
    # Images a multiple of 2048 bytes apart lie on one or two of the first cache's sets.
    crowded = lay.images > 6 and grad[0] * size % 2048 == 0
    ways = [True] if lay.way == "dense" else [False, True] if crowded and lay.strip == c.output else [False]
    lines = {copies: _crossing(lay, grad, copies) for copies in ways}
    columns = []
    for channels, pieces in [(0, p) for p in _cuts(lay)] + [(m, 1) for m in range(1, min(c.inputs, 8) + 1)]:
        tiles = ceil(c.inputs / max(1, channels)) * pieces
        each = c.inputs * taps / tiles
        width = max(1, channels) * ceil(taps / pieces)
        columns.append((channels, pieces, tiles, each, width, _fresh(lay, each, pieces)))
    for row_tiles, copies in product(_sensible(c.outputs), ways):
        rows, even = ceil(c.outputs / row_tiles), c.outputs / row_tiles
        row_lines, tap_lines = lines[copies]
        for channels, pieces, tiles, each, width, fresh in columns:
            if rows * width + min(rows, width) + 1 > machine.registers:
                continue
            near = (even + fresh) * positions * size <= machine.l1 * 0.95 and (copies or not crowded)
            supply = (0 if near else even * vector) + (fresh * vector if far else 0)
            loads = even * row_lines + each * tap_lines
            cost = vectors * _step(even, each, loads, supply) + runs * 5 + 1.8 * even * each + 30
            cost = cost * tiles * row_tiles + (_gather_cycles(lay) if copies else 0)
            if cost < best[0]:
                best = cost, Split(row_tiles, channels, pieces, copies)
    return best


def _gather_cycles(lay: Lay) -> float:
    """Cycles to copy the gradient of one panel, for all outputs of a group."""
    c = lay.convolution
    return c.outputs * lay.images * (5 + 3 * ceil(c.positions / lay.lanes))


def _sensible(total: int) -> list[int]:
    """Numbers of nearly equal shares of a total, one for each size of the largest."""
    return sorted({ceil(total / size) for size in range(1, min(total, 30) + 1)})


def _cuts(lay: Lay) -> list[int]:
    """In how many pieces the taps may be cut: few, or as many for every row of taps, since each piece that differs from
    the others needs a micro-kernel of its own."""
    taps = len(lay.taps)
    rows = max(1, len({tap[:2] for tap, _ in lay.taps}))
    found = {p for p in _sensible(taps) if p <= 4} | {rows * p for p in _sensible(taps // rows)}
    return sorted(p for p in found if p > 1)


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
    channel = lay.positions if lay.way == "direct" else lay.panel(1).strides["all"]
    cycles, split = _split(lay, machine, grad, c.inputs * channel * size > machine.l1 // 2)
    columns = ceil(c.inputs / max(1, split.channels))
    wanted = 1 if c.flops < SMALL else CHUNKS if c.flops > 2000 * SMALL else CHUNKS // 2
    # Everything below is for all panels, of which the last may have fewer images.
    panels = c.groups * lay.panels * c.images / (lay.image_blocks * lay.images)
    tiles, copy = panels * cycles, panels * c.inputs * _copy_cycles(lay)
    read = c.groups * c.outputs * c.images * c.positions * size / FAR_BYTES
    x = c.groups * c.inputs * c.images * prod(c.spatial) * size / FAR_BYTES
    if split.copies:
        gather = panels * _gather_cycles(lay)
        tiles, read = tiles - gather, read + gather
    weights = c.groups * c.outputs * c.inputs * c.taps
    best = (0, float("inf")), (1, 1, 1, 1)
    for row_blocks, column_blocks in product(_counts(split.row_tiles, CHUNKS), _counts(columns, 4 * CHUNKS)):
        inputs = largest_block(c.inputs, columns, column_blocks)
        excess = max(0, inputs * channel - budget)
        base = tiles + read * column_blocks
        if lay.way == "direct":
            # What does not stay in the second cache is read again for every row tile.
            base += x * (split.row_tiles if excess else row_blocks)
            excess = 0
        else:
            base += copy * row_blocks
        for group_blocks, parts in product(_counts(c.groups, 4 * CHUNKS), _counts(lay.panels, 2 * CHUNKS)):
            chunks = group_blocks * row_blocks * column_blocks * parts
            if chunks > 4 * CHUNKS and group_blocks * parts > 1:
                continue
            cost = base + weights * (parts * 0.5 if parts > 1 else 0.2)
            if wanted > 1:
                cost *= (ceil(chunks / 2) + 2 * ceil(chunks / 4)) / chunks
                cost *= 1 + 0.5 * max(0.0, 1 - chunks / wanted)
            cost *= 1 + 0.002 * chunks / wanted
            best = min(best, ((excess, cost), (group_blocks, row_blocks, column_blocks, parts)))
    (excess, cost), blocks = best
    plan = WeightGradientPlan(
        c, machine, grad, lay, split.row_tiles, split.channels, split.pieces, split.copies, *blocks
    )
    return cost + 1e3 * excess * lay.panels, plan


@lru_cache(1024)
def _counts(total: int, most: int) -> list[int]:
    """1, 2, 3, 4, 6, 8, 12, ... up to a total."""
    most = min(total, most)
    found = {n for i in range(most.bit_length()) for n in (1 << i, 3 << i) if n <= most}
    return sorted(found | {most} if total == most else found)


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

"""How a convolution is cut up: a pure function of the machine and of the shapes and strides.

Units of work are a few images, or a strip of one image's places, times output channels (a share of the groups, or of the
row tiles of a group). A unit packs its panel, group after group, and computes from it by register tiles of `rows` output
channels and `vectors` vectors of places. Units are dealt out in chunks, what threads share.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, prod

from ..gemm.tiling import CHUNKS, SMALL, Plan, Product, fits, pieces, plan_tiles, register_tile, steps
from ..machine import Machine
from ..text import BITS
from .geometry import Convolution, Triple
from .micro_kernel import FETCHED, STACKED
from .panels import Panel, copies_written_out, panel_rows
from .weights import copies_weights

MOST_BYTES = 1 << 20
"""Most bytes of stack for a panel, and for unfinished sums."""

ALONE = 16_000
"""Cycles up to which a convolution is cut up for one thread: two would need as long to meet as they gain."""


@dataclass(frozen=True)
class ConvPlan:
    """A convolution cut up.

    product: if not None, the convolution is this matrix product over x as it lies, and nothing below matters.
    panel: its layout; its `strip`, `images` and `channels` are the most that a unit has. blocks: units along images, and
    along each dimension of places. channel_blocks: parts of the input channels whose sums are put together in scratch.
    group_blocks, row_blocks: units along groups, and along the row tiles of a group. Row tile i of a group begins at
    channel i * outputs // row_tiles. vectors: of places in a register tile. stacked: they lie one below the other, in
    strips of equal height.
    """

    convolution: Convolution
    machine: Machine
    panel: Panel
    image_blocks: int
    strips: Triple
    channel_blocks: int
    group_blocks: int
    row_blocks: int
    row_tiles: int
    vectors: int
    stacked: bool = False
    product: Plan | None = None

    @property
    def lanes(self) -> int:
        return self.panel.lanes

    @property
    def rows(self) -> int:
        """Output channels of the largest row tile."""
        return ceil(self.convolution.outputs / self.row_tiles)

    @property
    def slots(self) -> int:
        """Vectors of places that a unit has at most."""
        return slots_of(self.panel)

    @property
    def tiles(self) -> int:
        """Tiles that a unit's vectors of places make at most."""
        return ceil(self.slots / self.vectors)

    @property
    def rest(self) -> int:
        """Vectors of a tile that is not whole, 0 if all are."""
        return (self.panel.strip[1] if self.stacked else self.slots) % self.vectors

    @property
    def copies(self) -> bool:
        """Whether each row tile's weights are copied to the stack."""
        return copies_weights(self.panel, self.rows, self.slots)

    @property
    def brought(self) -> int:
        """Elements of the next row tile's weights that each input channel of a tile brings nearer, 0 for none: as
        `gemm.tiling.Plan.brought`. With many taps the machine keeps up with it: a row of weights is long."""
        c, size = self.convolution, BITS[self.convolution.type] // 8
        together = c.w[1] == c.inputs * c.taps and c.w[2] == c.taps
        if self.assembled or self.stacked or not together or self.row_tiles == 1 or c.inputs < 16 or c.taps > FETCHED:
            return 0
        far = c.groups * c.outputs * c.inputs * c.taps * size > self.machine.l2 // 4
        return ceil(self.rows * c.taps / self.tiles) if far else 0

    @property
    def assembled(self) -> bool:
        """Whether sums go through memory, where they are put together, before they are finished."""
        return len(self.panel.phases) > 1 or self.panel.expanded == 3 or self.channel_blocks > 1

    @property
    def units(self) -> int:
        return self.image_blocks * prod(self.strips) * self.group_blocks * self.row_blocks

    @property
    def chunks(self) -> int:
        if self.product is not None:
            return self.product.chunks
        return pieces(self.units, self.flops)

    @property
    def flops(self) -> int:
        return self.convolution.flops


def slots_of(panel: Panel) -> int:
    """Vectors that cover the places of a panel: each run of dense places begins with a new one."""
    d, h, w = panel.strip
    if panel.expanded == 3:
        return ceil(panel.images * d * h * w / panel.lanes)
    if panel.expanded in (1, 2):
        return panel.images * d * ceil(h * w / panel.lanes)
    return panel.images * d * h * ceil(w / panel.lanes)


@lru_cache(4096)
def place_tile(rows: int, slots: int, terms: int, machine: Machine) -> tuple[float, int, int]:
    """Cycles, row tiles and vectors of a tile that take the fewest cycles for so many output channels, vectors of places
    and terms of each sum."""
    best = (float("inf"), 1, 1)
    for vectors in range(1, min(8, slots) + 1):
        whole, rest = divmod(slots, vectors)
        most = max(r for r in range(1, machine.registers) if fits(r, vectors, machine))
        for tiles in range(ceil(rows / most), min(rows, ceil(rows / most) + 4) + 1):
            even = rows / tiles
            each = 40 + 3 * even * vectors
            cost = whole * (terms * steps(even, vectors) + each)
            cost += (rest > 0) * (terms * steps(even, rest) + 40 + 3 * even * rest)
            best = min(best, (tiles * cost, tiles, vectors))
    return best


def stack_tile(plan: ConvPlan) -> ConvPlan | None:
    """The plan with its vectors of places one below the other, for few output channels; None where that is no use."""
    c, panel, machine = plan.convolution, plan.panel, plan.machine
    if c.outputs > 2 or panel.expanded or plan.assembled or panel.axes[1].places % plan.strips[1]:
        return None
    if machine.registers < 32 or panel.strip[1] == 1 or c.taps > 49 or c.taps < 2:
        return None
    taps = c.outputs * c.taps
    most = (STACKED - taps if taps <= STACKED // 2 else STACKED - 3) // c.outputs
    high = panel.strip[1]
    vectors = ceil(high / ceil(high / most))
    return replace(plan, row_tiles=1, vectors=vectors, stacked=True)


def pack_cost(panel: Panel, l1: int) -> float:
    """Cycles to fill a panel."""
    w = panel.axes[2]
    width = panel.strip[2] + w.reach
    vectors = ceil(width / panel.lanes)
    rows = panel_rows(panel) * panel.channels * panel.images
    size = panel.size * BITS[panel.convolution.type] // 8
    # What does not stay in the first cache is written to the second.
    cost = size / 20 if size > l1 // 2 else 0.0
    whole_rows, whole_planes = copies_written_out(panel)
    if whole_rows:
        return cost + rows * ((0.5 if whole_planes else 3.0) + 1.8 * w.step * vectors)
    x = panel.convolution.x
    each = 1.0 * vectors if x[4] == w.step == 1 else 0.7 * width if x[1] == 1 else 1.5 * width
    return cost + rows * (15 + each)


def unit_cost(plan: ConvPlan) -> float:
    """Cycles of one unit, of one of its groups."""
    c, panel, machine = plan.convolution, plan.panel, plan.machine
    size = BITS[c.type] // 8
    blocks = plan.channel_blocks
    share = plan.row_blocks
    rows = c.outputs / share
    cost = blocks * (40 + pack_cost(panel, machine.l1))
    for phase in panel.phases:
        terms = panel.channels * len(panel.taps(phase))
        compute = blocks * place_tile(c.outputs, plan.slots, terms, machine)[0] / share
        if plan.stacked:
            compute = plan.slots * (c.outputs * terms / 2 + 3) + 40 * plan.slots / plan.vectors
        # The panel passes by once for each row tile: from the first cache, or from the second.
        if panel.size * size > machine.l1 // 2:
            compute = max(compute, blocks * plan.row_tiles / share * panel.size * size / 25)
        cost += compute
    if plan.assembled:
        cost += rows * plan.slots * len(panel.phases) * (4 + 4 * blocks)
    if plan.copies:
        cost += 1.2 * rows * c.inputs * c.taps
    elif len(panel.phases) > 1:
        cost *= 1.05
    weights = rows * c.inputs * c.taps * size
    return cost + weights / (12 if c.groups * c.outputs * c.inputs * c.taps * size > machine.l2 // 2 else 60)


def cycles(plan: ConvPlan) -> float:
    """Cycles of all units."""
    return plan.image_blocks * prod(plan.strips) * plan.row_blocks * plan.convolution.groups * unit_cost(plan)


def total_cost(plan: ConvPlan) -> float:
    """Cycles of all units, and what too few or uneven chunks cost."""
    cost = cycles(plan)
    if plan.flops < SMALL or cost < ALONE:
        return cost
    wanted = CHUNKS if plan.flops > 2000 * SMALL else CHUNKS // 2
    chunks = min(plan.units, 4 * CHUNKS)
    cost *= (ceil(chunks / 2) + 2 * ceil(chunks / 4)) / chunks
    return cost * (1 + max(0.0, 1 - chunks / wanted))


def _sizes(total: int) -> list[int]:
    """Numbers of parts with different largest parts; of many large ones, some."""
    found, parts, last = [], 1, 2 * total
    while True:
        largest = ceil(total / parts)
        if largest <= 8 or largest <= 0.9 * last:
            found.append(parts)
            last = largest
        if largest <= 1:
            return found
        parts = (total - 1) // (largest - 1) + 1


def _regions(c: Convolution, lanes: int, expanded: int) -> Iterator[tuple[int, Triple]]:
    """Image blocks and strips to choose from, larger regions first."""
    axes = Panel(c, lanes, expanded, 1, 1, (1, 1, 1)).axes
    for blocks in _sizes(c.images):
        yield blocks, (1, 1, 1)
    if expanded == 3:
        return
    for depths in _sizes(axes[0].places)[1:]:
        yield c.images, (depths, 1, 1)
    for rows in _sizes(axes[1].places)[1:]:
        yield c.images, (axes[0].places, rows, 1)
    if expanded == 0:
        for pieces in _sizes(ceil(axes[2].places / lanes))[1:]:
            yield c.images, (axes[0].places, axes[1].places, pieces)


def _plan(c: Convolution, machine: Machine, expanded: int, blocks: int, strips: Triple) -> ConvPlan | None:
    """The plan for a region, or None if it needs too much memory and is not the smallest."""
    lanes, size = machine.lanes(c.type), BITS[c.type] // 8
    budget = min(machine.l2 // 2, MOST_BYTES)
    axes = Panel(c, lanes, expanded, 1, 1, (1, 1, 1)).axes
    d, h = (ceil(a.places / n) for a, n in zip(axes[:2], strips))
    w = axes[2].places if strips[2] == 1 else ceil(ceil(axes[2].places / lanes) / strips[2]) * lanes
    panel = Panel(c, lanes, expanded, ceil(c.images / blocks), c.inputs, (d, h, w))
    channel_blocks = 1
    if panel.size * size > budget:
        channel_blocks = ceil(panel.size * size / budget)
        if channel_blocks > c.inputs:
            return None
        panel = replace(panel, channels=ceil(c.inputs / channel_blocks))
        if panel.size * size > 2 * budget:
            return None
    terms = max(len(panel.taps(p)) for p in panel.phases) * panel.channels
    _, row_tiles, vectors = place_tile(c.outputs, slots_of(panel), terms, machine)
    plan = ConvPlan(c, machine, panel, blocks, strips, channel_blocks, 1, 1, row_tiles, vectors)
    if plan.assembled and _sums(plan) * size > budget:
        if channel_blocks == 1:
            return None
        shares = ceil(_sums(plan) * size / budget)
        tiles = ceil(row_tiles / shares) * shares
        plan = replace(plan, row_blocks=shares, row_tiles=tiles)
        if tiles > c.outputs or _sums(plan) * size > budget:
            return None
    return plan


def _sums(plan: ConvPlan) -> int:
    """Elements of scratch for the sums of a unit that are put together in memory."""
    each = plan.tiles * plan.vectors * plan.lanes * plan.rows * len(plan.panel.phases)
    return each * (plan.row_tiles // plan.row_blocks if plan.channel_blocks > 1 else 1)


def _shared(plan: ConvPlan) -> Iterator[ConvPlan]:
    """The plan with its groups or row tiles shared out, too."""
    c = plan.convolution
    plan = stack_tile(plan) or plan
    yield plan
    for groups in _sizes(min(c.groups, CHUNKS))[1:]:
        yield replace(plan, group_blocks=groups)
    if c.groups == 1:
        for blocks in range(plan.row_blocks + 1, min(plan.row_tiles, CHUNKS) + 1):
            tiles = ceil(plan.row_tiles / blocks) * blocks
            if tiles <= c.outputs:
                yield replace(plan, row_blocks=blocks, row_tiles=tiles)


def pointwise_product(c: Convolution, machine: Machine) -> Plan | None:
    """A convolution by single weights over x as it lies, as a matrix product for each image; None if it is not one."""
    sizes = list(zip(c.spatial, c.x[2:]))
    dense = all(n == 1 or stride == prod(c.spatial[dim + 1 :]) for dim, (n, stride) in enumerate(sizes))
    if c.taps > 1 or any(s != 1 for s in c.stride + c.spread) or any(c.padding) or c.output != c.spatial or not dense:
        return None
    batch, a, b = (c.images,), (0,), (c.x[0],)
    if c.groups > 1:
        batch, a, b = (c.images, c.groups), (0, c.w[0]), (c.x[0], c.inputs * c.x[1])
    product = Product(c.outputs, c.positions, c.inputs, batch, c.type, (*a, *c.w[1:]), (*b, c.x[1], 1))
    return replace(plan_tiles(product, machine), packs_b=False, k_block=max(1, c.inputs), pack_splits=1)


def _upright(c: Convolution) -> Convolution:
    """The same convolution with its long dimensions last: columns of width 1 become rows."""
    for low, high in ((1, 2), (0, 1), (1, 2)):
        if c.spatial[high] == c.output[high] == c.kernel[high] == 1 and c.padding[high] == 0:
            order = [0, 1, 2]
            order[low], order[high] = high, low
            names = ("spatial", "output", "kernel", "stride", "padding", "dilation", "spread")
            turned = {name: tuple(getattr(c, name)[i] for i in order) for name in names}
            c = replace(c, x=(*c.x[:2], *(c.x[2 + i] for i in order)), **turned)
    return c


@lru_cache(1024)
def plan_convolution(convolution: Convolution, machine: Machine) -> ConvPlan:
    """Cut a convolution up for a machine: the way, the region and the tiles that should take the fewest cycles."""
    c, lanes = _upright(convolution), machine.lanes(convolution.type)
    best: tuple[float, ConvPlan] | None = None
    far = c.dilation[1] * (c.kernel[1] > 1) > 2
    for expanded in (1, 0, 3, 2) if far else (1, 0, 3):
        for blocks, strips in _regions(c, lanes, expanded):
            plan = _plan(c, machine, expanded, blocks, strips)
            if plan is None:
                continue
            for shared in _shared(plan):
                cost = total_cost(shared)
                if best is None or cost < best[0]:
                    best = cost, shared
    if best is None:
        raise ValueError(f"convolution: no panel of {c} fits into {MOST_BYTES} bytes")
    product = pointwise_product(c, machine)
    if product is not None:
        each = register_tile(c.outputs, c.positions, c.inputs, lanes, machine)[0]
        if c.images * c.groups * each <= best[0]:
            return replace(best[1], product=product)
    return best[1]

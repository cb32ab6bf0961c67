"""How a convolution of images whose channels lie side by side is cut up: a pure function of the machine and the shapes.

Rows of a register tile are positions of the result (pixels, counted through all images), its lanes are output channels.
Weights are packed as [group][panel of vectors][tap][input channel][lanes]; the input is read where it lies. Units of work
are a strip of tiles times a share of the panels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, prod

from ..gemm.tiling import CHUNKS, SMALL, Plan, Product, fits, pieces, plan_product, steps
from ..machine import Machine
from ..text import BITS
from .geometry import Convolution

ROWS = 12
"""Most pixels of a tile: each has its own pointer, for which there are not more registers."""

JOINED = 16
"""Most channels of pixels whose taps are joined to runs."""

FEW = 256
"""Pixels up to which large weights are packed block by block: beforehand they would be written to memory and read again."""

STRIP = 16
"""Most tiles of a strip, whose places and unfinished sums lie on the stack."""

MOST_TAPS = 400

PACKING = 1.1
"""Cycles for each element of packed weights."""

MOST_TABLE = 256 << 10
"""Most bytes of stack for the places of a strip."""


@dataclass(frozen=True)
class PixelPlan:
    """A convolution cut up.

    product: if not None, the convolution is this matrix product of pixels with the weights as they lie, and nothing below
    matters. Tile i begins at pixel i * pixels // tiles, panel i of a group at vector i * vectors // panels; both have
    one of two sizes. joined: taps beside each other in a row are one run of memory, of which pixels that lack some read
    copies with zeros. lines_each, steps_each: how much of the sums is done at a time, whole runs or, where one alone is
    more than the first cache holds, a part of it. depthwise: each channel is convolved by itself; `convolution` says as many
    input as output channels in one group. fresh: each block of weights is packed on the stack right before all tiles use
    it, not all of them beforehand.
    """

    convolution: Convolution
    machine: Machine
    tiles: int
    panels: int
    strips: int
    column_blocks: int
    joined: bool
    lines_each: int
    steps_each: int
    product: Plan | None = None
    depthwise: bool = False
    fresh: bool = False

    @property
    def inputs(self) -> int:
        """Input channels that an output channel is a sum over."""
        return 1 if self.depthwise else self.convolution.inputs

    @property
    def lanes(self) -> int:
        return self.machine.lanes(self.convolution.type)

    @property
    def pixels(self) -> int:
        return self.convolution.images * self.convolution.positions

    @property
    def rows(self) -> int:
        """Pixels of the largest tile."""
        return ceil(self.pixels / self.tiles)

    @property
    def row_sizes(self) -> list[int]:
        """The numbers of pixels of tiles that occur: at most two."""
        return sorted({self.rows, self.pixels // self.tiles}, reverse=True)

    @property
    def all_vectors(self) -> int:
        """Vectors that cover the output channels of a group."""
        return ceil(self.convolution.outputs / self.lanes)

    @property
    def tail(self) -> int:
        """Channels in a group's last vector if it is not whole, else 0."""
        return self.convolution.outputs % self.lanes

    @property
    def vectors(self) -> int:
        """Vectors of the widest panel."""
        return ceil(self.all_vectors / self.panels)

    @property
    def widths(self) -> list[int]:
        """The numbers of vectors of panels that occur: at most two."""
        return sorted({self.vectors, self.all_vectors // self.panels}, reverse=True)

    @property
    def run(self) -> int:
        """Elements of x beside each other that a line of weights meets."""
        return self.convolution.inputs * (self.convolution.kernel[2] if self.joined else 1)

    @property
    def lines(self) -> int:
        """Runs that a pixel meets."""
        return self.convolution.taps // (self.convolution.kernel[2] if self.joined else 1)

    @property
    def line_blocks(self) -> int:
        return ceil(self.lines / self.lines_each)

    @property
    def step_blocks(self) -> int:
        return ceil(self.run / self.steps_each)

    @property
    def blocks(self) -> int:
        return self.line_blocks * self.step_blocks

    @property
    def strip(self) -> int:
        """Tiles of the longest strip."""
        return ceil(self.tiles / self.strips)

    @property
    def packed_each(self) -> int:
        """Elements of the packed weights of one vector of output channels."""
        return self.lanes * self.convolution.taps * self.inputs

    @property
    def packed(self) -> int:
        """Elements of scratch for packed weights."""
        if self.product is not None:
            return self.product.packed
        return 0 if self.fresh else self.convolution.groups * self.all_vectors * self.packed_each

    @property
    def pack_chunks(self) -> int:
        return self.product.pack_chunks if self.product is not None else self.convolution.groups * self.all_vectors

    @property
    def units(self) -> int:
        return self.strips * self.column_blocks

    @property
    def chunks(self) -> int:
        if self.product is not None:
            return self.product.chunks
        return pieces(self.units, self.flops)

    @property
    def flops(self) -> int:
        return self.convolution.flops // (self.convolution.inputs if self.depthwise else 1)


def is_dense(c: Convolution) -> bool:
    """Whether the positions of an image follow one another without gaps."""
    sizes = list(zip(c.spatial, c.x[2:]))
    return all(n == 1 or stride == prod(c.spatial[dim + 1 :]) * c.x[4] for dim, (n, stride) in enumerate(sizes))


def pixel_product(c: Convolution, machine: Machine) -> Plan | None:
    """A convolution by single weights as a product of pixels with weights for each image; None if it is not one."""
    if c.taps > 1 or any(s != 1 for s in c.stride) or any(c.padding) or c.output != c.spatial or c.groups > 1:
        return None
    if not is_dense(c):
        return None
    pixels, images = c.positions, (c.images,)
    if pixels == 1 or c.x[0] == pixels * c.x[4]:
        pixels, images = pixels * c.images, ()
    step = c.x[4] if c.positions > 1 else c.x[0]
    a = (*(c.x[0],) * len(images), step, 1)
    b = (*(0,) * len(images), c.w[2], c.w[1])
    return plan_product(Product(pixels, c.outputs, c.inputs, images, c.type, a, b), machine)


def pixel_tile(pixels: int, vectors: int, terms: int, machine: Machine) -> tuple[float, int, int]:
    """Cycles, tiles and panels that take the fewest cycles for so many pixels, vectors and terms of each sum."""
    best = (float("inf"), 1, 1)
    most = min(ROWS, pixels)
    for wide in range(1, min(8, vectors) + 1):
        panels = ceil(vectors / wide)
        for rows in range(1, most + 1):
            if not fits(rows, ceil(vectors / panels), machine):
                break
            tiles = ceil(pixels / rows)
            even, across = pixels / tiles, vectors / panels
            cost = tiles * panels * (terms * steps(even, ceil(across)) + 60 + 5 * even * across)
            best = min(best, (cost, tiles, panels))
    return best


@lru_cache(1024)
def plan_pixels(c: Convolution, machine: Machine) -> PixelPlan | None:
    """Cut a convolution up for a machine; None where its channels are apart, or the input is read as if spread out."""
    if c.x[1] != 1 or c.spread != (1, 1, 1) or c.taps > MOST_TAPS:
        return None
    lanes, size, depthwise = machine.lanes(c.type), BITS[c.type] // 8, c.inputs == c.outputs == 1 < c.groups
    fresh = (
        c.images * c.positions <= FEW
        and c.groups * c.outputs * c.inputs * c.taps * size >= machine.l2 // 8
        and (c.apart == c.inputs or c.taps == 1)
        and c.w[2] == 1
        and not c.turned
        and not depthwise
    )
    product = None if fresh else pixel_product(c, machine)
    if product is not None:
        return PixelPlan(c, machine, 1, 1, 1, 1, False, 1, c.inputs, product)
    if depthwise:
        c = replace(c, groups=1, inputs=c.groups, outputs=c.groups, w=(0, c.w[0], 1))
    pixels, vectors = c.images * c.positions, ceil(c.outputs / lanes)
    _, tiles, panels = pixel_tile(pixels, vectors, c.taps * (1 if depthwise else c.inputs), machine)
    joined = (
        not fresh
        and c.dilation[2] == 1
        and c.kernel[2] > 1
        and c.x[4] == c.inputs <= JOINED
        and c.groups == 1
        and not depthwise
    )
    run, lines = (c.inputs * c.kernel[2], c.taps // c.kernel[2]) if joined else (c.inputs, c.taps)
    lines_each, steps_each, each = lines, run, ceil(vectors / panels) * lanes * size
    if fresh or not depthwise and lines * run * each > machine.l2 // 2:
        most = max(16, machine.l1 * 5 // 8 // each)
        lines_each, steps_each = min(lines, max(1, most // run)), ceil(run / ceil(run / most))
    strip = max(1, min(tiles if fresh else STRIP, MOST_TABLE // (8 * (ceil(pixels / tiles) + 1) * c.taps)))
    strips, flops = ceil(tiles / strip), 2 * pixels * c.groups * c.outputs * c.taps * (1 if depthwise else c.inputs)
    wanted = CHUNKS if flops > 2000 * SMALL else CHUNKS // 2
    column_blocks = 1
    if flops >= SMALL and strips < wanted:
        column_blocks = min(c.groups * panels, ceil(wanted / strips))
        if strips * column_blocks < wanted and not fresh:
            strips = min(tiles, ceil(wanted / column_blocks))
    return PixelPlan(
        c, machine, tiles, panels, strips, column_blocks, joined, lines_each, steps_each, None, depthwise, fresh
    )


def pixel_cycles(plan: PixelPlan) -> float:
    """Cycles of packing the weights and of all units."""
    c = plan.convolution
    if plan.product is not None:
        p = plan.product
        terms = p.product.k * steps(p.product.m / p.row_tiles, p.vectors) + 60
        return p.batches * p.row_tiles * p.panels * terms + 0.75 * p.packed
    even = plan.pixels / plan.tiles
    each = steps(even, plan.vectors) if not plan.depthwise else 0.8 * even * plan.vectors
    tile = plan.inputs * c.taps * each + plan.blocks * (40 + 4 * even * plan.vectors)
    places = plan.tiles * plan.column_blocks * plan.lines * even * 3
    packing = (
        0.4 * c.groups * plan.all_vectors * plan.packed_each * plan.strips if plan.fresh else PACKING * plan.packed
    )
    return c.groups * plan.panels * plan.tiles * tile + places + packing

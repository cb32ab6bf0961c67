"""How a 3x3 convolution is cut up for Winograd's F(2x2, 3x3): a pure function of the machine, the shapes and the strides.

Two by two positions of the result, a *tile*, need four by four of x. With 4x4 transforms of x and of w, sixteen products
for each pair of channels give what takes 36 directly (Lavin and Gray, 2015, arXiv 1509.09308):

    result = A^T [ (G w G^T) * (B^T x B) ] A,    * elementwise, summed over the input channels

that is, for each of the 16 places, a matrix product (outputs, inputs) x (inputs, tiles). Tile rows are numbered through
all images, and through their *strips* where a row of an image is too long; a *block* is some of them in succession, and its
tiles are the lanes. Transformed input V and products M of a
block are scratch of the thread that computes it; transformed weights U are packed beforehand, by another kernel.

Error. With u the unit roundoff (6e-8 in float32) and S the sum over the input channels of (sum of |x| over the tile's 4x4
elements) * (sum of |w| over the 3x3 taps): |error| <= 4 (inputs + 12) u S. Rounding errors are not all of one sign: with
standard normal data and 512 channels the largest was 9e-7 of the largest result, where a direct sum's was 1.9e-6 (its chains
of additions are nine times longer). The bound is relative to what lies in the tile: a position whose own nine neighbours are
tiny beside the others of the 4x4 has the error of those, and an infinity or NaN reaches all four positions of its tiles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, gcd

from ..gemm.pack import piece_lanes
from ..gemm.tiling import CHUNKS, ROUND, SMALL, register_tile
from ..machine import Machine
from ..text import BITS
from .geometry import Convolution

PLACES = 16
"""Elements of a transformed tile."""

SCRATCH = 1 << 20
"""Most bytes for V on a thread's stack; M may take half as much."""

MOST_VECTORS = 16
"""Vectors of tiles in a block."""

BEFOREHAND, WITHIN = 200, 150
"""Cycles in which a vector of output channels' weights of one input channel is transformed, written to memory or not."""


@dataclass(frozen=True)
class WinogradPlan:
    """A convolution cut up.

    strip: tiles of a tile row, all of an image's or a part; strips follow one another as images do.
    piece: tiles side by side in one row that are loaded together, a power of two; a row of tiles is rounded up to whole pieces.
    rows: tile rows of a block. row_tiles: row tile i of the products starts at output channel i * outputs // row_tiles.
    vectors: a panel's width in the products. k_block: input channels that are summed at a time.
    output_blocks: block i of output channels begins at row tile i * row_tiles // output_blocks; M holds one's products.
    within: each chunk transforms the weights of its row tiles itself, one after the other, on its stack: where all tiles are
    one block, none is needed twice, and U is never in memory.
    tile_chunks, output_chunks: chunks in each direction: some blocks of tile rows, and some blocks of output channels.
    cost: estimated cycles of one core for the whole convolution, weights included.
    """

    convolution: Convolution
    machine: Machine
    lanes: int
    strip: int
    piece: int
    rows: int
    row_tiles: int
    vectors: int
    k_block: int
    output_blocks: int
    tile_chunks: int
    output_chunks: int
    cost: float
    within: bool = False

    @property
    def tile_rows(self) -> int:
        """Tile rows of an image."""
        return ceil(self.convolution.output[1] / 2)

    @property
    def strips(self) -> int:
        """Strips of an image."""
        return ceil(ceil(self.convolution.output[2] / 2) / self.strip)

    @property
    def all_rows(self) -> int:
        return self.tile_rows * self.convolution.images * self.strips

    @property
    def row_pieces(self) -> int:
        """Pieces of a tile row."""
        return ceil(self.strip / self.piece)

    @property
    def row_positions(self) -> int:
        """Positions of a strip's row, without what is computed past the end of an image's."""
        return self.convolution.output[2] if self.strips == 1 else 2 * self.strip

    @property
    def blocks(self) -> int:
        return ceil(self.all_rows / self.rows)

    @property
    def block_vectors(self) -> int:
        """Vectors of a block's tiles."""
        return ceil(self.rows * self.row_pieces * self.piece / self.lanes)

    @property
    def panels(self) -> int:
        return ceil(self.block_vectors / self.vectors)

    @property
    def last_vectors(self) -> int:
        """Width of the last panel."""
        return self.block_vectors - (self.panels - 1) * self.vectors

    @property
    def row_sizes(self) -> list[int]:
        """The sizes of row tiles that occur: at most two."""
        outputs = self.convolution.outputs
        return sorted({ceil(outputs / self.row_tiles), outputs // self.row_tiles}, reverse=True)

    @property
    def k_blocks(self) -> int:
        return ceil(self.convolution.inputs / self.k_block)

    def parts(self) -> set[tuple[tuple[int, int], ...]]:
        """What blocks consist of: for each different block the tile rows (first, last) of the strips that it has a part of."""
        period = self.tile_rows // gcd(self.rows, self.tile_rows)
        found = set()
        for block in {*range(min(self.blocks, period)), self.blocks - 1}:
            start, stop = block * self.rows, min((block + 1) * self.rows, self.all_rows)
            images = range(start // self.tile_rows, ceil(stop / self.tile_rows))
            rows = (
                (max(start - i * self.tile_rows, 0), min(stop - i * self.tile_rows, self.tile_rows)) for i in images
            )
            found.add(tuple(rows))
        return found

    @property
    def touched(self) -> int:
        """The most strips that a block has a part of."""
        return max(map(len, self.parts()))

    @property
    def image_row(self) -> int:
        """Elements between rows of the copied input: borders, and what is written or read past the last column."""
        c, reach = self.convolution, 2 * self.row_pieces * self.piece + 2
        if self.strips == 1:
            reach = max(reach, c.padding[2] + ceil(c.spatial[2] / self.copy_lanes) * self.copy_lanes)
        return ceil(reach / 4) * 4

    @property
    def copy_lanes(self) -> int:
        """Width of the vectors that rows of the input are copied by."""
        lanes = self.lanes
        while lanes > 2 and lanes // 2 >= self.convolution.spatial[2]:
            lanes //= 2
        return lanes

    @property
    def copied(self) -> int:
        """Elements of one channel's copied input."""
        return 2 * (self.rows + self.touched) * self.image_row

    @property
    def copied_channels(self) -> int:
        """Channels that are copied before they are transformed."""
        size, turned = BITS[self.convolution.type] // 8, self.turned_channels
        most = min(self.convolution.inputs, self.machine.l1 // 3 // (self.copied * size))
        return max(1, most // turned) * turned

    @property
    def turned_channels(self) -> int:
        """How many channels are copied at once because they, and not columns, lie side by side in x; else 1."""
        c, side = self.convolution, piece_lanes(self.convolution.type)
        beside = c.x[1] == 1 and c.x[4] != 1 and c.spatial[2] > 1 and self.strips == 1
        return side if beside and c.inputs % side == 0 and self.copy_lanes % side == 0 else 1

    @property
    def v_place(self) -> int:
        """Elements from one place of V to the next: one line more than needed, so that 16 stores fall on 16 sets."""
        return self.convolution.inputs * self.block_vectors * self.lanes + 16

    @property
    def m_place(self) -> int:
        """Elements from one place of M to the next: an odd number of vectors, so that rows fall on different sets."""
        return (self.block_vectors | 1) * self.lanes

    @property
    def m_rows(self) -> int:
        """The most output channels of an output block."""
        return min(self.convolution.outputs, ceil(self.row_tiles / self.output_blocks) * self.row_sizes[0])

    @property
    def stack(self) -> int:
        """Bytes of scratch on the stack of each thread."""
        c = self.convolution
        copies = self.copied * self.copied_channels
        places = PLACES * (self.v_place + self.m_place * self.m_rows + (self.u_place if self.within else 0))
        lines = 4 * self.block_vectors * self.lanes + 2 * self.rows * self.row_positions + 3 * self.lanes
        return (copies + places + lines) * BITS[c.type] // 8

    @property
    def u_place(self) -> int:
        """Elements from one place of U to the next; of a row tile's U where that is transformed within."""
        outputs = self.row_sizes[0] if self.within else self.convolution.outputs
        return outputs * self.convolution.inputs + 16

    @property
    def packed(self) -> int:
        """Elements of U that are transformed beforehand."""
        return 0 if self.within else PLACES * self.u_place

    @property
    def brought(self) -> int:
        """Elements of the next row tile's weights that each round of a product brings nearer, 0 for none: transforming them
        takes as long as they need to come from memory."""
        c, size = self.convolution, BITS[self.convolution.type] // 8
        together = c.w[1] == c.inputs * c.taps and c.w[2] == c.taps
        if not self.within or not together or c.outputs * c.w[1] * size <= self.machine.l2 // 4:
            return 0
        return ceil(self.row_sizes[0] * c.taps * ROUND / (PLACES * self.panels))

    @property
    def far(self) -> bool:
        """Whether U is too large for the second cache beside V and M."""
        return self.packed * BITS[self.convolution.type] // 8 > self.machine.l2 * 3 // 4

    @property
    def pack_splits(self) -> int:
        """Chunks of a row tile's weights."""
        c = self.convolution
        return max(1, min(c.inputs // 16, 16 // self.row_tiles)) if c.inputs * c.outputs >= 4096 else 1

    @property
    def pack_chunks(self) -> int:
        return 0 if self.within else self.row_tiles * self.pack_splits

    @property
    def chunks(self) -> int:
        return self.tile_chunks * self.output_chunks

    @property
    def large(self) -> bool:
        """Whether x and the result are too large for the second cache."""
        c = self.convolution
        elements = c.images * (c.inputs * c.spatial[1] * c.spatial[2] + c.outputs * c.positions)
        return elements * BITS[c.type] // 8 > self.machine.l2 // 2

    @property
    def fetches(self) -> bool:
        """Whether x and the result are worth to be asked for in time: too large for the second cache, in rows one after the
        other, blocks within strips, and few channels; with many, products take so long that it makes no difference."""
        c = self.convolution
        dense = c.x[4] == 1 and (self.strips > 1 or c.x[3] == c.spatial[2])
        return self.large and dense and self.tile_rows % self.rows == 0 and min(c.inputs, c.outputs) <= 96

    @property
    def flops(self) -> int:
        """Those of the convolution as it is defined, not of this way of computing it."""
        return self.convolution.flops

    @property
    def tails(self) -> list[int]:
        """The numbers of positions that occur in the last vector of a block's run of positions, if it is not whole."""
        positions, width = self.convolution.positions, 2 * self.convolution.output[2]
        if self.strips > 1:
            return sorted({2 * self.strip % self.lanes, width // 2 % (2 * self.strip) % self.lanes} - {0})
        counts = {min(last * width, positions) - first * width for part in self.parts() for first, last in part}
        return sorted({count % self.lanes for count in counts} - {0})


def applies(c: Convolution) -> bool:
    """Whether F(2x2, 3x3) computes it: two dimensions, 3x3 taps, no steps, no groups."""
    plain = c.stride[1:] == c.dilation[1:] == (1, 1) and c.spread == (1, 1, 1)
    flat = c.spatial[0] == c.output[0] == 1 and c.padding[0] == 0
    return flat and plain and c.kernel == (1, 3, 3) and c.groups == 1 and c.type in ("float", "double")


@lru_cache(1024)
def plan_winograd(c: Convolution, machine: Machine) -> WinogradPlan | None:
    """Cut a convolution up; None where this way does not apply, or V of a vector of tiles is too large."""
    if not applies(c):
        return None
    lanes, size = machine.lanes(c.type), BITS[c.type] // 8
    tile_rows, tiles = ceil(c.output[1] / 2), ceil(c.output[2] / 2)
    best = None
    for strip in (tiles, 8 * lanes, 4 * lanes, 2 * lanes, lanes):
        all_rows = tile_rows * c.images * ceil(tiles / strip)
        for piece in (1, 2, 4, 8, 16):
            if piece > lanes or strip > tiles or strip < tiles and piece < min(lanes, 16):
                continue
            for rows in range(1, all_rows + 1):
                vectors = ceil(rows * ceil(strip / piece) * piece / lanes)
                if vectors > MOST_VECTORS or PLACES * c.inputs * vectors * lanes * size > _scratch(machine):
                    break
                for output_chunks in (1, 2, 4, 8, 16):
                    if output_chunks > 1 and output_chunks * ceil(all_rows / rows) > 2 * CHUNKS:
                        break
                    for within in (False, True) if rows == all_rows else (False,):
                        plan = _planned(c, machine, strip, piece, rows, vectors, output_chunks, within)
                        if plan and (best is None or plan.cost * _idle(plan) < best.cost * _idle(best)):
                            best = plan
    return best


def _scratch(machine: Machine) -> int:
    """Bytes that V may take."""
    return min(machine.l2 // 2, SCRATCH)


def _planned(
    c: Convolution, machine: Machine, strip: int, piece: int, rows: int, vectors: int, output_chunks: int, within: bool
) -> WinogradPlan | None:
    """The plan with blocks of so many tile rows and so many chunks of output channels, if M fits; its estimated cost."""
    lanes, size = machine.lanes(c.type), BITS[c.type] // 8
    # A row tile's U stays in the second cache beside V, until its products are done.
    limit = _scratch(machine) // 2 // (PLACES * c.inputs * size) if within else 99
    if not limit:
        return None
    products, row_tiles, panel = register_tile(c.outputs, vectors * lanes, c.inputs, lanes, machine, limit)
    tile_bytes = PLACES * (vectors | 1) * lanes * size * ceil(c.outputs / row_tiles)
    most = _scratch(machine) // 2 // tile_bytes
    if not most or output_chunks > row_tiles:
        return None
    output_blocks = row_tiles if within else ceil(ceil(row_tiles / most) / output_chunks) * output_chunks
    depth = max(64, machine.l1 * 2 // 3 // (panel * lanes * size))
    k_block = ceil(c.inputs / ceil(c.inputs / depth))
    plan = WinogradPlan(
        c, machine, lanes, strip, piece, rows, row_tiles, panel, k_block, output_blocks, 1, output_chunks, 0.0, within
    )
    chunks = 1 if c.flops < SMALL else min(plan.blocks, 4 * CHUNKS)
    return replace(plan, tile_chunks=chunks, cost=_cost(plan, products))


def _cost(plan: WinogradPlan, products: float) -> float:
    """Cycles of one core, measured with 16 lanes of float32; products: those of a block, for one place."""
    c, machine, lanes, size = plan.convolution, plan.machine, plan.lanes, BITS[plan.convolution.type] // 8
    vectors, width = plan.block_vectors, plan.lanes * size
    images = plan.rows / plan.tile_rows
    copied = images * min(2 * plan.rows / images + 2, c.spatial[1]) if images > 1 else 2 * plan.rows + 2
    written = PLACES * (c.inputs + plan.m_rows) * vectors * width
    inputs = vectors * (60 + 90 * written / machine.l2 + 4 * lanes / plan.piece)
    inputs += copied * (5 + 2 * ceil(min(c.spatial[2], 2 * plan.strip + 2) / plan.copy_lanes))
    outputs = vectors * 35 + 2 * plan.rows * (2 + 2 * ceil(plan.row_positions / lanes)) + 10 * max(1.0, images)
    if plan.large and not plan.fetches:
        inputs, outputs = inputs + 50 * vectors, outputs + 40 * vectors
    if plan.strips > 1:
        # Measured a fifth slower: each row is in another page.
        inputs, outputs = inputs + 110 * vectors, outputs + 50 * vectors
    # U, V and M that do not all stay in the second cache come from further away.
    supply = plan.packed * size / 16 if plan.far else 0.0
    weights = PLACES * plan.u_place * size if plan.within else 0 if plan.far else plan.packed * size
    crowded = max(0.0, (written + weights) / machine.l2 - 0.6)
    products *= 1 + 0.2 * crowded
    work = PLACES * products + supply + plan.output_chunks * c.inputs * inputs + c.outputs * outputs
    return plan.blocks * work + c.outputs * c.inputs * (WITHIN if plan.within else BEFOREHAND) / lanes


def _idle(plan: WinogradPlan) -> float:
    """How much longer it takes if two or four threads share the chunks, which may not share out evenly."""
    if plan.convolution.flops < SMALL:
        return 1.0
    uneven = (ceil(plan.chunks / 2) + 2 * ceil(plan.chunks / 4)) / plan.chunks
    return uneven * (1 + 0.12 * max(0.0, 1 - 2 * plan.chunks / CHUNKS))

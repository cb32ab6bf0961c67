"""How a 3x3 convolution is cut up for Winograd's F(2x2, 3x3): a pure function of the machine, the shapes and the strides.

Two by two positions of the result, a *tile*, need four by four of x. With 4x4 transforms of x and of w, sixteen products
for each pair of channels give what takes 36 directly (Lavin and Gray, 2015, arXiv 1509.09308):

    result = A^T [ (G w G^T) * (B^T x B) ] A,    * elementwise, summed over the input channels

that is, for each of the 16 places, a matrix product (outputs, inputs) x (inputs, tiles). Tile rows are numbered through
all images; a *block* is some of them in succession, and its tiles are the lanes. Transformed input V and products M of a
block are scratch of the thread that computes it; transformed weights U are packed beforehand, by another kernel.

Error. V's elements are sums of 4 of x, U's of up to 9 of w with coefficients 1, 1/2, 1/4, and a result is the sum of up to 9
of 16 places. So in `eps` of the type (1.2e-7 in float32), with S = the sum over the input channels of
(sum of |x| over the tile's 4x4) (sum of |w| over 3x3), |error| <= (inputs + 12) eps S at worst. Rounding errors are not all
of one sign: with standard normal data and 512 channels the largest is measured at 2e-6 of the largest result, three times
a direct sum's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil

from ..gemm.tiling import CHUNKS, SMALL, register_tile
from ..machine import Machine
from ..text import BITS
from .geometry import Convolution

PLACES = 16
"""Elements of a transformed tile."""

SCRATCH = 1 << 20
"""Most bytes for V, and for M, on a thread's stack."""


@dataclass(frozen=True)
class WinogradPlan:
    """A convolution cut up.

    piece: tiles side by side in one row that are loaded together, a power of two; a row of tiles is rounded up to whole pieces.
    rows: tile rows of a block. row_tiles: row tile i of the products starts at output channel i * outputs // row_tiles.
    vectors: a panel's width in the products. k_block: input channels that are summed at a time.
    output_blocks: row tiles are grouped into so many, of equal numbers; M holds the products of one.
    tile_chunks, output_chunks: chunks, in each direction: some blocks, and some output blocks.
    cost: estimated cycles of one core for the whole convolution, weights included.
    """

    convolution: Convolution
    machine: Machine
    lanes: int
    piece: int
    rows: int
    row_tiles: int
    vectors: int
    k_block: int
    output_blocks: int
    tile_chunks: int
    output_chunks: int
    cost: float

    @property
    def tile_rows(self) -> int:
        """Tile rows of an image."""
        return ceil(self.convolution.output[1] / 2)

    @property
    def all_rows(self) -> int:
        return self.tile_rows * self.convolution.images

    @property
    def row_pieces(self) -> int:
        """Pieces of a tile row."""
        return ceil(ceil(self.convolution.output[2] / 2) / self.piece)

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

    @property
    def touched(self) -> int:
        """The most images that a block has a part of."""
        return 1 if self.tile_rows % self.rows == 0 else min(
            self.convolution.images, (self.rows - 2) // self.tile_rows + 2 if self.rows % self.tile_rows else self.rows // self.tile_rows
        )

    @property
    def image_row(self) -> int:
        """Elements between rows of the copied input: borders, and what is written or read past the last column."""
        c = self.convolution
        reach = max(c.padding[2] + ceil(c.spatial[2] / self.copy_lanes) * self.copy_lanes, 2 * self.row_pieces * self.piece + 2)
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
        size = BITS[self.convolution.type] // 8
        return max(1, min(self.convolution.inputs, self.machine.l1 // 3 // (self.copied * size)))

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
        return min(self.convolution.outputs, self.row_tiles // self.output_blocks * self.row_sizes[0])

    @property
    def u_place(self) -> int:
        """Elements from one place of U to the next."""
        return self.convolution.outputs * self.convolution.inputs + 16

    @property
    def packed(self) -> int:
        """Elements of U."""
        return PLACES * self.u_place

    @property
    def pack_splits(self) -> int:
        """Chunks of a row tile's weights."""
        c = self.convolution
        return max(1, min(c.inputs // 16, 16 // self.row_tiles)) if c.inputs * c.outputs >= 4096 else 1

    @property
    def pack_chunks(self) -> int:
        return self.row_tiles * self.pack_splits

    @property
    def chunks(self) -> int:
        return self.tile_chunks * self.output_chunks

    @property
    def flops(self) -> int:
        """Those of the convolution as it is defined, not of this way of computing it."""
        return self.convolution.flops

    @property
    def tails(self) -> list[int]:
        """Positions of the last, partial vector of the runs that blocks compute; [] if all are whole."""
        positions, width = self.convolution.positions, self.convolution.output[2]
        found = set()
        for block in range(self.blocks):
            first, last = block * self.rows, min((block + 1) * self.rows, self.all_rows)
            for image in range(first // self.tile_rows, (last - 1) // self.tile_rows + 1):
                start = max(first - image * self.tile_rows, 0) * 2 * width
                stop = min((last - image * self.tile_rows) * 2 * width, positions)
                found.add((stop - start) % self.lanes)
        return sorted(found - {0})


def applies(c: Convolution) -> bool:
    """Whether F(2x2, 3x3) computes it: two dimensions, 3x3 taps, no steps, no groups."""
    plain = c.stride[1:] == c.dilation[1:] == (1, 1) and c.spread == (1, 1, 1)
    flat = c.spatial[0] == c.output[0] == 1 and c.padding[0] == 0
    return flat and plain and c.kernel == (1, 3, 3) and c.groups == 1 and c.type in ("float", "double")


@lru_cache(1024)
def plan_winograd(c: Convolution, machine: Machine) -> WinogradPlan | None:
    """Cut a convolution up; None where this way does not apply, or a row of tiles is too long for the scratch."""
    if not applies(c):
        return None
    lanes, size = machine.lanes(c.type), BITS[c.type] // 8
    tile_rows, tiles = ceil(c.output[1] / 2), ceil(c.output[2] / 2)
    all_rows = tile_rows * c.images
    scratch = min(machine.l2 // 2, SCRATCH)
    best = None
    for piece in (1, 2, 4, 8, 16):
        if piece > lanes:
            break
        width = ceil(tiles / piece) * piece
        for rows in range(1, all_rows + 1):
            vectors = ceil(rows * width / lanes)
            if PLACES * c.inputs * vectors * lanes * size > scratch or vectors > 16 and rows > 1:
                break
            plan = _planned(c, machine, piece, rows, vectors)
            if best is None or plan.cost < best.cost:
                best = plan
    return best


def _planned(c: Convolution, machine: Machine, piece: int, rows: int, vectors: int) -> WinogradPlan:
    lanes, size = machine.lanes(c.type), BITS[c.type] // 8
    scratch = min(machine.l2 // 2, SCRATCH)
    cost, row_tiles, panel = register_tile(c.outputs, vectors * lanes, c.inputs, lanes, machine)
    most = max(1, scratch // 2 // (PLACES * (vectors | 1) * lanes * size * ceil(c.outputs / row_tiles)))
    blocks = ceil(ceil(c.outputs / 2) / rows) * c.images
    k_block = max(64, machine.l1 * 2 // 3 // (panel * lanes * size) // 8 * 8)
    k_block = ceil(c.inputs / ceil(c.inputs / k_block))
    all_rows = ceil(c.output[1] / 2) * c.images
    blocks = ceil(all_rows / rows)
    each = 20.0 + 16 * lanes / piece / 4
    work = PLACES * cost + vectors * (c.inputs * (each + 15) + c.outputs * 40)
    u = PLACES * c.outputs * c.inputs * size
    if u > machine.l2 // 2:
        work += u / 8
    output_blocks = ceil(row_tiles / most)
    row_tiles = ceil(row_tiles / output_blocks) * output_blocks
    total = blocks * work
    flops = c.flops
    wanted = 1 if flops < SMALL else CHUNKS if flops > 2000 * SMALL else CHUNKS // 2
    tile_chunks = min(blocks, 4 * CHUNKS)
    output_chunks = 1
    total *= (ceil(tile_chunks / 2) + 2 * ceil(tile_chunks / 4)) / tile_chunks
    return WinogradPlan(
        c, machine, lanes, piece, rows, row_tiles, panel, k_block, output_blocks, tile_chunks, output_chunks, total
    )

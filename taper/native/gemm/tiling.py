"""How a matrix product is cut up: a pure function of the machine and of the shapes and strides.

C[m, n] = sum over k of A[m, k] B[k, n], for each batch index. The result is computed in register tiles of `rows` rows
and `vectors` vectors of columns (a panel's width). Row tiles and panels are grouped into chunks, the unit that threads
share; a chunk never depends on the number of threads. After 'Anatomy of High-Performance Matrix Multiplication' (2008),
but A is broadcast from where it lies: with 28 accumulators a scalar of A costs one load for two or more
multiply-adds, so only awkward strides are worth a copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, prod

from ..machine import Machine
from ..text import BITS

SMALL = 200_000
"""Floating operations below which a product is one chunk: two threads meet in less time, but not in much less."""

CHUNKS = 16
"""Chunks of a large product: few enough that panels are reused, many enough to share out among a few threads."""

COPY_BYTES = 48 << 10
"""Most bytes that a copy of A's row tile may take on the stack."""


@dataclass(frozen=True)
class Product:
    """Shapes and strides (in elements) of A (batch, m, k) and B (batch, k, n); a batch stride of 0 broadcasts.

    a: batch strides, row stride, k stride. b: batch strides, k stride, column stride. type: "float" or "double".
    """

    m: int
    n: int
    k: int
    batch: tuple[int, ...] = ()
    type: str = "float"
    a: tuple[int, ...] = ()
    b: tuple[int, ...] = ()

    def __post_init__(self):
        depth = len(self.batch)
        if not self.a:
            object.__setattr__(self, "a", _contiguous(self.batch, self.m, self.k))
        if not self.b:
            object.__setattr__(self, "b", _contiguous(self.batch, self.k, self.n))
        if len(self.a) != depth + 2 or len(self.b) != depth + 2:
            raise ValueError(f"product: batch {self.batch} needs {depth + 2} strides; a has {self.a}, b has {self.b}")

    def transposed(self) -> Product:
        """The product that gives C transposed: B^T A^T. Rows and columns of the result change places."""
        flip = slice(None, -3, -1)
        return Product(
            self.n, self.m, self.k, self.batch, self.type, self.b[:-2] + self.b[flip], self.a[:-2] + self.a[flip]
        )


def _contiguous(batch: tuple[int, ...], rows: int, columns: int) -> tuple[int, ...]:
    sizes = (*batch, rows, columns)
    return tuple(prod(sizes[i + 1 :]) for i in range(len(sizes)))


@dataclass(frozen=True)
class Plan:
    """A product cut up.

    method: "tile" (lanes run along columns) or "dot" (lanes run along k, A's rows with B's columns).
    row_tiles: row tile i starts at row i * m // row_tiles. vectors: a panel's width. panels: how many; the last may
    be narrower. row_blocks, column_blocks: chunks in each direction. k_block: how much of k is done at a time.
    copies_a: each row tile of A is copied to the stack first. packed: elements of scratch for B's panels, 0 if B is
    used in place. chunks, pack_chunks: what a kernel's [begin, end) counts. needs_partial: a row-major buffer (batch, m, n)
    for unfinished sums is needed, since k is blocked. flops: floating operations of the whole product.
    """

    product: Product
    machine: Machine
    method: str
    lanes: int
    row_tiles: int
    vectors: int
    row_blocks: int
    column_blocks: int
    k_block: int
    copies_a: bool
    packs_b: bool
    pack_splits: int

    @property
    def rows(self) -> int:
        """Rows of the largest row tile."""
        return ceil(self.product.m / self.row_tiles)

    @property
    def all_vectors(self) -> int:
        """Vectors that cover the columns, the last perhaps in part."""
        return ceil(self.product.n / self.lanes)

    @property
    def tail(self) -> int:
        """Columns in the last vector if it is not whole, else 0."""
        return self.product.n % self.lanes

    @property
    def panels(self) -> int:
        return ceil(self.all_vectors / self.vectors)

    @property
    def last_vectors(self) -> int:
        """Width of the last panel."""
        return self.all_vectors - (self.panels - 1) * self.vectors

    @property
    def whole_panels(self) -> int:
        """Panels before the one that is narrower or has a tail, or all of them."""
        return self.panels - (self.last_vectors < self.vectors or self.tail > 0)

    @property
    def k_blocks(self) -> int:
        return max(1, ceil(self.product.k / self.k_block))

    @property
    def needs_partial(self) -> bool:
        return self.k_blocks > 1

    @property
    def batches(self) -> int:
        return prod(self.product.batch)

    @property
    def chunks(self) -> int:
        return self.batches * self.row_blocks * self.column_blocks if self.product.m and self.product.n else 0

    @property
    def packed_batches(self) -> int:
        """Batches of B that differ: those along strides other than 0."""
        return prod(size for size, stride in zip(self.product.batch, self.product.b) if stride)

    @property
    def packed_each(self) -> int:
        """Elements of one batch's panels."""
        return self.all_vectors * self.lanes * self.product.k

    @property
    def packed(self) -> int:
        return self.packed_batches * self.packed_each if self.packs_b and self.chunks else 0

    @property
    def pack_chunks(self) -> int:
        return self.packed_batches * self.panels * self.pack_splits if self.packed else 0

    @property
    def flops(self) -> int:
        return 2 * self.product.m * self.product.n * self.product.k * self.batches


def steps(rows: int, vectors: int) -> float:
    """Cycles of one step of k in a register tile: two multiply-adds and two loads a cycle, a latency of four."""
    return max(rows * vectors / 2, (rows + vectors) / 2, 4.0)


def fits(rows: int, vectors: int, machine: Machine) -> bool:
    """Whether a tile's accumulators, the shorter side's operands and one more fit into the registers."""
    return rows * vectors + min(rows, vectors) + 1 <= machine.registers


@lru_cache(None)
def register_tile(m: int, n: int, k: int, lanes: int, machine: Machine) -> tuple[int, int]:
    """Row tiles and vectors of a panel that take the fewest cycles by `steps` and what a tile costs besides."""
    all_vectors = ceil(n / lanes)
    best = (float("inf"), 1, 1)
    for vectors in range(1, min(8, all_vectors) + 1):
        whole, rest = divmod(all_vectors, vectors)
        most = max(r for r in range(1, machine.registers) if fits(r, vectors, machine))
        for rows in range(1, min(most, m) + 1):
            tiles = ceil(m / rows)
            even = m / tiles
            cost = whole * (k * steps(even, vectors) + 30 + 4 * even * vectors)
            cost += (rest > 0) * (k * steps(even, rest) + 30 + 4 * even * rest)
            best = min(best, (tiles * cost, tiles, vectors))
    return best[1], best[2]


def dot_tile(rows: int, columns: int, machine: Machine) -> int:
    """How many columns a dot-product tile of so many rows takes at once, of `columns`, in equal groups."""
    most = max((c for c in range(1, columns + 1) if fits(rows, c, machine)), default=1)
    return ceil(columns / ceil(columns / most))


@lru_cache(None)
def dot_rows(m: int, columns: int, k: int, lanes: int, machine: Machine) -> tuple[float, int]:
    """Cycles of a product by dot products, for one panel of `columns`, and the row tiles that take so many."""
    best = (float("inf"), 1)
    for rows in range(1, min(m, 8) + 1):
        if not fits(rows, 1, machine):
            break
        tiles = ceil(m / rows)
        even = ceil(m / tiles)
        group = dot_tile(even, columns, machine)
        cost = ceil(columns / group) * (ceil(k / lanes) * steps(even, group) + 20 + 3 * even * group)
        best = min(best, (tiles * (cost + 30 + 4 * even), tiles))
    return best


@lru_cache(1024)
def plan_product(product: Product, machine: Machine) -> Plan:
    """Cut a product up for a machine."""
    p, lanes, size = product, machine.lanes(product.type), BITS[product.type] // 8
    m, n, k = p.m, p.n, p.k
    if not (m and n and prod(p.batch)):
        return Plan(p, machine, "tile", lanes, 1, 1, 1, 1, max(1, k), False, False, 1)
    row_stride, a_step = p.a[-2:]
    b_step, column_stride = p.b[-2:]
    along_k = b_step == 1 or k == 1
    along_columns = column_stride == 1 or n == 1
    row_tiles, vectors = register_tile(m, n, k, lanes, machine)

    if along_k and a_step == 1 and k >= lanes and _dot_pays(p, along_columns, lanes, machine):
        columns = min(n, lanes)
        row_tiles = dot_rows(m, columns, k, lanes, machine)[1]
        row_blocks, column_blocks, row_tiles = _chunks(p, machine, row_tiles, ceil(n / lanes), lanes, size)
        return Plan(p, machine, "dot", lanes, row_tiles, 1, row_blocks, column_blocks, max(1, k), False, False, 1)

    packs = (
        not along_columns
        or row_tiles * prod(p.batch) > 8 * max(1, _distinct(p.batch, p.b))
        and k * n * size > machine.l1
    )
    panels = ceil(ceil(n / lanes) / vectors)
    rows = ceil(m / row_tiles)
    copies = _copy_pays(rows, row_stride, a_step, k, panels, size, machine)
    k_block = max(256, machine.l2 // 2 // size // (rows + 2 * vectors * lanes) // 8 * 8)
    if copies:
        k_block = min(k_block, COPY_BYTES // size // rows // 8 * 8)
    if k > k_block:
        k_block = ceil(ceil(k / ceil(k / k_block)) / 8) * 8
    row_blocks, column_blocks, row_tiles = _chunks(p, machine, row_tiles, panels, vectors * lanes, size)
    splits = 1
    if packs:
        ways = _distinct(p.batch, p.b) * panels
        splits = max(1, min(k // 64, ceil(CHUNKS / 2 / ways))) if k * n > 1 << 14 else 1
    return Plan(
        p, machine, "tile", lanes, row_tiles, vectors, row_blocks, column_blocks, max(1, k_block), copies, packs, splits
    )


def _distinct(batch: tuple[int, ...], strides: tuple[int, ...]) -> int:
    return prod(size for size, stride in zip(batch, strides) if stride)


def _dot_pays(p: Product, along_columns: bool, lanes: int, machine: Machine) -> bool:
    """Whether dot products beat a register tile whose B has to be packed, turned round (0.2 cycles an element)."""
    whole, rest = divmod(p.n, lanes)
    dot = whole * dot_rows(p.m, lanes, p.k, lanes, machine)[0] if whole else 0.0
    dot += dot_rows(p.m, rest, p.k, lanes, machine)[0] if rest else 0.0
    tiles, vectors = register_tile(p.m, p.n, p.k, lanes, machine)
    even = p.m / tiles
    full, part = divmod(ceil(p.n / lanes), vectors)
    tile = tiles * p.k * (full * steps(even, vectors) + (part > 0) * steps(even, part))
    tile += 3 * p.m * ceil(p.n / lanes)
    if not along_columns:
        tile += 0.2 * p.n * p.k * 16 / lanes + 500
    return dot < tile


def _copy_pays(rows: int, row_stride: int, step: int, k: int, panels: int, size: int, machine: Machine) -> bool:
    """Whether a row tile of A lies so badly for the first cache that a copy of it is read faster.

    The cache's sets repeat every l1 / ways bytes; lines a large power of two apart fall on the same few.
    """
    if panels < 4 or k < 16:
        return False
    stride = (row_stride if step == 1 else step) * size
    lines = rows if step == 1 else k
    if stride < 64:
        return False
    places = {(i * stride // 64) % 64 for i in range(min(lines, 512))}
    return lines > 6 * len(places) or (step != 1 and lines * 64 > machine.l1 // 2)


def _chunks(p: Product, machine: Machine, row_tiles: int, panels: int, width: int, size: int) -> tuple[int, int, int]:
    """Row blocks, column blocks, and the row tiles rounded up so that every row block has as many."""
    batches = prod(p.batch)
    flops = 2 * p.m * p.n * p.k
    if flops * batches < SMALL:
        return 1, 1, row_tiles
    # The panels of a column block stay in half of the second cache while the row tiles pass by.
    column_blocks = min(panels, max(1, ceil(p.k * p.n * size / (machine.l2 // 2))))
    wanted = max(1, ceil(CHUNKS / batches)) if flops * batches > 4 * SMALL else max(1, ceil(CHUNKS / 2 / batches))
    row_blocks = 1
    while row_blocks * column_blocks < wanted:
        # Cut the side with more work in it: rows times row tiles left, against panels.
        if row_tiles // row_blocks >= 2 * (panels // column_blocks) and row_tiles // row_blocks > 1:
            row_blocks = min(row_tiles, 2 * row_blocks)
        elif panels // column_blocks > 1:
            column_blocks = min(panels, 2 * column_blocks)
        elif row_tiles // row_blocks > 1:
            row_blocks = min(row_tiles, 2 * row_blocks)
        else:
            break
    return row_blocks, column_blocks, min(max(p.m, 1), ceil(row_tiles / row_blocks) * row_blocks)

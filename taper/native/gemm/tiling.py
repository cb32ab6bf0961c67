"""How a matrix product is cut up: a pure function of the machine and of the shapes and strides.

C[m, n] = sum over k of A[m, k] B[k, n], for each batch index. The result is computed in register tiles of `rows` rows
and `vectors` vectors of columns (a panel's width). Row tiles and panels are grouped into chunks, the unit that threads
share; a chunk never depends on the number of threads. After 'Anatomy of High-Performance Matrix Multiplication' (2008),
but A is broadcast from where it lies: with 28 accumulators a scalar of A costs one load for two or more
multiply-adds, so only awkward strides are worth a copy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, gcd, prod

from ..machine import Machine
from ..text import BITS

SMALL = 200_000
"""Floating operations below which a product is one chunk: two threads meet in less time, but not in much less."""

CHUNKS = 16
"""Chunks of a large product: few enough that panels are reused, many enough to share out among a few threads."""

ROUND = 2
"""Steps of k in one round of a tile."""

COPY_BYTES = 64 << 10
"""Most bytes that a copy of A's row tile may take on the stack."""


def pieces(units: int, flops: int) -> int:
    """How many chunks share units of work that may be cut anywhere."""
    if flops < SMALL:
        return 1
    return units if units <= 4 * CHUNKS else 2 * CHUNKS


@dataclass(frozen=True)
class Product:
    """Shapes and strides (in elements) of A (batch, m, k) and B (batch, k, n); a batch stride of 0 broadcasts.

    a: batch strides, row stride, k stride. b: batch strides, k stride, column stride. type: "float" or "double".
    source: the type of A's and B's elements if it is not `type`: "bfloat" is widened on its way into panels and copies.
    pair: if not (), A's and B's strides within a pair: each step of k then takes two bfloat16 numbers of each, as one
    word of 32 bits in panels and copies, and multiplies and adds them by one instruction (see `paired`).
    """

    m: int
    n: int
    k: int
    batch: tuple[int, ...] = ()
    type: str = "float"
    a: tuple[int, ...] = ()
    b: tuple[int, ...] = ()
    source: str = ""
    pair: tuple[int, ...] = ()

    def __post_init__(self):
        depth = len(self.batch)
        if not self.a:
            object.__setattr__(self, "a", _contiguous(self.batch, self.m, self.k))
        if not self.b:
            object.__setattr__(self, "b", _contiguous(self.batch, self.k, self.n))
        if len(self.a) != depth + 2 or len(self.b) != depth + 2:
            raise ValueError(f"product: batch {self.batch} needs {depth + 2} strides; a has {self.a}, b has {self.b}")

    @property
    def element(self) -> str:
        """The LLVM type of A's and B's elements."""
        return self.source or self.type

    def paired(self) -> Product:
        """The same product of bfloat16 numbers in steps of two, for machines that have the instruction; k is even."""
        a, b = list(self.a), list(self.b)
        pair = a[-1], b[-2]
        a[-1], b[-2] = 2 * a[-1], 2 * b[-2]
        return replace(self, k=self.k // 2, a=tuple(a), b=tuple(b), pair=pair)

    def transposed(self) -> Product:
        """The product that gives C transposed: B^T A^T. Rows and columns of the result change places."""
        flip = slice(None, -3, -1)
        a, b = self.b[:-2] + self.b[flip], self.a[:-2] + self.a[flip]
        return Product(self.n, self.m, self.k, self.batch, self.type, a, b, self.source)


def _contiguous(batch: tuple[int, ...], rows: int, columns: int) -> tuple[int, ...]:
    sizes = (*batch, rows, columns)
    return tuple(prod(sizes[i + 1 :]) for i in range(len(sizes)))


@dataclass(frozen=True)
class Plan:
    """A product cut up.

    product: what is computed: the product asked for, or its transpose where `swapped`; A, B, rows and columns below are
    those of `product`. method: "tile" (lanes run along columns) or "dot" (lanes run along k, A's rows with B's columns).
    row_tiles: row tile i starts at row i * m // row_tiles. vectors: a panel's width. panels: how many; the last may
    be narrower. row_blocks, column_blocks: chunks in each direction. k_block: how much of k is done at a time.
    copies_a: each row tile of A is copied to the stack first. packed: elements of scratch for B's panels, 0 if B is
    used in place (of A's, then, if swapped). chunks, pack_chunks: what a kernel's [begin, end) counts. needs_partial: a row-major buffer (batch, m, n)
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
    swapped: bool = False

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
    def brought(self) -> int:
        """Elements of the next row tile's A that each round of a tile brings nearer; 0: none.

        A that is too large for the second cache is read once by each column block, from further away than prefetchers
        keep up with: a row tile's rows are many streams. Measured for 2048 x 49 x 512 with A in memory: up to half the time.
        """
        p, size = self.product, BITS[self.product.type] // 8
        one_after_another = p.a[-1] == 1 and p.a[-2] == p.k and not p.source
        if self.method != "tile" or self.copies_a or self.needs_partial or not one_after_another or p.k < 32:
            return 0
        return ceil(self.rows * ROUND / self.panels) if p.m * p.k * size > self.machine.l2 // 4 else 0

    @property
    def flops(self) -> int:
        return (4 if self.product.pair else 2) * self.product.m * self.product.n * self.product.k * self.batches


def steps(rows: float, vectors: int) -> float:
    """Cycles of one step of k in a register tile.

    Two multiply-adds a cycle at best, with a latency of four; three and a half instructions a cycle in all (measured),
    which are multiply-adds, broadcasts, loads and prefetches of B, and the loop's.
    """
    return max(rows * vectors / 2, (rows * vectors + rows + 2 * vectors + 1.5) / 3.5, 4.0)


def fits(rows: int, vectors: int, machine: Machine) -> bool:
    """Whether a tile's accumulators, the shorter side's operands and a few in flight fit into the registers.

    Measured with 32 registers: 13 x 2, 8 x 3 and 6 x 4 run at the machine's peak, 14 x 2 and 5 x 5 below it.
    """
    return rows * vectors + min(rows, vectors) + (3 if machine.registers > 16 else 1) <= machine.registers


@lru_cache(None)
def register_tile(m: int, n: int, k: int, lanes: int, machine: Machine, limit: int = 99) -> tuple[float, int, int]:
    """Cycles, row tiles (of at most `limit` rows) and vectors of a panel that take the fewest cycles."""
    all_vectors, width = ceil(n / lanes), machine.vector_bits // 8
    best = (float("inf"), 1, 1)
    for vectors in range(1, min(8, all_vectors) + 1):
        whole, rest = divmod(all_vectors, vectors)
        most = max(r for r in range(1, machine.registers) if fits(r, vectors, machine))
        for rows in range(1, min(most, m, limit) + 1):
            tiles = ceil(m / rows)
            even = m / tiles
            # A panel that does not stay in the first cache comes from the second with about 20 bytes a cycle.
            supply = vectors * width / 20 if k * vectors * width > machine.l1 // 2 else 0.0
            cost = whole * (k * max(supply, steps(even, vectors)) + 30 + 4 * even * vectors)
            cost += (rest > 0) * (k * steps(even, rest) + 30 + 4 * even * rest)
            best = min(best, (tiles * cost, tiles, vectors))
    return best


def tile_cost(p: Product, lanes: int, machine: Machine, swapped: bool) -> float:
    """Cycles of one batch by register tiles: the tiles, packing B if its columns are apart, turning round what is swapped."""
    size = BITS[p.type] // 8
    cost, tiles, _ = register_tile(p.m, p.n, p.k, lanes, machine, _row_limit(p, size, machine))
    if p.b[-1] != 1 and p.n > 1:
        # Measured for float32: 0.3 cycles an element within the second cache, 1 where the panels are written back from it.
        each = (0.3 if p.k * p.n * size < machine.l2 // 4 else 1.0) * size / 4
        if p.b[-2] != 1:
            each *= 4
        cost += 500 + each * p.k * p.n * _distinct(p.batch, p.b) / prod(p.batch)
    if swapped:
        cost += p.n * (8 * tiles + 0.4 * p.m)
    return cost


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
    """Cut a product up for a machine: as dot products, register tiles, or register tiles of the transpose, as costs say."""
    lanes, p = machine.lanes(product.type), product
    if p.source == "bfloat" and machine.bf16 and p.k % 2 == 0 and not p.pair:
        p = p.paired()
    if p.source or not (p.m and p.n and p.k and prod(p.batch)):
        return plan_tiles(p, machine)
    costs = {"tile": tile_cost(p, lanes, machine, False), "swapped": tile_cost(p.transposed(), lanes, machine, True)}
    if p.a[-1] == 1 and (p.b[-2] == 1 or p.k == 1) and p.k >= lanes:
        costs["dot"] = dot_cost(p, lanes, machine)
    best = min(costs, key=lambda name: costs[name])
    if best == "dot":
        return plan_dots(p, machine)
    return plan_tiles(p.transposed(), machine, swapped=True) if best == "swapped" else plan_tiles(p, machine)


def plan_dots(p: Product, machine: Machine) -> Plan:
    """Cut a product up by dot products along k, which has stride 1 in A and in B."""
    lanes = machine.lanes(p.type)
    row_tiles = dot_rows(p.m, min(p.n, lanes), p.k, lanes, machine)[1]
    blocks = _blocks(p, machine, row_tiles, ceil(p.n / lanes), 1, BITS[p.type] // 8, False)
    row_blocks, column_blocks, row_tiles = blocks
    return Plan(p, machine, "dot", lanes, row_tiles, 1, row_blocks, column_blocks, max(1, p.k), False, False, 1)


def plan_tiles(p: Product, machine: Machine, swapped: bool = False) -> Plan:
    """Cut a product up by register tiles. swapped: it is the transpose of the one asked for."""
    lanes, size = machine.lanes(p.type), BITS[p.type] // 8
    m, n, k = p.m, p.n, p.k
    if not (m and n and prod(p.batch)):
        return Plan(p, machine, "tile", lanes, 1, 1, 1, 1, max(1, k), False, False, 1, swapped)
    a_step = p.a[-1]
    b_step, column_stride = p.b[-2:]
    _, row_tiles, vectors = register_tile(m, n, k, lanes, machine, _row_limit(p, size, machine))
    panels = ceil(ceil(n / lanes) / vectors)
    sharing = row_tiles * prod(p.batch) // max(1, _distinct(p.batch, p.b))
    packs = (column_stride != 1 and n > 1) or (sharing >= 8 and _collides(b_step * size, k, machine))
    # A whose rows lie side by side is walked a line at a time. Prefetchers do not follow steps of a large part of a page;
    # a copy of the row tile is then read 5 to 10% faster, if enough panels share it.
    copies = (
        k >= 32 and a_step != 1 and (a_step * size >= 2048 and panels >= 4 or a_step * size >= 1024 and panels >= 8)
    )
    if p.source:
        packs = copies = True
    k_block = max(256, machine.l2 // 2 // size // (ceil(m / row_tiles) + 2 * vectors * lanes) // 8 * 8)
    if copies:
        k_block = min(k_block, COPY_BYTES // size // ceil(m / row_tiles) // 8 * 8)
    if k > k_block:
        k_block = ceil(ceil(k / ceil(k / k_block)) / 8) * 8
    row_blocks, column_blocks, row_tiles = _blocks(p, machine, row_tiles, panels, vectors, size, copies)
    splits = 1
    if packs and k * n > 1 << 14:
        splits = max(1, min(k // 64, ceil(CHUNKS / 2 / (_distinct(p.batch, p.b) * panels))))
    return Plan(
        p,
        machine,
        "tile",
        lanes,
        row_tiles,
        vectors,
        row_blocks,
        column_blocks,
        max(1, k_block),
        copies,
        packs,
        splits,
        swapped,
    )


def _distinct(batch: tuple[int, ...], strides: tuple[int, ...]) -> int:
    return prod(size for size, stride in zip(batch, strides) if stride)


def dot_cost(p: Product, lanes: int, machine: Machine) -> float:
    """Cycles of one batch by dot products."""
    whole, rest = divmod(p.n, lanes)
    cost = whole * dot_rows(p.m, lanes, p.k, lanes, machine)[0] if whole else 0.0
    return cost + (dot_rows(p.m, rest, p.k, lanes, machine)[0] if rest else 0.0)


def _row_limit(p: Product, size: int, machine: Machine) -> int:
    """Rows of A that the first cache holds side by side: few if they lie a multiple of 4096 bytes apart, on the same set."""
    row_stride, step = p.a[-2:]
    same_set = step == 1 and row_stride and row_stride * size % 4096 == 0
    return machine.l1 // 4096 * 2 // 3 if same_set else 99


def _collides(stride: int, count: int, machine: Machine) -> bool:
    """Whether `count` rows so many bytes apart need more room than the sets of the second cache that they fall on have."""
    lines, rest = divmod(stride, 64)
    sets = machine.l2 // 64 // 16
    return not rest and lines > 0 and count > 12 * (sets // gcd(lines, sets))


def _blocks(
    p: Product, machine: Machine, row_tiles: int, panels: int, vectors: int, size: int, copies: bool
) -> tuple[int, int, int]:
    """Row blocks, column blocks, and the row tiles rounded up so that every row block has as many.

    Costs in cycles: the tiles' own, their calls, copies of A and its way from the third cache for each column block, and
    chunks that are too few, or of unequal widths.
    """
    batches = prod(p.batch)
    flops = 2 * p.m * p.n * p.k * batches
    if flops < SMALL:
        return 1, 1, row_tiles
    wanted = CHUNKS if flops > 2000 * SMALL else CHUNKS // 2
    # The panels of a column block stay in half of the second cache while the row tiles pass by.
    least = min(panels, max(1, ceil(p.k * p.n * size / (machine.l2 // 2))))
    far = p.m * p.k * size > machine.l2 // 2
    best = (float("inf"), 1, 1, row_tiles)
    for row_blocks in range(1, min(row_tiles, CHUNKS) + 1):
        tiles = ceil(row_tiles / row_blocks) * row_blocks
        if tiles > p.m:
            continue
        for column_blocks in range(least, max(least, min(panels, 2 * CHUNKS)) + 1):
            chunks = row_blocks * column_blocks * batches
            cost = tiles * panels * (p.k * steps(p.m / tiles, vectors) + 100.0)
            cost *= 0.5 + 0.5 * ceil(panels / column_blocks) * column_blocks / panels
            cost += column_blocks * p.m * p.k * (size / (20 if far else 200) + copies * 0.3)
            cost *= (ceil(chunks / 2) + 2 * ceil(chunks / 4)) / chunks
            cost *= 1 + max(0.0, 1 - chunks / wanted) + 0.002 * chunks / wanted
            best = min(best, (cost, row_blocks, column_blocks, tiles))
    return best[1:]

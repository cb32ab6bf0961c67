"""How a product of any size is cut into chunks: by its sizes alone, so that any number of threads gives the same bits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil

from .free_tile import K_BLOCK, FreeTile

SHARED = 1 << 20
"""Multiplications from which a product is cut."""

PACKED = 40
"""Rows from which columns are packed where they might be read in place."""

ROW_BLOCKS = (1, 2, 3, 4, 6, 8, 12, 16)
COLUMN_BLOCKS = 16
"""How many blocks cuts that are compared have: of rows, and of columns at most, as far as blocks may be so wide."""


@dataclass(frozen=True)
class Cut:
    """Row blocks, columns of a block, and steps of k at a time, as `any_size.FIELDS` has them; column blocks."""

    row_blocks: int
    columns: int
    k_block: int
    column_blocks: int
    packs: bool


@lru_cache(1024)
def cut(t: FreeTile, m: int, n: int, k: int, batches: int, turned: bool) -> Cut:
    """Cut a product of sizes above 0. turned: B's columns do not lie beside each other."""
    k_block = ceil(ceil(k / ceil(k / K_BLOCK)) / 8) * 8
    whole = ceil(n / t.width) * t.width
    most = min(whole, t.columns)
    if m * n * k * batches < SHARED:
        row_blocks, columns = 1, most
    else:
        least = min(most, t.width * ceil(whole / t.width / COLUMN_BLOCKS))
        _, row_blocks, columns = min(
            (_cost(t, m, n, k, batches, turned, rows, columns), rows, columns)
            for rows in ROW_BLOCKS
            if rows == 1 or rows * t.rows <= m
            for columns in range(least, most + 1, t.width)
        )
    packs = turned or m >= PACKED * row_blocks
    return Cut(row_blocks, columns, k_block, ceil(n / columns), packs)


def _cost(t: FreeTile, m: int, n: int, k: int, batches: int, turned: bool, row_blocks: int, columns: int) -> float:
    """About how many cycles two threads and four take: of tiles, of packing and copying, and of chunks that are too few."""
    rows, lanes = ceil(m / row_blocks), t.lanes
    panels = ceil(columns / t.width)
    packing = columns * (5.0 if turned else 1.5) / lanes
    each = k * (max(rows, 4 * ceil(rows / t.rows)) * panels + packing + rows * 1.5 / lanes) + 200.0
    chunks = row_blocks * ceil(n / columns) * batches
    return each * (ceil(chunks / 2) + 2 * ceil(chunks / 4)) * (1 + 0.002 * chunks)

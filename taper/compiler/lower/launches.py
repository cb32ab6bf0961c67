"""The kernels of a program as code for a GPU: what each is launched with, and what it reads and writes."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from ...native.gpu import Kernel as Code
from ...native.gpu import block, thread
from ...native.machine import Machine
from ...native.text import Builder, Module, Value, const, i64
from ..graph import Node
from .emitter import memory_type
from .kernels import Kernel
from .resampling import Resampling
from .threads import MAP_BLOCK, Grid, emit_threads, grid_of
from .windows import Images, Windows

SCATTER_BLOCK = 128
"""Threads that add up the rows of one position."""


TOGETHER, ARRAYS = 32, 120
"""Kernels that one launch runs side by side, and arrays of one launch, at most (a kernel's arguments may take 4 KB)."""


@dataclass
class Launch:
    """One launch: its code, its grid, the nodes whose arrays it gets, in order; the kernels that it computes."""

    kernels: list[Kernel]
    text: str
    grid: Grid
    items: list[Node]
    reads: set[Node]
    writes: set[Node]

    @property
    def how(self) -> str:
        """How it runs, to read."""
        blocks = self.grid.blocks
        return f"{blocks} block{'s' if blocks > 1 else ''} of {self.grid.threads} threads"


def launches(kernel: Kernel, machine: Machine) -> list[Launch]:
    """The launches of a scatter or window kernel."""
    if kernel.kind == "scatter":
        zeros = [_launch([kernel], machine, _zeros)]
        return [*zeros, _launch([kernel], machine, _scatter)] if kernel.node.inputs[0].size else zeros
    images = {"resample": Resampling}.get(kernel.node.op, Windows)
    return [_launch([kernel], machine, lambda b, k, pointer, machine: _images(b, images(k, pointer, machine)))]


def side_by_side(kernels: list[Kernel], machine: Machine, flag: Node | None = None) -> Launch:
    """Loop kernels of equal blocks that need nothing of each other, in one launch: each has some of the blocks.

    flag: what forbids a kernel to overwrite inputs, where it is set.
    """
    grids = [grid_of(k) for k in kernels]
    starts = [sum(g.blocks for g in grids[:i]) for i in range(len(grids) + 1)]

    def write(b: Builder, kernel: Kernel, pointer, machine: Machine) -> Grid:
        i = kernels.index(kernel)
        conditions = []
        if kernel.writes_state and flag is not None:
            conditions.append(b.compare("==", b.load("i8", pointer(b, flag)), const(0, "i8")))
        if i:
            conditions.append(b.compare(">=", block(b), i64(starts[i])))
        if i + 1 < len(kernels):
            conditions.append(b.compare("<", block(b), i64(starts[i + 1])))
        with ExitStack() as inside:
            for condition in conditions:
                inside.enter_context(b.when(condition))
            emit_threads(b, kernel, pointer, machine, starts[i])
        return Grid(starts[-1], grids[0].threads)

    return _launch(kernels, machine, write)


def independent(kernels: list[Kernel], kernel: Kernel, home: Callable[[Node], Node], flag: Node | None) -> bool:
    """Whether a loop kernel needs nothing of others, nor they of it. home: whose memory a node has."""
    reads, writes = _touched(kernel, home)
    if kernel.writes_state and flag is not None:
        reads.add(flag)
    for other in kernels:
        r, w = _touched(other, home)
        if not w.isdisjoint(reads | writes) or not writes.isdisjoint(r):
            return False
    return True


def has_room(kernels: list[Kernel], kernel: Kernel) -> bool:
    """Whether a launch of loop kernels can take one more."""
    arrays = sum(len(k.loads() | written(k)) for k in (*kernels, kernel))
    same = grid_of(kernel).threads == grid_of(kernels[0]).threads
    return same and len(kernels) < TOGETHER and arrays <= ARRAYS


def _touched(kernel: Kernel, home: Callable[[Node], Node]) -> tuple[set[Node], set[Node]]:
    return {home(n) for n in kernel.loads()}, {home(n) for n in written(kernel)}


def _launch(kernels: list[Kernel], machine: Machine, write: Callable[..., Grid]) -> Launch:
    """The launch of kernels, each of which `write(b, kernel, pointer, machine)` writes."""
    b = Code(Module(fused=machine.fused, modulo=False), "KERNEL")
    items: list[Node] = []

    def pointer(b: Code, node: Node) -> Value:
        if node not in items:
            items.append(node)
            b.argument()
        return b.args[items.index(node)]

    for kernel in kernels:
        grid = write(b, kernel, pointer, machine)
    writes = set()
    for kernel in kernels:
        writes |= set(kernel.results()) if kernel.kind == "scatter" else written(kernel)
    reads = {n for n in items if n not in writes}
    # What overwrites an input shares its memory with what was read of it.
    unwritten = [] if any(k.writes_state for k in kernels) else [b.args[items.index(n)] for n in reads]
    b.finish_kernel(grid.threads, unwritten)
    return Launch(kernels, str(b.module), grid, items, reads, writes & set(items))


def written(kernel: Kernel) -> set[Node]:
    """The nodes whose arrays a kernel writes."""
    return {r.target for r in kernel.roots if r.into is not None or r.node not in kernel.silent}


def _each(b: Builder, total: int, threads: int = MAP_BLOCK) -> tuple[Value, Grid]:
    """A thread's number among `total` and more, and the grid that has so many."""
    number = b.add(b.mul(block(b), i64(threads)), thread(b))
    return number, Grid(math.ceil(total / threads), threads)


def _images(b: Builder, images: Images) -> Grid:
    """A thread for each element of rows of images."""
    images.begin(b)
    total = images.planes * images.rows * images.columns
    number, grid = _each(b, total)
    with b.when(b.compare("<", number, i64(total))):
        images.locate(b.div(number, i64(images.columns), signed=False))
        images.one_element(b.rem(number, i64(images.columns), signed=False))
    return grid


def _zeros(b: Builder, kernel: Kernel, pointer, machine: Machine) -> Grid:
    """Zeros wherever a scatter adds."""
    node = kernel.node
    kind = memory_type(node.dtype)
    number, grid = _each(b, node.size)
    with b.when(b.compare("<", number, i64(node.size))):
        b.store(const(0, kind), b.offset(pointer(b, node), number, kind))
    return grid


def _scatter(b: Builder, kernel: Kernel, pointer, machine: Machine) -> Grid:
    """x[i] added to row index[i], in order: a block that has the first i of a row adds up all x of that row.

    The blocks of later ones find an equal index before theirs, and have nothing to do. So no two threads write the same
    element, and a sum is always the same.
    """
    node = kernel.node
    x, index = node.inputs
    kind, at_kind = memory_type(node.dtype), memory_type(index.dtype)
    rows, width = node.shape[0], node.size // max(node.shape[0], 1)
    slices = math.ceil(width / SCATTER_BLOCK)
    source, places, target = pointer(b, kernel.operands[0]), pointer(b, kernel.operands[1]), pointer(b, node)
    own = b.div(block(b), i64(slices), signed=False) if slices > 1 else block(b)
    part = b.rem(block(b), i64(slices), signed=False) if slices > 1 else i64(0)
    column = b.add(b.mul(part, i64(SCATTER_BLOCK)), thread(b))
    row = b.convert(b.load(at_kind, b.offset(places, own, at_kind)), "i64")
    used = b.logical("and", b.compare("<", row, i64(rows), signed=False), b.compare("<", column, i64(width)))
    with b.when(used):
        none = const(0, "i1")
        with b.loop(i64(0), own, i64(1), [none]) as before:
            other = b.convert(b.load(at_kind, b.offset(places, before.index, at_kind)), "i64")
            before.values = [b.logical("or", before.values[0], b.compare("==", other, row))]
        with b.when(b.invert(before.results[0])):
            with b.loop(own, i64(index.size), i64(1), [const(0, kind)]) as after:
                other = b.convert(b.load(at_kind, b.offset(places, after.index, at_kind)), "i64")
                same = b.compare("==", other, row)
                with b.detour(same, after.values) as more:
                    here = b.add(b.mul(after.index, i64(width)), column)
                    more.values = [b.add(after.values[0], b.load(kind, b.offset(source, here, kind)))]
                after.values = more.results
            b.store(after.results[0], b.offset(target, b.add(b.mul(row, i64(width)), column), kind))
    return Grid(index.size * slices, SCATTER_BLOCK)

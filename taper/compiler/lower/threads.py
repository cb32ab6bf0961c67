"""Loop kernels for a GPU: the same expressions, of which each thread computes a few elements.

A map gives threads neighbouring elements. Rows that are reduced get a part of a warp, a warp or a block each, by their
length; what a thread has loaded and computed of a short row it keeps for the row's next pass. Columns are walked by several
threads each, in blocks 32 columns wide. Threads join what they have found in a fixed order, so that the same program gives
the same bits at each run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ...native.gpu import LARGEST_BLOCK, WARP, barrier, block, shared, shuffled, thread
from ...native.machine import Machine
from ...native.text import BITS, Builder, Value, const, element, i64, lanes
from ..graph import Node
from .access import Access
from .emitter import Lane, Pointer, inner_steps
from .expression import INDEXED
from .iteration import Iteration, levels_of
from .kernels import Kernel, Space, Walk, in_memory
from .reductions import REDUCERS, Reducer

MAP_BLOCK = 256
"""Threads of a map's blocks."""

MAP_BLOCKS = 132 * 16
"""Blocks of a map at most: enough for any GPU; with more elements a thread goes on to further ones."""

BYTES = 16
"""Bytes that one instruction of a thread loads or stores at most."""

KEPT = 16
"""Elements of a row, at most, whose values a thread keeps in registers between passes."""

SPREAD = 132 * 1024
"""Threads, about, that keep a GPU busy."""

BLOCK = 256
"""Numbers that a thread adds up one after the other before it puts the sum by (see loops.py)."""

ROWS_BLOCK, COLUMNS = 128, 32
"""Threads of a block whose rows have less each; columns of a block."""


@dataclass(frozen=True)
class Grid:
    """How a kernel is launched."""

    blocks: int
    threads: int


def grid_of(kernel: Kernel) -> Grid:
    """How a loop kernel is launched."""
    return _kind(kernel.walk().space).grid(kernel)


def emit_threads(b: Builder, kernel: Kernel, pointer: Pointer, machine: Machine, first: int = 0) -> Grid:
    """Write a loop kernel's body for one thread; the blocks from `first` on are its own."""
    walk = kernel.walk()
    made = _kind(walk.space)(b, kernel, walk, pointer, machine, first)
    made.emit()
    return made.grid(kernel)


def _kind(space: Space) -> type[Threads]:
    if not space.reduces:
        return _Map
    return _Rows if space.flat[-1] == 1 or space.extents[-1] == space.size else _Columns


class Threads(Iteration):
    """What the kernels of this file share."""

    vector_dim_from_end = 0
    """The dimension whose neighbours a thread computes together, as an index from the end; 0 for none."""

    def __init__(self, b: Builder, kernel: Kernel, walk: Walk, pointer: Pointer, machine: Machine, first: int):
        dim = len(walk.space.extents) - self.vector_dim_from_end if self.vector_dim_from_end else -1
        super().__init__(b, kernel, walk, pointer, machine, dim)
        self.first = first

    @staticmethod
    def grid(kernel: Kernel) -> Grid:
        """How the kernel is launched."""
        raise NotImplementedError

    def emit(self) -> None:
        """Write the code of a thread."""
        raise NotImplementedError

    def block(self) -> Value:
        """The number of the thread's block among those of this kernel."""
        b = self.b
        return b.sub(block(b), i64(self.first)) if self.first else block(b)

    def place(self, row: Value, dims: range) -> None:
        """Set the indices of dimensions from a row number: by 32-bit divisions where that is enough."""
        b, extents = self.b, self.extents
        for d in range(len(extents)):
            if extents[d] == 1:
                self.indices[d] = i64(0)
        left = [d for d in dims if extents[d] > 1]
        type = "i32" if math.prod(extents[d] for d in left) < 2**31 else "i64"
        row = b.convert(row, type, signed=False) if len(left) > 1 else row
        for d in reversed(left[1:]):
            self.indices[d] = b.convert(b.rem(row, const(extents[d], type), signed=False), "i64", signed=False)
            row = b.div(row, const(extents[d], type), signed=False)
        if left:
            self.indices[left[0]] = b.convert(row, "i64", signed=False)

    def alignment(self, type: str) -> int | None:
        return max(1, BITS[element(type)] // 8) * lanes(type)


class _Map(Threads):
    """No reductions: a thread computes a few neighbours, all of which lie in one vector of memory where that can be."""

    vector_dim_from_end = 1

    @staticmethod
    def grid(kernel: Kernel) -> Grid:
        total = kernel.walk().space.size // vector_width(kernel, kernel.walk())
        return Grid(min(math.ceil(total / MAP_BLOCK), MAP_BLOCKS), MAP_BLOCK)

    def emit(self) -> None:
        b = self.b
        every = range(len(self.extents))
        self.width = vector_width(self.kernel, self.walk)
        total = self.walk.space.size // self.width
        blocks = self.grid(self.kernel).blocks
        number = b.add(b.mul(self.block(), i64(MAP_BLOCK)), thread(b))
        for r, _ in self.roots:
            self.hoist(r.node, self.home(r), every)
        if blocks * MAP_BLOCK == total:
            self.elements(number)
        elif blocks * MAP_BLOCK > total:
            with b.when(b.compare("<", number, i64(total))), self.scope():
                self.elements(number)
        else:
            with b.loop(number, i64(total), i64(blocks * MAP_BLOCK)) as loop, self.scope():
                self.elements(loop.index)

    def elements(self, number: Value) -> None:
        """The elements of a vector, by its number."""
        b, d = self.b, self.vector_dim
        before = self.extents
        self.extents = (*before[:-1], before[-1] // self.width)
        self.place(number, range(len(before)))
        self.extents = before
        if self.width > 1:
            self.indices[d] = b.mul(self.indices[d], i64(self.width))
        self.lane = Lane(self.width, None)
        self.write_roots(self.roots)
        self.lane = Lane(1, None)


class _Rows(Threads):
    """Reductions along rows: `team` threads to a row."""

    @staticmethod
    def grid(kernel: Kernel) -> Grid:
        space = kernel.walk().space
        team = team_for(space.kept_size, math.prod(space.extents[space.kept :]))
        threads = max(team, ROWS_BLOCK if space.kept_size * team >= ROWS_BLOCK else WARP)
        return Grid(math.ceil(space.kept_size / (threads // team)), threads)

    def emit(self) -> None:
        b, space = self.b, self.walk.space
        self.each = math.prod(space.extents[space.kept :])
        self.rows = space.kept_size
        self.team = team_for(self.rows, self.each)
        grid = self.grid(self.kernel)
        blocks, self.threads = grid.blocks, grid.threads
        together = self.threads // self.team
        self.number = number = thread(b)
        row = self.block()
        self.lane_number = number
        if together > 1:
            row = b.add(b.mul(row, i64(together)), b.logical("lshr", number, i64(int(math.log2(self.team)))))
            self.lane_number = b.logical("and", number, i64(self.team - 1))
        self.inside = None
        if blocks * together > self.rows:
            # All threads of a warp exchange values: those without a row do the last one again, and store nothing.
            self.inside = b.compare("<", row, i64(self.rows))
            row = b.select(self.inside, row, i64(self.rows - 1))
        for r, _ in self.roots:
            self.hoist(r.node, self.home(r), range(len(self.extents)))
        self.place(row, range(space.kept))
        self.prepare()
        inner = range(space.kept, len(space.extents))
        for level in levels_of(self.walk, self.own):
            for node in level:
                self.hoist(node.inputs[0], Access(0, space.flat), inner)
            self.reduce(level)
        self.write(inner)

    def prepare(self) -> None:
        """Where in the row a thread's elements are: known at once for a few, else found in a loop."""
        b = self.b
        self.count = math.ceil(self.each / self.team)
        self.keeps = self.count <= KEPT
        self.kept: list[dict] = [{} for _ in range(self.count if self.keeps else 0)]
        self.numbers: list[Value] = []
        self.valid: list[Value | None] = []
        # Neighbours, as many as one load takes, are one thread's where that leaves no thread without: the compiler then reads
        # them at once.
        near = next((n for n in (4, 2) if self.count % n == 0 and self.count * self.team == self.each), 1)
        start = b.mul(self.lane_number, i64(near)) if near > 1 else self.lane_number
        for i in range(len(self.kept)):
            number = b.add(start, i64(i // near * near * self.team + i % near)) if i else start
            valid = None
            if (i + 1) * self.team > self.each:
                valid = b.compare("<", number, i64(self.each))
                number = b.select(valid, number, i64(self.each - 1))
            self.numbers.append(number)
            self.valid.append(valid)

    @contextmanager
    def kept_element(self, i: int) -> Iterator[Value | None]:
        """A thread's i-th element, with all that was computed of it before; gives whether it is one of the row."""
        before = list(self.indices)
        self.place(self.numbers[i], range(self.walk.space.kept, len(self.extents)))
        self.memo.append(self.kept[i])
        yield self.valid[i]
        self.memo.pop()
        self.indices = before

    @contextmanager
    def in_loop(self) -> Iterator[Value]:
        """A loop over a thread's elements; gives an element's number in the row."""
        b = self.b
        before = list(self.indices)
        with b.loop(self.lane_number, i64(self.each), i64(self.team)) as loop, self.scope():
            self.place(loop.index, range(self.walk.space.kept, len(self.extents)))
            yield loop.index
        self.indices = before

    def reduce(self, level: list[Node]) -> None:
        """One pass over the row for all reductions of a level; their results become known to all of its threads."""
        b, space = self.b, self.walk.space
        full, rows = Access(0, space.flat), Access(0, self.plain(space.rows))
        reducers = [REDUCERS[n.op](n, 1) for n in level]
        cells = [r.memory_in_blocks(b) if not self.keeps else r.memory(b) for r in reducers]

        def step(number: Value, valid: Value | None) -> None:
            for node, reducer, cell in zip(level, reducers, cells):
                reducer.step(b, cell, self.value(node.inputs[0], full), Lane(1, valid), number)

        if self.keeps:
            for i in range(self.count):
                with self.kept_element(i) as valid:
                    step(self.numbers[i], valid)
        elif self.count <= 4 * BLOCK:
            with self.in_loop() as number:
                step(number, None)
        else:
            self.in_blocks(step, reducers, cells)
        if not self.keeps:
            for reducer, cell in zip(reducers, cells):
                reducer.settle(b, cell)
        for node, reducer, cell in zip(level, reducers, cells):
            found = self.joined(reducer, reducer.unfinished(b, cell))
            self.memo[-1][node, rows, 1] = reducer.finished(found)

    def in_blocks(self, step, reducers: list[Reducer], cells: list) -> None:
        """A loop over a long row whose sums are put by from time to time."""
        b, end = self.b, i64(self.each)
        before = list(self.indices)
        with b.loop(self.lane_number, end, i64(self.team * BLOCK)) as blocks:
            after = b.add(blocks.index, i64(self.team * BLOCK))
            after = b.select(b.compare("<", after, end), after, end)
            with b.loop(blocks.index, after, i64(self.team)) as loop, self.scope():
                self.place(loop.index, range(self.walk.space.kept, len(self.extents)))
                step(loop.index, None)
            for reducer, cell in zip(reducers, cells):
                reducer.settle(b, cell)
        self.indices = before

    def joined(self, reducer: Reducer, found: tuple[Value, ...]) -> tuple[Value, ...]:
        """What the threads of a row have found, together: the same in each of them."""
        found = self.exchanged(reducer, found, min(self.team, WARP))
        warps = self.team // WARP
        if warps <= 1:
            return found
        b = self.b
        memory = [shared(b, _stored(part.type), self.threads // WARP) for part in found]
        lane = b.logical("and", self.number, i64(WARP - 1))
        warp = b.logical("lshr", self.number, i64(int(math.log2(WARP))))
        with b.when(b.compare("==", lane, i64(0))):
            for part, cells in zip(found, memory):
                value = b.convert(part, _stored(part.type), signed=False)
                b.store(value, b.offset(cells, warp, value.type))
        barrier(b)
        mine = b.add(b.logical("and", warp, i64(-warps)), b.logical("and", lane, i64(warps - 1)))
        parts = tuple(b.load(_stored(p.type), b.offset(m, mine, _stored(p.type))) for p, m in zip(found, memory))
        parts = tuple(b.convert(p, old.type) for p, old in zip(parts, found))
        return self.exchanged(reducer, parts, warps)

    def exchanged(self, reducer: Reducer, found: tuple[Value, ...], among: int) -> tuple[Value, ...]:
        """The results of `among` neighbours joined, halves with halves."""
        distance = among // 2
        while distance:
            other = tuple(shuffled(self.b, part, distance) for part in found)
            found = reducer.joined(self.b, found, other)
            distance //= 2
        return found

    def write(self, inner: range) -> None:
        """Store what has one value for each row, and what has one for each element."""
        b, space = self.b, self.walk.space
        rows = [(r, a) for r, a in self.roots if self.home(r).strides == space.rows]
        full = [(r, a) for r, a in self.roots if self.home(r).strides != space.rows]
        if rows:
            values = [self.value(r.node, self.home(r)) for r, _ in rows]
            if self.team > WARP:
                # No thread may still have to read what the first one overwrites.
                barrier(b)
            first = b.compare("==", self.lane_number, i64(0))
            with b.when(first if self.inside is None else b.logical("and", first, self.inside)):
                for (root, access), value in zip(rows, values):
                    self.store(root.target, value, access)
        if not full:
            return
        for r, _ in full:
            self.hoist(r.node, self.home(r), inner)
        if not self.keeps:
            with self.when_inside(None), self.in_loop():
                self.write_roots(full)
            return
        for i in range(self.count):
            with self.kept_element(i) as valid:
                values = [self.value(r.node, self.home(r)) for r, _ in full]
                with self.when_inside(valid):
                    for (root, access), value in zip(full, values):
                        self.store(root.target, value, access)

    @contextmanager
    def when_inside(self, valid: Value | None) -> Iterator[None]:
        """Only threads that have a row, and an element of it."""
        conditions = [c for c in (self.inside, valid) if c is not None]
        if not conditions:
            yield
            return
        both = conditions[0] if len(conditions) == 1 else self.b.logical("and", *conditions)
        with self.b.when(both), self.scope():
            yield


class _Columns(Threads):
    """Reductions over outer dimensions: blocks of columns, with several threads to each."""

    @staticmethod
    def grid(kernel: Kernel) -> Grid:
        space = kernel.walk().space
        each = math.prod(space.extents[space.kept :])
        threads = min(LARGEST_BLOCK, COLUMNS * max(1, 2 ** math.floor(math.log2(max(1, each / 4)))))
        return Grid(math.ceil(space.kept_size / COLUMNS), threads)

    def emit(self) -> None:
        b, space = self.b, self.walk.space
        columns, each = space.kept_size, math.prod(space.extents[space.kept :])
        side = self.grid(self.kernel).threads // COLUMNS
        number = thread(b)
        column = b.add(b.mul(self.block(), i64(COLUMNS)), b.logical("and", number, i64(COLUMNS - 1)))
        first = b.logical("lshr", number, i64(int(math.log2(COLUMNS))))
        inside = None
        if columns % COLUMNS:
            inside = b.compare("<", column, i64(columns))
            column = b.select(inside, column, i64(columns - 1))
        for r, _ in self.roots:
            self.hoist(r.node, self.home(r), range(len(self.extents)))
        self.place(column, range(space.kept))
        nodes = list(self.walk.reductions)
        for node in nodes:
            self.hoist(node.inputs[0], Access(0, space.flat), range(space.kept, len(space.extents)))
        reducers = [REDUCERS[n.op](n, 1) for n in nodes]
        long = math.ceil(each / side) > 4 * BLOCK
        cells = [r.memory_in_blocks(b) if long else r.memory(b) for r in reducers]
        self.walk_columns(nodes, reducers, cells, first, side, each, long)
        found = [r.unfinished(b, c) for r, c in zip(reducers, cells)]
        if side > 1:
            found = self.joined(reducers, found, number, side)
        rows = Access(0, self.plain(space.rows))
        for node, reducer, parts in zip(nodes, reducers, found):
            self.memo[-1][node, rows, 1] = reducer.finished(parts)
        storing = b.compare("==", first, i64(0))
        with b.when(storing if inside is None else b.logical("and", storing, inside)), self.scope():
            self.write_roots(self.roots)

    def walk_columns(self, nodes, reducers, cells, first: Value, side: int, each: int, long: bool) -> None:
        """Take in every side-th element of the column from `first` on."""
        b, space, end = self.b, self.walk.space, i64(each)
        full = Access(0, space.flat)
        before = list(self.indices)

        def walk(start: Value, stop: Value) -> None:
            with b.loop(start, stop, i64(side)) as loop, self.scope():
                self.place(loop.index, range(space.kept, len(space.extents)))
                place = self.position(Access(0, inner_steps(space)))
                for node, reducer, cell in zip(nodes, reducers, cells):
                    reducer.step(b, cell, self.value(node.inputs[0], full), Lane(1, None), place, columns=True)

        if not long:
            walk(first, end)
        else:
            with b.loop(first, end, i64(side * BLOCK)) as blocks:
                after = b.add(blocks.index, i64(side * BLOCK))
                walk(blocks.index, b.select(b.compare("<", after, end), after, end))
                for reducer, cell in zip(reducers, cells):
                    reducer.settle(b, cell)
        self.indices = before

    def joined(self, reducers, found, number: Value, side: int) -> list[tuple[Value, ...]]:
        """What the threads of a column have found, together: halves onto halves, known to the first of them."""
        b = self.b
        memory = [[shared(b, _stored(p.type), COLUMNS * side) for p in parts] for parts in found]

        def put(found) -> None:
            for parts, cells in zip(found, memory):
                for part, cell in zip(parts, cells):
                    value = b.convert(part, _stored(part.type), signed=False)
                    b.store(value, b.offset(cell, number, value.type))

        put(found)
        barrier(b)
        half = side // 2
        while half:
            with b.when(b.compare("<", number, i64(COLUMNS * half))):
                other = b.add(number, i64(COLUMNS * half))
                put([r.joined(b, *self.loaded_parts(p, m, number, other)) for r, p, m in zip(reducers, found, memory)])
            barrier(b)
            half //= 2
        return [self.loaded_parts(parts, cells, number)[0] for parts, cells in zip(found, memory)]

    def loaded_parts(self, parts, memory, *places: Value) -> list[tuple[Value, ...]]:
        b = self.b
        return [
            tuple(
                b.convert(b.load(_stored(p.type), b.offset(m, at, _stored(p.type))), p.type)
                for p, m in zip(parts, memory)
            )
            for at in places
        ]


def _stored(type: str) -> str:
    """The type in which a value lies in shared memory: truths are bytes."""
    return "i8" if type == "i1" else type


def team_for(rows: int, each: int) -> int:
    """How many threads share a row: few elements to each, unless there are rows enough for all threads."""
    team = 1
    while team < LARGEST_BLOCK and team < each:
        if team >= WARP and (each <= 4 * team or (rows * team >= SPREAD and each <= KEPT * team)):
            break
        team *= 2
    return team


def vector_width(kernel: Kernel, walk: Walk) -> int:
    """Neighbouring elements that a thread of a map computes at once: as many as lie in one vector, wherever they are read."""
    extents = walk.space.extents
    accesses = [(n, a) for n, a in walk.loads] + [(r.target, a) for r, a in walk.roots]
    if any(n.op in INDEXED for n in _computed(kernel, walk)):
        return 1
    moving = [(n, a) for n, a in accesses if a.strides[-1] and extents[-1] > 1]
    if not moving:
        return 1
    width = BYTES // max(n.dtype.itemsize for n, _ in moving)
    for _, access in moving:
        if access.strides[-1] != 1:
            return 1
        while width > 1 and any(x % width for x in (access.offset, *access.strides[:-1])):
            width //= 2
    while width > 1 and (extents[-1] % width or walk.space.size < width * SPREAD // 8):
        width //= 2
    return width


def _computed(kernel: Kernel, walk: Walk) -> set[Node]:
    """The nodes that a kernel computes."""
    found: set[Node] = set()
    stack = [r.node for r, _ in walk.roots]
    own = kernel.own()
    while stack:
        node = stack.pop()
        if node not in found and (node in own or not in_memory(node, kernel.stored)):
            found.add(node)
            stack.extend(node.inputs)
    return found

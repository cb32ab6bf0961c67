"""Loop kernels as LLVM code: maps, row reductions and column reductions.

Chunks, the unit that threads share, are whole rows or blocks of columns and depend on shapes alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ...native.machine import Machine
from ...native.text import Builder, Value, element, i64, vector
from ..graph import ANY, Node
from .access import Access
from .emitter import Emitter, Lane, Pointer, inner_steps, register_type
from .expression import is_reduction
from .instructions import COSTLY
from .iteration import Iteration, levels_of
from .kernels import Kernel, Walk, in_memory
from .reductions import REDUCERS

UNROLL = 4
"""Unfinished sums side by side: an addition takes four cycles, and the processor can begin two in each."""

BLOCK = 256
"""Rows that are added up to one of the numbers whose sum is a column's."""

CHUNK = 8192
"""Elements of a chunk, about: what a thread does between two looks at its share."""


def emit_loop(b: Builder, kernel: Kernel, pointer: Pointer, machine: Machine) -> int:
    """Write a loop kernel's body into a function (table, begin, end). Returns how many chunks it has."""
    walk = kernel.walk()
    space = walk.space
    last = len(space.extents) - 1
    if not space.reduces:
        return _Map(b, kernel, walk, pointer, machine, last).emit()
    if space.flat[-1] == 1 or space.extents[-1] == space.size:
        return _Rows(b, kernel, walk, pointer, machine, last).emit()
    return _Columns(b, kernel, walk, pointer, machine, space.kept - 1).emit()


class _Kernel(Iteration):
    def __init__(self, b, kernel, walk, pointer, machine, vector_dim):
        super().__init__(b, kernel, walk, pointer, machine, vector_dim)
        self.width = width_of(kernel, walk, machine)
        self.copy = 0

    def chunked(self, rows: int, each: int, body: Callable[[Value], None]) -> int:
        """Loop over the rows of the chunks given; `each` elements a row. Returns the number of chunks."""
        b = self.b
        count = 1 if rows == ANY else max(1, CHUNK // max(each, 1))
        if rows // count < 8 and rows * each > 4 * CHUNK // 2:
            count = max(1, rows // 8)
        chunks = math.ceil(rows / count)
        begin, end = b.args[1], b.args[2]
        first = b.mul(begin, i64(count)) if count > 1 else begin
        last = b.mul(end, i64(count)) if count > 1 else end
        if count > 1 and rows % count:
            last = b.select(b.compare("<", last, i64(rows)), last, i64(rows))
        with b.loop(first, last) as loop, self.scope():
            body(loop.index)
        return chunks

    def vectors(self, start: Value, stop: Value, exact: int | None, body: Callable[[], None], unroll: int = 1) -> None:
        """Walk the vector dimension: whole vectors, then the lanes that are left. exact: stop - start, if known."""
        b, w, d = self.b, self.width, self.vector_dim
        whole = stop
        if w > 1:
            if exact is not None:
                whole = b.add(start, i64(exact // w * w))
            else:
                whole = b.add(start, b.logical("and", b.sub(stop, start), i64(-w)))
        first = start
        if unroll > 1 and exact is not None and exact >= w * unroll:
            first = b.add(start, i64(exact // (w * unroll) * w * unroll))
            with b.loop(start, first, i64(w * unroll)) as loop:
                self.lane = Lane(w, None)
                for self.copy in range(unroll):
                    with self.at(d, b.add(loop.index, i64(self.copy * w))):
                        body()
                self.copy = 0
                self.lane = Lane(1, None)
            exact -= exact // (w * unroll) * w * unroll
        if exact is None or exact >= w:
            with b.loop(first, whole, i64(w)) as loop, self.at(d, loop.index):
                self.lane = Lane(w, None)
                body()
                self.lane = Lane(1, None)
        if w > 1 and (exact is None or exact % w):
            self.rest(whole, stop, exact, body)

    def rest(self, whole: Value, stop: Value, exact: int | None, body: Callable[[], None]) -> None:
        b, w, d = self.b, self.width, self.vector_dim
        if self.machine.masks:
            left = b.sub(stop, whole)
            mask = b.compare("<", b.lane_numbers(vector("i32", w)), b.splat(b.convert(left, "i32"), w))
            if exact is not None:
                mask = Value("<" + ", ".join(f"i1 {int(i < exact % w)}" for i in range(w)) + ">", f"<{w} x i1>")
            go = b.compare("<", whole, stop)
            with b.when(go), self.at(d, whole):
                self.lane = Lane(w, mask)
                body()
                self.lane = Lane(1, None)
        else:
            with b.loop(whole, stop) as loop, self.at(d, loop.index):
                self.lane = Lane(1, None)
                body()


class _Map(_Kernel):
    """No reductions: rows of the last dimension, or blocks of it if it is the only one."""

    def emit(self) -> int:
        n = self.extents[-1]
        outer = range(len(self.extents) - 1)
        rows = math.prod(self.extents[:-1])
        for r, _ in self.roots:
            self.hoist(r.node, self.home(r), range(len(self.extents)))
        if rows == 1:
            return self.blocks(n)

        def row(index: Value) -> None:
            self.place(index, outer)
            for r, _ in self.roots:
                self.hoist(r.node, self.home(r), range(len(self.extents) - 1, len(self.extents)))
            self.vectors(i64(0), i64(n), n, lambda: self.write_roots(self.roots))

        return self.chunked(rows, n, row)

    def blocks(self, n: int) -> int:
        b = self.b
        for d in range(len(self.extents) - 1):
            self.indices[d] = i64(0)
        if n == ANY:
            self.vectors(b.args[1], b.args[2], None, lambda: self.write_roots(self.roots))
            return n
        block = CHUNK
        chunks = max(1, math.ceil(n / block))
        if chunks == 1:
            # One call does it all; an empty share does nothing.
            whole = b.compare("<", b.args[1], b.args[2])
            stop = b.select(whole, i64(n), i64(0))
            self.vectors(i64(0), stop, None, lambda: self.write_roots(self.roots))
            return 1
        start = b.mul(b.args[1], i64(block))
        stop = b.mul(b.args[2], i64(block))
        stop = b.select(b.compare("<", stop, i64(n)), stop, i64(n))
        self.vectors(start, stop, None, lambda: self.write_roots(self.roots))
        return chunks


class _Rows(_Kernel):
    """Reductions along rows; what is elementwise over rows or their elements in the same pass."""

    def emit(self) -> int:
        space = self.walk.space
        inner = range(space.kept, len(space.extents))
        each = math.prod(space.extents[space.kept :])
        self.levels = levels_of(self.walk, self.own)
        self.prepare_stash(each)
        for r, _ in self.roots:
            self.hoist(r.node, self.home(r), range(len(self.extents)))

        def row(index: Value) -> None:
            self.place(index, range(space.kept))
            done: list[Node] = []
            for level in self.levels:
                for node in level:
                    self.hoist(node.inputs[0], Access(0, space.flat), inner)
                self.reduce(level)
                done += level
            rows = [(r, a) for r, a in self.roots if self.home(r).strides == space.rows]
            if rows:
                self.write_roots(rows)
            full = [(r, a) for r, a in self.roots if self.home(r).strides != space.rows]
            if full:
                for r, _ in full:
                    self.hoist(r.node, self.home(r), inner)
                self.over_row(lambda: self.write_roots(full))

        return self.chunked(space.kept_size, each, row)

    def prepare_stash(self, each: int) -> None:
        """Memory for what is costly and needed in more than one pass over a row."""
        if each > 8192 or not self.levels:
            return
        passes = [{n for node in level for n in costly_in(node.inputs[0], self)} for level in self.levels]
        full = [r.node for r, _ in self.roots if self.home(r).strides != self.walk.space.rows]
        passes.append({n for node in full for n in costly_in(node, self)})
        counts: dict[Node, int] = {}
        for found in passes:
            for n in found:
                counts[n] = counts.get(n, 0) + 1
        self.stashing = {n for n, c in counts.items() if c > 1}
        size = each + 64
        self.stash_memory = {n: self.b.place(register_type(n.dtype), size) for n in self.stashing}

    stashing: set[Node] = frozenset()

    def over_row(self, body: Callable[[], None], unroll: int = 1) -> None:
        """Loops over the reduced dimensions, the last by vectors."""
        space, b = self.walk.space, self.b
        outer = [d for d in range(space.kept, len(space.extents) - 1) if space.extents[d] != 1]
        n = space.extents[-1]

        def nest(dims: list[int]) -> None:
            if not dims:
                self.vectors(i64(0), i64(n), n, body, unroll)
                return
            with b.loop(i64(0), i64(space.extents[dims[0]])) as loop, self.at(dims[0], loop.index):
                nest(dims[1:])

        nest(outer)

    def reduce(self, level: list[Node]) -> None:
        """One pass over the row for all reductions of a level; their results become known at the row."""
        b, space = self.b, self.walk.space
        full, rows = Access(0, space.flat), Access(0, self.plain(space.rows))
        reducers = [REDUCERS[n.op](n, self.width) for n in level]
        # Several unfinished results side by side: each step waits for the one before it.
        several = [r.side_by_side for r in reducers]
        costly = any(costly_in(n.inputs[0], self) for n in level)
        unroll = UNROLL if all(several) and not costly and space.extents[-1] >= 2 * UNROLL * self.width else 1
        cells = [[r.memory(b) for _ in range(unroll)] for r in reducers]
        ready = {n for n in self.stashing if n in self.stash}

        def body() -> None:
            for node, reducer, cell in zip(level, reducers, cells):
                value = self.value(node.inputs[0], full)
                reducer.step(b, cell[self.copy], self.spread(value), self.lane, self.row_position())
            for n in self.stashing - ready:
                if any(n in costly_in(node.inputs[0], self) for node in level):
                    self.keep_stash(n, full)

        self.over_row(body, unroll)
        for n in self.stashing - ready:
            if any(n in costly_in(node.inputs[0], self) for node in level):
                self.stash[n] = self.stash_memory[n]
        for node, reducer, cell in zip(level, reducers, cells):
            self.memo[-1][node, rows, 1] = reducer.result(b, cell)

    def row_position(self) -> Value:
        """Which element of the row the first lane is."""
        steps = inner_steps(self.walk.space)
        return self.position(Access(0, steps))

    def keep_stash(self, node: Node, full: Access) -> None:
        b = self.b
        value = self.spread(self.value(node, full))
        where = b.offset(self.stash_memory[node], self.stash_position(), element(value.type))
        b.store(value, where)


class _Columns(_Kernel):
    """Reductions over outer dimensions: vectors of sums side by side, blocks of columns shared out."""

    def emit(self) -> int:
        b, space = self.b, self.walk.space
        d = self.vector_dim
        n = space.extents[d]
        outer = range(d)
        rows = math.prod(space.extents[:d])
        each = math.prod(space.extents[space.kept :])
        self.nodes = [m for m in self.walk.reductions]
        block = self.width * 4
        while block > self.width and rows * math.ceil(n / block) < 4:
            block //= 2
        blocks = math.ceil(n / block)
        for r, _ in self.roots:
            self.hoist(r.node, self.home(r), range(len(self.extents)))

        def chunk(index: Value) -> None:
            row = b.div(index, i64(blocks), signed=False) if blocks > 1 else index
            self.place(row, outer)
            start = b.mul(b.rem(index, i64(blocks), signed=False), i64(block)) if blocks > 1 else i64(0)
            stop = b.add(start, i64(block))
            stop = b.select(b.compare("<", stop, i64(n)), stop, i64(n)) if n % block else stop
            self.columns(start, stop, block)

        self.each = each
        begin, end = b.args[1], b.args[2]
        with b.loop(begin, end) as loop, self.scope():
            chunk(loop.index)
        return rows * blocks

    def columns(self, start: Value, stop: Value, block: int) -> None:
        """A block of columns: several vectors at a time while they are whole, then one at a time."""
        b, w, d = self.b, self.width, self.vector_dim
        side = block // w
        first = start
        if side > 1 and self.extents[d] >= block:
            first = b.add(start, b.mul(b.div(b.sub(stop, start), i64(block), signed=False), i64(block)))
            with b.loop(start, first, i64(block)) as loop, self.at(d, loop.index):
                self.lane = Lane(w, None)
                self.column(side)
                self.lane = Lane(1, None)
        self.vectors(first, stop, None, lambda: self.column(1))

    def column(self, side: int) -> None:
        """The sums of `side` vectors of columns."""
        b, space, d = self.b, self.walk.space, self.vector_dim
        full, rows = Access(0, space.flat), Access(0, self.plain(space.rows))
        wide = self.lane.width
        reducers = [REDUCERS[n.op](n, wide) for n in self.nodes]
        inner = [d for d in range(space.kept, len(space.extents)) if space.extents[d] != 1]
        cut, block = self.blocked(inner)
        cells = [[r.memory(b) if cut < 0 else r.memory_in_blocks(b) for _ in range(side)] for r in reducers]
        start = self.indices[d]

        def nest(dims: list[int]) -> None:
            if not dims:
                for i in range(side):
                    with self.at(d, b.add(start, i64(i * wide)) if i else start):
                        for node, reducer, cell in zip(self.nodes, reducers, cells):
                            value = self.spread(self.value(node.inputs[0], full))
                            place = self.position(Access(0, inner_steps(space)))
                            reducer.step(b, cell[i], value, Lane(wide, None), place, columns=True)
                return
            if dims[0] == cut:
                end = i64(space.extents[cut])
                with b.loop(i64(0), end, i64(block)) as blocks:
                    after = b.add(blocks.index, i64(block))
                    after = b.select(b.compare("<", after, end), after, end)
                    with b.loop(blocks.index, after) as loop, self.at(cut, loop.index):
                        nest(dims[1:])
                    for reducer, cell in zip(reducers, cells):
                        for slots in cell:
                            reducer.settle(b, slots)
                return
            with b.loop(i64(0), i64(space.extents[dims[0]])) as loop, self.at(dims[0], loop.index):
                nest(dims[1:])

        nest(inner)
        for i in range(side):
            with self.at(d, b.add(start, i64(i * wide)) if i else start):
                for node, reducer, cell in zip(self.nodes, reducers, cells):
                    self.memo[-1][node, rows, wide] = reducer.column_result(b, cell[i])
                self.write_roots(self.roots)

    def blocked(self, inner: list[int]) -> tuple[int, int]:
        """The dimension that is walked in blocks, after each of which sums are put by, and their length; -1 for none.

        Numbers added one after the other to a large sum lose their last digits: five of seven over a million rows.
        """
        extents = self.walk.space.extents
        if math.prod(extents[d] for d in inner) < 4 * BLOCK:
            return -1, 1
        inside = 1
        for d in reversed(inner):
            if inside * extents[d] > BLOCK:
                return d, max(1, BLOCK // inside)
            inside *= extents[d]
        return -1, 1


def costly_in(node: Node, emitter: Emitter) -> set[Node]:
    """The costly elementwise nodes of full size that computing `node` over a row comes to."""
    found, stack, seen = set(), [node], set()
    size = emitter.walk.space.size
    while stack:
        x = stack.pop()
        if x in seen or x.size != size:
            continue
        seen.add(x)
        if x not in emitter.own and in_memory(x, emitter.kernel.stored):
            continue
        if is_reduction(x):
            continue
        if x.op in COSTLY and x.dtype.kind == "f":
            found.add(x)
            continue
        stack.extend(x.inputs)
    return found


def width_of(kernel: Kernel, walk: Walk, machine: Machine) -> int:
    """Lanes: as many as the floating type of the kernel has in a register; of its integers if it has none."""
    kinds = {n.dtype for n, _ in walk.loads} | {r.node.dtype for r, _ in walk.roots}
    floats = [d for d in kinds if d.kind == "f" and d.itemsize >= 4]
    big = [n for n in walk.loads if n[0].size > 1]
    wide = [n[0].dtype for n in big if n[0].dtype.kind == "f" and n[0].dtype.itemsize >= 4] or floats
    if wide:
        return machine.lanes("double" if any(d.itemsize == 8 for d in wide) else "float")
    size = max((d.itemsize for d in kinds), default=4)
    return machine.lanes({1: "i32", 2: "i32", 4: "i32", 8: "i64"}.get(size, "i64"))

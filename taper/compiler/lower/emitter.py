"""Expressions as LLVM code: a node's value where the loops of a kernel stand, computed once and kept for its neighbours.

The innermost dimension is walked by vectors; what does not change along a loop is computed before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from ...native.machine import Machine
from ...native.text import Builder, Value, const, element, i64, lanes, vector
from ..elementwise import ELEMENTWISE
from ..graph import MOVEMENTS, Node, value_of
from .access import Access
from .expression import INDEXED, data_of, indexed, is_reduction, operands
from .instructions import INSTRUCTIONS, LLVM
from .kernels import Kernel, Walk, in_memory

Pointer = Callable[[Builder, Node], Value]

SHUFFLED = 4
"""The largest step between lanes for which vectors are loaded and shuffled: up to twice as fast as a gather."""


def register_type(dtype: np.dtype) -> str:
    """The type in which a dtype is computed."""
    return LLVM[dtype.name]


def memory_type(dtype: np.dtype) -> str:
    """The type in which a dtype lies in memory: bools are bytes."""
    return "i8" if dtype.kind == "b" else LLVM[dtype.name]


@dataclass
class Lane:
    """How the vector dimension is walked just now: so many lanes, those of a mask only, from a position on."""

    width: int
    mask: Value | None


def _is_told(node: Node) -> bool:
    """Whether this is a number that the caller gives: what is divided by it is an optimizer's rule, which rounds as NumPy."""
    while node.op in ("expand", "cast", "positive"):
        node = node.inputs[0]
    return node.op in ("input", "number") and node.shape == ()


class Emitter:
    """Writes the expressions of one kernel at the places its loops have reached."""

    def __init__(self, b: Builder, kernel: Kernel, walk: Walk, pointer: Pointer, machine: Machine, vector_dim: int):
        self.b, self.kernel, self.walk, self.machine = b, kernel, walk, machine
        self.extents = walk.space.extents
        self.indices: list[Value | None] = [None] * len(self.extents)
        self.vector_dim = vector_dim
        self.lane = Lane(1, None)
        self.memo: list[dict[tuple[Node, Access, int], Value]] = [{}]
        self.own, self.given = kernel.own(), kernel.given()
        self.pointers: dict[Node, Value] = {}
        for node, _ in walk.loads:
            if node not in self.pointers:
                self.pointers[node] = pointer(b, node)
        for root, _ in walk.roots:
            if root.target not in self.pointers and root.node not in kernel.silent:
                self.pointers[root.target] = pointer(b, root.target)
        self.stash: dict[Node, Value] = {}
        self.needs: dict[Node, set[Node]] = {}
        self.single = 1 in self.extents

    # Scopes: values computed inside a loop are forgotten at its end.

    @contextmanager
    def scope(self):
        self.memo.append({})
        yield
        self.memo.pop()

    def known(self, key) -> Value | None:
        for values in reversed(self.memo):
            if key in values:
                return values[key]
        return None

    @contextmanager
    def at(self, dim: int, index: Value):
        before = self.indices[dim]
        self.indices[dim] = index
        with self.scope():
            yield
        self.indices[dim] = before

    # Values.

    def varies(self, access: Access) -> bool:
        """Whether an access moves along the vector dimension."""
        d = self.vector_dim
        return d >= 0 and access.strides[d] != 0 and self.extents[d] != 1

    def value(self, node: Node, access: Access) -> Value:
        """An element of a node, or a vector of them where it varies along the vector dimension."""
        if self.single:
            access = Access(access.offset, self.plain(access.strides))
        wide = self.lane.width if self.varies(access) else 1
        key = (node, access, wide)
        found = self.known(key)
        if found is None:
            found = self.memo[-1][key] = self.computed(node, access, wide)
        return found

    def computed(self, node: Node, access: Access, wide: int) -> Value:
        b = self.b
        if node.op == "constant" and node.size == 1:
            return const(value_of(node).reshape(-1)[0], register_type(node.dtype))
        if node in self.stash and self.varies(access):
            return self.load_stash(node, wide)
        if node not in self.own and in_memory(node, self.kernel.stored):
            return self.load(node, access, wide)
        if node.op in MOVEMENTS:
            return self.value(*operands(node, access, self.extents)[0])
        if node.op in INDEXED:
            return self.picked(node, access, wide)
        if is_reduction(node):
            raise AssertionError(f"{node!r} is not reduced yet")
        values = [self.value(n, a) for n, a in operands(node, access, self.extents)]
        if node.op == "divide" and lanes(values[0].type) > lanes(values[1].type) and not _is_told(node.inputs[1]):
            # By what is the same in all lanes: one division, then products (another half unit in the last place).
            inverse = b.div(const(1, values[1].type), values[1])
            return b.mul(values[0], b.splat(inverse, lanes(values[0].type)))
        width = max(lanes(v.type) for v in values)
        values = [b.splat(v, width) if lanes(v.type) == 1 else v for v in values]
        if node.op == "cast":
            source = node.inputs[0].dtype
            return self.cast(values[0], source, node.dtype)
        assert node.op in ELEMENTWISE, node
        return INSTRUCTIONS[node.op](b, *values, node.inputs[-1].dtype)

    def cast(self, x: Value, source: np.dtype, target: np.dtype) -> Value:
        b = self.b
        if target.kind == "b":
            return x if source.kind == "b" else b.compare("!=", x, const(0, x.type))
        if target.kind in "iu" and source.kind not in "iub":
            # Through 64 bits, as the processor converts; what does not fit is undefined in NumPy too.
            wide = b.convert(x, vector("i64", lanes(x.type)), signed=True)
            return b.convert(wide, register_type(target))
        return b.convert(x, register_type(target), signed=source.kind not in "ub")

    def spread(self, value: Value) -> Value:
        """A value in every lane that is walked just now."""
        return value if lanes(value.type) > 1 else self.b.splat(value, self.lane.width)

    # Memory.

    def position(self, access: Access) -> Value:
        """The flat position of an access at the present indices."""
        b, total = self.b, i64(access.offset)
        for stride, index, n in zip(access.strides, self.indices, self.extents):
            if stride == 0 or n == 1 or index is None:
                continue
            part = index if stride == 1 else b.mul(index, i64(stride))
            total = part if total.text == "0" else b.add(total, part)
        return total

    def load(self, node: Node, access: Access, wide: int) -> Value:
        return self.load_at(node, self.position(access), access, wide)

    def load_at(self, node: Node, position: Value, place: Access, wide: int) -> Value:
        b, kind = self.b, memory_type(node.dtype)
        where = b.offset(self.pointers[node], position, kind)
        stride = place.strides[self.vector_dim] if self.vector_dim >= 0 else 0
        if wide == 1:
            value = b.load(kind, where)
        elif stride == 1:
            type = vector(kind, wide)
            if self.lane.mask is None:
                value = b.load(type, where, self.alignment(type))
            else:
                value = b.masked_load(type, where, self.lane.mask)
        elif abs(stride) <= SHUFFLED and self.lane.mask is None:
            value = self.apart(kind, where, stride, wide)
        else:
            value = self.gathered(
                kind, where, b.mul(b.lane_numbers(vector("i64", wide)), const(stride, vector("i64", wide)))
            )
        return self.loaded(value, node.dtype)

    def alignment(self, type: str) -> int | None:
        """To how many bytes vectors in memory are aligned; None: as their elements are."""
        return None

    def apart(self, kind: str, first: Value, stride: int, wide: int) -> Value:
        """Lanes that lie a few elements apart: the vectors that hold them, shuffled, and nothing before or after read."""
        b, step = self.b, abs(stride)
        span = (wide - 1) * step + 1
        low = first if stride > 0 else b.offset(first, i64(1 - span), kind)
        starts = [min(start, span - wide) for start in range(0, span, wide)]
        parts = [b.load(vector(kind, wide), b.offset(low, i64(start), kind) if start else low) for start in starts]
        order = []
        for i in range(wide):
            place = i * step if stride > 0 else (wide - 1 - i) * step
            part = next(j for j, start in enumerate(starts) if start <= place < start + wide)
            order.append((part, place - starts[part]))
        return woven(b, parts, order, vector(kind, wide))

    def gathered(self, kind: str, base: Value, offsets: Value) -> Value:
        """Lanes from scattered places."""
        b, wide = self.b, lanes(offsets.type)
        pointers = b.emit(f"<{wide} x ptr>", f"getelementptr inbounds {kind}, {base}, {offsets}")
        mask = self.lane.mask or const(1, vector("i1", wide))
        type = vector(kind, wide)
        return b.gather(type, pointers, mask)

    def loaded(self, value: Value, dtype: np.dtype) -> Value:
        return self.b.compare("!=", value, const(0, value.type)) if dtype.kind == "b" else value

    def store(self, node: Node, value: Value, access: Access) -> None:
        """Write a value where the iteration stands in `node`."""
        b = self.b
        if node.dtype.kind == "b":
            value = b.convert(value, "i8", signed=False)
        kind = element(value.type)
        stride = access.strides[self.vector_dim] if self.vector_dim >= 0 else 0
        where = b.offset(self.pointers[node], self.position(access), kind)
        if self.lane.width > 1 and self.varies(access):
            value = self.spread(value)
            if stride == 1:
                if self.lane.mask is None:
                    b.store(value, where, self.alignment(value.type))
                else:
                    b.masked_store(value, where, self.lane.mask)
                return
            wide = self.lane.width
            offsets = b.mul(b.lane_numbers(vector("i64", wide)), const(stride, vector("i64", wide)))
            pointers = b.emit(f"<{wide} x ptr>", f"getelementptr inbounds {kind}, {where}, {offsets}")
            b.scatter(value, pointers, self.lane.mask or const(1, vector("i1", wide)))
            return
        b.store(value, where)

    def picked(self, node: Node, access: Access, wide: int) -> Value:
        """An element whose place is computed: positions outside are clamped, and reported by a check elsewhere."""
        b = self.b
        data = data_of(node)
        at, place, step = indexed(node, access, self.extents)
        index = self.value(node.inputs[1], at)
        limit = node.inputs[0].shape[node.attrs[0]] - 1
        zero, top = const(0, index.type), const(max(limit, 0), index.type)
        index = b.select(b.compare("<", index, zero), zero, index)
        index = b.select(b.compare(">", index, top), top, index)
        if lanes(index.type) == 1:
            position = b.add(self.position(place), b.mul(index, i64(step)))
            return self.load_at(data, position, place, wide)
        stride = place.strides[self.vector_dim]
        kind = memory_type(data.dtype)
        where = b.offset(self.pointers[data], self.position(place), kind)
        offsets = b.mul(index, const(step, index.type))
        if stride:
            offsets = b.add(offsets, b.mul(b.lane_numbers(index.type), const(stride, index.type)))
        return self.loaded(self.gathered(kind, where, offsets), data.dtype)

    # What does not change along loops to come.

    def hoist(self, root: Node, access: Access, dims: range) -> None:
        """Compute before some loops all that does not vary along them, as far as its reductions are known."""
        rows = Access(0, self.plain(self.walk.space.rows))
        stack, seen = [(root, access)], set()
        while stack:
            node, access = stack.pop()
            if (node, access) in seen or (node.op == "constant" and node.size == 1):
                continue
            seen.add((node, access))
            if all(access.strides[d] == 0 or self.extents[d] == 1 for d in dims):
                if all(self.known((r, rows, 1)) is not None for r in self.waiting(node)):
                    lane, self.lane = self.lane, Lane(1, None)
                    self.value(node, access)
                    self.lane = lane
                    continue
            elif node not in self.own and in_memory(node, self.kernel.stored):
                continue
            if not (is_reduction(node) or node in self.given):
                stack.extend(operands(node, access, self.extents))

    def waiting(self, node: Node) -> set[Node]:
        """The kernel's own reductions that a node needs."""
        found = self.needs.get(node)
        if found is None:
            if node in self.own and (is_reduction(node) or node in self.given):
                found = {node}
            elif node not in self.own and in_memory(node, self.kernel.stored):
                found = set()
            else:
                inputs = node.inputs[1:] if node.op in INDEXED else node.inputs
                found = set().union(*[self.waiting(x) for x in inputs]) if inputs else set()
            self.needs[node] = found
        return found

    def plain(self, strides: tuple[int, ...]) -> tuple[int, ...]:
        """Strides without what dimensions of one element say."""
        return tuple(0 if n == 1 else s for s, n in zip(strides, self.extents)) if self.single else strides

    def load_stash(self, node: Node, wide: int) -> Value:
        b, kind = self.b, register_type(node.dtype)
        where = b.offset(self.stash[node], self.stash_position(), kind)
        if wide == 1:
            return b.load(kind, where)
        return b.load(vector(kind, wide), where)

    def stash_position(self) -> Value:
        s = self.walk.space
        inner = Access(0, tuple(0 if d < s.kept else x for d, x in enumerate(inner_steps(s))))
        return self.position(inner)


def inner_steps(space) -> tuple[int, ...]:
    """The C-order strides of a space's reduced dimensions; 0 for the kept ones."""
    steps, step = [0] * len(space.extents), 1
    for d in range(len(space.extents) - 1, space.kept - 1, -1):
        steps[d] = step
        step *= space.extents[d]
    return tuple(steps)


def woven(b: Builder, parts: Sequence[Value | None], order: Sequence[tuple[int, int]], type: str) -> Value:
    """A vector whose lanes are (part, lane) of several vectors; None stands for zeros."""
    w = len(order)
    if len(parts) == 1 and parts[0] is not None and list(order) == [(0, i) for i in range(w)]:
        return parts[0]
    made = None
    for number, part in enumerate(parts):
        mine = [lane if at == number else None for at, lane in order]
        if all(lane is None for lane in mine):
            continue
        part = const(0, type) if part is None else part
        if made is None:
            made, filled = part, mine
            first = True
            continue
        before = filled if first else [None if lane is None else i for i, lane in enumerate(filled)]
        places = [
            w + lane if lane is not None else old if old is not None else "poison" for lane, old in zip(mine, before)
        ]
        made, first = b.shuffle(made, part, places), False
        filled = [a if a is not None else c for a, c in zip(filled, mine)]
    assert made is not None
    return b.shuffle(made, made, ["poison" if lane is None else lane for lane in filled]) if first else made

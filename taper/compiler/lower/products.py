"""Matrix products with what is computed from their elements, and rows added up at positions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial as partial_of

from ...native.gemm import Operands, Product, emit_pack, emit_product, plan_product
from ...native.gemm.tiling import Plan
from ...native.machine import Machine
from ...native.text import Builder, Module, Value, const, i64, lanes, vector
from ..graph import Node
from ..placing import Scratch
from .access import Access
from .emitter import Emitter, Lane, Pointer, memory_type
from .instructions import LLVM
from .kernels import Kernel
from .operands import operand_strides


@dataclass(frozen=True)
class Piece:
    """One of the native kernels that compute a product: how it is written, and what it reads and writes in memory.

    finishes: whether it computes the roots of the product's kernel, and so reads and writes what that says, too.
    """

    emit: Callable[[Module, str], None]
    chunks: int
    reads: frozenset
    writes: frozenset
    flops: int = 0
    finishes: bool = False


def product_pieces(kernel: Kernel, pointer: Pointer, machine: Machine) -> list[Piece]:
    """The kernels of a matrix product: one that packs an operand, if that pays, and the product."""
    plan = product_plan(kernel, machine)
    size = 8 if plan.product.type == "double" else 4
    panels, partial = Scratch(plan.packed * size), Scratch(kernel.node.size * size)
    operands = _operands(kernel, pointer, panels, partial)
    pieces = []
    if plan.packed:
        source = kernel.operands[0 if plan.swapped else 1]
        pack = partial_of(emit_pack, plan=plan, operands=operands)
        pieces.append(Piece(pack, plan.pack_chunks, frozenset([source]), frozenset([panels])))
    finish = Epilogue(kernel, pointer, machine)
    product = partial_of(emit_product, plan=plan, operands=operands, finish=finish)
    reads = frozenset([panels] if plan.packed else [])
    writes = frozenset([partial] if plan.needs_partial else [])
    return [*pieces, Piece(product, plan.chunks, reads, writes, plan.flops, finishes=True)]


def _operands(kernel: Kernel, pointer: Pointer, panels: Scratch, partial: Scratch) -> Operands:
    x, y = kernel.node.inputs
    a, b = operand(pointer, x, kernel.operands[0]), operand(pointer, y, kernel.operands[1])
    return Operands(a, b, lambda b: pointer(b, panels), lambda b: pointer(b, partial))


def product_plan(kernel: Kernel, machine: Machine) -> Plan:
    """How the product of a kernel is cut up."""
    node = kernel.node
    x, y = node.inputs
    *lead, m, n = node.shape
    k = x.shape[-1]
    a = strides_of(x, kernel.operands[0], len(lead), tuple(lead))
    b = strides_of(y, kernel.operands[1], len(lead), tuple(lead))
    source = "bfloat" if kernel.operands[0].dtype.name == "bfloat16" else ""
    return plan_product(Product(m, n, k, tuple(lead), LLVM[node.dtype.name], a, b, source), machine)


def strides_of(x: Node, base: Node, depth: int, lead: tuple[int, ...]) -> tuple[int, ...]:
    """An operand's strides for each leading dimension of the product and for its own last two."""
    access = operand_strides(x, base)
    own = dict(zip(range(-x.ndim, 0), zip(x.shape, access.strides)))
    strides = []
    for i in range(-2 - depth, 0):
        n, s = own.get(i, (1, 0))
        strides.append(0 if n == 1 and i < -2 else s)
    return tuple(strides)


def offset_of(x: Node, base: Node) -> int:
    """Where an operand begins in its memory, in elements."""
    return operand_strides(x, base).offset


def operand(pointer: Pointer, x: Node, base: Node):
    """How a product's kernel finds an operand: `pointer(b)`."""
    kind = memory_type(base.dtype)
    start = offset_of(x, base)
    return lambda b: b.offset(pointer(b, base), i64(start), kind) if start else pointer(b, base)


class Epilogue:
    """Computes the roots of a product's kernel from its finished vectors, and stores them."""

    def __init__(self, kernel: Kernel, pointer: Pointer, machine: Machine):
        self.kernel, self.pointer, self.machine = kernel, pointer, machine

    def begin(self, b: Builder) -> None:
        walk = self.kernel.walk()
        self.space = walk.space
        self.emitter = Emitter(b, self.kernel, walk, self.pointer, self.machine, len(walk.space.extents) - 1)
        self.roots = [(r, a) for r, a in walk.roots if r.node not in self.kernel.silent]
        self.home = Access(0, self.emitter.plain(self.space.flat))
        for root, _ in self.roots:
            self.emitter.hoist(root.node, self.home, range(len(self.space.extents)))
        self.beside = [n for n, access in walk.loads if access == self.home and n not in self.kernel.given()]

    def fetch(self, b: Builder, batch: Value, row: Value, column: Value) -> None:
        """Prefetch what is read beside each element: an optimizer's parameter and state, a residual (4 to 20% faster)."""
        m, n = self.kernel.node.shape[-2:]
        place = b.add(b.mul(b.add(b.mul(batch, i64(m)), row), i64(n)), column)
        for node in self.beside:
            b.prefetch(b.offset(self.emitter.pointers[node], place, memory_type(node.dtype)))

    def __call__(
        self, b: Builder, value: Value | tuple, batch: Value, row: Value, column: Value, mask: Value | None
    ) -> None:
        """value: of the kernel's node at a place, or such values of the node and of what is found besides."""
        e = self.emitter
        found = value if isinstance(value, tuple) else (value,)
        node = self.kernel.node
        extents = self.space.extents
        with e.scope():
            if extents[:-1] == (node.size // (node.shape[-2] * node.shape[-1]), node.shape[-2]):
                e.indices[:2] = batch, row
            else:
                place = row if extents[0] == 1 or node.ndim == 2 else b.add(b.mul(batch, i64(node.shape[-2])), row)
                _place(e, place, len(extents) - 1)
            e.indices[-1] = column
            e.lane = Lane(1, None)
            for root, _ in self.roots:
                e.hoist(root.node, self.home, range(len(extents) - 1, len(extents)))
            width = lanes(found[0].type)
            e.lane = Lane(width, mask)
            for n, v in zip((node, *self.kernel.beside), found):
                e.memo[-1][n, self.home, width if e.varies(self.home) else 1] = (
                    v if e.varies(self.home) or width == 1 else b.extract(v, 0)
                )
            values = [e.value(r.node, self.home) for r, _ in self.roots]
            for (root, access), v in zip(self.roots, values):
                e.store(root.target, v, access)
            e.lane = Lane(1, None)


def _place(e: Emitter, row: Value, dims: int) -> None:
    """Set the indices of the first dimensions from a row number that counts through them."""
    b = e.b
    left = [d for d in range(dims) if e.extents[d] > 1]
    for d in range(dims):
        if e.extents[d] == 1:
            e.indices[d] = i64(0)
    for i, d in enumerate(reversed(left)):
        if i == len(left) - 1:
            e.indices[d] = row
        else:
            e.indices[d] = b.rem(row, i64(e.extents[d]), signed=False)
            row = b.div(row, i64(e.extents[d]), signed=False)


@dataclass(frozen=True)
class ScatterPlan:
    """Columns are shared out in blocks, so that each row is added to in order."""

    width: int
    lanes: int

    @property
    def block(self) -> int:
        return self.lanes * 4

    @property
    def chunks(self) -> int:
        return max(1, -(-self.width // self.block))


def emit_scatter(b: Builder, kernel: Kernel, pointer: Pointer, machine: Machine) -> int:
    """Zeros, then x[i] added to row index[i] for each i in order. Returns the number of chunks."""
    node = kernel.node
    x, index = node.inputs
    kind, at_kind = memory_type(node.dtype), memory_type(index.dtype)
    rows, width = node.shape[0], node.size // max(node.shape[0], 1)
    plan = ScatterPlan(width, machine.lanes(kind))
    source, places, target = pointer(b, kernel.operands[0]), pointer(b, kernel.operands[1]), pointer(b, node)
    with b.loop(b.args[1], b.args[2]) as chunk:
        start = b.mul(chunk.index, i64(plan.block))
        stop = b.add(start, i64(plan.block))
        stop = b.select(b.compare("<", stop, i64(width)), stop, i64(width))
        for zeroing in (True, False):
            with b.loop(i64(0), i64(rows if zeroing else index.size)) as loop:
                if zeroing:
                    row = loop.index
                else:
                    row = b.convert(b.load(at_kind, b.offset(places, loop.index, at_kind)), "i64")
                inside = b.compare("<", row, i64(rows), signed=False)
                with b.when(inside):
                    line = b.offset(target, b.mul(row, i64(width)), kind)
                    from_line = b.offset(source, b.mul(loop.index, i64(width)), kind)
                    _add_line(b, line, None if zeroing else from_line, start, stop, kind, plan.lanes)
    return plan.chunks


def _add_line(b: Builder, line: Value, source: Value | None, start: Value, stop: Value, kind: str, width: int) -> None:
    """line[start:stop] += source[start:stop], or = 0."""
    whole = b.add(start, b.logical("and", b.sub(stop, start), i64(-width)))
    for count, first, last in ((width, start, whole), (1, whole, stop)):
        type = vector(kind, count)
        with b.loop(first, last, i64(count)) as loop:
            where = b.offset(line, loop.index, kind)
            if source is None:
                b.store(const(0, type), where)
            else:
                b.store(b.add(b.load(type, where), b.load(type, b.offset(source, loop.index, kind))), where)

"""Kernels before they are code: what each computes, over which dimensions, and what it reads."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ..graph import LEAVES, Node
from .access import Access, Split, split, steps_of
from .expression import INDEXED, data_of, indexed, is_reduction, operands


@dataclass(frozen=True)
class Space:
    """What a loop kernel iterates over: `kept` dimensions, then `reduced` ones.

    flat: for each dimension the stride in the full space's flat positions. rows: for each kept dimension the stride in
    the kept space's.
    """

    extents: tuple[int, ...]
    flat: tuple[int, ...]
    kept: int

    @property
    def rows(self) -> tuple[int, ...]:
        return (*steps_of(self.extents[: self.kept]), *(0,) * (len(self.extents) - self.kept))

    @property
    def size(self) -> int:
        return math.prod(self.extents)

    @property
    def kept_size(self) -> int:
        return math.prod(self.extents[: self.kept])

    @property
    def reduces(self) -> bool:
        return self.kept < len(self.extents)

    @property
    def along_rows(self) -> bool:
        """Whether the elements that are next to each other in memory are reduced together."""
        return self.reduces and self.flat[-1] == 1

    def cut(self, dim: int, inner: int) -> Space:
        e, f = self.extents, self.flat
        extents = (*e[:dim], e[dim] // inner, inner, *e[dim + 1 :])
        flat = (*f[:dim], f[dim] * inner, f[dim], *f[dim + 1 :])
        return Space(extents, flat, self.kept + (dim < self.kept))


def flat_space(size: int) -> Space:
    """One dimension over all elements."""
    return Space((size,), (1,), 1)


def space_of(node: Node) -> Space:
    """The space that computes a node by itself."""
    if not is_reduction(node):
        return flat_space(node.size)
    x, axes = node.inputs[0], node.attrs[0]
    steps = steps_of(x.shape)
    kept = [(n, s) for i, (n, s) in enumerate(zip(x.shape, steps)) if i not in axes and n != 1]
    gone = [(n, s) for i, (n, s) in enumerate(zip(x.shape, steps)) if i in axes and n != 1]
    kept, gone = _joined(kept) or [(1, 0)], _joined(gone) or [(1, 1)]
    dims = kept + gone
    return Space(tuple(n for n, _ in dims), tuple(s for _, s in dims), len(kept))


def _joined(dims: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbours that together step evenly through memory as one dimension."""
    made: list[tuple[int, int]] = []
    for n, s in dims:
        if made and made[-1][1] == n * s:
            made[-1] = made[-1][0] * n, s
        else:
            made.append((n, s))
    return made


@dataclass(frozen=True)
class Root:
    """A node that a kernel stores: to its own buffer, or as a slice of another node's (`into`, `place`)."""

    node: Node
    into: Node | None = None
    place: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())

    @property
    def target(self) -> Node:
        return self.into or self.node


class NotPointwise(Exception):
    """A kernel would read what it computes itself at another place."""


@dataclass(eq=False)
class Kernel:
    """kind: "loop", "product", "scatter", "routine" or "host"; node: the product, scatter, routine or host node.

    stored: the nodes that have a buffer (shared by all kernels). silent: roots that nobody reads, so that they are computed
    only as far as the others need them. operands: what a kernel that is no loop reads. beside: what a product's
    kernel finds besides its node.
    """

    kind: str
    roots: list[Root]
    space: Space
    stored: set[Node]
    node: Node | None = None
    operands: tuple = ()
    beside: tuple[Node, ...] = ()
    parts: list[Node] = field(default_factory=list)
    silent: set[Node] = field(default_factory=set)
    writes_state: bool = False
    _walk: Walk | None = None

    def own(self) -> set[Node]:
        return {r.node for r in self.roots if r.into is None} | self.given()

    def given(self) -> set[Node]:
        """What a product's own code computes, and no expression."""
        return {self.node, *self.beside} if self.kind == "product" and self.node is not None else set()

    def walk(self) -> Walk:
        if self._walk is None:
            self._walk = walked(self)
        return self._walk

    def loads(self) -> set[Node]:
        """The nodes that it reads from memory."""
        if self.roots:
            walk = self.walk()
            if walk.read is None:
                walk.read = {n for n, _ in walk.loads} | set(self.operands)
            return walk.read
        return set(self.operands)

    def results(self) -> list[Node]:
        return [r.target for r in self.roots] or self.parts or ([self.node] if self.node is not None else [])


@dataclass
class Walk:
    """A kernel's space after all cuts; its roots' accesses; what it loads; own reductions with the access of their input."""

    space: Space
    roots: list[tuple[Root, Access]]
    loads: dict[tuple[Node, Access], None]
    reductions: dict[Node, Access]
    read: set[Node] | None = None


def walked(kernel: Kernel) -> Walk:
    """Walk all expressions of a kernel, cutting its dimensions until every access is linear.

    Raises NotPointwise or NotLinear if they cannot be computed together.
    """
    space = kernel.space
    pieces = [_piece_access(r, space) for r in kernel.roots]
    while True:
        try:
            return Walker(kernel, space, pieces).walk()
        except Split as cut:
            space = space.cut(cut.dim, cut.inner)
            pieces = [p if p is None else split(p, cut.dim, cut.inner) for p in pieces]


def _piece_access(root: Root, space: Space) -> Access | None:
    """Where a root stores that is a slice of another node: the kernel then iterates over the slice's own dimensions."""
    if root.into is None:
        return None
    starts, steps = root.place
    c = steps_of(root.into.shape)
    return Access(sum(a * s for a, s in zip(starts, c)), tuple(k * s for k, s in zip(steps, c)))


class Walker:
    def __init__(self, kernel: Kernel, space: Space, pieces: list[Access | None]):
        self.kernel, self.space, self.pieces = kernel, space, pieces
        self.own, self.given = kernel.own(), kernel.given()
        self.loads: dict[tuple[Node, Access], None] = {}
        self.reductions: dict[Node, Access] = {}
        self.seen: set[tuple[Node, Access]] = set()
        self.at: Node | None = None

    def walk(self) -> Walk:
        roots = []
        for root, piece in zip(self.kernel.roots, self.pieces):
            access = self.home(root.node)
            self.visit(root.node, access)
            roots.append((root, piece or access))
        return Walk(self.space, roots, self.loads, self.reductions)

    def home(self, node: Node) -> Access:
        """Where the iteration stands in one of the kernel's own nodes."""
        s = self.space
        if s.reduces and node.size == s.kept_size and (is_reduction(node) or node.size != s.size):
            return Access(0, s.rows)
        if node.size != s.size:
            raise NotPointwise
        return Access(0, s.flat)

    def visit(self, node: Node, access: Access) -> None:
        stack = [(node, access)]
        extents = self.space.extents
        while stack:
            node, access = stack.pop()
            if (node, access) in self.seen:
                continue
            self.seen.add((node, access))
            self.at = node
            if node in self.own:
                if _plain(access, extents) != _plain(self.home(node), extents):
                    raise NotPointwise
                if node in self.given:
                    continue
                if is_reduction(node):
                    full = Access(0, self.space.flat)
                    if not self.space.reduces or space_key(space_of(node)) != space_key(self.kernel.space):
                        raise NotPointwise
                    self.reductions[node] = full
                    stack.append((node.inputs[0], full))
                    continue
            elif in_memory(node, self.kernel.stored):
                self.load(node, access)
                continue
            if node.op in INDEXED:
                _, place, _ = indexed(node, access, extents)
                data = data_of(node)
                if data in self.own:
                    raise NotPointwise
                self.load(data, place)
            stack.extend(operands(node, access, extents))

    def load(self, node: Node, access: Access) -> None:
        self.loads[node, access] = None


def _plain(access: Access, extents) -> tuple:
    """An access without what dimensions of one element say."""
    return access.offset, tuple(0 if n == 1 else s for s, n in zip(access.strides, extents))


def space_key(space: Space) -> tuple:
    dims = [(n, s) for n, s in zip(space.extents, space.flat)]
    return tuple(_joined([d for d in dims[: space.kept] if d[0] != 1])), tuple(
        _joined([d for d in dims[space.kept :] if d[0] != 1])
    )


def in_memory(node: Node, stored: set[Node]) -> bool:
    """Whether a node is read from a buffer; constants of one element are written into the code."""
    if node.op == "constant":
        return node.size != 1
    return node in stored or (node.op in LEAVES and node.op != "number") or node.op == "number"

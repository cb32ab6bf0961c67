"""What loops over a kernel's space share, whether a core walks it by vectors or the threads of a GPU each have a part."""

from __future__ import annotations

from ...native.machine import Machine
from ...native.text import Builder, Value, i64
from ..elementwise import ELEMENTWISE
from ..graph import MOVEMENTS, Node
from .access import Access
from .emitter import Emitter, Pointer
from .expression import INDEXED, is_reduction
from .kernels import Kernel, Root, Walk


class Iteration(Emitter):
    """A kernel being written: its roots, the dimensions that a number stands for, and the storing of results."""

    def __init__(self, b: Builder, kernel: Kernel, walk: Walk, pointer: Pointer, machine: Machine, vector_dim: int):
        super().__init__(b, kernel, walk, pointer, machine, vector_dim)
        self.roots = [(r, a) for r, a in walk.roots if r.node not in kernel.silent]

    def place(self, row: Value, dims: range) -> None:
        """Set the indices of dimensions from a row number that counts through them."""
        b = self.b
        dims = [d for d in dims if self.extents[d] > 1]
        for d in range(len(self.extents)):
            if self.extents[d] == 1:
                self.indices[d] = i64(0)
        for i, d in enumerate(reversed(dims)):
            if i == len(dims) - 1:
                self.indices[d] = row
            else:
                self.indices[d] = b.rem(row, i64(self.extents[d]), signed=False)
                row = b.div(row, i64(self.extents[d]), signed=False)

    def write_roots(self, roots: list[tuple[Root, Access]]) -> None:
        """Compute and store roots where the iteration stands; all values first, since stores may overwrite what is read."""
        values = [self.value(r.node, self.home(r)) for r, _ in roots]
        for (root, access), value in zip(roots, values):
            self.store(root.target, value, access)

    def home(self, root: Root) -> Access:
        space = self.walk.space
        return self.home_of(root.node, space)

    def home_of(self, node: Node, space) -> Access:
        if space.reduces and (is_reduction(node) or node.size != space.size):
            return Access(0, space.rows)
        return Access(0, space.flat)


def levels_of(walk: Walk, own: set[Node]) -> list[list[Node]]:
    """A kernel's reductions by how many others each waits for."""
    depth: dict[Node, int] = {}

    def below(node: Node) -> int:
        best, stack, seen = 0, [node], set()
        while stack:
            x = stack.pop()
            if x in seen:
                continue
            seen.add(x)
            if x in walk.reductions and x is not node:
                best = max(best, depth[x] + 1)
            elif x is node or x in own or x.op in ELEMENTWISE or x.op in (*MOVEMENTS, *INDEXED, "cast"):
                stack.extend(x.inputs)
        return best

    for node in sorted(walk.reductions, key=lambda n: n.number):
        depth[node] = below(node)
    return [[n for n in depth if depth[n] == level] for level in range(max(depth.values(), default=-1) + 1)]

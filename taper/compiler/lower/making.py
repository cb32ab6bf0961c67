"""A kernel for each node that lies in memory."""

from __future__ import annotations

import math

from ..graph import LEAVES, MOVEMENTS, SEVERAL, Node
from .access import NotLinear, Split, steps_of
from .choosing import Chosen, reducible
from .expression import inline, is_reduction
from .kernels import Kernel, Root, Space, Walker, flat_space, space_of
from .needs import Kernels
from .operands import is_product, is_window


class Maker:
    """Makes kernels of what is chosen, each access of theirs linear."""

    def __init__(self, chosen: Chosen, kernels: Kernels):
        self.chosen, self.kernels, self.stored, self.add = chosen, kernels, chosen.stored, kernels.add

    def make(self) -> None:
        ends = set(self.chosen.ends.values())
        for node in self.chosen.nodes:
            if node.op in SEVERAL:
                # Beside a GPU the host computes a routine that no library there has.
                by_library = node.op == "routine" and node.attrs[0].library
                kind = "host" if self.chosen.library and not by_library else node.op
                self.add_whole(kind, node)
            elif node not in self.stored and node not in self.chosen.ends or node in ends:
                continue
            elif node.op == "part":
                self.kernels.producer[node] = self.kernels.producer[node.inputs[0]]
                self.kernels.producer[node].parts.append(node)
            elif is_product(node):
                *lead, m, n = node.shape
                extents = (math.prod(lead), m, n)
                space = Space(extents, steps_of(extents), 3)
                root = Root(self.chosen.ends.get(node, node))
                self.add(Kernel("product", [root], space, self.stored, node, self.chosen.operand_bases(node)))
            elif is_window(node):
                self.make_windows(node)
            elif node.op == "scatter" and node.dtype.name in ("float32", "float64"):
                self.add_whole("scatter", node)
            elif node.op in ("concat", "update"):
                self.make_pieces(node)
            elif (is_reduction(node) and reducible(node)) or inline(node):
                self.add(Kernel("loop", [Root(node)], space_of(node), self.stored))
            else:
                self.add_whole("host", node)
        for kernel in list(self.kernels.all):
            self.linear(kernel)
        self.kernels.changed()

    def add_whole(self, kind: str, node: Node) -> None:
        """A kernel that is one node, of operands that lie in memory."""
        operands = tuple(self.chosen.stripped(x) for x in node.inputs)
        self.add(Kernel(kind, [], flat_space(1), self.stored, node, operands))

    def make_windows(self, node: Node) -> None:
        """A maximum and its place are found together."""
        if node in self.kernels.producer:
            return
        users = self.chosen.users[node.inputs[0]]
        pair = [n for n in users if n.op in ("window_max", "window_place") and n.attrs == node.attrs]
        beside = tuple(n for n in pair if n is not node and n in self.stored and node in pair)
        space = Space(node.shape, steps_of(node.shape), 3)
        operands = tuple(self.chosen.stripped(x) for x in node.inputs)
        self.add(Kernel("product", [Root(n) for n in (node, *beside)], space, self.stored, node, operands, beside))

    def make_pieces(self, node: Node) -> None:
        if node.op == "concat":
            axis, at = node.attrs[0], 0
            for part in node.inputs:
                starts = tuple(at if i == axis else 0 for i in range(node.ndim))
                self.add_piece(part, node, starts, (1,) * node.ndim)
                at += part.shape[axis]
        else:
            x, value = node.inputs
            starts, _, steps = node.attrs
            self.add_piece(x, node, (0,) * node.ndim, (1,) * node.ndim)
            self.add_piece(value, node, starts, steps)

    def add_piece(self, part: Node, into: Node, starts, steps) -> None:
        space = Space(part.shape or (1,), steps_of(part.shape) or (1,), max(part.ndim, 1))
        if part.size:
            kernel = Kernel("loop", [Root(part, into, (starts, steps))], space, self.stored)
            self.add(kernel)
            self.kernels.pieces[into].append(kernel)

    def linear(self, kernel: Kernel) -> None:
        """Make every access of a kernel linear: where no cut helps, the movement's input is put into memory."""
        while kernel.roots:
            try:
                kernel.walk()
                return
            except NotLinear:
                blocked = self.blocked(kernel)
                self.stored.add(blocked)
                made = Kernel("loop", [Root(blocked)], space_of(blocked), self.stored)
                self.add(made, kernel)
                for k in self.kernels.all:
                    k._walk = None
                self.linear(made)

    def blocked(self, kernel: Kernel) -> Node:
        """The input of the first movement in a kernel whose access is not linear."""
        space = kernel.space
        while True:
            walker = Walker(kernel, space, [None] * len(kernel.roots))
            try:
                walker.walk()
            except Split as cut:
                space = space.cut(cut.dim, cut.inner)
                continue
            except NotLinear:
                pass
            found = walker.at
            assert found is not None
            inputs = [x for x in found.inputs if x not in self.stored and x.op not in LEAVES]
            if found.op in MOVEMENTS and inputs:
                return inputs[0]
            if found not in kernel.own():
                return found
            raise NotImplementedError(f"no linear access of {found!r}")

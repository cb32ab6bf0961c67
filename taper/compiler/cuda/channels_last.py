"""A pass: between convolutions of half precision, arrays have their channels side by side, so that nothing is moved.

    conv(x (N, C, H, W), w)     -->  permute(conv(x (N, H, W, C), w (O, kh, kw, C)))

and the permutation moves on through what follows, elementwise operations, sums, pooling, slices, until something wants the
other order. A value that has such a form has it from there on; the other is a permutation of it, made where it is read.
"""

from __future__ import annotations

import math
from collections import defaultdict

from ..channels import Convolving, first_axes, last_axes
from ..elementwise import ELEMENTWISE
from ..graph import LEAVES, REDUCTIONS, Graph, Node, reached
from ..windows import TRANSPOSED, WINDOWS, Axis

HALVES = ("float16", "bfloat16")
CONVOLUTIONS = ("conv", "conv_input", "conv_weight")
PARTS = ("slice", "positive")


def keep_channels_last(
    graph: Graph, results: list[Node], state: dict[Node, Node]
) -> tuple[list[Node], dict[Node, Node]]:
    """Results and state after the pass."""
    nodes = reached(results)
    if not any(n.op in CONVOLUTIONS and _narrowed(n) is not None for n in nodes):
        return results, state
    moving = _Moving(graph, nodes)
    before = graph.source
    try:
        for node in nodes:
            graph.source = lambda node=node: node.where
            moving.visit(node)
        made = [moving.plain(r) for r in results]
    finally:
        graph.source = before
    return made, {new: state[old] for old, new in zip(results, made) if old in state}


def _narrowed(node: Node) -> tuple[Node, Node] | None:
    """The operands of a convolution before they were widened from half precision, and before a part of them was taken; None if
    they were not."""
    found = []
    for x in node.inputs:
        while x.op in PARTS:
            x = x.inputs[0]
        if x.op != "cast" or x.ndim < 4:
            return None
        found.append(x.inputs[0])
    x, y = found
    return (x, y) if x.dtype == y.dtype and x.dtype.name in HALVES else None


def _turned(attrs: tuple) -> list[tuple[int, ...]]:
    """Numbers for each dimension, where dimension 1 is the last."""
    return [(a[0], *a[2:], a[1]) for a in attrs]


class _Moving:
    """What becomes of each node. last: with dimension 1 at the end; folded: the same of nodes whose own shape joins dimensions,
    with the shape before; new: as it was."""

    def __init__(self, graph: Graph, nodes: list[Node]):
        self.graph = graph
        self.new: dict[Node, Node] = {}
        self.last: dict[Node, Node] = {}
        self.folded: dict[Node, tuple[Node, tuple[int, ...]]] = {}
        self.users: dict[Node, list[Node]] = defaultdict(list)
        for node in nodes:
            for x in dict.fromkeys(node.inputs):
                self.users[x].append(node)

    # The two forms.

    def plain(self, node: Node) -> Node:
        """A node as it was, in the new graph."""
        found = self.new.get(node)
        if found is None:
            if node in self.last:
                last = self.last[node]
                found = self.graph.permute(last, first_axes(last.ndim))
            else:
                last, shape = self.folded[node]
                found = self.graph.permute(last, first_axes(len(shape)))
                found = self.graph.reshape(found, node.shape)
            self.new[node] = found
        return found

    def lasting(self, node: Node, ndim: int) -> Node:
        """A node with dimension 1 at the end, one of fewer dimensions as it would be broadcast."""
        if node in self.last:
            return self.last[node]
        found = self.plain(node)
        if node.size == 1:
            return self.graph.reshape(found, ())
        found = self.graph.reshape(found, (1,) * (ndim - node.ndim) + node.shape)
        return self.graph.permute(found, last_axes(ndim))

    # Node by node.

    def visit(self, node: Node) -> None:
        if node.op in LEAVES:
            self.new[node] = node
        elif not self.moved(node):
            inputs = tuple([self.plain(x) for x in node.inputs])
            same = inputs == node.inputs
            self.new[node] = node if same else self.graph.make(node.op, inputs, node.attrs, node.shape, node.dtype)

    def moved(self, node: Node) -> bool:
        """Whether a node got its other form."""
        if node.op in CONVOLUTIONS:
            return self.convolution(node)
        if node.op in WINDOWS:
            return self.window(node)
        if node.op == "reshape":
            return self.reshape(node)
        if not any(x in self.last for x in node.inputs):
            return False
        form = {"concat": self.concat, "slice": self.slice, "expand": self.expand}.get(node.op)
        if form is not None:
            return form(node)
        if node.op in REDUCTIONS:
            return self.reduction(node)
        if (node.op in ELEMENTWISE or node.op == "cast") and not node.attrs:
            return self.elementwise(node)
        return False

    def convolution(self, node: Node) -> bool:
        pair = _narrowed(node)
        if pair is None or node.attrs[-1]:
            return False
        shape, stride, padding, dilation, groups, *_ = node.attrs
        (x, y), dtype = node.inputs, pair[0].dtype
        routine = Convolving(node.op, x.shape, y.shape, shape, stride, padding, dilation, groups, dtype.name)
        operands = tuple(self.operand(a, half) for a, half in zip(node.inputs, pair))
        (made,) = self.graph.routine(routine, operands, [((shape[0], *shape[2:], shape[1]), dtype)])
        # As the eager engine has it, cuDNN rounds.
        made = self.graph.cast(made, node.dtype)
        self.folded[node] = made, tuple(shape)
        return True

    def operand(self, x: Node, half: Node) -> Node:
        """An operand with its channels last, of half precision: the part of it that the convolution takes."""
        parts = []
        while x.op in PARTS:
            parts += [x] if x.op == "slice" else []
            x = x.inputs[0]
        made = self.lasting(half, half.ndim)
        for part in reversed(parts):
            made = self.graph.slice(made, *_turned(part.attrs))
        return made

    def window(self, node: Node) -> bool:
        """Windows over all but the channels: one more dimension, in which a window has one element."""
        x, *places = node.inputs
        axes = node.attrs[0]
        if x.ndim != len(axes) + 2 or not (x in self.last or any(p in self.last for p in places)):
            return False
        if not all(isinstance(a, Axis) for a in axes):
            return False
        if any(p not in self.last for p in places) or (node.op == "window_place" and not self.only_put(node)):
            return False
        channels = x.shape[1]
        wide = (*axes, Axis(channels, channels, 1, 1, 0, 1))
        operands = [self.lasting(a, a.ndim) for a in (x, *places)]
        made = self.graph.window(node.op, wide, *operands)
        sizes = tuple(a.n if node.op in TRANSPOSED else a.m for a in axes)
        shape = (x.shape[0], channels, *sizes)
        self.folded[node] = self.graph.reshape(made, (shape[0], *sizes, channels)), shape
        return True

    def only_put(self, node: Node) -> bool:
        """Whether places, which mean others in the other form, are but for gradients of the same windows."""
        stack, users = [node], []
        while stack:
            for user in self.users[stack.pop()]:
                (stack if user.op == "reshape" else users).append(user)
        return bool(users) and all(u.op == "window_put" and u.attrs == node.attrs and u.ndim == 3 for u in users)

    def reshape(self, node: Node) -> bool:
        (x,) = node.inputs
        if x in self.folded:
            last, shape = self.folded[x]
        elif x in self.last:
            last, shape = self.last[x], x.shape
        else:
            return False
        if node.ndim > 2 and node.shape[:2] == shape[:2]:
            self.last[node] = self.graph.reshape(last, (shape[0], *node.shape[2:], shape[1]))
            return True
        if math.prod(shape[2:]) == 1:
            # One element a channel: the order is the same.
            self.new[node] = self.graph.reshape(last, node.shape)
            return True
        return False

    def elementwise(self, node: Node) -> bool:
        if node.ndim < 3 or any(x in self.last and x.ndim != node.ndim for x in node.inputs):
            return False
        inputs = tuple([self.lasting(x, node.ndim) for x in node.inputs])
        shape = (node.shape[0], *node.shape[2:], node.shape[1])
        self.last[node] = self.graph.make(node.op, inputs, (), shape, node.dtype)
        return True

    def reduction(self, node: Node) -> bool:
        (x,), axes = node.inputs, node.attrs[0]
        end = x.ndim - 1
        places = tuple(sorted(0 if a == 0 else end if a == 1 else a - 1 for a in axes))
        kept = [a for a in range(x.ndim) if a not in axes]
        if node.op.startswith("arg") and len(axes) > 1:
            return False
        made = self.graph.reduce(node.op, self.last[x], places)
        if kept[:2] == [0, 1] and len(kept) > 2:
            self.last[node] = made
        elif 1 not in kept or all(a < 2 for a in kept):
            self.new[node] = made
        else:
            # Some of the other dimensions are kept, and so are the channels, now behind them.
            order = sorted(range(len(kept)), key=lambda i: kept[i] if kept[i] != 1 else x.ndim)
            self.new[node] = self.graph.permute(made, tuple(order.index(i) for i in range(len(kept))))
        return True

    def expand(self, node: Node) -> bool:
        (x,) = node.inputs
        if x.ndim != node.ndim:
            return False
        self.last[node] = self.graph.expand(self.last[x], (node.shape[0], *node.shape[2:], node.shape[1]))
        return True

    def slice(self, node: Node) -> bool:
        (x,) = node.inputs
        self.last[node] = self.graph.slice(self.last[x], *_turned(node.attrs))
        return True

    def concat(self, node: Node) -> bool:
        axis = node.attrs[0]
        parts = [self.lasting(x, node.ndim) for x in node.inputs]
        self.last[node] = self.graph.concat(parts, 0 if axis == 0 else node.ndim - 1 if axis == 1 else axis - 1)
        return True

"""A pass: products take over what follows them, where a library does that in the product's own kernel.

    relu(x @ w.T + b)                              one call, which keeps a bit for each element if the gradient wants it
    where(relu's result > 0, g @ w, 0)             one call, which sums the columns too: the bias's gradient
    g.T @ x and sum(g, rows)                       one call, where nothing above has summed g

and the same of gelu by tanh. What a product is followed by is found by building it: nodes are interned, so that
the formula of `ops/activation.py`, built once more, is the node that the step has, or one that it has not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from ...backends import namespace_of
from ...backends.cuda.cublaslt_products import Product
from ...ops.activation import gelu_tanh, relu
from ..epilogues import Finished
from ..graph import MOVEMENTS, Graph, Node, reached
from ..recording import recording
from ..symbol import made, symbol_of

HALVES = ("float16", "bfloat16")


@dataclass
class Matrix:
    """A factor: the node whose memory it is, the matrix there, and whether the factor is that one's transpose. source: the
    last of the step's own nodes that it comes from; seen: the matrix as the step has it, of float32."""

    base: Node
    lies: Node
    across: bool
    source: Node
    seen: Node

    @property
    def shape(self) -> tuple[int, int]:
        return self.lies.shape[0], self.lies.shape[1]

    @property
    def leading(self) -> int:
        return self.shape[1]


@dataclass
class Fusion:
    """A product and what becomes part of it. does: the words of its epilogue. keeper: the product before an activation, whose
    aux a gradient looks at. outputs: which nodes its results are. parts: these, once they are made."""

    a: Matrix
    b: Matrix
    dtype: str
    out: str
    does: list[str]
    size: tuple[int, int]
    bias: Node | None = None
    keeper: Fusion | None = None
    outputs: dict[Node, str] = field(default_factory=dict)
    parts: dict[str, Node] | None = None

    def product(self, *more: str) -> Product:
        (m, n), a, b = self.size, self.a, self.b
        order = ("relu", "gelu", "drelu", "dgelu", "aux", "bias", "bgrad", "bgrada")
        epilogue = "_".join(sorted((*self.does, *more), key=order.index))
        k = a.shape[0] if a.across else a.shape[1]
        return Product(m, n, k, a.across, b.across, a.leading, b.leading, self.dtype, self.out, epilogue)


def fuse_epilogues(
    graph: Graph, results: list[Node], state: dict[Node, Node], fuses: Callable[[Product], bool]
) -> tuple[list[Node], dict[Node, Node]]:
    """Results and state after the pass. fuses: whether the library has a kernel for a product."""
    found = _Finder(graph, results, fuses).found()
    if not found:
        return results, state
    owner = {node: (fusion, name) for fusion in found for node, name in fusion.outputs.items()}
    new: dict[Node, Node] = {}
    before = graph.source
    try:
        for node in reached(results):
            graph.source = lambda node=node: node.where
            if node in owner:
                fusion, name = owner[node]
                part = _parts(graph, fusion, new)[name]
                new[node] = graph.reshape(part, node.shape)
                continue
            inputs = tuple([new[x] for x in node.inputs])
            same = inputs == node.inputs
            new[node] = node if same else graph.make(node.op, inputs, node.attrs, node.shape, node.dtype)
    finally:
        graph.source = before
    return [new[r] for r in results], {new[r]: old for r, old in state.items()}


def _parts(graph: Graph, fusion: Fusion, new: dict[Node, Node]) -> dict[str, Node]:
    """The results of a fusion as nodes of the new graph."""
    if fusion.parts is None:
        routine = Finished(fusion.product())
        given = [graph.reshape(_renewed(graph, x.base, new), x.shape) for x in (fusion.a, fusion.b)]
        if fusion.bias is not None:
            given.append(graph.reshape(new[fusion.bias], (fusion.size[1],)))
        if fusion.keeper is not None:
            assert fusion.keeper.parts is not None
            given.append(fusion.keeper.parts["aux"])
        made_parts = graph.routine(routine, tuple(given), [routine.type_of(n) for n in routine.results])
        fusion.parts = dict(zip(routine.results, made_parts))
    return fusion.parts


def _renewed(graph: Graph, node: Node, new: dict[Node, Node]) -> Node:
    """A node in the new graph, or a movement of one."""
    found = new.get(node)
    if found is None:
        inputs = tuple([_renewed(graph, x, new) for x in node.inputs])
        found = new[node] = graph.make(node.op, inputs, node.attrs, node.shape, node.dtype)
    return found


class _Finder:
    """Looks for fusions in a graph; `users` are those of each node among what results need."""

    def __init__(self, graph: Graph, results: list[Node], fuses: Callable[[Product], bool]):
        self.graph, self.fuses = graph, fuses
        self.ends = set(results)
        self.nodes = reached(results)
        self.users: dict[Node, list[Node]] = defaultdict(list)
        for node in self.nodes:
            for x in dict.fromkeys(node.inputs):
                self.users[x].append(node)
        self.activated: dict[Node, Fusion] = {}
        self.taken: set[Node] = set()

    def found(self) -> list[Fusion]:
        products = [n for n in self.nodes if n.op == "matmul" and n.ndim == 2 and n.dtype == "float32"]
        kept: list[Fusion] = []
        # Gradients look for the activations before them, and sum what those leave.
        for way in (self.forward, self.slope, self.weights):
            rest = []
            for node in products:
                f = self.begun(node)
                if f is not None and way(node, f) and self.in_order(f):
                    kept.append(f)
                else:
                    rest.append(node)
            products = rest
        return kept

    def in_order(self, f: Fusion) -> bool:
        """Whether all operands are made before the first of what the product becomes."""
        given = [f.a.source, f.b.source, *([] if f.bias is None else [f.bias])]
        return max(x.number for x in given) < min(x.number for x in f.outputs)

    # A product, and how it goes on.

    def begun(self, node: Node) -> Fusion | None:
        """A product whose factors a library reads as they lie."""
        halves = [_half(self.graph, x) for x in node.inputs]
        factors = node.inputs if None in halves or halves[0].dtype != halves[1].dtype else halves
        a, b = (_matrix(x, old) for x, old in zip(factors, node.inputs))
        if a is None or b is None:
            return None
        return Fusion(a, b, a.base.dtype.name, "float32", [], (node.shape[0], node.shape[1]))

    def alone(self, node: Node) -> Node | None:
        """The one that uses a node, seen through reshapes that keep its rows; None if there are several."""
        while node not in self.ends and len(self.users[node]) == 1:
            (user,) = self.users[node]
            if user.op != "reshape" or user.shape[-1:] != node.shape[-1:]:
                return user
            node = user
        return None

    def narrowed(self, node: Node, f: Fusion) -> Node:
        """The cast to the factors' half precision that alone uses a node, if there is one: the library rounds."""
        user = self.alone(node)
        if user is not None and user.op == "cast" and f.dtype in HALVES and user.dtype.name == f.dtype:
            f.out = f.dtype
            return user
        return node

    def last(self, node: Node) -> Node:
        """A node, or the last of the reshapes that alone use it."""
        while node not in self.ends and len(self.users[node]) == 1:
            (user,) = self.users[node]
            if user.op != "reshape" or user.shape[-1:] != node.shape[-1:]:
                return node
            node = user
        return node

    def forward(self, node: Node, f: Fusion) -> bool:
        """bias, and an activation."""
        at, added = node, self.alone(node)
        if added is not None and added.op == "add":
            f.bias = _vector(next((x for x in added.inputs if not self.comes(x, node)), added), f.size[1])
            if f.bias is None:
                return False
            f.does.append("bias")
            at = added
        at = self.narrowed(at, f)
        if f.bias is not None and not self.bias_fits(f):
            return False
        # What is seen through reshapes is the node before them.
        self.activation(at, f)
        if not f.does or not self.fuses(f.product()):
            if not f.outputs or not self.plain(f, at):
                f.outputs.clear()
                return False
        if not f.outputs:
            f.outputs[at] = "out"
        self.taken.update(f.outputs)
        return True

    def plain(self, f: Fusion, value: Node) -> bool:
        """Whether the library has the bias alone."""
        f.does = [d for d in f.does if d == "bias"]
        for node in [n for n, one in self.activated.items() if one is f]:
            del self.activated[node]
        f.outputs = {value: "out"}
        return bool(f.does) and self.fuses(f.product())

    def comes(self, x: Node, node: Node) -> bool:
        """Whether x is a node, reshaped."""
        while x.op == "reshape" and x is not node:
            x = x.inputs[0]
        return x is node

    def bias_fits(self, f: Fusion) -> bool:
        """Whether the bias has the result's type, or was widened from it."""
        assert f.bias is not None
        if f.out in HALVES and f.bias.op == "cast" and f.bias.inputs[0].dtype.name == f.out:
            f.bias = f.bias.inputs[0]
        return f.bias.dtype.name == f.out

    def activation(self, at: Node, f: Fusion) -> None:
        """relu or gelu of a node, if that is what follows."""
        value = self.last(at)
        after = self.built(value, relu.forward)
        if after is not None and not self.seen_elsewhere(value, after):
            f.does.append("relu")
            f.outputs[after] = "out"
            self.activated[after] = f
            return
        found = self.built(value, gelu_tanh.forward)
        if found is not None:
            f.does.append("gelu")
            f.outputs[found] = "out"
            if self.seen_elsewhere(value, found):
                f.does.append("aux")
                f.outputs[at] = "aux"
            self.activated[value] = f

    def seen_elsewhere(self, value: Node, found: Node) -> bool:
        """Whether something beside a formula's result uses its argument, or what the formula finds on the way."""
        inside, stack = {value}, [found]
        while stack:
            node = stack.pop()
            for x in node.inputs:
                if x not in inside and x.size == value.size and x.op != "constant":
                    inside.add(x)
                    stack.append(x)
        return any(x in self.ends or any(u not in inside and u is not found for u in self.users[x]) for x in inside)

    def built(self, x: Node, formula: Callable, g: Node | None = None) -> Node | None:
        """The node of a formula of x, and g, of half precision computed in float32 and rounded; None if the step has none."""
        half = x.dtype.name in HALVES
        with self.recorded():
            given = [made(self.graph.cast(n, "float32")) for n in ([x] if g is None else [g, x])]
            node = symbol_of(formula(namespace_of(given[0]), *given)).node()
        node = self.graph.cast(node, x.dtype) if half else node
        return node if node in self.users or node in self.ends else None

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """A block in which symbols record into the graph."""
        before = recording.graph
        recording.graph = self.graph
        try:
            yield
        finally:
            recording.graph = before

    # Gradients.

    def slope(self, node: Node, f: Fusion) -> bool:
        """A gradient times the slope of the activation before it, and the sums of its columns."""
        at = self.last(self.narrowed(node, f))
        for value, keeper in self.activated.items():
            if value.size != at.size or keeper.out != f.out or value.shape != at.shape:
                continue
            end = self.behind(value, at, keeper)
            if end is None:
                continue
            f.does = ["dgelu" if "gelu" in keeper.does else "drelu"]
            sums = self.columns(end, f)
            with_sums = sums is not None and self.fuses(f.product("bgrad"))
            more = () if "aux" in keeper.does else ("aux",)
            if not (with_sums or self.fuses(f.product())) or not self.fuses(keeper.product(*more)):
                f.does = []
                return False
            keeper.does += more
            f.keeper, f.outputs = keeper, {end: "out"}
            if with_sums:
                f.does.append("bgrad")
                f.outputs[sums] = "sums"
                self.taken.add(sums)
            return True
        return False

    def behind(self, value: Node, g: Node, keeper: Fusion) -> Node | None:
        """The node of a gradient times the slope at an activation's result (relu) or argument (gelu)."""
        after = self.alone(g)
        if after is not None and after.op == "cast":
            after = self.alone(after)
        rule, op = (gelu_tanh.rules["x"], "multiply") if "gelu" in keeper.does else (relu.rules["x"], "where")
        return self.built(value, rule, g) if after is not None and after.op == op else None

    def columns(self, value: Node, f: Fusion) -> Node | None:
        """The sum of a matrix over its rows, in the product's type; None if there is none, or another has it."""
        stack = [value]
        while stack:
            x = stack.pop()
            for user in self.users[x]:
                if user.op == "sum" and user.attrs == ((0,),) and x.ndim == 2 and x.shape[1] == value.shape[-1]:
                    total = user if f.out == "float32" else self.alone(user)
                    if (
                        total is not None
                        and total not in self.taken
                        and total.dtype.name == f.out
                        and total.op in ("sum", "cast")
                    ):
                        return total
                elif user.op == "reshape" and user.shape[-1:] == x.shape[-1:]:
                    stack.append(user)
                elif user.op == "cast" and user.dtype == "float32" and x.dtype.name in HALVES:
                    stack.append(user)
        return None

    def weights(self, node: Node, f: Fusion) -> bool:
        """The gradient of weights, g.T @ x, and the sums of g's columns, which are the rows of g.T."""
        if not f.a.across:
            return False
        end = self.narrowed(node, f)
        f.does = ["bgrada"]
        sums = self.columns(f.a.seen, f)
        if sums is None or not self.fuses(f.product()):
            f.does = []
            return False
        f.outputs = {end: "out", sums: "sums"}
        self.taken.add(sums)
        return True


def _half(graph: Graph, x: Node) -> Node | None:
    """A factor before it was widened from half precision, moved as it was afterwards; None if it was not."""
    moves = []
    while x.op in MOVEMENTS:
        moves.append(x)
        x = x.inputs[0]
    if x.op != "cast" or x.inputs[0].dtype.name not in HALVES:
        return None
    x = x.inputs[0]
    for move in reversed(moves):
        x = graph.make(move.op, (x,), move.attrs, move.shape, x.dtype)
    return x


def _matrix(x: Node, seen: Node) -> Matrix | None:
    """A factor as a node's memory, or its transpose; None for another view. seen: the same in float32."""
    across = False
    while x.op == "permute":
        across, x, seen = not across, x.inputs[0], seen.inputs[0]
    base = x
    while base.op == "reshape":
        base = base.inputs[0]
    if base.op in MOVEMENTS:
        # What is joined after it was turned must be moved in memory; another view is a library's to read.
        if x.op != "reshape":
            return None
        base = x
    source = base
    while source.op in MOVEMENTS:
        source = source.inputs[0]
    return Matrix(base, x, across, source, seen)


def _vector(x: Node, n: int) -> Node | None:
    """The vector of n numbers that a node repeats along its rows; None if it is something else."""
    while x.op in ("expand", "reshape") and x.shape[-1:] == (n,):
        x = x.inputs[0]
    return x if x.size == n and x.shape[-1:] == (n,) and np.prod(x.shape[:-1], dtype=int) == 1 else None

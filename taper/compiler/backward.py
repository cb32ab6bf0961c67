"""A captured function whose results are differentiated later, outside: its backward pass as a program of its own.

During capture the gradients of the results with respect to everything that needs them are computed too, for gradients of
the results that are leaves of the graph. What the backward pass uses of the forward pass is saved by the forward program;
what is cheap to compute again (movement, comparisons, casts) is not saved, but its operands are.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from ..autograd.backward import grad
from ..autograd.function import Function
from ..autograd.modes import is_grad_enabled
from ..autograd.tape import Variable, wrap
from .bound import Bound
from .graph import MOVEMENTS, SEVERAL, Graph, Node, reached
from .homes import Home
from .symbol import made

CHEAP = frozenset(
    (
        "cast",
        "positive",
        *MOVEMENTS,
        "less",
        "less_equal",
        "greater",
        "greater_equal",
        "equal",
        "not_equal",
        "logical_not",
        "isnan",
    )
)


@dataclass
class Gradients:
    """outputs: places of the results that are differentiated; their gradients are the leaves `given`.

    wanted: what gets a gradient, each a tensor, with the nodes of the gradients (None: it does not depend on it).
    """

    outputs: list[int]
    given: list[Node]
    wanted: list[Variable]
    nodes: list[Node | None]


def captured_gradients(graph: Graph, results: list[tuple[int, Variable]], wanted: list[Variable]) -> Gradients:
    """The gradients of results (place, tensor) with respect to `wanted`, as nodes. Called while symbols are in place."""
    given = [graph.leaf("input", ("given", i), t._array.shape, t._array.dtype) for i, t in results]
    with _without_hooks(wanted):
        found = grad(
            [t for _, t in results], wanted, [wrap(made(n)) for n in given], retain_graph=True, allow_unused=True
        )
    nodes = [None if g is None else g._array.node() for g in found]
    return Gradients([i for i, _ in results], given, wanted, nodes)


@contextmanager
def _without_hooks(wanted: list[Variable]):
    """The hooks of tensors from outside run when their gradients arrive, at each backward pass."""
    nodes = [getattr(t._node, "node", t._node) for t in wanted]
    kept = [(node, node.extras) for node in dict.fromkeys(nodes) if node is not None]
    for node, _ in kept:
        node.extras = None
    try:
        yield
    finally:
        for node, extras in kept:
            node.extras = extras


class BackwardProgram:
    """The backward pass: `saved` are the nodes of the forward graph whose values it takes."""

    def __init__(self, gradients: Gradients, home: Home):
        self.gradients, self.home = gradients, home
        results = [n for n in gradients.nodes if n is not None]
        after: set[Node] = set()
        for node in reached(results):
            if node in gradients.given or any(n in after for n in node.inputs):
                after.add(node)
        self.saved: list[Node] = []
        stack = [n for node in after for n in node.inputs if n not in after] + [n for n in results if n not in after]
        seen: set[Node] = set()
        again: set[Node] = set()
        while stack:
            node = stack.pop()
            if node in seen or node.op == "constant":
                continue
            seen.add(node)
            if node.op in CHEAP:
                again.add(node)
                stack.extend(node.inputs)
            elif node.op not in SEVERAL:
                self.saved.append(node)
        self.saved.sort(key=lambda n: n.number)
        self.graph = Graph()
        self._rebuild(results, after | again)

    def _rebuild(self, results: list[Node], computed: set[Node]) -> None:
        """The same nodes in a graph of their own, over leaves for what is given and saved."""
        g, new = self.graph, {}
        for i, node in enumerate((*self.gradients.given, *self.saved)):
            new[node] = g.leaf("input", i, node.shape, node.dtype)
        for node in reached(results):
            if node in new or (node not in computed and node.op != "constant"):
                continue
            g.source = lambda: node.where
            new[node] = g.make(node.op, tuple(new[n] for n in node.inputs), node.attrs, node.shape, node.dtype)
        g.source = lambda: None
        self.leaves = [new[n] for n in (*self.gradients.given, *self.saved)]
        self.results = [None if n is None else g.copied(new[n]) for n in self.gradients.nodes]
        nodes = [n for n in self.results if n is not None]
        self.program = self.home.program(g, nodes, {})
        # A program may make other nodes of its results.
        self.bound = Bound(self.program, self.leaves, self.program.results, home=self.home)

    def run(self, given: list[np.ndarray], saved: list[np.ndarray]) -> list[np.ndarray | None]:
        """The gradients of what is wanted."""
        made = [None if n is None else self.home.empty(n.shape, n.dtype) for n in self.results]
        self.bound.run((*given, *saved), [a for a in made if a is not None])
        return made


class CompiledFunction(Function):
    """Records the call of a compiled forward pass, whose backward pass is compiled too."""

    @staticmethod
    def forward(ctx, backward: BackwardProgram, outputs: list[np.ndarray], saved: list, *inputs):
        ctx.backward_program, ctx.saved_arrays = backward, saved
        ctx.save_for_backward(*inputs)
        ctx.set_materialize_grads(True)
        return tuple(wrap(a) for a in outputs)

    @staticmethod
    def backward(ctx, *gradients):
        # Looked at for the check that none was changed in place since; the arrays are those that forward saw.
        ctx.saved_tensors  # noqa: B018
        results = ctx.backward_program.run([g._array for g in gradients], ctx.saved_arrays)
        made = [None if r is None else wrap(r) for r in results]
        if is_grad_enabled():
            made = [None if t is None else Once.apply(t.requires_grad_()) for t in made]
        return (None, None, None, *made)


class Once(Function):
    """Marks a gradient that has no derivative of its own."""

    @staticmethod
    def forward(ctx, gradient):
        return gradient.clone()

    @staticmethod
    def backward(ctx, gradient):
        raise RuntimeError(
            "taper.compile: the backward pass of a compiled function cannot be differentiated again. Take the first "
            "gradient inside of the compiled function (taper.autograd.grad with create_graph=True), or call the function "
            "uncompiled."
        )

"""What is done to a graph before it is scheduled for a GPU: passes from graph to graph, in the order of PASSES."""

from __future__ import annotations

import math
from collections.abc import Callable

from ...backends.cuda.cublaslt_products import Product
from ..elementwise import ELEMENTWISE
from ..graph import LEAVES, MOVEMENTS, REDUCTIONS, Graph, Node, reached, verified
from ..lower.expression import inline
from .channels_last import keep_channels_last
from .epilogues import fuse_epilogues

HALVES = ("float16", "bfloat16")

BLOCKS = 264
"""Blocks, about, that keep a GPU busy: two for each of its multiprocessors."""

COLUMNS, LEAST = 32, 64
"""Columns of a block (lower/threads.py); numbers that a part of a column has at least."""

WORTH = 1 << 18
"""Elements from which a reduction is worth a second launch."""

Rule = Callable[[Graph, Node, tuple[Node, ...]], "Node | None"]


def prepared(
    graph: Graph, results: list[Node], state: dict[Node, Node], fuses: Callable[[Product], bool]
) -> tuple[list[Node], dict[Node, Node]]:
    """Results and state after all passes. fuses: whether the library has a kernel for a product and its epilogue."""
    results, state = fuse_epilogues(graph, results, state, fuses)
    verified(results, "fuse_epilogues")
    results, state = keep_channels_last(graph, results, state)
    verified(results, "keep_channels_last")
    for rule in PASSES:
        new = rebuilt(graph, results, rule)
        results, state = verified([new[r] for r in results], rule.__name__), {new[r]: old for r, old in state.items()}
    return results, state


def rebuilt(graph: Graph, results: list[Node], rule: Rule) -> dict[Node, Node]:
    """What becomes of each node that results need: what a rule makes of it and its new inputs, or, where that is None,
    the same of these."""
    new: dict[Node, Node] = {}
    before = graph.source
    try:
        for node in reached(results):
            graph.source = lambda node=node: node.where
            inputs = tuple([new[x] for x in node.inputs])
            made = None if node.op in LEAVES else rule(graph, node, inputs)
            if made is None:
                same = inputs == node.inputs
                made = node if same else graph.make(node.op, inputs, node.attrs, node.shape, node.dtype)
            new[node] = made
    finally:
        graph.source = before
    return new


def compute_halves_in_float32(graph: Graph, node: Node, inputs: tuple[Node, ...]) -> Node | None:
    """op(x, y) of half precision --> cast(op(cast(x), cast(y))): each result is rounded, as in eager mode."""
    if not inputs or inputs[-1].dtype.name not in HALVES:
        return None
    wide = [graph.cast(x, "float32") if x.dtype.name in HALVES else x for x in inputs]
    if node.op in ELEMENTWISE and not inline(node):
        made = graph.make(
            node.op, tuple(wide), node.attrs, node.shape, node.dtype if node.dtype.kind == "b" else wide[-1].dtype
        )
    elif node.op in REDUCTIONS:
        made = graph.reduce(node.op, wide[0], node.attrs[0])
    else:
        return None
    return graph.cast(made, node.dtype)


def scale_products_not_factors(graph: Graph, node: Node, inputs: tuple[Node, ...]) -> Node | None:
    """(s x) @ y --> s (x @ y) for a number s and x, y that were widened from half precision, which then are multiplied as
    they are."""
    if node.op != "matmul" or node.dtype != "float32":
        return None
    factors, scales = [], []
    for x in inputs:
        plain, scale = _unscaled(graph, x)
        factors.append(plain)
        scales += [] if scale is None else [scale]
    if not scales or not all(_widened(x) for x in factors):
        return None
    made = graph.matmul(*factors)
    for scale in scales:
        made = graph.elementwise("multiply", made, graph.expand(graph.reshape(scale, ()), made.shape))
    return made


def _unscaled(graph: Graph, x: Node) -> tuple[Node, Node | None]:
    """A factor as a movement of what was multiplied by a number, and that number; None where it was not."""
    moves = []
    at = x
    while at.op in MOVEMENTS:
        moves.append(at)
        at = at.inputs[0]
    if at.op != "multiply":
        return x, None
    for scale, plain in (at.inputs, at.inputs[::-1]):
        inner = scale
        while inner.op in ("expand", "reshape"):
            inner = inner.inputs[0]
        if inner.size == 1 and plain.shape == at.shape:
            for move in reversed(moves):
                plain = graph.make(move.op, (plain,), move.attrs, move.shape, move.dtype)
            return plain, inner
    return x, None


def _widened(x: Node) -> bool:
    while x.op in MOVEMENTS:
        x = x.inputs[0]
    return x.op == "cast" and x.inputs[0].dtype.name in HALVES


def sum_dots(graph: Graph, node: Node, inputs: tuple[Node, ...]) -> Node | None:
    """Products of a row and a column --> sum(x * y): a library's kernel for matrices would have one block for each."""
    if node.op != "matmul" or node.shape[-2:] != (1, 1):
        return None
    x, y = (graph.reshape(n, (*n.shape[:-2], n.size // math.prod(n.shape[:-2]))) for n in inputs)
    products = graph.elementwise("multiply", x, y)
    return graph.reshape(graph.reduce("sum", products, (products.ndim - 1,)), node.shape)


def split_columns(graph: Graph, node: Node, inputs: tuple[Node, ...]) -> Node | None:
    """sum(x, rows) --> sum(sum(x in parts of rows)): where the columns alone would leave most of the GPU idle."""
    if node.op not in REDUCTIONS or node.op.startswith("arg"):
        return None
    (x,), (axes,) = inputs, node.attrs
    kept = [n for i, n in enumerate(x.shape) if i not in axes]
    columns = math.prod(kept)
    blocks = math.ceil(columns / COLUMNS)
    if x.size < WORTH or not kept or x.ndim - 1 in axes or columns < COLUMNS or 2 * blocks > BLOCKS:
        return None
    axis = max(axes, key=lambda a: x.shape[a])
    reduced = x.size // columns
    parts = [p for p in range(2, x.shape[axis]) if x.shape[axis] % p == 0 and reduced // p >= LEAST]
    if not parts:
        return None
    count = next((p for p in parts if p * blocks >= BLOCKS), parts[-1])
    shape = (*x.shape[:axis], count, x.shape[axis] // count, *x.shape[axis + 1 :])
    later = tuple(a + (a > axis) for a in axes if a != axis)
    partial = graph.reduce(node.op, graph.reshape(x, shape), (axis + 1, *later))
    return graph.reduce(node.op, partial, (axis - sum(a < axis for a in axes),))


PASSES: tuple[Rule, ...] = (compute_halves_in_float32, scale_products_not_factors, sum_dots, split_columns)

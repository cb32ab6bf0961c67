"""Random graphs for hypothesis, with the accuracy that their results must have.

Operators that jump (comparisons, rounding, casts to integers, argmax) get operands that both sides compute bit by bit the
same, so that a last bit never decides. What an error may be is scaled by the largest number on the way to a result.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from taper.compiler.evaluate import compute
from taper.compiler.graph import Graph, Node, printed

FLOATS = ("float32", "float64")
INTEGERS = ("int32", "int64")
DTYPES = (*FLOATS, *INTEGERS, "bool")
SIDES = (0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40)
LARGEST = 6000
"""Elements of an array at most."""

SMOOTH = "tanh sigmoid sin cos negative absolute erf expm1 arcsinh".split()
EXACT_FLOAT = "negative absolute sign floor ceil trunc rint positive".split()
EXACT_PAIRS = "maximum minimum fmax fmin copysign".split()
COMPARISONS = "less less_equal greater greater_equal equal not_equal".split()


@dataclass
class Value:
    """A node with what it is for the inputs drawn. exact: the same bit by bit on both sides. scale: see `tolerance`."""

    node: Node
    array: np.ndarray
    exact: bool
    scale: float
    single: bool

    def tolerance(self) -> float:
        return (1e-5 if self.single else 1e-12) * self.scale


@dataclass(repr=False)
class Made:
    """A drawn graph: the arrays of its leaves, its results, and which of them overwrite which inputs."""

    graph: Graph = field(default_factory=Graph)
    leaves: dict[Node, np.ndarray] = field(default_factory=dict)
    values: list[Value] = field(default_factory=list)
    results: list[Node] = field(default_factory=list)
    state: dict[Node, Node] = field(default_factory=dict)
    expected: dict[Node, Value] = field(default_factory=dict)

    def __repr__(self) -> str:
        kept = "".join(f"\n{n!r} overwrites {old!r}" for n, old in self.state.items())
        return f"Made\n{printed(self.results)}{kept}"

    def note(self, node: Node, *inputs: Value, exact: bool = False) -> Value:
        """Keep a node that was computed from `inputs`."""
        known = next((v for v in self.values if v.node is node), None)
        if known is not None:
            return known
        value = self.valued(node, inputs, exact)
        self.values.append(value)
        return value

    def valued(self, node: Node, inputs, exact: bool) -> Value:
        by_node = {v.node: v.array for v in self.values}

        def array_of(n: Node):
            if n in by_node:
                return by_node[n]
            with np.errstate(all="ignore"):
                by_node[n] = np.asarray(compute(n, [array_of(x) for x in n.inputs]))
            return by_node[n]

        array = array_of(node)
        assert array.shape == node.shape and array.dtype == node.dtype, f"{node!r} means {array.shape} {array.dtype}"
        scale = max([1.0, *[v.scale for v in inputs]])
        if array.dtype.kind == "f" and array.size:
            scale = max(scale, float(np.abs(array[np.isfinite(array)]).max(initial=0)))
        inexact = [v for v in inputs if not v.exact]
        exact = (exact and not inexact) or array.dtype.kind != "f"
        single = array.dtype == np.float32 or any(v.single for v in inexact)
        return Value(node, array, exact, scale, single)


@st.composite
def graphs(draw, steps: int = 8, stateful: bool = False):
    """A graph of up to `steps` operators. stateful: results that overwrite inputs which others read."""
    made = Made()
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    _inputs(draw, made, rng, stateful)
    for _ in range(draw(st.integers(1, steps))):
        draw(st.sampled_from(STEPS))(draw, made, rng)
    chosen = draw(st.lists(st.sampled_from(made.values), min_size=1, max_size=4, unique_by=id))
    if made.values[-1] not in chosen:
        chosen.append(made.values[-1])
    for value in chosen:
        node = made.graph.copied(value.node)
        made.results.append(node)
        made.expected[node] = value
    if stateful:
        _overwriting(draw, made)
    return made


def _inputs(draw, made: Made, rng, stateful: bool) -> None:
    shapes: list[tuple[int, ...]] = []
    for i in range(draw(st.integers(1, 3)) + stateful):
        if shapes and draw(st.booleans()):
            shape, dtype = draw(st.sampled_from(shapes)), draw(st.sampled_from(FLOATS))
        else:
            shape = _bounded(draw(st.lists(st.sampled_from(SIDES), min_size=0, max_size=4)))
            dtype = draw(st.sampled_from(DTYPES))
        shapes.append(shape)
        array = _random(rng, shape, dtype)
        node = made.graph.leaf("input", i, shape, array.dtype)
        made.leaves[node] = array
        made.values.append(Value(node, array, True, 4.0, array.dtype == np.float32))


def _bounded(shape) -> tuple[int, ...]:
    shape = list(shape)
    while math.prod(shape) > LARGEST:
        shape[int(np.argmax(shape))] = 3
    return tuple(shape)


def _random(rng, shape, dtype) -> np.ndarray:
    if dtype in FLOATS:
        return np.asarray(rng.standard_normal(shape), dtype).reshape(shape)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    return rng.integers(-9, 10, shape).astype(dtype)


def _overwriting(draw, made: Made) -> None:
    """New values for some inputs: results of their shape and dtype, other inputs included (a swap)."""
    for leaf in list(made.leaves):
        fitting = [
            v for v in made.values if v.node.shape == leaf.shape and v.node.dtype == leaf.dtype and v.node is not leaf
        ]
        if fitting and draw(st.integers(0, 3)):
            value = draw(st.sampled_from(fitting))
            node = made.graph.copied(value.node)
            made.results.append(node)
            made.state[node] = leaf
            made.expected[node] = value


def _pick(draw, made: Made, kinds: str, exact: bool = False, dims: int = 0) -> Value | None:
    fitting = [v for v in made.values if v.node.dtype.kind in kinds and (v.exact or not exact) and v.node.ndim >= dims]
    return draw(st.sampled_from(fitting)) if fitting else None


def _partner(draw, made: Made, x: Value, exact: bool = False) -> Value:
    """An operand of x's dtype that broadcasts against it without growing beyond bounds; else x itself."""
    fitting = []
    for v in made.values:
        if v.node.dtype != x.node.dtype or (exact and not v.exact):
            continue
        try:
            shape = np.broadcast_shapes(v.node.shape, x.node.shape)
        except ValueError:
            continue
        if math.prod(shape) <= LARGEST:
            fitting.append(v)
    return draw(st.sampled_from(fitting))


def unary(draw, made: Made, rng) -> None:
    x = _pick(draw, made, "f")
    if x is not None:
        name = draw(st.sampled_from(EXACT_FLOAT if x.exact and draw(st.booleans()) else SMOOTH))
        if name == "expm1":
            x = made.note(made.graph.elementwise("tanh", x.node), x)
        made.note(made.graph.elementwise(name, x.node), x, exact=name in EXACT_FLOAT)


def positive_only(draw, made: Made, rng) -> None:
    """What is defined above 0, of 1 + |x|."""
    x = _pick(draw, made, "f")
    if x is not None:
        g = made.graph
        base = made.note(g.elementwise("add", g.elementwise("absolute", x.node), g.scalar(1, x.node.dtype)), x)
        name = draw(st.sampled_from(["log", "sqrt", "reciprocal", "log1p", "log2"]))
        made.note(g.elementwise(name, base.node), base)


def binary(draw, made: Made, rng) -> None:
    x = _pick(draw, made, "f")
    if x is None:
        return
    y = _partner(draw, made, x)
    names = ["add", "subtract", "multiply", "maximum", "minimum"] + (EXACT_PAIRS if x.exact and y.exact else [])
    name = draw(st.sampled_from(names))
    if name == "multiply" and x.scale * y.scale > 1e4:
        name = "add"
    made.note(made.graph.elementwise(name, x.node, y.node), x, y, exact=name in EXACT_PAIRS)


def quotient(draw, made: Made, rng) -> None:
    x = _pick(draw, made, "f")
    if x is not None:
        y, g = _partner(draw, made, x), made.graph
        below = g.elementwise("add", g.elementwise("multiply", y.node, y.node), g.scalar(1, x.node.dtype))
        made.note(g.elementwise("divide", x.node, below), x, y)


def integers(draw, made: Made, rng) -> None:
    x = _pick(draw, made, "i")
    if x is None:
        return
    y = _partner(draw, made, x)
    two = "add subtract multiply floor_divide remainder maximum minimum bitwise_and bitwise_or bitwise_xor".split()
    one = "negative absolute sign invert square".split()
    name = draw(st.sampled_from(two + one))
    operands = (x, y) if name in two else (x,)
    made.note(made.graph.elementwise(name, *[v.node for v in operands]), *operands)


def logic(draw, made: Made, rng) -> None:
    x = _pick(draw, made, "b")
    if x is None:
        return
    name = draw(
        st.sampled_from("logical_and logical_or logical_xor bitwise_and bitwise_xor logical_not invert".split())
    )
    operands = (x,) if name in ("logical_not", "invert") else (x, _partner(draw, made, x))
    made.note(made.graph.elementwise(name, *[v.node for v in operands]), *operands)


def comparison(draw, made: Made, rng) -> None:
    x = _pick(draw, made, "fib", exact=True)
    if x is not None:
        y = _partner(draw, made, x, exact=True)
        made.note(made.graph.elementwise(draw(st.sampled_from(COMPARISONS)), x.node, y.node), x, y)


def choice(draw, made: Made, rng) -> None:
    c, x = _pick(draw, made, "b"), _pick(draw, made, "fib")
    if c is None or x is None:
        return
    y = _partner(draw, made, x)
    try:
        shape = np.broadcast_shapes(c.node.shape, x.node.shape, y.node.shape)
    except ValueError:
        return
    if math.prod(shape) <= LARGEST:
        made.note(made.graph.elementwise("where", c.node, x.node, y.node), c, x, y, exact=True)


def cast(draw, made: Made, rng) -> None:
    x = _pick(draw, made, "fib")
    dtype = np.dtype(draw(st.sampled_from(DTYPES if x.exact and x.scale < 1e6 else FLOATS)))
    made.note(made.graph.cast(x.node, dtype), x, exact=True)


def reshape(draw, made: Made, rng) -> None:
    x = _pick(draw, made, "fib")
    factors, left = [], x.node.size
    if left == 0:
        shape = draw(st.permutations(x.node.shape))
    else:
        while left > 1 and len(factors) < 4:
            sizes = [n for n in range(2, left + 1) if left % n == 0]
            factors.append(draw(st.sampled_from(sizes)))
            left //= factors[-1]
        shape = [*factors, left] if left > 1 or draw(st.booleans()) else factors
        shape = draw(st.permutations(shape))
    made.note(made.graph.reshape(x.node, tuple(shape)), x, exact=True)


def permute(draw, made: Made, rng) -> None:
    x = _pick(draw, made, "fib", dims=1)
    if x is not None:
        made.note(made.graph.permute(x.node, tuple(draw(st.permutations(range(x.node.ndim))))), x, exact=True)


def expand(draw, made: Made, rng) -> None:
    x = _pick(draw, made, "fib")
    shape = [draw(st.sampled_from(SIDES)) if n == 1 else n for n in x.node.shape]
    if draw(st.booleans()) and len(shape) < 4:
        shape.insert(0, draw(st.sampled_from(SIDES)))
    if math.prod(shape) <= LARGEST:
        made.note(made.graph.expand(x.node, tuple(shape)), x, exact=True)


def _slice_of(draw, shape) -> tuple[tuple, tuple, tuple]:
    starts, counts, steps = [], [], []
    for n in shape:
        step = draw(st.sampled_from([1, 1, 2, 3, -1, -2]))
        start = draw(st.integers(0, n - 1)) if n else 0
        most = len(range(start, n if step > 0 else -1, step)) if n else 0
        count = draw(st.integers(0 if draw(st.integers(0, 9)) == 0 else min(1, most), most))
        starts.append(start if count else 0)
        counts.append(count)
        steps.append(step)
    return tuple(starts), tuple(counts), tuple(steps)


def sliced(draw, made: Made, rng) -> None:
    x = _pick(draw, made, "fib", dims=1)
    if x is not None:
        made.note(made.graph.slice(x.node, *_slice_of(draw, x.node.shape)), x, exact=True)


def update(draw, made: Made, rng) -> None:
    x = _pick(draw, made, "fib", dims=1)
    if x is None:
        return
    starts, counts, steps = _slice_of(draw, x.node.shape)
    fitting = [v for v in made.values if v.node.dtype == x.node.dtype and _expands(v.node.shape, counts)]
    value = draw(st.sampled_from(fitting)) if fitting else None
    if value is None:
        node = made.graph.expand(made.graph.scalar(2, x.node.dtype), counts)
        made.note(made.graph.update(x.node, node, starts, counts, steps), x, exact=True)
    else:
        node = made.graph.expand(value.node, counts)
        made.note(made.graph.update(x.node, node, starts, counts, steps), x, value, exact=True)


def _expands(shape, to) -> bool:
    try:
        return np.broadcast_shapes(shape, to) == tuple(to)
    except ValueError:
        return False


def concat(draw, made: Made, rng) -> None:
    x = _pick(draw, made, "fib", dims=1)
    if x is None:
        return
    axis = draw(st.integers(0, x.node.ndim - 1))

    def others(shape):
        return (*shape[:axis], *shape[axis + 1 :])

    fitting = [
        v
        for v in made.values
        if v.node.dtype == x.node.dtype and v.node.ndim == x.node.ndim and others(v.node.shape) == others(x.node.shape)
    ]
    parts = draw(st.lists(st.sampled_from(fitting), min_size=2, max_size=3))
    if sum(v.node.size for v in parts) <= LARGEST:
        made.note(made.graph.concat([v.node for v in parts], axis), *parts, exact=True)


def _axes(draw, node: Node) -> tuple[int, ...]:
    return tuple(draw(st.lists(st.integers(0, node.ndim - 1), min_size=1, max_size=node.ndim, unique=True)))


def total(draw, made: Made, rng) -> None:
    x = _pick(draw, made, "fi", dims=1)
    if x is not None:
        made.note(made.graph.reduce("sum", x.node, _axes(draw, x.node)), x)


def product(draw, made: Made, rng) -> None:
    x, g = _pick(draw, made, "fi", dims=1), made.graph
    if x is None:
        return
    if x.node.dtype.kind == "f":
        # Factors near 1, so that the product neither over- nor underflows.
        small = g.elementwise("multiply", g.elementwise("tanh", x.node), g.scalar(1 / 64, x.node.dtype))
        x = made.note(g.elementwise("add", small, g.scalar(1, x.node.dtype)), x)
    made.note(g.reduce("prod", x.node, _axes(draw, x.node)), x)


def extreme(draw, made: Made, rng) -> None:
    x = _pick(draw, made, "fi", dims=1)
    if x is None:
        return
    axes = _axes(draw, x.node)
    if math.prod(x.node.shape[a] for a in axes):
        names = ["max", "min"] + (["argmax", "argmin"] if x.exact else [])
        made.note(made.graph.reduce(draw(st.sampled_from(names)), x.node, axes), x, exact=True)


def truth(draw, made: Made, rng) -> None:
    x = _pick(draw, made, "b", dims=1)
    if x is not None:
        made.note(made.graph.reduce(draw(st.sampled_from(["any", "all"])), x.node, _axes(draw, x.node)), x)


def matmul(draw, made: Made, rng) -> None:
    x = _pick(draw, made, "fi", dims=2)
    if x is None or x.scale > 1e3:
        return
    g, k = made.graph, x.node.shape[-1]
    fitting = [
        v
        for v in made.values
        if v.node.dtype == x.node.dtype and v.node.ndim >= 2 and k in v.node.shape[-2:] and v.scale < 1e3
    ]
    if fitting:
        y = draw(st.sampled_from(fitting))
        right = y.node
        if right.shape[-2] != k:
            right = g.permute(right, (*range(right.ndim - 2), right.ndim - 1, right.ndim - 2))
        if not _products_fit(x.node.shape, right.shape):
            return
        made.note(g.matmul(x.node, right), x, y)
        return
    n = draw(st.sampled_from(SIDES))
    array = _random(rng, (k, n), x.node.dtype.name)
    node = g.leaf("input", ("right", len(made.leaves)), array.shape, array.dtype)
    made.leaves[node] = array
    y = Value(node, array, True, 4.0, array.dtype == np.float32)
    made.values.append(y)
    if _products_fit(x.node.shape, node.shape):
        made.note(g.matmul(x.node, node), x, y)


def _products_fit(left, right) -> bool:
    try:
        lead = np.broadcast_shapes(left[:-2], right[:-2])
    except ValueError:
        return False
    return math.prod((*lead, left[-2], right[-1])) <= LARGEST


def _positions(made: Made, rng, shape, n: int) -> Node:
    array = rng.integers(0, n, shape)
    node = made.graph.leaf("input", ("positions", len(made.leaves)), array.shape, array.dtype)
    made.leaves[node] = array
    made.values.append(Value(node, array, True, 1.0, False))
    return node


def take(draw, made: Made, rng) -> None:
    x = _pick(draw, made, "fib", dims=1)
    if x is None:
        return
    axis = draw(st.integers(0, x.node.ndim - 1))
    shape = tuple(draw(st.lists(st.sampled_from((0, 1, 2, 5, 17)), min_size=1, max_size=2)))
    n = x.node.shape[axis]
    if n and x.node.size // n * math.prod(shape) <= LARGEST:
        made.note(made.graph.take(x.node, _positions(made, rng, shape, n), axis), x, exact=True)


def pick(draw, made: Made, rng) -> None:
    x = _pick(draw, made, "fib", dims=1)
    if x is None:
        return
    axis = draw(st.integers(0, x.node.ndim - 1))
    shape = list(x.node.shape)
    shape[axis] = draw(st.sampled_from((1, 2, 5)))
    if x.node.shape[axis]:
        index = _positions(made, rng, tuple(shape), x.node.shape[axis])
        made.note(made.graph.pick(x.node, index, axis), x, exact=True)


def scatter(draw, made: Made, rng) -> None:
    x = _pick(draw, made, "f", dims=1)
    if x is None:
        return
    rows = draw(st.sampled_from((1, 2, 5, 17)))
    if x.node.size // max(x.node.shape[0], 1) * rows <= LARGEST:
        index = _positions(made, rng, (x.node.shape[0],), rows)
        made.note(made.graph.scatter(x.node, index, rows), x)


def number(draw, made: Made, rng) -> None:
    """A Python number in arithmetic."""
    x, g = _pick(draw, made, "f"), made.graph
    if x is None:
        return
    array = np.float64(rng.standard_normal())
    node = g.leaf("number", len(made.leaves), (), np.float64)
    made.leaves[node] = np.asarray(array)
    y = Value(node, made.leaves[node], True, 4.0, False)
    made.values.append(y)
    made.note(g.elementwise("multiply", x.node, g.cast(node, x.node.dtype)), x, y)


def _sorted(x):
    return [np.sort(x, axis=-1)]


def interpreted(draw, made: Made, rng) -> None:
    """A function of the interpreter between native pieces."""
    x = _pick(draw, made, "fi", dims=1)
    if x is not None:
        made.note(made.graph.host(_sorted, (x.node,), [(x.node.shape, x.node.dtype)])[0], x, exact=True)


STEPS = (
    unary, unary, positive_only, binary, binary, binary, quotient, integers, logic, comparison, choice, cast,
    reshape, reshape, permute, permute, expand, expand, sliced, sliced, update, concat,
    total, total, product, extreme, truth, matmul, matmul, take, pick, scatter, number, interpreted,
)  # fmt: skip

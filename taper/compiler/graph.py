"""The graph of a captured step: immutable nodes over a small set of primitives.

A node's shape and dtype are computed when it is made and never given. Nodes are interned, so common subexpressions are
one node and equality is identity; a graph is what its results reach, so dead code vanishes by itself.

    input      a tensor of the caller, a closure or a module, read at each call
    number     a Python number that may change from call to call; float64, without dimensions
    draw       an array of random numbers, drawn by the eager engine's own stream before the program runs
    constant   an array that was known at capture
    cast, and the names of ELEMENTWISE          element by element; inputs broadcast as in NumPy
    reshape permute expand slice                movement: the same elements seen in another shape
    concat update                               arrays put beside each other; an array with a slice replaced
    sum prod max min any all argmax argmin      reductions over `axes`, which disappear
    matmul                                      stacks of matrices
    conv conv_input conv_weight                 a convolution and its two gradients
    window_max ...                              what windows over the last dimensions hold (windows.py)
    resample                                    sums of elements at known places of the last dimensions
    take scatter                                rows picked by an index; rows added up where an index says
    routine part                                a kernel over sequences (routines.py), and one of its results
    host part                                   anything else: a NumPy function, and one of its results
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .elementwise import ELEMENTWISE
from .windows import Axes, shape_of

REDUCTIONS = ("sum", "prod", "max", "min", "any", "all", "argmax", "argmin")
MOVEMENTS = ("reshape", "permute", "expand", "slice")
LEAVES = ("input", "number", "draw", "constant")
SEVERAL = ("host", "routine")
"""Nodes with several results, which are their parts."""

PRODUCTS = ("matmul", "conv", "conv_input", "conv_weight")

_OWN = ("positive", "settle", "check")
"""Copies: nodes of their own even where they are empty, since they are results."""

_NEUTRAL = dict(sum=0, prod=1, any=False, all=True)
"""What reductions make of nothing."""

ANY = 999_983
"""A number of rows, or elements of a vector, of which each is a chunk: a kernel of so many serves for any number of them."""

_SMALL = 65536
"""Elements up to which constants are compared."""


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """One value of a program. `number` is its place in the order of making, which is an order of computing."""

    op: str
    inputs: tuple[Node, ...]
    attrs: tuple
    shape: tuple[int, ...]
    dtype: np.dtype
    number: int
    where: str | None = None

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def bytes(self) -> int:
        return self.size * self.dtype.itemsize

    def __repr__(self) -> str:
        inputs = ", ".join(f"%{n.number}" for n in self.inputs)
        attrs = ", ".join(map(_short, self.attrs))
        return f"%{self.number} = {self.op}({inputs}{'; ' if attrs else ''}{attrs}): {_type(self)}"


def _type(node: Node) -> str:
    return f"{node.dtype.name}[{'x'.join(map(str, node.shape))}]"


def _short(value) -> str:
    if isinstance(value, np.ndarray):
        return f"array{list(value.shape)}" if value.size > 4 else str(value.tolist())
    return getattr(value, "__name__", None) or str(value)


_DTYPES: dict[np.dtype, np.dtype] = {np.dtype(t): np.dtype(t) for t in np.sctypeDict.values() if t is not np.object_}


def the_dtype(dtype) -> np.dtype:
    """The one object for a dtype: arrays that were unpickled have dtypes that are equal, but others."""
    dtype = np.dtype(dtype)
    return _DTYPES.setdefault(dtype, dtype)


class Interned:
    """An array or a function as an attribute: equal by identity, so that it can be a key."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value

    def __eq__(self, other) -> bool:
        return isinstance(other, Interned) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)

    def __repr__(self) -> str:
        return _short(self.value)


@dataclass
class Graph:
    """Makes nodes. `source` tells where in the user's program the node being made comes from; `exchanges` are the nodes that
    begin an exchange with other processes, `notes` what layers above remember until the capture ends."""

    nodes: list[Node] = field(default_factory=list)
    exchanges: list[Node] = field(default_factory=list)
    notes: dict[object, Any] = field(default_factory=dict)
    known: dict[tuple, Node] = field(default_factory=dict)
    source: Callable[[], str | None] = lambda: None

    def make(self, op: str, inputs: tuple[Node, ...], attrs: tuple, shape, dtype) -> Node:
        if 0 in shape and op not in LEAVES and op not in _OWN:
            # Nothing is to be computed.
            return self.constant(np.empty(shape, dtype))
        key = (op, tuple(map(id, inputs)), attrs, dtype)
        node = self.known.get(key)
        if node is None:
            node = Node(op, inputs, attrs, tuple(shape), the_dtype(dtype), len(self.nodes), self.source())
            self.nodes.append(node)
            self.known[key] = node
        return node

    # Leaves.

    def leaf(self, op: str, key, shape, dtype) -> Node:
        """An input, a number or a draw; `key` tells it from others of its kind."""
        return self.make(op, (), (key,), shape, dtype)

    def constant(self, array: np.ndarray) -> Node:
        """An array as it is now; small ones that are equal are one node."""
        array = np.asarray(array)
        if array.size > _SMALL:
            return self.make("constant", (), (Interned(np.array(array)),), array.shape, array.dtype)
        key = "constant", array.tobytes(), array.shape, array.dtype
        node = self.known.get(key)
        if node is None:
            node = self.make("constant", (), (Interned(np.array(array)),), array.shape, array.dtype)
            self.known[key] = node
        return node

    def scalar(self, value, dtype) -> Node:
        with np.errstate(over="ignore"):
            return self.constant(np.asarray(value).astype(dtype))

    # Elementwise.

    def cast(self, x: Node, dtype) -> Node:
        dtype = np.dtype(dtype)
        if x.dtype == dtype:
            return x
        if x.op == "constant" and x.size == 1:
            with np.errstate(over="ignore", invalid="ignore"):
                return self.constant(value_of(x).astype(dtype))
        return self.make("cast", (x,), (), x.shape, dtype)

    def elementwise(self, name: str, *inputs: Node) -> Node:
        """An operation of ELEMENTWISE on nodes already of the dtypes that it computes in."""
        primitive = ELEMENTWISE[name]
        shape = np.broadcast_shapes(*[n.shape for n in inputs])
        dtype = np.dtype(bool) if primitive.truth else inputs[-1].dtype
        simple = self._simplified(name, inputs, shape, dtype)
        if simple is not None:
            return simple
        return self.make(name, inputs, (), shape, dtype)

    def _simplified(self, name, inputs, shape, dtype) -> Node | None:
        """What is plainly equal and cheaper; exact for every value, infinities and NaN included."""
        if all(n.op == "constant" and n.size == 1 for n in inputs):
            with np.errstate(all="ignore"):
                value = ELEMENTWISE[name].evaluate(*[value_of(n) for n in inputs])
            return self.constant(np.asarray(value).astype(dtype))
        if name in ("multiply", "divide"):
            x, y = inputs
            if number_in(y) == 1:
                return self.expand(x, shape)
            if number_in(x) == 1 and name == "multiply":
                return self.expand(y, shape)
        if name == "negative" and inputs[0].op == "negative":
            return inputs[0].inputs[0]
        if name == "where" and inputs[1] is inputs[2]:
            return self.expand(inputs[1], shape)
        if name == "power" and dtype.kind == "f":
            exponent = number_in(inputs[1])
            x = inputs[0]
            if exponent == 1:
                return self.expand(x, shape)
            if exponent == 2:
                return self.expand(self.elementwise("multiply", x, x), shape)
            if exponent == 0.5:
                return self.expand(self.elementwise("sqrt", x), shape)
            if exponent == -1:
                return self.expand(self.elementwise("divide", self.scalar(1, dtype), x), shape)
        return None

    def copied(self, x: Node, op: str = "positive") -> Node:
        """A node of its own with the value of x; op "settle" for one that is computed after all other
        readers of x, "check" for one before any input is overwritten."""
        return self.make(op, (x,), (len(self.nodes),), x.shape, x.dtype)

    # Movement.

    def reshape(self, x: Node, shape: tuple[int, ...]) -> Node:
        shape = tuple(shape)
        if x.op == "reshape":
            x = x.inputs[0]
        if x.shape == shape:
            return x
        assert math.prod(shape) == x.size, f"reshape of {x.shape} to {shape}"
        return self.make("reshape", (x,), (shape,), shape, x.dtype)

    def permute(self, x: Node, axes: tuple[int, ...]) -> Node:
        if x.op == "permute":
            axes, x = tuple(x.attrs[0][a] for a in axes), x.inputs[0]
        if axes == tuple(range(x.ndim)):
            return x
        return self.make("permute", (x,), (tuple(axes),), [x.shape[a] for a in axes], x.dtype)

    def expand(self, x: Node, shape: tuple[int, ...]) -> Node:
        shape = tuple(shape)
        if x.shape == shape:
            return x
        if x.op == "expand":
            return self.expand(x.inputs[0], shape)
        return self.make("expand", (x,), (shape,), shape, x.dtype)

    def slice(self, x: Node, starts: tuple[int, ...], counts: tuple[int, ...], steps: tuple[int, ...]) -> Node:
        """`counts` elements along each axis from `starts` on, `steps` apart (negative: backwards)."""
        if counts == x.shape and all(s == 0 for s in starts) and all(k == 1 for k in steps):
            return x
        return self.make("slice", (x,), (starts, counts, steps), counts, x.dtype)

    def concat(self, parts: Iterable[Node], axis: int) -> Node:
        parts = tuple(parts)
        shape = list(parts[0].shape)
        shape[axis] = sum(p.shape[axis] for p in parts)
        return parts[0] if len(parts) == 1 else self.make("concat", parts, (axis,), shape, parts[0].dtype)

    def update(self, x: Node, value: Node, starts, counts, steps) -> Node:
        """x with a slice replaced by a value of the slice's shape."""
        if value.size == 0:
            return x
        if counts == x.shape and all(k == 1 for k in steps):
            return value
        return self.make("update", (x, value), (starts, counts, steps), x.shape, x.dtype)

    # The rest.

    def reduce(self, name: str, x: Node, axes: tuple[int, ...]) -> Node:
        """A reduction; `sum` and `prod` keep the dtype, which the caller has widened."""
        axes = tuple(sorted(axes))
        shape = tuple(n for i, n in enumerate(x.shape) if i not in axes)
        if not axes or all(x.shape[a] == 1 for a in axes):
            if name in ("sum", "prod", "max", "min", "any", "all"):
                return self.reshape(x, shape)
        dtype = np.dtype(np.int64) if name.startswith("arg") else x.dtype
        if x.size == 0 and name in _NEUTRAL:
            return self.expand(self.scalar(_NEUTRAL[name], dtype), shape)
        cut = None if name.startswith("arg") else _parts(x.shape, axes)
        if cut is not None:
            # Few long reductions: each in parts, so that threads can share it.
            axis, parts = cut
            split = (*x.shape[:axis], parts, x.shape[axis] // parts, *x.shape[axis + 1 :])
            later = tuple(a + (a > axis) for a in axes if a != axis)
            partial = self.reduce(name, self.reshape(x, split), (axis + 1, *later))
            return self.reduce(name, partial, (axis - sum(a < axis for a in axes),))
        return self.make(name, (x,), (axes,), shape, dtype)

    def matmul(self, x: Node, y: Node) -> Node:
        """Products of the last two dimensions; leading ones broadcast."""
        lead = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        shape = (*lead, x.shape[-2], y.shape[-1])
        if x.shape[-1] == 0:
            return self.expand(self.scalar(0, x.dtype), shape)
        for ones, other, left in ((x, y, True), (y, x, False)):
            # A product with equal numbers is a sum.
            value = number_in(ones)
            if value is not None and other.dtype.kind == "f":
                total = self.reduce("sum", other, (other.ndim - (2 if left else 1),))
                total = self.elementwise("multiply", total, self.scalar(value, x.dtype))
                at = -2 if left else -1
                split = list(total.shape)
                split.insert(len(split) + 1 + at, 1)
                return self.expand(self.reshape(total, tuple(split)), shape)
        return self.make("matmul", (x, y), (), shape, x.dtype)

    def convolution(
        self,
        op: str,
        x: Node,
        y: Node,
        shape: tuple[int, ...],
        stride,
        padding,
        dilation,
        groups: int,
        winograd: bool,
        last: bool = False,
    ) -> Node:
        """`conv` of an input and weights, `conv_input` of an output's gradient and weights, `conv_weight` of that
        gradient and an input: what the CPU's kernels compute, of `shape`, with all positions (or, of the weights, all
        of an output channel's) in one last dimension, so that it is a stack of matrices. winograd: whether its kernel
        may use Winograd's algorithm. last: x has its channels last, and so has the result, (images, positions, channels);
        `shape` has them second nevertheless."""
        at = 1 if op == "conv_weight" else 2
        flat = (*shape[:at], math.prod(shape[at:]))
        if last:
            flat = (shape[0], flat[2], shape[1])
        if 0 in x.shape or 0 in y.shape:
            return self.expand(self.scalar(0, x.dtype), flat)
        attrs = (shape, *map(tuple, (stride, padding, dilation)), groups, winograd, last)
        return self.make(op, (x, y), attrs, flat, x.dtype)

    def window(self, op: str, axes: Axes, x: Node, places: Node | None = None) -> Node:
        """A node of WINDOWS over the last dimensions of x; `places` are those that window_put wants."""
        shape = (math.prod(x.shape[: x.ndim - len(axes)]), *shape_of(op, axes))
        dtype = np.dtype(np.int32) if op == "window_place" else x.dtype
        if x.size == 0:
            return self.expand(self.scalar(0, dtype), shape)
        return self.make(op, (x,) if places is None else (x, places), (axes,), shape, dtype)

    def resample(self, x: Node, taps: tuple) -> Node:
        """x with its last dimensions made anew (backends/cpu/resampling.py): (planes, rows, elements of a row).

        What the kernel must look up, places and weights of all dimensions but the last, are further inputs.
        """
        lead = x.shape[: x.ndim - len(taps)]
        sizes = [n if t is None else t.m for n, t in zip(x.shape[len(lead) :], taps)]
        shape = (math.prod(lead), math.prod(sizes[:-1]), sizes[-1])
        if x.size == 0 or any(t is not None and t.count == 0 for t in taps):
            return self.expand(self.scalar(0, x.dtype), shape)
        tables = []
        for t in taps[:-1]:
            if t is not None:
                places, weights = t.at(), t.shares()
                tables.append(self.constant(np.concatenate([(places >= 0).sum(0)[None], places]).T.astype(np.int64)))
                if weights is not None:
                    tables.append(self.constant(np.ascontiguousarray(weights.T).astype(x.dtype)))
        return self.make("resample", (x, *tables), (taps,), shape, x.dtype)

    def take(self, x: Node, index: Node, axis: int) -> Node:
        """x with its axis replaced by the shape of `index`, whose numbers are positions along that axis."""
        shape = (*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])
        return self.make("take", (x, index), (axis,), shape, x.dtype)

    def pick(self, x: Node, index: Node, axis: int) -> Node:
        """Along an axis, for each place in `index` the element of x at that position (NumPy's take_along_axis)."""
        return self.make("pick", (x, index), (axis,), index.shape, x.dtype)

    def scatter(self, x: Node, index: Node, rows: int) -> Node:
        """Zeros (rows, ...) with x[i] added to row index[i], in order; index (n,), x (n, ...)."""
        return self.make("scatter", (x, index), (rows,), (rows, *x.shape[1:]), x.dtype)

    def host(self, function: Callable, inputs: tuple[Node, ...], results: list[tuple[tuple, np.dtype]]) -> list[Node]:
        """The results of `function(*arrays)`, run by the interpreter; `results` are their shapes and dtypes."""
        return self._parts_of(self.make("host", inputs, (Interned(function), tuple(results)), (), np.dtype(np.int64)))

    def routine(self, routine, inputs: tuple[Node, ...], results: list[tuple[tuple, np.dtype]]) -> list[Node]:
        """The results of a routine; `results` are their shapes and dtypes."""
        return self._parts_of(self.make("routine", inputs, (routine, tuple(results)), (), np.dtype(np.int64)))

    def _parts_of(self, whole: Node) -> list[Node]:
        results = whole.attrs[1]
        return [self.make("part", (whole,), (i,), shape, dtype) for i, (shape, dtype) in enumerate(results)]


def _parts(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, int] | None:
    """The axis at which a reduction is cut in parts, and in how many: where few results take many elements each."""
    size = math.prod(shape)
    reduced = math.prod(shape[a] for a in axes)
    if size < 65536 or size // max(reduced, 1) >= 16:
        return None
    axis = max(axes, key=lambda a: shape[a])
    parts = next((p for p in (64, 60, 56, 50, 49, 48, 40, 36, 32, 30, 28, 25, 24, 20, 16) if shape[axis] % p == 0), 0)
    return (axis, parts) if parts and shape[axis] > parts else None


def value_of(node: Node) -> np.ndarray:
    """The array of a constant."""
    return node.attrs[0].value


def number_in(node: Node):
    """The number that every element of a node is, if that is known; else None."""
    while node.op in ("expand", "reshape"):
        node = node.inputs[0]
    if node.op == "constant":
        array = value_of(node)
        if array.size == 1 or (array.size and array.size <= 65536 and bool((array == array.flat[0]).all())):
            return array.flat[0]
    return None


def reached(results: Iterable[Node]) -> list[Node]:
    """The nodes that results need, in an order of computing."""
    seen: set[Node] = set()
    stack = list(results)
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(node.inputs)
    return sorted(seen, key=lambda n: n.number)


def printed(results: Iterable[Node], names: Mapping[Node, str] | None = None) -> str:
    """The nodes that results need, a line each; leaves by their names, where those are given."""
    results = list(results)
    named = {n: f"%{n.number} = {n.op} {name}: {_type(n)}" for n, name in (names or {}).items()}
    lines = [named.get(n) or repr(n) + (f"    # {n.where}" if n.where else "") for n in reached(results)]
    return "\n".join([*lines, "return " + ", ".join(f"%{n.number}" for n in results)])


def verified(results: list[Node], after: str) -> list[Node]:
    """The results, after checking that the graph is well formed. AssertionError names the pass that broke it."""
    for node in reached(results):
        for n in node.inputs:
            assert n.number < node.number, f"after {after}: {node!r} uses {n!r}, which is made later"
        if node.op in ELEMENTWISE:
            shape = np.broadcast_shapes(*[n.shape for n in node.inputs])
            assert shape == node.shape, f"after {after}: {node!r} has inputs of shape {shape}"
        elif node.op == "reshape":
            assert node.size == node.inputs[0].size, f"after {after}: {node!r} of {node.inputs[0].shape}"
    return results

"""Symbols at arrays of positions: picked, added up, and written."""

from __future__ import annotations

import math
import operator

import numpy as np

from ..backends import cpu
from .computing import applied, found
from .graph import Node, value_of
from .host import host, host_as, values_decide
from .recording import graph
from .symbol import Symbol, made, node_for, operand, symbol_of

__all__ = [
    "taken",
    "take",
    "take_at",
    "add_at",
    "put_at",
    "write_at",
    "take_along",
    "take_along_axis",
    "pick_along",
    "scatter_along",
    "scatter",
    "scatter_reduce",
    "add_rows",
    "add_embedding",
    "put_masked",
    "pick_masked",
    "run_numbers",
    "repeat",
    "one_hot",
    "argwhere_of",
]


def taken(x: Symbol, index, axis: int) -> Symbol:
    """x with the positions of `index` picked along an axis; negative ones count from the end."""
    axis %= x.ndim
    at = inside(index, x.shape[axis], axis)
    return made(graph().take(node_for(x), at, axis))


def inside(index, n: int, axis: int) -> Node:
    """Positions along an axis of n elements as a node, negative ones counted from the end; checked at each run."""
    g = graph()
    index = symbol_of(index)
    error = IndexError(f"index is out of bounds for dimension {axis} with size {n}")
    if n == 0 and index.size:
        raise error
    at = g.cast(index.node(), np.int64)
    if at.op == "constant":
        value = value_of(at)
        if value.size and not -n <= value.min() <= value.max() < n:
            raise error
        if not value.size or value.min() >= 0:
            return at
        return g.constant(np.where(value < 0, value + n, value))
    found(applied(np.logical_or, (index < -n, index >= n)))
    wrapped = g.elementwise("add", at, g.scalar(n, np.int64))
    return g.elementwise("where", g.elementwise("less", at, g.scalar(0, np.int64)), wrapped, at)


def clamped(index, n: int, axis: int) -> Symbol:
    """Positions for a host node, which must not fail: those out of range, which leave the run to the eager engine, moved."""
    g = graph()
    at = g.elementwise("maximum", inside(index, n, axis), g.scalar(0, np.int64))
    return made(g.elementwise("minimum", at, g.scalar(max(n - 1, 0), np.int64)))


def flat_positions(nodes: list[Node], sizes: list[int]) -> Node:
    """Positions along several axes as positions along all of them in a row."""
    g = graph()
    shape = np.broadcast_shapes(*[n.shape for n in nodes])
    flat = nodes[0]
    for node, n in zip(nodes[1:], sizes[1:]):
        flat = g.elementwise("add", g.elementwise("multiply", flat, g.scalar(n, np.int64)), node)
    return g.expand(flat, shape)


def unmasked(index, axis: int):
    """An entry of an index as arrays of positions: itself, or where a known mask holds."""
    if index.dtype != bool:
        return [index]
    value = index.known() if isinstance(index, Symbol) else index
    if value is None:
        raise values_decide("indexing with a mask")
    return list(value.nonzero())


def picked_at(x: Symbol, arrays: list, axes: list[int]) -> Symbol:
    """x at arrays of positions along some axes, as NumPy orders the result."""
    if len(arrays) == 1:
        return taken(x, arrays[0], axes[0])
    g = graph()
    sizes = [x.shape[a] for a in axes]
    flat = flat_positions([inside(i, n, a) for i, n, a in zip(arrays, sizes, axes)], sizes)
    order, first = _together(x.ndim, axes)
    node = g.permute(x.node(), order)
    shape = node.shape
    node = g.reshape(node, (*shape[:first], math.prod(sizes), *shape[first + len(axes) :]))
    return made(g.take(node, flat, first))


def _together(ndim: int, axes: list[int]) -> tuple[tuple[int, ...], int]:
    """The order that brings indexed axes together, and where: in place if they are neighbours, else to the front."""
    others = [a for a in range(ndim) if a not in axes]
    first = axes[0] if axes == list(range(axes[0], axes[0] + len(axes))) else 0
    return (*others[:first], *axes, *others[first:]), first


def selected(x: Symbol, index) -> Symbol | None:
    """The view x[index] where single positions that the program computes stand beside numbers and slices; None where
    arrays do."""
    parts = index if isinstance(index, tuple) else (index,)
    single = [isinstance(p, Symbol) and p.ndim == 0 and p.dtype.kind in "iu" for p in parts]
    if not any(single) or any(isinstance(p, _ARRAYS) and not one for p, one in zip(parts, single)):
        return None
    consumed = sum(p is not None and p is not Ellipsis for p in parts)
    at = next((i for i, p in enumerate(parts) if p is Ellipsis), len(parts))
    whole = [(slice(None), False)] * (x.ndim - consumed)
    entries = list(zip(parts, single))
    entries[at : at + 1] = whole
    view = x[tuple(slice(None) if one else p for p, one in entries)]
    axis = 0
    for p, one in entries:
        if one:
            shadow = view.shadow[(slice(None),) * axis + (0,)] if view.shape[axis] else None
            node = inside(p, view.shape[axis], axis)
            assert shadow is not None
            view = view.view_as(shadow, "take", node, axis)
        elif p is None or isinstance(p, slice):
            axis += 1
    return view


_ARRAYS = (Symbol, np.ndarray, list, bool, np.bool_)


def picked(x: Symbol, index) -> Symbol:
    """x[index] where arrays stand in the index."""
    view = selected(x, index)
    if view is not None:
        return view
    viewed, arrays, axes = parsed(x, index)
    return picked_at(viewed, arrays, axes)


def parsed(x: Symbol, index) -> tuple[Symbol, list, list[int]]:
    """An index with arrays: the view that the rest of it makes, the arrays of positions, and along which axes they go."""
    index = index if isinstance(index, tuple) else (index,)
    parts = [p if p is None or p is Ellipsis or isinstance(p, (slice, Symbol)) else np.asarray(p) for p in index]
    entries: list = []
    for p in parts:
        entries += unmasked(p, 0) if isinstance(p, (Symbol, np.ndarray)) else [p]
    consumed = sum(p is not None and p is not Ellipsis for p in entries)
    if consumed > x.ndim:
        raise IndexError(f"too many indices for tensor of dimension {x.ndim}")
    at = next((i for i, p in enumerate(entries) if p is Ellipsis), len(entries))
    entries[at : at + 1] = [slice(None)] * (x.ndim - consumed)
    arrays, axes = [], []
    for axis, p in enumerate(entries):
        if isinstance(p, (Symbol, np.ndarray)):
            if p.dtype.kind not in "iu":
                raise IndexError("arrays used as indices must be of integer (or boolean) type")
            arrays.append(p)
            axes.append(axis)
    return x[tuple(slice(None) if i in axes else p for i, p in enumerate(entries))], arrays, axes


def put(x: Symbol, index, value) -> None:
    """x[index] = value where arrays stand in the index."""
    view = selected(x, index)
    if view is not None:
        view[...] = value
        return
    if isinstance(index, Symbol) and index.dtype == bool and np.ndim(value) == 0:
        g = graph()
        chosen = g.reshape(index.node(), (*index.shape, *(1,) * (x.ndim - index.ndim)))
        new = g.expand(operand(value, x.dtype), x.shape)
        x.write(g.elementwise("where", g.expand(chosen, x.shape), new, x.node()))
        return
    index = index if isinstance(index, tuple) else (index,)
    x.write(host_as(_with, x.shape, x.dtype, x, list(index), value).node())


def _with(x, index: list, value):
    """A copy of x with values at an index."""
    made_array = x.copy()
    made_array[tuple(index)] = value
    return made_array


Symbol.picked = picked
Symbol.put = put


# The functions of the array namespace.


def take(x, index, axis=0, **options):
    return taken(symbol_of(x), index, axis)


def take_at(x, indices, spec):
    """As the CPU namespace's: None in `spec` stands for the next array."""
    arrays = iter(indices)
    return picked(symbol_of(x), tuple([next(arrays) if p is None else p for p in spec]))


def add_at(g, shape, indices, spec):
    """Zeros of a shape with g added at arrays of positions."""
    frame = made(graph().expand(graph().scalar(0, g.dtype), tuple(shape)))
    arrays = iter(indices)
    viewed, arrays, axes = parsed(frame, tuple([next(arrays) if p is None else p for p in spec]))
    sizes = [viewed.shape[a] for a in axes]
    at = flat_positions([inside(i, n, a) for i, n, a in zip(arrays, sizes, axes)], sizes)
    order, first = _together(viewed.ndim, axes)
    n = graph()
    node = n.permute(node_for(g), (*range(first, first + at.ndim), *range(first), *range(first + at.ndim, g.ndim)))
    rest = node.shape[at.ndim :]
    out = flat_scatter(n.reshape(node, (at.size, *rest)), n.reshape(at, (at.size,)), math.prod(sizes))
    out = n.reshape(out, (*sizes, *rest))
    # Back: the indexed axes came first, before the others in their order.
    front = [*axes, *(a for a in range(viewed.ndim) if a not in axes)]
    viewed.write(n.permute(out, tuple(np.argsort(front).tolist())))
    return frame


def flat_scatter(rows: Node, at: Node, count: int) -> Node:
    """Zeros with rows added at positions; half precision is summed in float32."""
    g = graph()
    if rows.dtype.kind == "f" and rows.dtype.itemsize >= 4:
        return g.scatter(rows, at, count)
    if rows.dtype.kind in "fV":
        return g.cast(g.scatter(g.cast(rows, np.float32), at, count), rows.dtype)
    return g.scatter(rows, at, count)


def put_at(x, value, indices, spec, accumulate):
    if accumulate:
        x, value = symbol_of(x), symbol_of(value)
        shape = picked_shape(x, indices, spec)
        return x + add_at(value.astype(x.dtype).expand_to(shape), x.shape, indices, spec)
    return host_as(cpu.put_at, x.shape, x.dtype, x, value, _clamped(x, indices, spec), spec, accumulate)


def _clamped(x, indices, spec) -> tuple:
    """Positions along the axes that `spec` says, for a host node; masks as they are."""
    found, axis, rest = [], 0, iter(indices)
    for p in spec:
        if p is not None:
            axis += 1
            continue
        i = next(rest)
        found.append(i if i.dtype == bool else clamped(i, x.shape[axis], axis))
        axis += i.ndim if i.dtype == bool else 1
    return tuple(found)


def picked_shape(x, indices, spec) -> tuple[int, ...]:
    """The shape of x at arrays of positions."""
    return take_at(x, indices, spec).shape


def write_at(x, value, indices, spec):
    """Write values into x at arrays of positions."""
    if len(indices) == 1 and len(spec) == 1 and indices[0].dtype == bool and np.ndim(value) == 0:
        put(x, symbol_of(indices[0]), value)
        return
    x.write(put_at(x, value, indices, spec, False).node())


def take_along(x, index, axis):
    """As the CPU namespace's: the index may be smaller than x in the other dimensions."""
    g = graph()
    x, index = symbol_of(x), symbol_of(index)
    if x.ndim == 0:
        return x.expand_to(index.shape).copy()
    shape = index.shape
    index = index.reshape(shape or (1,))
    part = tuple(n if i == axis else m for i, (n, m) in enumerate(zip(x.shape, index.shape)))
    at = inside(index, x.shape[axis], axis)
    node = g.slice(x.node(), (0,) * at.ndim, part, (1,) * at.ndim)
    return made(g.reshape(g.pick(node, at, axis), shape))


def take_along_axis(x, index, axis):
    return take_along(x, index, axis % x.ndim)


def pick_along(x, index, axis, keepdims):
    """The elements of x at positions along an axis, which is dropped unless keepdims."""
    x, index = symbol_of(x), symbol_of(index)
    if x.ndim == 0:
        return x.copy()
    if keepdims:
        return take_along(x, index, axis)
    kept = (*index.shape[:axis], 1, *index.shape[axis:])
    return take_along(x, index.reshape(kept), axis).reshape(index.shape)


def scatter_along(g, index, axis, shape):
    """Zeros of a shape with g added at `index` along an axis; g may be larger than the index."""
    n = graph()
    g, index = symbol_of(g), symbol_of(index)
    index = index.reshape(index.shape or (1,))
    g = g.reshape(g.shape or (1,))[tuple([slice(m) for m in index.shape])]
    long = shape or (1,)
    at = inside(index, long[axis], axis)
    places = []
    for i in range(len(long)):
        if i == axis:
            places.append(at)
        else:
            along = np.arange(index.shape[i]).reshape((-1,) + (1,) * (index.ndim - 1 - i))
            places.append(n.constant(along))
    flat = n.reshape(flat_positions(places, list(long)), (index.size,))
    return made(n.reshape(flat_scatter(n.reshape(g.node(), (g.size,)), flat, math.prod(shape)), tuple(shape)))


def scatter(x, source, index, axis):
    at = clamped(index, (x.shape or (1,))[axis], axis)
    return host_as(cpu.scatter, x.shape, x.dtype, x, source, at, axis)


def scatter_reduce(x, source, index, axis, how, include_self):
    at = clamped(index, (x.shape or (1,))[axis], axis)
    return host_as(cpu.scatter_reduce, x.shape, x.dtype, x, source, at, axis, how, include_self)


def add_rows(g, index, axis, shape):
    """Zeros of a shape with the slices of g along an axis added at positions."""
    n = graph()
    g = symbol_of(g)
    at = inside(index, shape[axis], axis)
    node = n.permute(g.node(), (axis, *(a for a in range(g.ndim) if a != axis)))
    out = flat_scatter(node, n.reshape(at, (at.size,)), shape[axis])
    back = [axis, *(a for a in range(g.ndim) if a != axis)]
    return made(n.permute(out, tuple(np.argsort(back).tolist())))


def add_embedding(g, index, shape, padding):
    """The gradient of an embedding's weight: rows of g added at `index`, the padding row left at zero."""
    rows, index = symbol_of(g).reshape(index.size, shape[1]), symbol_of(index)
    at = index.reshape(index.size)
    if padding >= 0:
        g_node = graph()
        skipped = applied(np.equal, (at, padding)).reshape(at.size, 1)
        zero = g_node.expand(g_node.scalar(0, rows.dtype), rows.shape)
        rows = made(g_node.elementwise("where", g_node.expand(skipped.node(), rows.shape), zero, rows.node()))
    return add_rows(rows, at, 0, shape)


def put_masked(g, mask, shape):
    """Zeros of a shape with the elements of g, in order, where the mask is set."""
    return host_as(cpu.put_masked, shape, g.dtype, g, mask, shape)


def pick_masked(x, mask):
    return picked(symbol_of(x), mask)


def run_numbers(like, counts, n):
    if isinstance(counts, Symbol) and counts.known() is None:
        raise values_decide("repeat")
    return np.repeat(np.arange(n), counts)


def repeat(x, counts, axis=None):
    """Elements along an axis, each repeated: as often as a number or known numbers say."""
    x = symbol_of(x)
    if isinstance(counts, Symbol):
        counts = counts.known()
        if counts is None:
            raise values_decide("repeat")
    if axis is None:
        x, axis = x.reshape(-1), 0
    if np.ndim(counts) or isinstance(counts, np.ndarray):
        return taken(x, np.repeat(np.arange(x.shape[axis]), counts), axis)
    n, lead = operator.index(counts), x.shape[: axis + 1]
    wide = x.reshape(*lead, 1, *x.shape[axis + 1 :]).expand_to((*lead, n, *x.shape[axis + 1 :]))
    return wide.reshape(*x.shape[:axis], x.shape[axis] * n, *x.shape[axis + 1 :]).copy()


def one_hot(index, classes):
    """int64 rows of `classes` zeros with a one at the index."""
    index = symbol_of(index)
    numbers = np.arange(classes, dtype=index.dtype)
    return applied(np.equal, (index.reshape(*index.shape, 1), numbers)).astype(np.int64)


def argwhere_of(x):
    return host(cpu.argwhere_of, x)

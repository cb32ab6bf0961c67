"""Views of a symbol's memory that are more than slices: diagonals, windows, views by strides, and how they are undone."""

from __future__ import annotations

import numpy as np

from ..backends import cpu
from ..backends.cpu.views import places
from .errors import CaptureError
from .graph import Node
from .host import host
from .positions import add_at, flat_scatter
from .recording import graph
from .resampling import framed
from .symbol import Symbol, made, symbol_of

__all__ = [
    "put_part",
    "expanded",
    "diagonal_of",
    "put_diagonal",
    "sliding_windows",
    "add_windows",
    "window_of",
    "laid_over",
    "bits",
]


def _zeros(shape, dtype) -> Symbol:
    return made(graph().expand(graph().scalar(0, dtype), tuple(shape)))


def put_part(g, shape, index):
    """Zeros of a shape with g where `index`, of numbers and slices, points."""
    out = framed(g, shape, index)
    if out is None:
        out = _zeros(shape, g.dtype)
        out[index] = g
    return out


def expanded(x, shape):
    return x.expand_to(shape)


def _shadow(shape, dtype) -> np.ndarray:
    """A shadow that only says a shape."""
    return np.broadcast_to(np.empty((), dtype), shape)


def diagonal_of(x, offset, axis1, axis2):
    """A diagonal as the last axis, a view: every (m + 1)th element of the matrices in a row."""
    axis1, axis2 = axis1 % x.ndim, axis2 % x.ndim
    others = [a for a in range(x.ndim) if a not in (axis1, axis2)]
    moved = x.transpose((*others, axis1, axis2))
    *lead, n, m = moved.shape
    shadow = cpu.diagonal_of(x.shadow, offset, axis1, axis2)
    count = shadow.shape[-1]
    start = (offset if offset >= 0 else -offset * m) if count else 0
    row = moved.view_as(_shadow((*lead, n * m), x.dtype), "reshape", (*lead, n * m))
    none, one = (0,) * len(lead), (1,) * len(lead)
    return row.view_as(shadow, "slice", (*none, start), (*lead, count), (*one, m + 1))


def put_diagonal(g, shape, offset, axis1, axis2):
    """Zeros of a shape with g on a diagonal."""
    out = _zeros(shape, g.dtype)
    diagonal_of(out, offset, axis1, axis2)[...] = g
    return out


def _window_places(n: int, size: int, step: int) -> np.ndarray:
    return np.arange((n - size) // step + 1)[:, None] * step + np.arange(size)


def sliding_windows(x, axis, size, step):
    """Windows of a size along an axis, every `step` elements, as a new last dimension: a view; written only if none overlap."""
    shadow = cpu.sliding_windows(x.shadow, axis, size, step)
    if x.ndim == 0:
        return x.view_as(shadow, "reshape", (size,))
    at = graph().constant(_window_places(x.shape[axis], size, step))
    wide = (*x.shape[:axis], *at.shape, *x.shape[axis + 1 :])
    windows = x.view_as(_shadow(wide, x.dtype), "take", at, axis)
    order = [a for a in range(len(wide)) if a != axis + 1]
    return windows.view_as(shadow, "permute", (*order, axis + 1))


def add_windows(g, shape, axis, size, step):
    """Zeros of a shape with windows along an axis added where they lie."""
    if not shape:
        return g.sum()
    order = list(range(g.ndim - 1))
    order.insert(axis + 1, g.ndim - 1)
    spec = (*(slice(None),) * axis, None)
    return add_at(g.transpose(order), shape, (_window_places(shape[axis], size, step),), spec)


def _memory(x: Symbol) -> tuple[Symbol, int]:
    """The memory behind a symbol in a row, and where in it the symbol begins."""
    root = x
    while root.parent is not None:
        root = root.parent
    axes = tuple(sorted(range(root.ndim), key=lambda a: -root.strides[a]))
    dense = root.transpose(axes)
    if not dense.shadow.flags.c_contiguous:
        raise CaptureError("as_strided of a tensor whose memory has gaps is not captured; clone() it first")
    start = x.shadow.__array_interface__["data"][0] - root.shadow.__array_interface__["data"][0]
    return dense.reshape(-1), start // x.itemsize


def window_of(x, shape, strides, start, x_strides):
    """A view by shape, strides and start in elements, relative to x; one that repeats elements cannot be written."""
    shadow = cpu.window_of(x.shadow, shape, strides, start, x_strides)
    row, begin = _memory(x)
    start += begin
    if len(shape) == 1 and shape[0] and strides[0] > 0:
        return row.view_as(shadow, "slice", (start,), tuple(shape), tuple(strides))
    at = places(shape, strides, start)
    if at.size and not 0 <= at.min() <= at.max() < row.size:
        raise CaptureError("as_strided beyond the memory that the step knows is not captured")
    return row.view_as(shadow, "take", graph().constant(at), 0)


def laid_over(g, strides, offset, shape, onto_strides, onto_offset):
    """g added into memory of zeros at one stride and offset, then read from it at another."""
    there, here = places(g.shape, strides, offset), places(shape, onto_strides, onto_offset)
    size = int(max(there.max(initial=-1), here.max(initial=-1))) + 1
    n = graph()
    g = symbol_of(g)
    memory: Node = flat_scatter(n.reshape(g.node(), (g.size,)), n.constant(there.reshape(-1)), size)
    return made(n.take(memory, n.constant(here), 0))


def bits(x, dtype):
    """The same elements read as another dtype."""
    return host(cpu.bits, x, dtype)

"""Movement of symbols under the names of NumPy and of the CPU namespace: reshaped, permuted, joined, turned round."""

from __future__ import annotations

from builtins import max as largest

import numpy as np

from .recording import graph
from .symbol import Symbol, made, symbol_of

__all__ = [
    "reshape",
    "permute_dims",
    "transpose",
    "matrix_transpose",
    "swapaxes",
    "moveaxis",
    "expand_dims",
    "squeeze",
    "broadcast_to",
    "expanded",
    "broadcast_arrays",
    "ravel",
    "atleast_1d",
    "atleast_2d",
    "concat",
    "concatenate",
    "stack",
    "flip",
    "roll",
    "tile",
]


def reshape(x, shape, **options):
    return x.reshape(shape) if isinstance(x, Symbol) else np.reshape(x, shape)


def permute_dims(x, axes=None):
    return x.transpose(*(axes or ())) if axes is None or len(axes) else x[...]


transpose = permute_dims


def matrix_transpose(x):
    return x.swapaxes(-1, -2)


def swapaxes(x, a, b):
    return x.swapaxes(a, b)


def moveaxis(x, source, destination):
    source = [a % x.ndim for a in np.atleast_1d(source).tolist()]
    destination = [a % x.ndim for a in np.atleast_1d(destination).tolist()]
    order = [a for a in range(x.ndim) if a not in source]
    for d, s in sorted(zip(destination, source)):
        order.insert(d, s)
    return x.transpose(order)


def expand_dims(x, axis):
    axes = axis if isinstance(axis, tuple) else (axis,)
    shape = list(x.shape)
    for a in sorted(a % (x.ndim + len(axes)) for a in axes):
        shape.insert(a, 1)
    return x.reshape(tuple(shape))


def squeeze(x, axis=None):
    return x.squeeze(axis)


def broadcast_to(x, shape):
    return symbol_of(x).expand_to(shape)


def expanded(x, shape):
    return x.expand_to(shape)


def broadcast_arrays(*xs):
    shape = np.broadcast_shapes(*[np.shape(x) for x in xs])
    return [broadcast_to(x, shape) for x in xs]


def ravel(x, *args, **kwargs):
    return x.reshape(-1)


def atleast_1d(x):
    return x if x.ndim else x.reshape(1)


def atleast_2d(x):
    return x if x.ndim > 1 else x.reshape(1, -1)


def concat(xs, axis=0, **options):
    g = graph()
    xs = [symbol_of(x) for x in xs]
    dtype = np.result_type(*[x.dtype for x in xs])
    if axis is None:
        xs, axis = [x.reshape(-1) for x in xs], 0
    axis %= largest(xs[0].ndim, 1)
    kept = [x for x in xs if x.shape[axis] or len(xs) == 1] or xs[:1]
    shapes = {(*x.shape[:axis], *x.shape[axis + 1 :]) for x in xs}
    if len(shapes) > 1:
        raise ValueError(f"all the input array dimensions except for axis {axis} must match exactly: {shapes}")
    return made(g.concat([g.cast(x.node(), dtype) for x in kept], axis))


concatenate = concat


def stack(xs, axis=0, **options):
    xs = [symbol_of(x) for x in xs]
    axis %= xs[0].ndim + 1
    return concat([expand_dims(x, axis) for x in xs], axis)


def flip(x, axis=None):
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = {a % x.ndim for a in axes}
    return x[tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(x.ndim))]


def roll(x, shift, axis=None):
    return _rolled(x, shift, axis).copy()


def _rolled(x, shift, axis):
    if axis is None:
        return _rolled(x.reshape(-1), shift, 0).reshape(x.shape)
    shifts = shift if isinstance(shift, tuple) else (shift,)
    for s, a in zip(shifts, axis if isinstance(axis, tuple) else (axis,)):
        n, a = x.shape[a], a % x.ndim
        s = s % n if n else 0
        if s:
            lead = (slice(None),) * a
            x = concat([x[(*lead, slice(n - s, None))], x[(*lead, slice(None, n - s))]], a)
    return x


def tile(x, counts):
    counts = (counts,) if isinstance(counts, int) else tuple(counts)
    shape = (1,) * (len(counts) - x.ndim) + x.shape
    counts = (1,) * (len(shape) - len(counts)) + counts
    x = x.reshape(tuple(n for s in shape for n in (1, s)))
    x = x.expand_to(tuple(n for c, s in zip(counts, shape) for n in (c, s)))
    return x.reshape(tuple(c * s for c, s in zip(counts, shape))).copy()

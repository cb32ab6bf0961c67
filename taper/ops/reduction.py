"""Reductions over axes, each with its derivative."""

from __future__ import annotations

from .operator import ARITHMETIC, op


def restored(xp, g, x_shape, axis, keepdims):
    """A reduced gradient spread again over the axes that were reduced. axis: a tuple, or None for all."""
    if not keepdims and axis is not None:
        shape = tuple(1 if i in axis else n for i, n in enumerate(x_shape))
        g = xp.reshape(g, shape)
    elif not keepdims:
        g = xp.reshape(g, (1,) * len(x_shape))
    return xp.broadcast_to(g, x_shape)


sum = op(
    "sum",
    lambda xp, x, *, axis, keepdims: xp.sum(x, axis=axis, keepdims=keepdims),
    promote=ARITHMETIC,
    x=lambda xp, g, x_shape, axis, keepdims: restored(xp, g, x_shape, axis, keepdims),
)

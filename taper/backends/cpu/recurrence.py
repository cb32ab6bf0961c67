"""Recurrent layers over NumPy arrays: natively where the compiler is there and the sequence is worth it, else step by step.

A sequence of one step is products of NumPy's, and the cell's formulas as a program of rows.
"""

from __future__ import annotations

import sys
from functools import lru_cache

import numpy as np
from numpy import ndarray

from .large import Native
from .linear import affine
from .products import matmul

__all__ = ["recurrence", "recurrence_grad"]

NATIVE = 1 << 15
"""Multiplications from which a sequence of more than one step runs natively."""

STEP = 1 << 7
"""Numbers of gates from which a single step does: NumPy takes forty passes over them."""

_xp = sys.modules[__package__]


def _pays(x, w, sizes) -> bool:
    return len(sizes) > 1 and x.__class__ is ndarray and x.size * w.shape[1] >= NATIVE


def recurrence(cell, x, h, c, w, b, project, sizes, reverse):
    """The outputs, the final states and what the gradient needs: see `ops/recurrence.py`."""
    made = NotImplemented
    if project is None and x.__class__ is ndarray:
        if len(sizes) == 1:
            made = _step(cell, x, h, c, w, b)
        elif Native.recurrence is not None and _pays(x, w, sizes):
            made = Native.recurrence(cell, x, h, c, w, b, sizes, reverse)
    return cell.unrolled(_xp, x, h, c, w, b, project, sizes, reverse) if made is NotImplemented else made


def recurrence_grad(cell, gradients, before_h, before_c, saved, w, project, sizes, reverse):
    """The gradients of the gates' shares, of the first states, and of each h as it was projected."""
    if saved.__class__ is tuple:
        made = _step_grad(cell, gradients, before_h, before_c, saved, w)
        if made is not NotImplemented:
            return made
        saved = np.concatenate(saved, axis=1)
    if project is None and Native.recurrence_grad is not None and _pays(saved, w, sizes):
        made = Native.recurrence_grad(cell, gradients, before_h, before_c, saved, w, sizes, reverse)
        if made is not NotImplemented:
            return made
    return cell.unrolled_grad(_xp, gradients, before_h, before_c, saved, w, project, sizes, reverse)


def _step(cell, x, h, c, w, b):
    """`recurrence` of one step, what is saved in its parts; NotImplemented where NumPy computes the formulas."""
    if Native.rows is None or x.size < STEP or x.dtype.kind != "f":
        return NotImplemented
    r = affine(h, w, b)
    made = Native.rows(_forward(cell), (x, r, h) if c is None else (x, r, h, c), ())
    if made is NotImplemented:
        return made
    states, saved = made[: cell.states], tuple(made[cell.states :])
    return (states[0].copy(), *states, h.copy(), None if c is None else c.copy(), saved, None)


def _step_grad(cell, gradients, before_h, before_c, saved, w):
    """`recurrence_grad` of one step."""
    before = (before_h,) if before_c is None else (before_h, before_c)
    if Native.rows is None:
        return NotImplemented
    # All are of one shape: the formulas are of each element by itself.
    made = Native.rows(_backward(cell), tuple([a.reshape(-1) for a in (*gradients, *saved, *before)]), ())
    if made is NotImplemented:
        return made
    shape = before_h.shape
    made = [a.reshape(shape) for a in (made if made.__class__ is list else [made])]
    dx, rest = np.concatenate(made[: cell.gates], axis=1), made[cell.gates :]
    dr = dx
    if cell.splits:
        dr, rest = np.concatenate(rest[: cell.gates], axis=1), rest[cell.gates :]
    dh = matmul(dr, w)
    if len(rest) == cell.states:
        dh += rest[0]
    return dx, dr, (dh, *rest[len(rest) - cell.states + 1 :]), None


@lru_cache(None)
def _forward(cell):
    """A cell's new states, and then what it saves, of rows."""

    def formula(xp, x, r, *state):
        after, saved = cell.forward(xp, _parts(x, cell.gates), _parts(r, cell.gates), state)
        return (*after, *saved)

    return formula


@lru_cache(None)
def _backward(cell):
    """The gradients of a cell's gates, and then those of the states before as far as they do not go through them."""

    def formula(xp, g, *given):
        slopes, saved, before = given[: cell.states], given[cell.states : -cell.states], given[-cell.states :]
        dx, dr, after = cell.backward(xp, (g + slopes[0], *slopes[1:]), saved, before)
        return (*dx, *(dr if cell.splits else ()), *(d for d in after if d is not None))

    return formula


def _parts(x, count: int):
    """Equal parts of the columns."""
    size = x.shape[1] // count
    return [x[:, i * size : (i + 1) * size] for i in range(count)]

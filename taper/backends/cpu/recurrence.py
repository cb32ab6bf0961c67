"""Recurrent layers over NumPy arrays: natively where the compiler is there and the sequence is worth it, else step by step."""

from __future__ import annotations

import sys

from numpy import ndarray

from .large import Native

__all__ = ["recurrence", "recurrence_grad"]

NATIVE = 1 << 15
"""Multiplications from which a sequence of more than one step runs natively."""

_xp = sys.modules[__package__]


def _pays(x, w, sizes) -> bool:
    return len(sizes) > 1 and x.__class__ is ndarray and x.size * w.shape[1] >= NATIVE


def recurrence(cell, x, h, c, w, b, project, sizes, reverse):
    """The outputs, the final states and what the gradient needs: see `ops/recurrence.py`."""
    if project is None and Native.recurrence is not None and _pays(x, w, sizes):
        made = Native.recurrence(cell, x, h, c, w, b, sizes, reverse)
        if made is not NotImplemented:
            return made
    return cell.unrolled(_xp, x, h, c, w, b, project, sizes, reverse)


def recurrence_grad(cell, gradients, before_h, before_c, saved, w, project, sizes, reverse):
    """The gradients of the gates' shares, of the first states, and of each h as it was projected."""
    if project is None and Native.recurrence_grad is not None and _pays(saved, w, sizes):
        made = Native.recurrence_grad(cell, gradients, before_h, before_c, saved, w, sizes, reverse)
        if made is not NotImplemented:
            return made
    return cell.unrolled_grad(_xp, gradients, before_h, before_c, saved, w, project, sizes, reverse)

"""Results that share memory: with tensors that were there before, or with each other.

A view that a function returns is not computed: it is made again at each call, by the operators that made it, of the
tensor that it is a view of.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..autograd.viewing import viewed
from ..autograd.modes import set_grad_enabled
from ..autograd.tape import Variable, alias
from .symbol import Symbol


@dataclass(frozen=True)
class Steps:
    """What leads from a tensor to a view of it: operators with attributes, and whether each was recorded. detached: it has no
    history, so that it starts from the tensor's memory alone."""

    detached: bool
    operators: tuple[tuple, ...]

    def __call__(self, t: Variable) -> Variable:
        if self.detached:
            t = alias(t, t._array)
        for operator, attrs, recorded in self.operators:
            with set_grad_enabled(recorded):
                t = viewed(operator, t, **attrs)
        return t


def way_to(t: Variable, bases: dict[int, Variable]) -> tuple[Variable, Steps] | None:
    """Which of the tensors `bases`, by the identity of what they hold, a view is one of, and how; None if it is of none."""
    operators: list[tuple] = []
    while t._view is not None:
        view = t._view
        if view.parent._reshaped or not _is_plain(view.attrs):
            return None
        operators.append((view.operator, view.attrs, view.recorded))
        t = view.parent
    base = bases.get(id(t._array))
    if base is None:
        return None
    return base, Steps(base is not t, tuple(operators[::-1]))


def _is_plain(value) -> bool:
    """Whether an attribute of a view is the same at each call."""
    if isinstance(value, dict):
        return all(_is_plain(v) for v in value.values())
    if isinstance(value, (tuple, list)):
        return all(_is_plain(v) for v in value)
    return not isinstance(value, Symbol) and not hasattr(value, "node_as")


def root_of(t: Variable) -> Variable:
    """What a view is a view of."""
    while t._view is not None:
        t = t._view.parent
    return t


def overlapping(tensors: list[Variable]) -> bool:
    """Whether some captured tensors, all of one block of memory, have elements in common."""
    shadows = [t._array.shadow for t in tensors]
    return any(np.shares_memory(a, b) for i, a in enumerate(shadows) for b in shadows[i + 1 :])

"""Update rules of small parameters as programs that a single call runs, in place; they give the bits that NumPy gives.

A rule is elementwise, so that one program serves parameters of all sizes. It is made when the rule has been asked for a
few times: a program of a few steps gains nothing from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy import ndarray

from ..backends.cpu.large import SHORT, Native

__all__ = ["SHORT", "direct", "updated"]

HOT = 16
"""Updates by a rule after which it has a program."""

_asked: dict[tuple, int] = {}


def direct(rule: Callable, arrays: list[ndarray], numbers: dict[str, Any]) -> tuple[Callable | None, list[float]]:
    """(way, the numbers that it takes) of a rule for a parameter, its gradient and its state; None where it has none.

    The way is called with the arrays, the numbers, and then the parameter and its state, to be overwritten.
    """
    key: list = [rule, *[a.dtype for a in arrays]]
    changing: list[float] = []
    for name, value in numbers.items():
        if value.__class__ is float and value != 0 and value != 1:
            changing.append(value)
            key.append(name)
        elif value is None or value.__class__ is bool or value in (0, 1):
            key += name, value.__class__, value
        else:
            return None, changing
    made = tuple(key)
    ways = Native.ways
    if made in ways:
        return ways[made], changing
    if Native.update_way is None or any(a.shape != arrays[0].shape for a in arrays):
        return None, changing
    asked = _asked[made] = _asked.get(made, 0) + 1
    if asked < HOT:
        return None, changing
    found = Native.update_way(rule, arrays, numbers)
    if found is NotImplemented:
        return None, changing
    del _asked[made]
    Native.ways[made] = found
    return found, changing


def updated(rule: Callable, arrays: list, numbers: dict[str, Any]) -> bool:
    """Whether a parameter (`arrays`: itself, its gradient, its state) could be updated by the rule's program."""
    p = arrays[0]
    for a in arrays:
        if a.__class__ is not ndarray or a.shape != p.shape:
            return False
    way, changing = direct(rule, arrays, numbers)
    return way is not None and way(*arrays, *changing, p, *arrays[2:])

"""When small arrays are picked from, summed up along an axis, or added to at positions, by native code.

What picks and sums up gives NumPy's bits; what adds does it in float64, so that sizes alone decide whether it is asked.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...native.picking import Picking

HOT = 32
"""Calls after which native code is loaded: a program of a few steps gains nothing from it."""

MANY = 1 << 8
"""Elements from which it adds."""

SHORT = 1 << 16
"""Elements up to which it is used: it holds the interpreter meanwhile."""


class _State:
    calls = 0
    found: Picking | None = None


def picking(now: bool = False) -> Picking | None:
    """The native functions, None where there are none or, unless they are wanted `now`, only a few calls have asked."""
    if _State.calls < HOT:
        _State.calls = HOT if now else _State.calls + 1
        if _State.calls == HOT and find_spec("llvmlite"):
            from ...native import picking as native

            _State.found = native.picking()
    return _State.found

"""The ends of the tape: where gradients are added to the `.grad` of a leaf, and who waits for that."""

from __future__ import annotations

import weakref

from .hooks import Extras
from .tape import Variable, next_sequence


class AccumulateGrad:
    """The end of the tape at a leaf: what arrives is added to the leaf's `.grad`.

    The leaf holds this object; this object holds the leaf weakly, so that no cycle keeps the two alive.
    """

    __slots__ = ("_leaf", "seq", "extras", "after", "__weakref__")

    edges = ()
    next_functions = ()

    def __lt__(self, other) -> bool:
        # Leaves whose last gradients come from one node have one place in the engine's heap, in any order.
        return False

    def __init__(self, leaf: Variable):
        self._leaf = weakref.ref(leaf)
        self.seq = next_sequence()
        self.extras: Extras | None = None
        self.after: dict | None = None

    @property
    def variable(self) -> Variable | None:
        """The leaf, or None if it is gone."""
        return self._leaf()

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"


awaited: dict[int, weakref.ref] = {}
"""The ends of the tape, by identity, that someone waits for: backward reaches them as early as it can."""


def await_leaf(end: AccumulateGrad) -> dict:
    """The hooks of a leaf that run when its gradient has been added; backward is to hurry to it from now on."""
    if end.after is None:
        key = id(end)
        end.after = {}
        awaited[key] = weakref.ref(end, lambda _: awaited.pop(key, None))
    return end.after


def hooks_of(t: Variable) -> tuple:
    """All hooks that run when a gradient reaches this leaf."""
    node = t._node
    if node.__class__ is not AccumulateGrad:
        return ()
    found = [node.after or {}]
    if node.extras is not None:
        found += [*node.extras.hooks.values(), node.extras.prehooks, node.extras.post_hooks]
    return tuple(hook for hooks in found for hook in hooks.values())

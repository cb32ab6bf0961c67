"""Variables: what the tape knows of a tensor, and how its memory is shared and changed.

A variable whose `_node` is None needs no gradient. A leaf that needs one has an `AccumulateGrad` (`leaves.py`); a result
has the node of the operator that made it (`nodes.py`), or an `OutputOf` one of several results. Nodes hold edges to the
nodes of their inputs and the values that the operator's rules name, never their own result, so that a graph is freed by
counting references.
"""

from __future__ import annotations

import itertools
from contextlib import nullcontext

from numpy import ndarray

from ..backends import namespace_of
from ..ops.operator import Operator
from .modes import inferences, is_inference_mode_enabled

next_sequence = itertools.count(1).__next__


class Variable:
    """What the tape knows of a tensor: its array, the node that made it, and the counter of its memory's changes.

    `_counter` is None until the memory is first shared or changed in place, then a list of one number that all views
    of the memory share. `_view` tells how a view was made from its parent.
    """

    __slots__ = ("_array", "_node", "_counter", "__dict__", "__weakref__")

    _view: View | None = None
    _grad: Variable | None = None
    _reshaped = False  # whether its shape was changed in place, under the eyes of its views


class View:
    """How a view was made: `operator(parent, **attrs)`; `version` is the counter's value for which its node is right.

    `recorded` is False for a view made while grad mode was off.
    """

    __slots__ = ("parent", "operator", "attrs", "version", "recorded")

    def __init__(self, parent: Variable, operator: Operator, attrs: dict, version: int, recorded: bool):
        self.parent, self.operator, self.attrs = parent, operator, attrs
        self.version, self.recorded = version, recorded


class _Upper:
    """What the layers above lend the tape: the class of results and the namespace in which tensors are arrays."""

    tensor: type[Variable] = Variable
    namespace = None


_new = Variable.__new__


def results_are(tensor: type[Variable], namespace) -> None:
    """Name the class that operators return and the namespace that runs rules on tensors. Called once, at import."""
    _Upper.tensor, _Upper.namespace = tensor, namespace


UNCOUNTED = [0]
"""The change counter of all tensors made in inference mode: what is changed there, or kept, cannot be told by it."""


def wrap(array, node=None) -> Variable:
    """A variable over an array, without copying."""
    t = _new(_Upper.tensor)
    t._array = array
    t._node = node
    t._counter = UNCOUNTED if inferences and is_inference_mode_enabled() else None
    return t


def version(t: Variable) -> int:
    """How often the memory of `t` has been changed in place."""
    counter = t._counter
    return 0 if counter is None else counter[0]


def kept_version(t: Variable) -> int:
    """`version` of what is to be kept for a backward pass. RuntimeError for a tensor made in inference mode."""
    counter = t._counter
    if counter is None:
        return 0
    if counter is UNCOUNTED:
        raise RuntimeError(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
            "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in "
            "autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`."
        )
    return counter[0]


def counter_of(t: Variable) -> list[int]:
    """The change counter of `t`, made now if its memory was never shared."""
    if t._counter is None:
        t._counter = [0]
    return t._counter


def changed(t: Variable) -> None:
    """Note that the memory of `t` has been changed in place."""
    if t._counter is None:
        t._counter = [1]
    else:
        t._counter[0] += 1


def alias(t: Variable, array) -> Variable:
    """A variable without history over memory of `t` that notices its changes."""
    made = wrap(array)
    made._counter = counter_of(t)
    return made


def address(array) -> int:
    """Where an array's first element is."""
    if array.__class__ is not ndarray:
        if hasattr(array, "shadow"):
            array = array.shadow  # a captured array has a place by its shadow
        elif hasattr(namespace_of(array), "address"):
            return namespace_of(array).address(array)
    return array.__array_interface__["data"][0]


def elsewhere(arrays):
    """The scope in which arrays are worked on: that of their device, where it is not the current one."""
    for a in arrays:
        if a is not None:
            if a.__class__ is not ndarray:
                enter = getattr(namespace_of(a), "elsewhere", None)
                return (enter(arrays) if enter is not None else None) or _HERE
            break
    return _HERE


_HERE = nullcontext()


class SavedOutput:
    """A kept result: the array and its counter, not the tensor, which would keep its own node alive."""

    __slots__ = ("array", "counter", "version")

    def __init__(self, t: Variable):
        self.array = t._array
        self.counter = counter_of(t)
        self.version = self.counter[0]

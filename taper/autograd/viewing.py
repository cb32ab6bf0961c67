"""Views: running the operators that make them, and tying them to their source."""

from __future__ import annotations

from numpy import ndarray

from ..backends import cpu, namespace_of
from ..ops.operator import Operator, Plan
from .modes import is_grad_enabled
from .nodes import node_class
from .places import memory_owner
from .recording import node_of
from .tape import Variable, View, counter_of, elsewhere, wrap


def share(operator: Operator, source: Variable, attrs: dict, made: list) -> None:
    """Tie views to their source: one counter, and how each was made. A result that was copied is no view."""
    owner = memory_owner(source._array)
    for i, t in enumerate(made):
        if memory_owner(t._array) is owner:
            t._counter = counter_of(source)
            how, its_attrs = (operator, attrs) if operator.outputs is not None else operator.part(attrs, i, made)
            t._view = View(source, how, its_attrs, t._counter[0], is_grad_enabled())


def viewed(operator: Operator, x: Variable, **attrs) -> Variable:
    """Run a view operator on one tensor, where the result surely shares memory: `apply` without what views do not need."""
    array = x._array
    if array.__class__ is ndarray:
        made = wrap(operator.forward(cpu, array, **attrs))
    else:
        with elsewhere((array,)):
            made = wrap(operator.forward(namespace_of(array), array, **attrs))
    grad_enabled = is_grad_enabled()
    if grad_enabled:
        node = x._node if x._view is None else node_of(x)
        if node is not None:
            plan = operator.plans.get(1) or operator.plan(1)
            if plan.steps:
                # The rules of views name attributes, the shape and the dtype only.
                saved = [
                    attrs[where] if kind == Plan.ATTR else array.shape if kind == Plan.SHAPE else array.dtype
                    for kind, where in plan.keep
                ]
                cls = plan.node_class
                if cls is None:
                    cls = plan.node_class = node_class(operator.grad_name)
                made._node = cls(plan, (node,), saved, _UNVERSIONED[: len(saved)], None, None)
    counter = x._counter
    if counter is None:
        counter = x._counter = [0]
    made._counter = counter
    made._view = View(x, operator, attrs, counter[0], grad_enabled)
    return made


_UNVERSIONED = [None] * 10

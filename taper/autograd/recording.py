"""Recording: the node of an operation that has just run, with what its rules need, and the node of a variable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..backends.cpu.layouts import is_channels_last
from ..ops.movement import strided
from ..ops.operator import Operator, Plan
from .leaves import AccumulateGrad
from .nodes import Node, node_class
from .tape import SavedOutput, Variable, address, kept_version


def node_of(t: Variable):
    """The node of a variable; that of a view is made again if its memory was changed in place since."""
    view = t._view
    if view is not None and view.version != t._counter[0]:
        view.version = t._counter[0]
        if view.recorded and view.operator.differentiable:
            if node_of(view.parent) is not None:
                operator, attrs = how_viewed(t)
                t._node = record(operator, (view.parent,), attrs, (node_of(view.parent),), t, ())
            elif t._node.__class__ is not AccumulateGrad:
                t._node = None  # the parent was detached in place
    return t._node


def how_viewed(t: Variable) -> tuple[Operator, dict]:
    """The operator and attributes by which a view is seen in its parent as that now is."""
    view = t._view
    if not view.parent._reshaped:
        return view.operator, view.attrs
    # What led to the view from the parent's former shape does not fit its present one; their places in memory do.
    array, base = t._array, view.parent._array
    size, start = array.itemsize, address(array) - address(base)
    strides, x_strides = tuple([s // size for s in array.strides]), tuple([s // size for s in base.strides])
    offset = start // size
    least = min(offset, 0)
    return strided, dict(
        shape=array.shape, strides=strides, offset=offset - least, x_strides=x_strides, x_offset=-least
    )


def record(operator: Operator, inputs, attrs: dict, edges, result, aux, shapes=None, half=None) -> Node | None:
    """The node of an operation that has just run, with recording on; None if no rule leads to an input with a node.

    edges: the nodes of the inputs, not all None. result: the variable it made, or all of them where several are
    differentiable.
    """
    mask, bit = 0, 1
    for edge in edges:
        if edge is not None:
            mask |= bit
        bit += bit
    if operator.joint is None:
        plan = operator.plans.get(mask) or operator.plan(mask)
        if not plan.steps:
            return None
    else:
        plan = operator.plans.get(0) or operator.plan(0)
    if operator.variadic:
        saved, versions = _kept(plan, inputs, attrs, mask, result, aux)
    else:
        saved, versions = (plan.save or _made_save(plan))(inputs, attrs, mask, result, aux)
    cls = plan.node_class
    if cls is None:
        cls = plan.node_class = node_class(operator.grad_name)
    return cls(plan, tuple(edges), saved, versions, shapes, half)


def _made_save(plan: Plan) -> Callable[..., tuple[list, list]]:
    """The function that gathers what a plan keeps, written out as source: (values, versions of the inputs among them)."""
    operator, values, versions = plan.op, [], []
    several = operator.outputs is None
    for kind, where in plan.keep:
        versions.append("None")
        if kind == Plan.INPUT:
            values.append(f"x{where}")
            versions[-1] = f"kept_version(x{where}) if isinstance(x{where}, Variable) else None"
        elif kind == Plan.OUTPUT:
            values.append(f"SavedOutput(result[{where}])" if several else "SavedOutput(result)")
        elif kind == Plan.ATTR and where == "needs":
            values.append(f"({''.join(f'mask & {1 << i} != 0, ' for i in range(len(operator.inputs)))})")
        elif kind == Plan.ATTR:
            values.append(f"attrs[{where!r}]")
        elif kind == Plan.AUX:
            values.append(f"aux[{where}]")
        else:
            fact = {Plan.SHAPE: "{}.shape", Plan.DTYPE: "{}.dtype", Plan.LAST: "is_channels_last({})"}[kind]
            values.append(f"{fact.format(f'x{where}._array')} if isinstance(x{where}, Variable) else None")
    given = "".join(f"x{i}, " for i in range(len(operator.inputs)))
    text = f"""\
def save(inputs, attrs, mask, result, aux):
 {given} = inputs
 return [{", ".join(values)}], [{", ".join(versions)}]
"""
    scope: dict[str, Any] = {"kept_version": kept_version, "Variable": Variable, "SavedOutput": SavedOutput}
    scope["is_channels_last"] = is_channels_last
    exec(text, scope)
    plan.save = save = scope["save"]
    return save


def _kept(plan: Plan, inputs, attrs: dict, mask: int, result, aux) -> tuple[list, list]:
    """What `_made_save` gathers, of an operator that takes any number of inputs."""
    operator, saved, versions = plan.op, [], []
    for kind, where in plan.keep:
        held = None
        last = where == len(operator.inputs) - 1
        if kind == Plan.INPUT:
            value = tuple(inputs[where:]) if last else inputs[where]
            if last:
                held = tuple(kept_version(t) if isinstance(t, Variable) else None for t in value)
            elif isinstance(value, Variable):
                held = kept_version(value)
        elif kind == Plan.OUTPUT:
            value = SavedOutput(result if isinstance(result, Variable) else result[where])
        elif kind == Plan.ATTR:
            value = attrs[where] if where != "needs" else tuple([mask >> i & 1 == 1 for i in range(len(inputs))])
        elif kind == Plan.AUX:
            value = aux[where]
        else:
            value = tuple([_fact(kind, t) for t in inputs[where:]]) if last else _fact(kind, inputs[where])
        saved.append(value)
        versions.append(held)
    return saved, versions


def record_inputs(operator: Operator, inputs, edges: tuple, mask: int) -> Node:
    """`record` for an operator whose rules need nothing but inputs, all tensors; edges: the inputs' nodes."""
    plan = operator.plan(mask)
    cls = plan.node_class
    if cls is None:
        cls = plan.node_class = node_class(operator.grad_name)
    saved = [inputs[where] for _, where in plan.keep]
    return cls(plan, edges, saved, [kept_version(t) for t in saved], None, None)


def needs(t) -> bool:
    """Whether an operator's argument is a variable that needs a gradient."""
    return isinstance(t, Variable) and node_of(t) is not None


def _fact(kind: int, t):
    if not isinstance(t, Variable):
        return None
    if kind == Plan.LAST:
        return is_channels_last(t._array)
    return t._array.shape if kind == Plan.SHAPE else t._array.dtype

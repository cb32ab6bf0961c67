"""The tape: variables, the nodes that remember how they were made, and what nodes keep.

A variable whose `_node` is None needs no gradient. A leaf that needs one has an `AccumulateGrad`; a result has the node
of the operator that made it, or an `OutputOf` one of several results. Nodes hold edges to the nodes of their inputs and
the values that the operator's rules name, never their own result, so that a graph is freed by counting references.
"""

from __future__ import annotations

import itertools
import os
import traceback
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from contextvars import ContextVar
from typing import Any

from numpy import ndarray

from ..backends import cpu, namespace_of
from ..backends.cpu.layouts import is_channels_last
from ..ops.movement import strided
from ..ops.operator import Operator, Plan

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


def wrap(array, node=None) -> Variable:
    """A variable over an array, without copying."""
    t = _new(_Upper.tensor)
    t._array = array
    t._node = node
    t._counter = None
    return t


def version(t: Variable) -> int:
    """How often the memory of `t` has been changed in place."""
    counter = t._counter
    return 0 if counter is None else counter[0]


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


class Node:
    """One recorded operation: where gradients go (`edges`) and what the rules need (`saved`).

    versions: the change counters of saved inputs when they were saved. shapes: the inputs' shapes where gradients may
    have to be summed to them. results: shapes and dtypes of several
    differentiable results. half: the dtype of a computation that ran in float32 for float16/bfloat16 inputs.
    """

    __slots__ = ("plan", "edges", "saved", "versions", "shapes", "half", "seq", "extras", "results", "__weakref__")

    def __init__(self, plan, edges, saved, versions, shapes, half):
        self.plan = plan
        self.edges = edges
        self.saved = saved
        self.versions = versions
        self.shapes = shapes
        self.half = half
        self.seq = next_sequence()
        self.extras = None
        self.results = None
        if _watched:
            if _anomaly:
                extras_of(self).stack = _users_frames()
            hooks = saved_hooks.get()
            if hooks and plan is not None:
                from .saved import Packed

                self.saved = Packed(plan, saved, hooks[-1])
                self.versions = [_unpacked_version(v) for v in versions]

    def run(self, g, differentiable: bool) -> tuple:
        """The gradients of the inputs, None where none is wanted. `g` and the result are arrays, or tensors if
        `differentiable`."""
        if differentiable:
            return self._run(g, True)
        with elsewhere(g if g.__class__ is tuple else (g,)):
            return self._run(g, False)

    def _run(self, g, differentiable: bool) -> tuple:
        saved = self.saved
        if saved is None:
            raise RuntimeError(
                "Trying to backward through the graph a second time (or directly access saved tensors after they have "
                "already been freed). Saved intermediate values of the graph are freed when you call .backward() or "
                "autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or "
                "if you need to access saved tensors after calling backward."
            )
        plan = self.plan
        values = self._values(differentiable)
        half = self.half
        if differentiable:
            xp = _Upper.namespace
        else:
            xp = namespace_of(g[0] if g.__class__ is tuple else g)
            if half is not None:
                g = xp.astype(g, xp.float32)
                values = [_widened(xp, v, half) for v in values]
        edges, shapes = self.edges, self.shapes
        results: list = [None] * len(edges)
        for i, rule, positions in plan.steps:
            if i < 0:
                results = list(rule(xp, g, *[values[k] for k in positions]))
                break
            if edges[i] is not None:
                results[i] = rule(xp, g, *[values[k] for k in positions])
        if shapes is not None:
            for i, r in enumerate(results):
                if r is not None and r.shape != shapes[i]:
                    results[i] = sum_to(xp, r, shapes[i])
        if half is not None and not differentiable:
            results = [r if r is None else xp.astype(r, half) for r in results]
        return tuple(results)

    def flow(self, g):
        """(edge, gradient) of the inputs that want one, as arrays: `run`, for most nodes by a function made once a plan."""
        plan = self.plan
        if plan is not None and self.half is None and self.saved is not None and not plan.general:
            if g.__class__ is ndarray:
                return (plan.flow or _made_flow(plan))(self, g, cpu)
            with elsewhere((g,)):
                return (plan.flow or _made_flow(plan))(self, g, namespace_of(g))
        return [(e, r) for e, r in zip(self.edges, self.run(g, False)) if e is not None and r is not None]

    def _values(self, differentiable: bool) -> list:
        """The saved values as the rules take them, after checking that none was changed in place."""
        values = []
        recomputed = None
        for (kind, where), value, version_then in zip(self.plan.keep, self.saved, self.versions):
            if kind == Plan.INPUT and value.__class__ is not tuple:
                if version_then is not None:
                    if value._counter is not None and value._counter[0] != version_then:
                        raise self._modified(value, value._counter[0], version_then)
                    if not differentiable:
                        value = value._array
            elif kind == Plan.INPUT:
                for t, then in zip(value, version_then):
                    if then is not None and version(t) != then:
                        raise self._modified(t, version(t), then)
                if not differentiable:
                    value = tuple(t._array if isinstance(t, Variable) else t for t in value)
            elif kind == Plan.OUTPUT:
                if value.counter[0] != value.version:
                    raise self._modified(wrap(value.array, self), value.counter[0], value.version)
                if differentiable:
                    value = wrap(value.array, self if self.results is None else OutputOf(self, where))
                else:
                    value = value.array
            elif kind == Plan.AUX and differentiable:
                if recomputed is None:
                    recomputed = self._recompute()
                value = recomputed[where]
            values.append(value)
        return values

    def _recompute(self) -> tuple:
        """What forward kept beside its result, as differentiable functions of the inputs."""
        op = self.plan.op
        kept = dict(zip(self.plan.keep, self.saved))
        inputs = [kept[Plan.INPUT, i] for i in range(len(op.inputs))]
        attrs = {name: kept[Plan.ATTR, name] for name in op.attrs}
        results = op.forward(_Upper.namespace, *inputs, **attrs)
        return results[len(results) - len(op.aux) :]

    def _modified(self, t: Variable, now: int, then: int) -> RuntimeError:
        from .inplace import legacy_name

        node, index = (t._node.node, t._node.index) if t._node.__class__ is OutputOf else (t._node, 0)
        made = ""
        if isinstance(node, Node):
            made = f", which is output {index} of {node.name().partition('Backward')[0]},"
        return RuntimeError(
            "one of the variables needed for gradient computation has been modified by an inplace operation: "
            f"[torch.{legacy_name(t._array.dtype)}Tensor {list(t._array.shape)}]{made} is at version {now}; expected "
            f"version {then} instead. {self.name()} saved it. Hint: use the out-of-place form of the operation, or "
            "clone() before changing it; taper.autograd.set_detect_anomaly(True) shows the forward call that saved it."
        )

    def release(self) -> None:
        """Free what was saved; running again is then an error, unless nothing but shapes and settings was."""
        if self.plan is None or self.plan.holds:
            self.saved = None

    def name(self) -> str:
        return type(self).__name__

    @property
    def next_functions(self) -> tuple:
        """((node, output number), ...) of the inputs; (None, 0) for one that needs no gradient."""
        edges = self.edges
        first = 0 if self.plan is None else self.plan.op.first
        if first and edges[first] is not None:
            edges = (edges[first], *edges[:first], *edges[first + 1 :])
        return tuple((e.node, e.index) if e.__class__ is OutputOf else (e, 0) for e in edges)

    @property
    def metadata(self) -> dict:
        """A dictionary for the user's own notes on this node."""
        return extras_of(self).metadata

    def register_hook(self, hook) -> Handle:
        """Call `hook(grad_inputs, grad_outputs)` when this node has run; it may return other grad_inputs."""
        return Handle(extras_of(self).post_hooks, hook)

    def register_prehook(self, hook) -> Handle:
        """Call `hook(grad_outputs)` before this node runs; it may return other grad_outputs."""
        return Handle(extras_of(self).prehooks, hook)

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"


def _made_flow(plan: Plan) -> Callable:
    """The function that runs a plan's rules on arrays, written out as source: no loop over what is known already.

    A small backward step is mostly the interpreter's work, and this halves it.
    """
    lines = [
        "def flow(node, g, xp):",
        " saved, versions, edges, shapes = node.saved, node.versions, node.edges, node.shapes",
    ]
    for k, (kind, _) in enumerate(plan.keep):
        lines.append(f" v{k} = saved[{k}]")
        if kind == Plan.INPUT:
            lines += [
                f" if versions[{k}] is not None:",
                f"  c = v{k}._counter",
                f"  if c is not None and c[0] != versions[{k}]: raise node._modified(v{k}, c[0], versions[{k}])",
                f"  v{k} = v{k}._array",
            ]
        elif kind == Plan.OUTPUT:
            lines += [
                f" if v{k}.counter[0] != v{k}.version:",
                f"  raise node._modified(wrap(v{k}.array, node), v{k}.counter[0], v{k}.version)",
                f" v{k} = v{k}.array",
            ]
    lines.append(" pairs = []")
    scope = {"sum_to": sum_to, "wrap": wrap}
    for i, rule, positions in plan.steps:
        scope[f"rule{i}"] = rule
        values = "".join(f", v{k}" for k in positions)
        lines += [
            f" if edges[{i}] is not None:",
            f"  r = rule{i}(xp, g{values})",
            f"  if shapes is not None and r is not None and r.shape != shapes[{i}]: r = sum_to(xp, r, shapes[{i}])",
            f"  if r is not None: pairs.append((edges[{i}], r))",
        ]
    lines.append(" return pairs")
    exec("\n".join(lines), scope)
    plan.flow = made = scope["flow"]
    return made


def _widened(xp, value, half):
    if value.__class__ is tuple:
        return tuple(_widened(xp, v, half) for v in value)
    return xp.astype(value, xp.float32) if getattr(value, "dtype", None) == half else value


def sum_to(xp, g, shape: tuple):
    """Undo a broadcast: sum `g` over the dimensions in which `shape` has size 1 or is missing."""
    if shape == () or shape == (1,):
        return xp.reshape(xp.sum(g), shape)
    lead = g.ndim - len(shape)
    if lead:
        g = xp.sum(g, axis=tuple(range(lead)))
    axes = tuple(i for i, (have, want) in enumerate(zip(g.shape, shape)) if want == 1 and have != 1)
    return xp.sum(g, axis=axes, keepdims=True) if axes else g


class Extras:
    """What few nodes have: hooks, tensors that keep their gradient, anomaly mode's stack."""

    __slots__ = ("hooks", "retained", "post_hooks", "prehooks", "metadata", "stack")

    def __init__(self):
        self.hooks: dict[int, dict] = {}
        self.retained: dict[int, weakref.ref] = {}
        self.post_hooks: dict = {}
        self.prehooks: dict = {}
        self.metadata: dict = {}
        self.stack: traceback.StackSummary | None = None


_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_RUNNER = os.path.join(_PACKAGE, "compat", "script.py")


def _users_frames() -> traceback.StackSummary:
    """The calls that led here, without those of `taper run` before the script and of Taper at the end."""
    frames = traceback.extract_stack()
    while frames and frames[-1].filename.startswith(_PACKAGE):
        del frames[-1]
    for i in reversed(range(len(frames))):
        if frames[i].filename == _RUNNER:
            del frames[: i + 1]
            break
    return frames


def extras_of(node) -> Extras:
    """The node's rarely used fields, made now if it has none."""
    if node.extras is None:
        node.extras = Extras()
    return node.extras


class Handle:
    """What registering a hook returns: `remove()` takes the hook out again, so does the end of a `with` block."""

    __slots__ = ("_hooks", "id", "__weakref__")

    _ids = itertools.count()
    changes = 0
    """How often a hook was registered or removed: who looks at hooks looks again when this has changed."""

    def __init__(self, hooks: dict, hook):
        self._hooks = hooks
        self.id = next(Handle._ids)
        hooks[self.id] = hook
        Handle.changes += 1

    def remove(self) -> None:
        self._hooks.pop(self.id, None)
        Handle.changes += 1

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *error) -> None:
        self.remove()


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


class OutputOf:
    """One of several results of a node, standing as a tensor's `_node`."""

    __slots__ = ("node", "index")

    def __init__(self, node, index: int):
        self.node, self.index = node, index


_anomaly = False
_watched = 0

saved_hooks: ContextVar[tuple] = ContextVar("taper_saved_tensors_hooks", default=())
"""(pack, unpack) of the scopes of hooks on saved tensors, innermost last."""


def watch(delta: int) -> None:
    """Let new nodes look whether anomaly mode or hooks on saved tensors want something of them."""
    global _watched
    _watched += delta


def _unpacked_version(version):
    """Tensors that were packed come back as new ones, whose memory nobody has changed."""
    if version.__class__ is tuple:
        return tuple(map(_unpacked_version, version))
    return None if version is None else 0


def set_anomaly(enabled: bool) -> bool:
    """Whether nodes remember the call that made them; returns what was set before."""
    global _anomaly
    before, _anomaly = _anomaly, enabled
    watch(enabled - before)
    return before


def anomaly_enabled() -> bool:
    return _anomaly


_node_classes: dict[str, type[Node]] = {}


def node_class(name: str) -> type[Node]:
    """The class of the nodes that `grad_fn` prints under this name."""
    found = _node_classes.get(name)
    if found is None:
        found = _node_classes[name] = type(name, (Node,), {"__slots__": ()})
    return found


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
            versions[-1] = f"version(x{where}) if isinstance(x{where}, Variable) else None"
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
    scope: dict[str, Any] = {"version": version, "Variable": Variable, "SavedOutput": SavedOutput}
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
                held = tuple(version(t) if isinstance(t, Variable) else None for t in value)
            elif isinstance(value, Variable):
                held = version(value)
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
    return cls(plan, edges, saved, [version(t) for t in saved], None, None)


def needs(t) -> bool:
    """Whether an operator's argument is a variable that needs a gradient."""
    return isinstance(t, Variable) and node_of(t) is not None


def _fact(kind: int, t):
    if not isinstance(t, Variable):
        return None
    if kind == Plan.LAST:
        return is_channels_last(t._array)
    return t._array.shape if kind == Plan.SHAPE else t._array.dtype

"""Nodes: what the tape remembers of one recorded operation, and how its rules run on what was kept."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from contextvars import ContextVar

from numpy import ndarray

from ..backends import cpu, namespace_of
from ..ops.operator import Plan
from .hooks import Handle, extras_of
from .tape import Variable, _Upper, elsewhere, next_sequence, version, wrap


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
        if plan is not None and self.half is None and self.saved is not None:
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
    for k, (kind, where) in enumerate(plan.keep):
        lines.append(f" v{k} = saved[{k}]")
        if kind == Plan.INPUT and plan.op.variadic and where == len(plan.op.inputs) - 1:
            lines += [
                f" for t, then in zip(v{k}, versions[{k}]):",
                "  if then is not None and t._counter is not None and t._counter[0] != then:",
                "   raise node._modified(t, t._counter[0], then)",
                f" v{k} = tuple([t._array if isinstance(t, Variable) else t for t in v{k}])",
            ]
        elif kind == Plan.INPUT:
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
    scope = {"sum_to": sum_to, "wrap": wrap, "Variable": Variable}
    for i, rule, positions in plan.steps:
        values = "".join(f", v{k}" for k in positions)
        if i < 0:
            scope["joint"] = rule
            lines += [
                f" for i, r in enumerate(joint(xp, g{values})):",
                "  if r is not None and edges[i] is not None:",
                "   if shapes is not None and r.shape != shapes[i]: r = sum_to(xp, r, shapes[i])",
                "   pairs.append((edges[i], r))",
            ]
            continue
        scope[f"rule{i}"] = rule
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

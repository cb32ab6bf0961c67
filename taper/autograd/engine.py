"""Running the tape backwards.

A node is created after the nodes of its inputs, so taking the pending node with the highest sequence number is a right
order: when a node's turn comes, everything that adds to its gradient has run. One heap, no recursion, no first pass,
except where gradients of chosen inputs are asked for (then nodes that do not lead to them are left out), and where someone
waits for the gradients of leaves: a leaf is older than what is computed from it, and its turn would come at the very end.
"""

from __future__ import annotations

import heapq
import sys
import threading
from collections.abc import Callable
from typing import Any

from numpy import ndarray

from ..backends import namespace_of
from ..backends.cpu.layouts import is_channels_last
from ..backends.quiet import QUIET, enter, leave
from ..errors import warn
from .leaves import AccumulateGrad, awaited
from .modes import _grad
from .nodes import OutputOf, anomaly_enabled
from .recording import node_of
from .shortage import out_of_memory
from .tape import Variable, changed, elsewhere, wrap


def run(roots, gradients, *, retain_graph: bool, create_graph: bool, wanted=None) -> list:
    """Push `gradients` (tensors) of the tensors `roots` through the graph.

    wanted None: add to the `.grad` of every leaf reached; returns []. Else a list of tensors: return the gradient of
    each (an array or, with create_graph, a tensor; None where it is not reached) and touch no `.grad`.
    """
    before = _grad.get()
    _grad.set(create_graph)
    token = enter(QUIET)
    made = _Backward(retain_graph, create_graph, wanted)
    running = _running.passes
    running.append(made)
    try:
        try:
            found = made.run(roots, gradients)
        except MemoryError as error:
            raise out_of_memory(f"{made.node.name()} (backward)", error) from None
        for call in made.last:
            call()
        return found
    finally:
        running.pop()
        leave(token)
        _grad.set(before)


class _Running(threading.local):
    """The passes that this thread is in, the innermost last."""

    def __init__(self):
        self.passes: list[_Backward] = []


_running = _Running()


def passing() -> object:
    """The backward pass that this thread is in, the outermost; None outside of backward."""
    return _running.passes[0] if _running.passes else None


def at_end(call: Callable[[], None]) -> None:
    """Call this when the backward pass that is going on is done (the outermost), unless it fails.

    RuntimeError outside of backward.
    """
    if not _running.passes:
        raise RuntimeError("Final callbacks can only be installed during backward pass.")
    outermost = _running.passes[0]
    outermost.last = [*outermost.last, call]


class _Backward:
    """One pass: the gradients that wait, by node, the heap of nodes in order, the node whose turn it is, and what is called
    at the end."""

    last: list[Callable[[], None]] | tuple = ()

    def __init__(self, retain_graph: bool, create_graph: bool, wanted):
        self.retain_graph, self.create_graph = retain_graph, create_graph
        self.pending: dict = {}
        self.heap: list = []
        self.captures: dict = {}
        self.results: list = []
        self.leading: set | None = None
        self.node: Any = None
        if wanted is not None:
            self.results = [None] * len(wanted)
            for i, t in enumerate(wanted):
                edge = node_of(t)
                node, index = (edge.node, edge.index) if edge.__class__ is OutputOf else (edge, 0)
                self.captures.setdefault(node, []).append((i, index))

    def run(self, roots, gradients) -> list:
        edges = [node_of(t) for t in roots]
        if self.captures:
            self.leading = leading_to(self.captures, edges)
        elif awaited:
            hurry(edges)
        for edge, g in zip(edges, gradients):
            self.add(edge, g if self.create_graph else g._array)
        if not (self.captures or self.create_graph or anomaly_enabled()):
            self.to_leaves()
            return self.results
        heap, pending, captures = self.heap, self.pending, self.captures
        while heap:
            self.node = node = heapq.heappop(heap)[1]
            g = pending.pop(node)
            if node.extras is not None:
                g = self.before(node, g)
            if captures and node in captures:
                for i, index in captures[node]:
                    self.results[i] = g[index] if g.__class__ is list else g
                if node not in self.leading:
                    continue
            if node.__class__ is AccumulateGrad:
                if self.leading is None:
                    accumulate(node, g, self.create_graph)
                continue
            self.visit(node, g)
        return self.results

    def to_leaves(self) -> None:
        """The usual pass: arrays only, every gradient to its leaf."""
        heap, pending, release = self.heap, self.pending, not self.retain_graph
        pop, push = heapq.heappop, heapq.heappush
        while heap:
            self.node = node = pop(heap)[1]
            g = pending.pop(node)
            extras = node.extras
            if extras is not None:
                g = self.before(node, g)
            if node.__class__ is AccumulateGrad:
                accumulate(node, g, False)
                continue
            if g.__class__ is list or (extras is not None and extras.post_hooks):
                self.visit(node, g)
                continue
            for edge, r in node.flow(g):
                if edge.__class__ is OutputOf:
                    self.add(edge, r)
                    continue
                have = pending.get(edge)
                if have is None:
                    pending[edge] = r
                    push(heap, (-edge.seq, edge))
                else:
                    pending[edge] = have + r if have.__class__ is r.__class__ is ndarray else added(have, r)
            if release:
                node.release()

    def visit(self, node, g) -> None:
        if g.__class__ is list:
            g = self.complete(node, g)
        try:
            results = node.run(g, self.create_graph)
        except RuntimeError as error:
            raise with_forward_stack(node, error) from error.__cause__
        if anomaly_enabled():
            check_for_nan(node, results)
        if node.extras is not None and node.extras.post_hooks:
            results = self.after(node, results, g)
        if not self.retain_graph:
            node.release()
        leading = self.leading
        for edge, r in zip(node.edges, results):
            if edge is None or r is None:
                continue
            if leading is not None and (edge.node if edge.__class__ is OutputOf else edge) not in leading:
                if (edge.node if edge.__class__ is OutputOf else edge) not in self.captures:
                    continue
            self.add(edge, r)

    def add(self, edge, g) -> None:
        """Add a gradient to what waits for a node; the node enters the heap with its first."""
        pending = self.pending
        if edge.__class__ is OutputOf:
            node = edge.node
            slots = pending.get(node)
            if slots is None:
                slots = pending[node] = [None] * len(node.results)
                heapq.heappush(self.heap, (-node.seq, node))
            have = slots[edge.index]
            slots[edge.index] = g if have is None else added(have, g)
            return
        have = pending.get(edge)
        if have is None:
            pending[edge] = g
            heapq.heappush(self.heap, (-edge.seq, edge))
        else:
            pending[edge] = added(have, g)

    def complete(self, node, slots: list) -> tuple:
        """The gradients of all results of a node, zeros for those that nothing used (None where zeros are not wanted)."""
        some = next(s for s in slots if s is not None)
        if self.create_graph:
            xp = namespace_of(some._array)
            zeros = lambda shape, dtype: wrap(xp.zeros(shape, dtype=dtype))
        else:
            xp = namespace_of(some)

            def zeros(shape, dtype):
                with elsewhere((some,)):
                    return xp.zeros(shape, dtype=dtype)

        return tuple(zeros(*spec) if s is None and spec is not None else s for s, spec in zip(slots, node.results))

    def before(self, node, g):
        """Run the hooks of a node's results, and keep the gradient where `retain_grad` asked for it."""
        extras = node.extras
        slots = g if g.__class__ is list else [g]
        for index, hooks in extras.hooks.items():
            if slots[index] is not None:
                for hook in list(hooks.values()):
                    returned = hook(self.tensor(slots[index]))
                    if returned is not None:
                        _same_kind(hook, returned, slots[index])
                        slots[index] = self.plain(returned)
        if extras.prehooks:
            for hook in list(extras.prehooks.values()):
                returned = hook(tuple(None if s is None else self.tensor(s) for s in slots))
                if returned is not None:
                    slots = [None if r is None else self.plain(r) for r in _tuple(returned)]
        for index, ref in extras.retained.items():
            t = ref()
            if t is not None and slots[index] is not None:
                add_to_grad(t, slots[index], self.create_graph)
        return slots if g.__class__ is list else slots[0]

    def after(self, node, results: tuple, g) -> tuple:
        for hook in list(node.extras.post_hooks.values()):
            inputs = tuple(None if r is None else self.tensor(r) for r in results)
            outputs = tuple(self.tensor(x) for x in g) if g.__class__ is tuple else (self.tensor(g),)
            returned = hook(inputs, outputs)
            if returned is not None:
                results = tuple(None if r is None else self.plain(r) for r in _tuple(returned))
        return results

    def tensor(self, g):
        return g if isinstance(g, Variable) else wrap(namespace_of(g).asarray(g))

    def plain(self, t):
        return t if self.create_graph or _is_sparse(t) else t._array


def _tuple(value) -> tuple:
    return value if isinstance(value, tuple) else (value,)


def added(have, g):
    """The sum of two gradients, arrays or tensors, where they are; dense if one of them is."""
    if _is_sparse(have) != _is_sparse(g):
        have, g = (_dense(x, like=g if x is have else have) for x in (have, g))
    if g.__class__ is ndarray or isinstance(g, Variable):
        return have + g
    with elsewhere((g,)):
        return have + g


def _is_sparse(g) -> bool:
    """Whether a gradient is a sparse tensor, which it also is where the others are arrays."""
    return isinstance(g, Variable) and getattr(g, "is_sparse", False)


def _dense(g, like):
    """A gradient, sparse or not, as what another one is: an array, or a dense tensor."""
    if not _is_sparse(g):
        return g
    return g.to_dense() if isinstance(like, Variable) else g.to_dense()._array


def hurry(edges) -> None:
    """Give the leaves that someone waits for their turn right after the last node that adds to their gradient."""
    stack = [e.node if e.__class__ is OutputOf else e for e in edges if e is not None]
    seen = set(stack)
    last: dict[AccumulateGrad, int] = {}
    while stack:
        node = stack.pop()
        for edge in node.edges:
            if edge is None:
                continue
            child = edge.node if edge.__class__ is OutputOf else edge
            if child.__class__ is AccumulateGrad:
                if child.after and node.seq < last.get(child, node.seq + 1):
                    last[child] = node.seq
            elif child not in seen:
                seen.add(child)
                stack.append(child)
    for leaf, seq in last.items():
        leaf.seq = seq - 0.5


def leading_to(captures: dict, edges) -> set:
    """The nodes below `edges` from which a node of `captures` is reached through at least one edge."""
    parents: dict = {}
    stack = [e.node if e.__class__ is OutputOf else e for e in edges if e is not None]
    seen = set(stack)
    while stack:
        node = stack.pop()
        for edge in node.edges:
            if edge is None:
                continue
            child = edge.node if edge.__class__ is OutputOf else edge
            parents.setdefault(child, []).append(node)
            if child not in seen:
                seen.add(child)
                stack.append(child)
    leading: set = set()
    stack = [c for c in captures if c is not None]
    while stack:
        for parent in parents.get(stack.pop(), ()):
            if parent not in leading:
                leading.add(parent)
                stack.append(parent)
    return leading


def accumulate(node: AccumulateGrad, g, create_graph: bool) -> None:
    leaf = node.variable
    if leaf is None:
        return
    add_to_grad(leaf, g, create_graph)
    if node.after:
        for hook in list(node.after.values()):
            hook(leaf)


def add_to_grad(t: Variable, g, create_graph: bool) -> None:
    """Make `g` the gradient of `t`, or add it to the one there (in place, unless derivatives are recorded)."""
    have = t._grad
    if create_graph:
        t._grad = g if have is None else added(have, g)
        return
    if g.__class__ is not ndarray or g.dtype is not t._array.dtype:
        if _is_sparse(g):
            _add_sparse(t, have, g)
            return
        g = as_gradient_of(t, g)
    if have is not None:
        if have._array.__class__ is not ndarray and _is_sparse(have):
            _add_sparse(t, have, g)
        elif g.__class__ is ndarray:
            have._array += g
        else:
            with elsewhere((g,)):
                have._array += g
        if have._counter is not None:
            have._counter[0] += 1
    elif owned(g) and (g.ndim < 4 or is_channels_last(g) == is_channels_last(t._array)):
        t._grad = wrap(g)
    else:
        with elsewhere((g,)):
            t._grad = wrap(_copied(t._array, namespace_of(g).asarray(g)))


def _copied(like, g):
    """A copy of a gradient that lies in memory as the tensor that it is for."""
    if like.__class__ is not g.__class__ or like.flags.c_contiguous:
        return g.copy()
    made = namespace_of(like).empty_like(like, dtype=g.dtype)
    made[...] = g
    return made


def _add_sparse(t: Variable, have, g) -> None:
    """`add_to_grad` where the gradient that is there, or the one to add, is sparse."""
    if have is None:
        t._grad = g.clone()  # its elements may be memory that the rest of the pass still reads
    elif _is_sparse(have) and _is_sparse(g):
        t._grad = have + g
    elif _is_sparse(have):
        t._grad = wrap(have.to_dense()._array + g)
    else:
        have._array += g.to_dense()._array
        changed(have)


def as_gradient_of(t: Variable, g):
    """A gradient as an array of the dtype of `t`; of a complex gradient a real tensor takes the real part."""
    dtype = t._array.dtype
    with elsewhere((g,)):
        if g.dtype != dtype:
            g = namespace_of(g).astype(g.real if g.dtype.kind == "c" and dtype.kind != "c" else g, dtype)
        return namespace_of(g).asarray(g)


def owned(g) -> bool:
    """Whether nobody but the engine refers to this array, so that it may become a `.grad` without a copy."""
    return getattr(g, "base", g) is None and sys.getrefcount(g) <= _OWNED


def _calibrated() -> int:
    """The reference count that `owned` sees for an array which only the engine's own frames hold."""
    seen = []

    def as_owned(g):
        seen.append(sys.getrefcount(g))

    def as_add_to_grad(g):
        as_owned(g)

    def as_accumulate(g):
        as_add_to_grad(g)

    def as_run():
        g = object()
        as_accumulate(g)

    as_run()
    return seen[0]


_OWNED = _calibrated()


def _same_kind(hook, returned, g) -> None:
    """RuntimeError for a hook's result that is no gradient of the tensor."""
    name = getattr(hook, "__name__", type(hook).__name__)
    if not isinstance(returned, Variable):
        raise TypeError(f"expected Variable, but hook returned '{type(returned).__name__}' (hook '{name}')")
    array = g._array if isinstance(g, Variable) else g
    if returned._array.dtype != array.dtype:
        raise RuntimeError(
            f"hook '{name}' has changed the type of value (was {array.dtype} got {returned._array.dtype})"
        )
    if returned._array.shape != array.shape:
        raise RuntimeError(f"hook '{name}' has changed the size of value")


def check_for_nan(node, results) -> None:
    for i, r in enumerate(results):
        if r is None or _is_sparse(r):
            continue
        array = r._array if isinstance(r, Variable) else r
        if array.dtype.kind in "fc" and bool((array != array).any()):
            raise with_forward_stack(
                node, RuntimeError(f"Function '{node.name()}' returned nan values in its {i}th output.")
            )


def with_forward_stack(node, error: RuntimeError) -> RuntimeError:
    """The error; in anomaly mode, after a warning with the stack of the forward call that made the node."""
    if node.extras is None or node.extras.stack is None:
        return error
    warn(
        f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n"
        + "".join(node.extras.stack.format())
    )
    return error

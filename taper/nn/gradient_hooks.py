"""Backward hooks of a module: one node before its inputs and one after its outputs see all their gradients together."""

from __future__ import annotations

from collections.abc import Callable

from ..autograd.dispatch import apply
from ..autograd.modes import is_grad_enabled
from ..autograd.nodes import Node, OutputOf
from ..autograd.recording import needs
from ..autograd.tape import Variable, View, counter_of
from ..errors import warn
from ..ops.hooks import pass_through
from ..tensor import zeros


class GradientHooks:
    """One call's hooks: waits for the gradients of the outputs, then for those of the inputs."""

    def __init__(self, module, hooks: list[Callable], pre_hooks: list[Callable]):
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.grad_outputs: tuple | None = None
        self.inputs = 0
        self.kinds: list[tuple] = []
        self.watched: list[int] = []
        self.outputs: list[int] = []
        self.count = 0

    def on_inputs(self, args: tuple) -> tuple:
        """The arguments, those that need a gradient behind a node that calls the hooks."""
        self.inputs = len(args)
        self.kinds = [(a.shape, a.dtype) if isinstance(a, Variable) else () for a in args]
        made, self.watched, node = _behind_one_node(args)
        if node is not None and self.hooks:
            node.register_prehook(self._inputs_known)
        return made if node is not None and self.hooks else args

    def on_outputs(self, result):
        """The result, its tensors that need a gradient before a node that calls the hooks."""
        several = isinstance(result, tuple)
        if not several and not isinstance(result, Variable):
            return result
        values = result if several else (result,)
        made, self.outputs, node = _behind_one_node(values)
        self.count = len(values)
        if node is None:
            return result
        node.register_prehook(self._outputs_known)
        return made if several else made[0]

    def _outputs_known(self, gradients: tuple):
        found = _spread(gradients, self.outputs, self.count)
        for hook in self.pre_hooks:
            found = _replaced(found, hook(self.module, found), "Backward pre hook", "grad_output")
        self.grad_outputs = found
        if not self.watched:
            if self.hooks:
                warn(
                    "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs "
                    "require gradients."
                )
            for hook in self.hooks:
                returned = hook(self.module, (None,) * self.inputs, found)
                if returned is not None and not (isinstance(returned, tuple) and all(g is None for g in returned)):
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should always return None or None "
                        "for all gradients."
                    )
        return tuple(found[i] for i in self.outputs)

    def _inputs_known(self, gradients: tuple):
        if self.grad_outputs is None:
            return None
        found = _spread(gradients, self.watched, self.inputs)
        found = tuple(zeros(t[0], dtype=t[1]) if g is None and t else g for g, t in zip(found, self.kinds))
        for hook in self.hooks:
            found = _replaced(found, hook(self.module, found, self.grad_outputs), "Backward hook", "grad_input")
        self.grad_outputs = None
        return tuple(found[i] for i in self.watched)


def _behind_one_node(values: tuple) -> tuple[tuple, list[int], Node | None]:
    """The values with those that need a gradient replaced by results of one node; their positions; the node."""
    positions = [i for i, v in enumerate(values) if isinstance(v, Variable) and needs(v)] if is_grad_enabled() else []
    if not positions:
        return values, positions, None
    sources = [values[i] for i in positions]
    made = list(values)
    passed = apply(pass_through, *sources)
    for i, source, result in zip(positions, sources, passed):
        # The memory is the source's: changes count for both, and changing the result in place is refused.
        result._counter = counter_of(source)
        result._view = View(source, pass_through, {}, result._counter[0], False)
        made[i] = result
    edge = passed[0]._node
    return tuple(made), positions, edge.node if edge.__class__ is OutputOf else edge


def _spread(gradients: tuple, positions: list[int], count: int) -> tuple:
    """Gradients at their positions among `count` values, None elsewhere."""
    spread: list = [None] * count
    for i, g in zip(positions, gradients):
        spread[i] = g
    return tuple(spread)


def _replaced(gradients: tuple, returned, hook: str, what: str) -> tuple:
    if returned is None:
        return gradients
    given = returned if isinstance(returned, tuple) else (returned,)
    if len(given) != len(gradients):
        raise RuntimeError(
            f"{hook} returned an invalid number of {what}, got {len(given)}, but expected {len(gradients)}"
        )
    return given


def legacy_backward_hooks(module, hooks: list[Callable], result) -> None:
    """Hang hooks of the older form on the node that made the result (the first tensor in it)."""
    first = result
    while not isinstance(first, Variable):
        if isinstance(first, dict):
            first = next((v for v in first.values() if isinstance(v, Variable)), None)
        else:
            first = first[0]
        if first is None:
            return
    node = first.grad_fn
    if node is not None:
        if any(getattr(child, "next_functions", ()) for child, _ in node.next_functions):
            warn(
                "Using a non-full backward hook when the forward contains multiple autograd Nodes is deprecated and will be "
                "removed in future versions. This hook will be missing some grad_input. Please use "
                "register_full_backward_hook to get the documented behavior.",
                FutureWarning,
            )
        for hook in hooks:
            node.register_hook(lambda grad_input, grad_output, hook=hook: hook(module, grad_input, grad_output))

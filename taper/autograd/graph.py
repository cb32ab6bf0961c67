"""The recorded graph: its nodes, hooks on what they keep, hooks on several gradients."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

from .nodes import Node, OutputOf
from .recording import node_of
from .saved import disable_saved_tensors_hooks, save_on_cpu, saved_tensors_hooks
from .tape import changed

__all__ = [
    "GradientEdge",
    "Node",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
    "set_warn_on_accumulate_grad_stream_mismatch",
]

GradientEdge = namedtuple("GradientEdge", ["node", "output_nr"])
GradientEdge.__doc__ = "A place in the graph: the node, and which of its results."


def get_gradient_edge(tensor) -> GradientEdge:
    """The place in the graph of a tensor. RuntimeError for one that needs no gradient."""
    node = node_of(tensor)
    if node is None:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    return GradientEdge(node.node, node.index) if node.__class__ is OutputOf else GradientEdge(node, 0)


def increment_version(tensor) -> None:
    """Say that a tensor's memory was changed, so that what was saved of it is no longer taken as it was."""
    for t in (tensor,) if not isinstance(tensor, (list, tuple)) else tensor:
        changed(t)


class _Handles:
    """The handle of hooks on several tensors."""

    def __init__(self, handles: Sequence[Any]):
        self.handles = tuple(handles)

    def remove(self) -> None:
        """Take the hooks out again."""
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> _Handles:
        return self

    def __exit__(self, *error) -> None:
        self.remove()


def register_multi_grad_hook(tensors: Sequence[Any], fn: Callable, *, mode: str = "all") -> _Handles:
    """Call `fn` when the gradients of several tensors are known.

    mode "all": once, with the tuple of gradients (None for those without); a tensor that the backward pass does not
    reach keeps the call from happening. mode "any": with the first gradient that is known. ValueError for another mode.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    lock = Lock()
    found: list[Any] = [None] * len(tensors)
    seen = [0]

    def arrived(i: int):
        def hook(grad):
            with lock:
                seen[0] += 1
                first, last = seen[0] == 1, seen[0] == len(tensors)
                found[i] = grad
                if last:
                    seen[0] = 0
            if mode == "any":
                if first:
                    fn(grad)
            elif last:
                gradients = tuple(found)
                found[:] = [None] * len(tensors)
                fn(gradients)

        return hook

    return _Handles([t.register_hook(arrived(i)) for i, t in enumerate(tensors)])


def set_warn_on_accumulate_grad_stream_mismatch(enabled: bool) -> None:
    """Accepted and without effect: there is one stream."""

"""The name of a node in PyTorch, where several operators here are one there: `grad_fn` prints it, programs compare it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from .nodes import Node, OutputOf, node_class
from .tape import Variable

PACKAGES = frozenset((__name__.partition(".")[0], "torch", "torchvision"))
"""The packages in which Taper's classes say they are: under `taper run`, where PyTorch has them."""


def shown(t, name: str):
    """`t`, a result just made, whose node prints as `name` from now on."""
    node = t._node
    if node.__class__ is OutputOf:
        node = node.node
    if isinstance(node, Node):
        node.__class__ = node_class(name)
    return t


def shown_as(name: str) -> Callable:
    """Decorates a function whose result, or results, PyTorch computes by one operator of this name."""

    def named(function: Callable) -> Callable:
        @wraps(function)
        def call(*args, **kwargs):
            made = function(*args, **kwargs)
            if isinstance(made, Variable):
                return shown(made, name)
            for t in made:
                shown(t, name)
            return made

        return call

    return named

"""Forward mode: tensors with a tangent, and the tangents of what is computed from them.

with dual_level():
    y = function(make_dual(x, tangent))
    value, product = unpack_dual(y)          # product: the Jacobian's product with the tangent

What is computed from a dual tensor is recorded on the tape; the product is the derivative of the product from the left, which is
linear in its vector. So every operator with a derivative has a tangent.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from .backward import grad
from .leaves import AccumulateGrad
from .modes import enable_grad
from .nodes import OutputOf
from .recording import node_of
from .tape import Variable, wrap

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]

UnpackedDualTensor = namedtuple("UnpackedDualTensor", ["primal", "tangent"])
"""A tensor's value and its tangent, None where it has none."""

_levels: list[list[tuple[Variable, Variable]]] = []
"""The open level: its dual tensors with their tangents. There is one at most."""


def enter_dual_level() -> int:
    """Open a level, in which tensors may have tangents; its number. RuntimeError inside another."""
    if _levels:
        raise RuntimeError(
            "Nested forward mode AD is not supported at the moment: take higher derivatives with taper.func.jvp"
        )
    _levels.append([])
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """Close the level: all tangents are forgotten. RuntimeError if none is open, or another than the last one."""
    if level is not None and level != len(_levels) - 1 or not _levels:
        raise RuntimeError("Trying to exit a forward AD level that was not the last one that was created.")
    _levels.pop()


class dual_level:
    """`with dual_level():` opens a level and closes it."""

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *error: Any) -> None:
        exit_dual_level()


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Any:
    """The tensor's value with a tangent of its shape and dtype. RuntimeError outside a level, or for what does not fit."""
    if not _levels:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    for t, name in ((tensor, "tensor"), (tangent, "tangent")):
        if t._array.dtype.kind in "biu":
            raise ValueError(f"Expected {name} to be floating point or complex, but got: {t.dtype}")
    if tensor._array.shape != tangent._array.shape:
        raise RuntimeError(
            f"Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
            f"supported. Tensor is of size {list(tensor._array.shape)} while the given forward gradient is of size "
            f"{list(tangent._array.shape)}."
        )
    with enable_grad():
        dual = tensor.view_as(tensor) if node_of(tensor) is not None else tensor.detach().requires_grad_()
    _levels[-1].append((dual, tangent))
    return dual


def _leads_elsewhere(tensor: Variable, duals: list) -> bool:
    """Whether a tensor depends on something that requires grad besides the leaves that duals are."""
    own = {node_of(d) for d in duals}
    todo, seen = [node_of(tensor)], set()
    while todo:
        node = todo.pop()
        node = node.node if node.__class__ is OutputOf else node
        if node is None or node in seen:
            continue
        seen.add(node)
        if node.__class__ is AccumulateGrad:
            if node not in own:
                return True
            continue
        todo += node.edges
    return False


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """(primal, tangent) of a tensor; the tangent is None outside a level, and for what depends on no dual tensor."""
    pairs = _levels[-1] if _levels else []
    if node_of(tensor) is None or not pairs:
        return UnpackedDualTensor(tensor, None)
    duals = [d for d, _ in pairs]
    kept = _leads_elsewhere(tensor, duals)
    primal = tensor if kept else tensor.detach()
    for dual, tangent in pairs:
        if dual is tensor:
            return UnpackedDualTensor(primal, tangent)
    with enable_grad():
        weight = wrap(np.zeros_like(tensor._array)).requires_grad_()
        found = grad([tensor], duals, [weight], retain_graph=True, create_graph=True, allow_unused=True)
        used = [(g, tangent) for g, (_, tangent) in zip(found, pairs) if g is not None]
        if not used:
            return UnpackedDualTensor(primal, None)
        linear = [(g, tangent) for g, tangent in used if node_of(g) is not None]
        outside = kept or any(node_of(t) is not None for _, t in used)
        product = None
        if linear:
            (product,) = grad(
                [g for g, _ in linear],
                [weight],
                [t for _, t in linear],
                retain_graph=True,
                create_graph=outside,
                allow_unused=True,
            )
    if product is None:
        product = wrap(np.zeros_like(tensor._array))
    return UnpackedDualTensor(primal, product if outside else product.detach())

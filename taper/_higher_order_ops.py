"""Control flow as functions: `cond`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .autograd.tape import Variable

__all__ = ["cond"]


def cond(pred: Any, true_fn: Callable, false_fn: Callable, operands: Sequence[Any] = ()) -> Any:
    """`true_fn(*operands)` if `pred`, a bool or a tensor of one element, holds, else `false_fn(*operands)`.

    RuntimeError for another pred, or for what is no function.
    """
    if not isinstance(pred, (bool, int, float, Variable)):
        raise RuntimeError(f"Expected pred to be bool or tensor, but got {pred}.")
    if isinstance(pred, Variable) and pred.numel() != 1:
        raise RuntimeError(f"Expected pred to be bool or single-element tensor, but got {pred}.")
    if not callable(true_fn) or not callable(false_fn):
        raise RuntimeError("Expect both branches to be callable.")
    if not isinstance(operands, (tuple, list)):
        raise RuntimeError(f"Expect operands to be a tuple of possibly nested dict/list/tuple, but got {operands}.")
    return true_fn(*operands) if bool(pred) else false_fn(*operands)

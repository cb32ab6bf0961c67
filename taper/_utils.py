"""Names of PyTorch's internals that programs use: flat tensors of several, groups of tensors."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Sequence
from typing import Any

from .autograd.tape import Variable
from .tensor import cat, empty

__all__ = ["_flatten_dense_tensors", "_unflatten_dense_tensors"]


def _flatten_dense_tensors(tensors: Sequence[Any]) -> Any:
    """All elements of several tensors of one dtype, as a vector."""
    flat = [t.contiguous().view(-1) for t in tensors]
    return flat[0] if len(flat) == 1 else cat(flat, 0)


def _unflatten_dense_tensors(flat: Any, tensors: Sequence[Any]) -> tuple:
    """Views of a vector in the shapes of tensors."""
    made, start = [], 0
    for t in tensors:
        n = t.numel()
        made.append(empty(t.shape, dtype=flat.dtype) if n == 0 else flat.narrow(0, start, n).view(t.shape))
        start += n
    return tuple(made)


def _accumulate(iterable: Iterable, fn: Any = operator.add):
    """Running totals."""
    return itertools.accumulate(iterable, fn)


def _take_tensors(tensors: Iterable, size_limit: int):
    """Tensors in lists of one dtype and at most so many bytes."""
    held: dict[Any, tuple[list, int]] = {}
    for t in tensors:
        size = t.numel() * t.element_size()
        group, total = held.get(t.dtype, ([], 0))
        if total + size > size_limit and total > 0:
            yield group
            group, total = [], 0
        held[t.dtype] = ([*group, t], total + size)
    for group, _ in held.values():
        if group:
            yield group


def _rebuild_parameter(data: Variable, requires_grad: bool, backward_hooks: Any):
    """A parameter over a tensor's memory."""
    from .nn.parameter import Parameter

    return Parameter(data, requires_grad)


def _get_device_index(device: Any, optional: bool = False, allow_cpu: bool = False) -> int:
    """A GPU's number: there are none. ValueError, or -1 for the CPU where that is allowed."""
    if allow_cpu:
        return -1
    raise ValueError(f"Expected a cuda device, but got: {device}")

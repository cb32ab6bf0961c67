"""Keeping gradients small: by their common norm, or value by value.

`foreach=` is accepted where PyTorch has it and changes nothing.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Generator, Iterable

from numpy import asarray, minimum, multiply, ndarray

from ...autograd.dispatch import apply
from ...autograd.modes import no_grad
from ...autograd.promotion import F32, F64
from ...autograd.tape import Variable, changed, wrap
from ...backends import cpu
from ...backends.quiet import QUIET, enter, leave
from ...distributed import ReduceOp, all_reduce
from ...distributed.tensor import DTensor, Replicate
from ...ops.reduction import norm
from ...tensor import stack, tensor
from ...tensor.core import Tensor


def _sequence(tensors) -> list:
    return [tensors] if isinstance(tensors, Variable) else list(tensors)


def _gradients(parameters) -> list:
    return [p.grad for p in parameters if p.grad is not None]


def _norm(t, order: float):
    """The norm of all elements of a tensor."""
    if t.is_complex():
        t = t.abs()
    if order == 2:
        return apply(norm, t, p=2.0, axis=None, keepdims=False)
    if order == math.inf:
        return t.abs().max()
    if order == -math.inf:
        return t.abs().min()
    if order == 0:
        return (t != 0).sum().to(t.dtype)
    return t.abs().pow(order).sum().pow(1.0 / order)


def _addend(t, order: float):
    """What this process's part adds to the norm of a tensor, before the root is taken."""
    if not t.numel():
        return tensor(math.inf if order == -math.inf else 0.0, dtype=t.dtype)
    if order in (math.inf, -math.inf, 0):
        return _norm(t, order)
    return t.abs().pow(order).sum()


def _sharded_norms(shards: list, order: float) -> list:
    """The norms of sharded tensors, which all processes learn in one message for each mesh and dtype."""
    found = {}
    together: dict = {}
    for number, t in enumerate(shards):
        together.setdefault((t.device_mesh, t.placements, t.dtype), []).append(number)
    how = {math.inf: ReduceOp.MAX, -math.inf: ReduceOp.MIN}.get(order, ReduceOp.SUM)
    for (mesh, placements, _), numbers in together.items():
        addends = stack([_addend(shards[n].to_local(), order) for n in numbers])
        for dim, placement in enumerate(placements):
            if placement.is_shard():
                all_reduce(addends, how, mesh.get_group(dim))
        rooted = addends if order in (math.inf, -math.inf, 0) else addends.pow(1.0 / order)
        found.update(zip(numbers, rooted.unbind()))
    return [found[n] for n in range(len(shards))]


def _norms(tensors: list, order: float) -> list:
    norms = iter(_sharded_norms([t for t in tensors if isinstance(t, DTensor)], order))
    return [next(norms) if isinstance(t, DTensor) else _norm(t, order) for t in tensors]


def _local(t):
    return t.to_local() if isinstance(t, DTensor) else t


@no_grad()
def get_total_norm(tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None):
    """The norm of the norms of tensors, a tensor. RuntimeError for nan or inf if error_if_nonfinite.

    Of sharded tensors it is that of the whole, a DTensor that all processes hold; all of them call this.
    """
    order = float(norm_type)
    given = _sequence(tensors)
    norms = _norms(given, order)
    if not norms:
        return tensor(0.0)
    total = _norm(stack(norms), order)
    if error_if_nonfinite and not math.isfinite(float(total)):
        raise RuntimeError(
            f"The total norm of order {order} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To "
            "disable this error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    mesh = next((t.device_mesh for t in given if isinstance(t, DTensor)), None)
    return total if mesh is None else DTensor.from_local(total, mesh, [Replicate()] * mesh.ndim)


def _clipped(gradients: list, max_norm: float):
    """`clip_grad_norm_` of order 2 of plain arrays of one floating type: the same numbers from the same functions, without
    a tensor for each. None where gradients are anything else."""
    arrays = []
    for g in gradients:
        array = g._array
        if g.__class__ is not Tensor or array.__class__ is not ndarray or g._node is not None or g._view is not None:
            return None
        if array.dtype is not F32 and array.dtype is not F64 or not array.flags.carray:
            return None
        arrays.append(array)
    if not arrays or any([a.dtype is not arrays[0].dtype for a in arrays]):
        return None
    token = enter(QUIET)
    try:
        norms = asarray([cpu.vector_norm(a, 2.0, None, False) for a in arrays], arrays[0].dtype)
        total = asarray(cpu.vector_norm(norms, 2.0, None, False))
        factor = minimum(float(max_norm) / (total + 1e-6), 1.0)
        for g, array in zip(gradients, arrays):
            multiply(array, factor, out=array)
            changed(g)
    finally:
        leave(token)
    return wrap(total)


@no_grad()
def clip_grads_with_norm_(parameters, max_norm: float, total_norm, foreach: bool | None = None) -> None:
    """Scale gradients down, in place, by what brings `total_norm` to `max_norm`; never up."""
    factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
    for gradient in _gradients(_sequence(parameters)):
        _local(gradient).mul_(factor)


@no_grad()
def clip_grad_norm_(
    parameters,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
):
    """Scale all gradients down, in place, so that their common norm is at most `max_norm`; returns the norm before.

    parameters: a tensor or an iterable of tensors; those without a gradient are left out.
    """
    if isinstance(parameters, Iterable) and not isinstance(parameters, Variable):
        is_generator = isinstance(parameters, Generator)
        parameters = list(parameters)
        if is_generator and not parameters:
            warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=3)
    parameters = _sequence(parameters)
    if norm_type == 2 and not error_if_nonfinite:
        total = _clipped(_gradients(parameters), max_norm)
        if total is not None:
            return total
    total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


def clip_grad_norm(
    parameters, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
):
    """The older name of `clip_grad_norm_`."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@no_grad()
def clip_grad_value_(parameters, clip_value: float, foreach: bool | None = None) -> None:
    """Limit every element of every gradient to [-clip_value, clip_value], in place."""
    limit = float(clip_value)
    for gradient in _gradients(_sequence(parameters)):
        _local(gradient).clamp_(min=-limit, max=limit)

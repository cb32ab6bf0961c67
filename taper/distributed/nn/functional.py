"""Collectives that gradients pass through: each process differentiates the sum of all processes' losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...autograd.function import Function
from ...autograd.tape import Variable, wrap
from .. import collectives
from ..groups import chosen
from ..reduction import ReduceOp


def _fresh(tensor: Variable) -> Variable:
    return wrap(np.array(tensor._array))


class _AllReduce(Function):
    @staticmethod
    def forward(ctx, tensor, op, group):
        ctx.op, ctx.group = op, group
        made = _fresh(tensor)
        collectives.all_reduce(made, op, group)
        return made

    @staticmethod
    def backward(ctx, grad):
        made = _fresh(grad)
        collectives.all_reduce(made, ctx.op, ctx.group)
        return made, None, None


def all_reduce(tensor, op=ReduceOp.SUM, group: Any = None):
    """The sum (SUM) or mean (AVG) of all processes' tensors, a new tensor. NotImplementedError for other reductions."""
    if op not in (ReduceOp.SUM, ReduceOp.AVG):
        raise NotImplementedError(f"nn.functional.all_reduce: gradients pass through SUM and AVG, not {op.name}")
    collectives.single(tensor, "tensor")
    return _AllReduce.apply(tensor, op, group)


class _AllGather(Function):
    @staticmethod
    def forward(ctx, tensor, group):
        ctx.group, members = group, chosen(group)
        shape = (members.size(), *tensor._array.shape)
        made = wrap(np.empty(shape, tensor._array.dtype))
        collectives.all_gather_into_tensor(made, wrap(np.ascontiguousarray(tensor._array)), group)
        return made

    @staticmethod
    def backward(ctx, grad):
        made = _fresh(grad)
        collectives.all_reduce(made, ReduceOp.SUM, ctx.group)
        return wrap(made._array[chosen(ctx.group).rank()].copy()), None


def gathered(tensor, group: Any = None):
    """All processes' tensors in one, with a new first dimension; their shapes are one."""
    collectives.single(tensor, "tensor")
    return _AllGather.apply(tensor, group)


def all_gather(tensor, group: Any = None) -> tuple:
    """All processes' tensors, as a tuple of new tensors."""
    return tuple(gathered(tensor, group))


class _Broadcast(Function):
    @staticmethod
    def forward(ctx, tensor, src, group):
        ctx.src, ctx.group = src, group
        made = _fresh(tensor)
        collectives.broadcast(made, src, group)
        return made

    @staticmethod
    def backward(ctx, grad):
        made = _fresh(grad)
        collectives.reduce(made, ctx.src, ReduceOp.SUM, ctx.group)
        members = chosen(ctx.group)
        return (made if members.ranks[members.rank()] == ctx.src else wrap(np.zeros_like(made._array))), None, None


def broadcast(tensor, src: int, group: Any = None):
    """One process's tensor for all, as a new tensor."""
    collectives.single(tensor, "tensor")
    return _Broadcast.apply(tensor, src, group)

"""Attention of half precision by cuDNN, which keeps the weights out of memory; else by products and softmax.

Kept for the gradient is the logarithm of each query's sum of exponentials, (..., L), where cuDNN computed the result, and the
transposed weights, (..., S, L), where it did not (`backends/cpu/attention.py`).
"""

# CuPy is not there where types are checked.
# pyright: reportMissingImports=false

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cupy
import numpy

from . import cudnn_graphs
from . import cudnn_problems as problems
from .cudnn_problems import Operand, Sizes
from .driver import fused_attention

LOWEST = {"float16": -65504.0, "bfloat16": -1e30}
"""What is added to the score of a hidden key: minus infinity would make rows of NaN where everything is hidden."""

ALIGNED = 16
"""Bytes that cuDNN's kernels load at a time."""


class Heads(NamedTuple):
    """Queries, keys and values with one batch dimension and one of heads, and the shape that results get."""

    q: cupy.ndarray
    k: cupy.ndarray
    v: cupy.ndarray
    lead: Sizes

    def split(self, a):
        """A result (batch, heads, ...) with the queries' own leading dimensions."""
        return a.reshape(*self.lead, *a.shape[2:])


def _operand(a) -> Operand:
    return Operand(a.shape, tuple(s // a.itemsize for s in a.strides), a.dtype.name)


def _readable(a):
    """An array whose features lie beside each other and whose rows are aligned: copied where they are not."""
    steps = [s for n, s in zip(a.shape[:-1], a.strides) if n > 1]
    if a.strides[-1] == a.itemsize and a.data.ptr % ALIGNED == 0 and all(s > 0 and s % ALIGNED == 0 for s in steps):
        return a
    return cupy.ascontiguousarray(a)


def _empty_like(q, features: int):
    """Room for a result that lies as queries do: heads before positions, or positions before heads."""
    batch, heads, length, _ = q.shape
    if q.strides[1] < q.strides[2]:
        return cupy.empty((batch, length, heads, features), dtype=q.dtype).transpose(0, 2, 1, 3)
    return cupy.empty((batch, heads, length, features), dtype=q.dtype)


def _heads(q, k, v) -> Heads | None:
    """Queries, keys and values as cuDNN wants them; None where their leading dimensions are none of heads."""
    lead = q.shape[:-2]
    if k.shape[:-2] == v.shape[:-2] == lead:
        if len(lead) != 2:
            batch = 1 if len(lead) < 2 else numpy.prod(lead[:-1], dtype=int)
            heads = lead[-1] if lead else 1
            q, k, v = (a.reshape(int(batch), heads, *a.shape[-2:]) for a in (q, k, v))
        return Heads(*map(_readable, (q, k, v)), lead)
    # Groups of heads that share one of keys and values: the same head repeated, as dimension of 1.
    if len(lead) == 4 - 1 and k.shape[:-2] == v.shape[:-2] == (*lead[:-1], 1):
        q = q.reshape(lead[0], lead[1] * lead[2], *q.shape[-2:])
        return Heads(*map(_readable, (q, k[:, :, 0], v[:, :, 0])), lead)
    return None


def _bias(mask, heads: Heads):
    """What is added to the scores, (batch or 1, heads or 1, L, S), and which queries see anything; None if it is no such."""
    q, k = heads.q, heads.k
    if mask.ndim > 2 and (len(heads.lead) > 2 or mask.ndim > len(heads.lead) + 2):
        return None
    if mask.dtype.kind != "b" and mask.dtype != q.dtype:
        return None
    lead = (1,) * (4 - mask.ndim) + mask.shape[:-2] if mask.ndim > 1 else (1, 1)
    there = mask if mask.dtype.kind == "b" else mask > -numpy.inf
    low = q.dtype.type(LOWEST[q.dtype.name])
    added = cupy.where(there, q.dtype.type(0) if mask.dtype.kind == "b" else cupy.maximum(mask, low), low)
    shape = (*lead, q.shape[2], k.shape[2])
    seen = cupy.any(cupy.broadcast_to(there.reshape(*lead, *(1, *there.shape)[-2:]), shape), axis=-1, keepdims=True)
    return cupy.ascontiguousarray(cupy.broadcast_to(added.reshape(*lead, *(1, *added.shape)[-2:]), shape)), seen


def _suits(q, k, v, drop) -> bool:
    name = q.dtype.name
    if not fused_attention() or drop is not None or name not in LOWEST or k.dtype.name != name or v.dtype.name != name:
        return False
    return bool(q.size and k.size and v.size) and q.shape[-1] % 8 == v.shape[-1] % 8 == 0


def _forward(q, k, v, mask, scale, causal):
    """(result, logarithms of sums), or None where cuDNN does not compute it."""
    heads = _heads(q, k, v)
    if heads is None:
        return None
    bias = None if mask is None else _bias(mask, heads)
    if bias is None and mask is not None:
        return None
    out = _empty_like(heads.q, v.shape[-1])
    arrays = [*heads[:3], *([] if bias is None else bias[:1])]
    operands = [_operand(a) for a in arrays]
    plan = cudnn_graphs.plan(
        problems.attention(*operands[:3], None if bias is None else operands[3], _operand(out), scale, causal)
    )
    if plan is None:
        return None
    sums = cupy.empty(heads.q.shape[:3], dtype="float32")
    plan.run([a.data.ptr for a in (*arrays, out, sums)])
    if bias is not None:
        out = cupy.where(bias[1], out, out.dtype.type(0))
    return heads.split(out), heads.split(sums)


def _backward(g, q, k, v, mask, out, sums, scale, causal):
    """The gradients of q, k and v, or None where cuDNN does not compute them."""
    heads = _heads(q, k, v)
    if heads is None:
        return None
    bias = None if mask is None else _bias(mask, heads)
    shape = (*heads.q.shape[:3], v.shape[-1])
    g, out = (_readable(a.reshape(shape)) for a in (g, out))
    if bias is not None:
        g = cupy.where(bias[1], g, g.dtype.type(0))
    sums = cupy.ascontiguousarray(sums)
    made = [_empty_like(a, a.shape[-1]) for a in heads[:3]]
    known = [_operand(a) for a in (*heads[:3], out, g, *made)]
    plan = cudnn_graphs.plan(
        problems.attention_grad(
            *known[:3], None if bias is None else _operand(bias[0]), known[3], known[4], tuple(known[5:]), scale, causal
        )
    )
    if plan is None:
        return None
    arrays = (*heads[:3], out, g, sums, *([] if bias is None else bias[:1]), *made)
    plan.run([a.data.ptr for a in arrays])
    dq, dk, dv = made
    return heads.split(dq), dk.reshape(k.shape), dv.reshape(v.shape)


def over(attention: Callable, attention_grad: Callable) -> tuple[Callable, Callable]:
    """Attention and its gradient by cuDNN; by the given functions of float32 and wider where it does not compute them."""

    def wide(arrays):
        return [a.astype(numpy.float32) if a is not None and a.itemsize == 2 else a for a in arrays]

    def attended(q, k, v, mask, drop, scale, causal):
        """softmax(scale * q @ k.mT + mask) @ v, and what its gradient needs. drop multiplies the weights."""
        made = _forward(q, k, v, mask, scale, causal) if _suits(q, k, v, drop) else None
        if made is not None:
            return made
        out, kept = attention(*wide((q, k, v, mask, drop)), scale, causal)
        return out.astype(q.dtype, copy=False), kept

    def gradients(g, q, k, v, mask, drop, out, kept, scale, causal, needs):
        """The gradients of q, k, v and mask, None for those not needed, and None for drop."""
        if kept.ndim < out.ndim and not needs[3]:
            made = _backward(g, q, k, v, mask, out, kept, scale, causal)
            if made is not None:
                return (*(d if need else None for d, need in zip(made, needs)), None, None)
        found = attention_grad(*wide((g, q, k, v, mask, drop, out)), kept, scale, causal, needs)
        return tuple(None if d is None else d.astype(q.dtype, copy=False) for d in found)

    return attended, gradients

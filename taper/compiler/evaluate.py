"""The meaning of a graph: NumPy, node by node. The oracle of every pass and kernel, and what runs without llvmlite."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping

import numpy as np

from ..backends import cpu
from . import windows
from .elementwise import ELEMENTWISE
from .graph import PRODUCTS, REDUCTIONS, Node, reached, value_of


def evaluate(results: list[Node], leaves: Mapping[Node, np.ndarray]) -> list[np.ndarray]:
    """The results as arrays, for the arrays of inputs, numbers and draws."""
    values: dict[Node, np.ndarray] = {}
    with np.errstate(all="ignore"):
        for node in reached(results):
            values[node] = leaves[node] if node in leaves else compute(node, [values[n] for n in node.inputs])
    return [np.asarray(values[n]) for n in results]


def compute(node: Node, x: list):
    """One node's value from those of its inputs."""
    op, attrs = node.op, node.attrs
    if op == "constant":
        return value_of(node)
    if op == "cast":
        return np.asarray(x[0]).astype(node.dtype)
    if op in ELEMENTWISE:
        if node.dtype.kind == "b" and op in ("positive", "settle", "check"):
            return x[0]
        return np.asarray(ELEMENTWISE[op].evaluate(*x)).astype(node.dtype, copy=False)
    if op == "reshape":
        return np.reshape(x[0], attrs[0])
    if op == "permute":
        return np.transpose(x[0], attrs[0])
    if op == "expand":
        return np.broadcast_to(x[0], attrs[0])
    if op == "slice":
        return x[0][slices(*attrs)]
    if op == "concat":
        return np.concatenate(x, attrs[0])
    if op == "update":
        made = np.array(x[0])
        made[slices(*attrs)] = x[1]
        return made
    if op in REDUCTIONS:
        return _reduced(op, x[0], attrs[0], node.dtype)
    if op == "matmul":
        return np.matmul(x[0], x[1])
    if op in ("conv", "conv_input") and attrs[-1]:
        made = _convolved(op, attrs, cpu.last_to_second(x[0]), x[1])
        return cpu.second_to_last(made).reshape(node.shape)
    if op in PRODUCTS and op != "matmul":
        return _convolved(op, attrs, *x).reshape(node.shape)
    if op in windows.WINDOWS:
        return windows.evaluated(op, attrs[0], *x)
    if op == "resample":
        return cpu.resample.__wrapped__(x[0], attrs[0]).reshape(node.shape)
    if op == "take":
        return np.take(x[0], x[1], attrs[0])
    if op == "pick":
        return np.take_along_axis(x[0], x[1], attrs[0])
    if op == "scatter":
        made = np.zeros(node.shape, node.dtype)
        np.add.at(made, x[1], x[0])
        return made
    if op == "host":
        return attrs[0].value(*x)
    if op == "routine":
        return attrs[0].evaluate(*x)
    if op == "part":
        return x[0][attrs[0]]
    raise NotImplementedError(f"evaluate: no meaning for {node!r}")


def _convolved(op: str, attrs: tuple, x, y):
    """A convolution or one of its gradients of arrays."""
    if op == "conv":
        return inspect.unwrap(cpu.conv)(x, y, *attrs[1:5])
    gradient = cpu.conv_input_grad if op == "conv_input" else cpu.conv_weight_grad
    return inspect.unwrap(gradient)(x, y, *attrs[:5])


def slices(starts, counts, steps) -> tuple:
    """The slice node's attributes as Python's slices."""
    made = []
    for start, count, step in zip(starts, counts, steps):
        stop = start + count * step
        made.append(slice(start, stop if stop >= 0 else None, step))
    return tuple(made)


def _reduced(op: str, x, axes, dtype):
    if op.startswith("arg"):
        moved = np.moveaxis(x, axes, range(x.ndim - len(axes), x.ndim))
        kept = moved.shape[: x.ndim - len(axes)]
        flat = moved.reshape(*kept, math.prod(moved.shape[len(kept) :]))
        return getattr(np, op)(flat, axis=-1)
    ufunc = dict(sum=np.add, prod=np.multiply, max=np.maximum, min=np.minimum, any=np.logical_or, all=np.logical_and)
    return ufunc[op].reduce(x, axis=axes, dtype=None if op in ("any", "all") else dtype)

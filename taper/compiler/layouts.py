"""Symbols of images whose channels lie last: nodes in the order of memory, seen in the order of dimensions."""

from __future__ import annotations

import math

import numpy as np

from .graph import Graph, Node
from .symbol import Symbol, made


def second_to_last(g: Graph, node: Node) -> Node:
    """A node with its second dimension as the last."""
    return g.permute(node, (0, *range(2, node.ndim), 1))


def last_to_second(g: Graph, node: Node) -> Node:
    """A node with its last dimension as the second."""
    return g.permute(node, (0, node.ndim - 1, *range(1, node.ndim - 1)))


def shadow_last(shape: tuple[int, ...], dtype) -> np.ndarray:
    """A shadow of a shape in the order of dimensions, which lies channels last."""
    steps, step = {}, np.dtype(dtype).itemsize
    for dim in (1, *range(len(shape) - 1, 1, -1), 0):
        steps[dim] = step
        step *= max(shape[dim], 1)
    strides = [steps[dim] for dim in range(len(shape))]
    memory = np.empty(math.prod(shape) if math.prod(shape) < 1 << 26 else (), dtype)
    return np.lib.stride_tricks.as_strided(memory, shape, strides)


def lying_last(g: Graph, node: Node) -> Symbol:
    """A symbol of a node with its channels last, in the order of dimensions."""
    whole = last_to_second(g, node)
    return made(whole, shadow_last(whole.shape, whole.dtype))

"""The operands of a node at an access: what fusion and emission both walk."""

from __future__ import annotations

from ..elementwise import ELEMENTWISE
from ..graph import MOVEMENTS, REDUCTIONS, Node
from .access import Access, along_axes, broadcast, steps_of, through
from .instructions import known

INDEXED = ("take", "pick")


def inline(node: Node) -> bool:
    """Whether kernels compute this node where it is used, from its operands."""
    if node.op in ELEMENTWISE:
        return known(node.op, node.inputs[-1].dtype)
    return node.op in ("cast", "constant", "number", *MOVEMENTS, *INDEXED)


def data_of(node: Node) -> Node:
    """What a take or pick reads, as it lies in memory: reshapes do not move anything."""
    data = node.inputs[0]
    while data.op == "reshape":
        data = data.inputs[0]
    return data


def operands(node: Node, access: Access, extents: tuple[int, ...]) -> list[tuple[Node, Access]]:
    """The nodes computed for one element of `node`, each with its access; of a take or pick the index alone."""
    if node.op in MOVEMENTS:
        return [(node.inputs[0], through(node, access, extents))]
    if node.op in INDEXED:
        return [(node.inputs[1], indexed(node, access, extents)[0])]
    return [(x, broadcast(access, extents, node.shape, x.shape)) for x in node.inputs]


def indexed(node: Node, access: Access, extents: tuple[int, ...]) -> tuple[Access, Access, int]:
    """For a take or pick: the access of its index, that of its data at index 0, and the data's step along the index."""
    data, index = node.inputs
    axis = node.attrs[0]
    first, moves = along_axes(access, extents, node.shape)
    steps = steps_of(data.shape)
    if node.op == "pick":
        index_strides = list(steps_of(index.shape))
        data_strides = [0 if j == axis else s for j, s in enumerate(steps)]
    else:
        inner = steps_of(index.shape)
        index_strides = [0] * axis + list(inner) + [0] * (data.ndim - axis - 1)
        data_strides = [*steps[:axis], *[0] * index.ndim, *steps[axis + 1 :]]

    def along(strides) -> Access:
        offset = sum(f * s for f, s in zip(first, strides))
        return Access(offset, tuple(0 if a < 0 else strides[a] * step for a, step in moves))

    return along(index_strides), along(data_strides), steps[axis]


def is_reduction(node: Node) -> bool:
    return node.op in REDUCTIONS

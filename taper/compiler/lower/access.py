"""Where a kernel's iteration finds an element of a node.

A kernel iterates over a few dimensions. An access says at which flat position, in C order of a node's own shape, an
iteration reads it: an offset and a stride for each dimension of the kernel. Reshapes do not change it; permutations,
broadcasts and slices change its numbers. So movement costs nothing at run time, and every node between memory and memory
is computed where it is used. A dimension that a movement cuts in two is split for the whole kernel (`Split`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..graph import Node


@dataclass(frozen=True, slots=True)
class Access:
    """Flat position of an iteration: offset + sum(stride * index)."""

    offset: int
    strides: tuple[int, ...]


class Split(Exception):
    """The kernel's dimension `dim` must be cut into (outer, inner) for this access to be linear."""

    def __init__(self, dim: int, inner: int):
        self.dim, self.inner = dim, inner


class NotLinear(Exception):
    """No cut makes the access linear: what is moved must be put into memory first."""


def steps_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The C-order strides of a shape, in elements."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))


def along_axes(
    access: Access, extents: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[list[int], list[tuple[int, int]]]:
    """An access as indices of a shape: for each axis its first index, for each kernel dimension (axis, step along it).

    Raises Split or NotLinear where a kernel dimension moves along more than one axis.
    """
    if 0 in extents:
        return [0] * len(shape), [(-1, 0)] * len(extents)
    c = steps_of(shape)
    first = [access.offset // step % n if n else 0 for step, n in zip(c, shape)]
    low, high = list(first), list(first)
    moves: list[tuple[int, int]] = []
    for dim, (stride, n) in enumerate(zip(access.strides, extents)):
        if stride == 0 or n == 1:
            moves.append((-1, 0))
            continue
        size = abs(stride)
        axis = next((j for j, (step, m) in enumerate(zip(c, shape)) if m > 1 and step <= size and size % step == 0), -1)
        if axis < 0:
            raise NotLinear
        step = size // c[axis]
        reach = step * (n - 1)
        if reach > shape[axis] - 1:
            inner = shape[axis] // step
            if shape[axis] % step or inner <= 1 or n % inner or inner >= n:
                raise NotLinear
            raise Split(dim, inner)
        if stride > 0:
            high[axis] += reach
        else:
            low[axis] -= reach
        moves.append((axis, step if stride > 0 else -step))
    if any(a < 0 for a in low) or any(b > n - 1 for b, n in zip(high, shape) if n):
        raise NotLinear
    return first, moves


def _moved(first, moves, strides) -> Access:
    """The access of indices in an array with these strides."""
    return Access(
        sum(f * s for f, s in zip(first, strides)), tuple(0 if a < 0 else strides[a] * step for a, step in moves)
    )


def broadcast(access: Access, extents, shape: tuple[int, ...], source: tuple[int, ...]) -> Access:
    """The access of an operand of shape `source` where one of its broadcast to `shape` is accessed."""
    if source == shape:
        return access
    if math.prod(source) == 1 or 0 in extents:
        return Access(0, (0,) * len(extents))
    lead = len(shape) - len(source)
    if _kept_whole(shape, source, lead):
        # Only leading axes are repeated: the position is that of the trailing part.
        size = math.prod(source)
        if all(
            s % size == 0 or abs(s) * (n - 1) < size - access.offset % size for s, n in zip(access.strides, extents)
        ):
            inner = [0 if s % size == 0 else s for s in access.strides]
            if (
                access.offset % size + sum(s * (n - 1) for s, n in zip(inner, extents) if s > 0) < size
                and min(inner, default=0) >= 0
            ):
                return Access(access.offset % size, tuple(inner))
    shape, source = _merged(shape, (1,) * lead + source)
    strides = tuple(0 if n == 1 else s for n, s in zip(source, steps_of(source)))
    first, moves = along_axes(access, extents, shape)
    return _moved(first, moves, strides)


def _merged(shape, source) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Both shapes with neighbouring axes made one that are all repeated or all not, so that no kernel is cut for them."""
    axes: list[tuple[int, int]] = []
    for n, m in zip(shape, source):
        if n == 1:
            continue
        if axes and (axes[-1][1] == 1) == (m == 1):
            axes[-1] = axes[-1][0] * n, axes[-1][1] * m
        else:
            axes.append((n, m))
    return tuple(n for n, _ in axes), tuple(m for _, m in axes)


def _kept_whole(shape, source, lead: int) -> bool:
    return shape[lead:] == source


def through(node: Node, access: Access, extents: tuple[int, ...]) -> Access:
    """The access of a movement node's input."""
    x = node.inputs[0]
    if node.op == "reshape":
        return access
    if node.op == "expand":
        return broadcast(access, extents, node.shape, x.shape)
    first, moves = along_axes(access, extents, node.shape)
    c = steps_of(x.shape)
    if node.op == "permute":
        return _moved(first, moves, tuple(c[a] for a in node.attrs[0]))
    starts, _, steps = node.attrs
    base = sum(a * s for a, s in zip(starts, c))
    moved = _moved(first, moves, tuple(k * s for k, s in zip(steps, c)))
    return Access(moved.offset + base, moved.strides)


def split(access: Access, dim: int, inner: int) -> Access:
    """An access after dimension `dim` was cut into (outer, inner)."""
    s = access.strides
    return Access(access.offset, (*s[:dim], s[dim] * inner, s[dim], *s[dim + 1 :]))

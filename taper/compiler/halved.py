"""The array namespace of symbols with products in half precision: of attention, where its inputs are of that.

The weights of attention are float32 numbers; multiplied with values of half precision they are rounded to it, on devices
whose units for matrices take no others at speed. Sums stay float32.
"""

from __future__ import annotations

import numpy as np

from .computing import matmul as _matmul
from .graph import MOVEMENTS, Node
from .recording import graph, recording
from .symbol import made, symbol_of

_HALVES = ("float16", "bfloat16")


def __getattr__(name: str):
    from . import arrays

    return getattr(arrays, name)


def matmul(x, y):
    """A product; if one of both was widened from half precision, the other is rounded to that."""
    x, y = symbol_of(x), symbol_of(y)
    half = _origin(x.node()) or _origin(y.node())
    if recording.gpu and half is not None:
        x, y = (v if _origin(v.node()) is not None else _rounded(v, half) for v in (x, y))
    return _matmul(x, y)


def _origin(node: Node) -> np.dtype | None:
    """The half precision that float32 numbers come from, if they do."""
    while node.op in MOVEMENTS:
        node = node.inputs[0]
    found = node.inputs[0].dtype if node.op == "cast" and node.dtype == "float32" else None
    return found if found is not None and found.name in _HALVES else None


def _rounded(x, half: np.dtype):
    """x in half precision and wide again: before it is moved, so that all of its movements share what is rounded."""
    g, moves, node = graph(), [], x.node()
    while node.op in MOVEMENTS:
        moves.append(node)
        node = node.inputs[0]
    node = g.cast(g.cast(node, half), np.float32)
    for move in reversed(moves):
        node = g.make(move.op, (node,), move.attrs, move.shape, node.dtype)
    return made(node)

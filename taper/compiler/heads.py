"""Attention of half precision by a library on a GPU: one node, and one for its gradient, that keep no weights in memory.

Queries, keys, values and results lie as (batch, length, heads, features) without gaps: so programs have them before heads are
split off, and where they are joined.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..backends import cpu
from ..ops.attention import scores_of, slopes, weights_of
from .graph import MOVEMENTS, Node
from .recording import graph, recording
from .routines import Routine
from .symbol import Symbol, made, symbol_of

_HALVES = ("float16", "bfloat16")

_TURN = (0, 2, 1, 3)


@dataclass(frozen=True)
class Heads(Routine):
    """softmax(scale * q @ k.mT) @ v of each head, with the logarithm of each query's sum; or the gradients of q, k and v.

    batch, heads, shared, length, keys, features, values: sizes; `shared` heads of queries have one of keys and values.
    """

    batch: int
    heads: int
    shared: int
    length: int
    keys: int
    features: int
    values: int
    dtype: str
    scale: float
    causal: bool
    backward: bool = False

    library = True

    @property
    def names(self) -> tuple[str, ...]:
        return ("q", "k", "v", "o", "dO", "stats") if self.backward else ("q", "k", "v")

    @property
    def results(self) -> tuple[str, ...]:
        return ("dq", "dk", "dv") if self.backward else ("out", "lse")

    @property
    def title(self) -> str:
        way = " gradient" if self.backward else ""
        return f"attention{way}, {self.batch}x{self.heads} of {self.length}x{self.keys}"

    def shape_of(self, name: str) -> tuple[int, ...]:
        """The shape of an array; of the sums (batch, heads, length)."""
        if name in ("lse", "stats"):
            return self.batch, self.heads, self.length
        few = self.heads // self.shared
        rows = self.length if name in ("q", "dq", "out", "o", "dO") else self.keys
        wide = self.features if name in ("q", "dq", "k", "dk") else self.values
        return self.batch, rows, self.heads if rows is self.length and name not in ("k", "v", "dk", "dv") else few, wide

    def evaluate(self, *arrays) -> list[np.ndarray]:
        x = {n: a.astype(np.float32) for n, a in zip(self.names, arrays)}
        q, k, v = (x[n].transpose(_TURN) for n in "qkv")
        k, v = (np.repeat(a, self.shared, 1) for a in (k, v))
        if not self.backward:
            out = np.matmul(weights_of(cpu, q, k, None, self.scale, self.causal), v)
            lse = cpu.logsumexp(scores_of(cpu, q, k, None, self.scale, self.causal), -1, False)
            return [out.transpose(_TURN).astype(arrays[0].dtype), lse]
        weights = weights_of(cpu, q, k, None, self.scale, self.causal)
        dq, dk, dv, *_ = slopes(
            cpu, x["dO"].transpose(_TURN), q, k, v, None, weights, self.scale, (True, True, True, False)
        )
        dk, dv = (d.reshape(self.batch, -1, self.shared, *d.shape[2:]).sum(2) for d in (dk, dv))
        return [d.transpose(_TURN).astype(arrays[0].dtype) for d in (dq, dk, dv)]

    def flops(self, node) -> int:
        each = 6 * self.features + 4 * self.values if self.backward else 2 * self.features + 2 * self.values
        return self.batch * self.heads * self.length * self.keys * each // (2 if self.causal else 1)


def attention(q, k, v, mask, drop, scale, causal):
    """Attention of symbols by the library of the device, as (result, logarithms of sums); None where it has none for it."""
    attends = recording.attends
    if attends is None or mask is not None or drop is not None or not isinstance(scale, (int, float)):
        return None
    narrow = [_narrow(a) for a in (q, k, v)]
    if any(n is None for n in narrow) or len({n.dtype.name for n in narrow}) > 1:
        return None
    parts = _split(*narrow)
    if parts is None:
        return None
    a, b, c, shared = parts
    batch, heads, length, features = a.shape
    sizes = batch, heads, shared, length, b.shape[2], features, c.shape[3]
    routine = Heads(*sizes, a.dtype.name, float(scale), bool(causal))
    if 0 in sizes or not attends(routine):
        return None
    out, lse = _run(routine, {n: _turned(x) for n, x in zip("qkv", (a, b, c))})
    out = _turned(out).reshape((*q.shape[:-1], v.shape[-1]))
    return _widened(out, q.dtype), lse.reshape(q.shape[:-1])


def attention_grad(g, q, k, v, out, lse, scale, causal):
    """The gradients of q, k and v, which `attention` has gone this way with."""
    shapes = [a.shape for a in (q, k, v)]
    wide, (q, k, v) = q.dtype, [_narrow(a) for a in (q, k, v)]
    a, b, c, shared = _split(q, k, v)
    batch, heads, length, features = a.shape
    sizes = batch, heads, shared, length, b.shape[2], features, c.shape[3]
    routine = Heads(*sizes, a.dtype.name, float(scale), bool(causal), True)
    given = {n: _turned(x) for n, x in zip("qkv", (a, b, c))}
    rows = (batch, heads, length, c.shape[3])
    for name, x in (("o", out), ("dO", g)):
        half = _narrow(x)
        given[name] = _turned((_cast(x, a.dtype) if half is None else half).reshape(rows))
    given["stats"] = lse.reshape((batch, heads, length))
    return [_widened(_turned(d).reshape(s), wide) for d, s in zip(_run(routine, given), shapes)]


def is_by_library(q) -> bool:
    """Whether a symbol was widened from half precision, and the device has a library for attention."""
    return recording.attends is not None and _narrow(q) is not None


def _run(routine: Heads, given: dict) -> list[Symbol]:
    nodes = tuple(symbol_of(given[n]).node() for n in routine.names)
    half = nodes[0].dtype
    results = [(routine.shape_of(n), np.dtype(np.float32) if n == "lse" else half) for n in routine.results]
    return [made(n) for n in graph().routine(routine, nodes, results)]


def _split(q, k, v):
    """q, k, v with one dimension of batches and one of heads, and how many heads share one of keys; None if they have none."""
    lead = q.shape[:-2]
    if k.shape[:-2] == v.shape[:-2] == lead:
        rows = (math.prod(lead[:-1]), lead[-1]) if lead else (1, 1)
        return (*(a.reshape((*rows, *a.shape[-2:])) for a in (q, k, v)), 1)
    if len(lead) == 3 and k.shape[:-2] == v.shape[:-2] == (*lead[:-1], 1):
        heads = (lead[0], lead[1] * lead[2])
        return (q.reshape((*heads, *q.shape[-2:])), *(a.reshape((*lead[:2], *a.shape[-2:])) for a in (k, v)), lead[2])
    return None


def _turned(x):
    return x.transpose(_TURN)


def _cast(x, dtype):
    return made(graph().cast(symbol_of(x).node(), dtype))


def _widened(x, dtype):
    return x if x.dtype == dtype else _cast(x, dtype)


def _narrow(x):
    """Numbers of half precision as they were before they were widened, and moved; None if they were not."""
    node, moves = symbol_of(x).node(), []
    if node.dtype.name in _HALVES:
        return symbol_of(x)
    while node.op in MOVEMENTS:
        moves.append(node)
        node = node.inputs[0]
    if node.op != "cast" or node.inputs[0].dtype.name not in _HALVES:
        return None
    return made(_moved(node.inputs[0], moves))


def _moved(node: Node, moves: list[Node]) -> Node:
    for move in reversed(moves):
        node = graph().make(move.op, (node,), move.attrs, move.shape, node.dtype)
    return node

"""Routines: nodes that are whole kernels over sequences, with several results. What they mean, and how symbols get them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..backends import cpu
from ..backends.cpu.attention import WIDEST
from ..ops.attention import scores_of, slopes, weights_of
from ..ops.recurrence import CELLS
from .recording import graph, recording
from .symbol import Symbol, made, symbol_of

__all__ = ["Attending", "Recurrent", "Routine", "attention", "attention_grad", "recurrence", "recurrence_grad"]


class Routine:
    """What a routine node computes. `names` are its inputs', `results` its results', in order.

    evaluate(*arrays) gives the results; flops(node) counts operations; repr tells routines apart, on disk, too.
    """

    names: tuple[str, ...]
    results: tuple[str, ...]
    title: str
    library = False
    """Whether a library on a GPU computes it."""

    def evaluate(self, *arrays) -> list[np.ndarray]:
        raise NotImplementedError

    def flops(self, node) -> int:
        raise NotImplementedError


@dataclass(frozen=True)
class Recurrent(Routine):
    """A recurrent layer's steps (`Cell.unrolled`), or their gradient (`Cell.unrolled_grad`), without projection."""

    cell: str
    sizes: tuple[int, ...]
    reverse: bool
    bias: bool = False
    backward: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        two = CELLS[self.cell].states == 2
        if self.backward:
            return (
                "g",
                "g_h",
                *(["g_c"] if two else []),
                "before_h",
                *(["before_c"] if two else []),
                "saved",
                "w",
                "sizes",
            )
        return ("x", "h", *(["c"] if two else []), "w", *(["b"] if self.bias else []), "sizes")

    @property
    def results(self) -> tuple[str, ...]:
        cell = CELLS[self.cell]
        two = cell.states == 2
        if self.backward:
            return ("dx", *(["dr"] if cell.splits else []), "d_h", *(["d_c"] if two else []))
        return ("out", "last_h", *(["last_c"] if two else []), "before_h", *(["before_c"] if two else []), "saved")

    @property
    def title(self) -> str:
        way = " gradient" if self.backward else ""
        return f"{self.cell.lower().replace('_', ' ')}{way}, {len(self.sizes)} steps of {self.sizes[0]}"

    def shapes(self, hidden: int) -> list[tuple[int, int]]:
        """The shapes of the results."""
        cell, total, batch = CELLS[self.cell], sum(self.sizes), self.sizes[0]
        wide = dict(dx=cell.gates, dr=cell.gates, saved=cell.saved)
        rows = {"last_h", "last_c", "d_h", "d_c"}
        return [(batch if n in rows else total, wide.get(n, 1) * hidden) for n in self.results]

    def evaluate(self, *arrays) -> list[np.ndarray]:
        cell, x = CELLS[self.cell], dict(zip(self.names, arrays))
        if self.backward:
            gradients = tuple(x[n] for n in ("g", "g_h", "g_c") if n in x)
            before_c = x.get("before_c")
            dx, dr, first, _ = cell.unrolled_grad(
                cpu, gradients, x["before_h"], before_c, x["saved"], x["w"], None, self.sizes, self.reverse
            )
            return [dx, *([dr] if cell.splits else []), *first]
        found = cell.unrolled(cpu, x["x"], x["h"], x.get("c"), x["w"], x.get("b"), None, self.sizes, self.reverse)
        return [a for a in found if a is not None]

    def flops(self, node) -> int:
        weights = node.inputs[self.names.index("w")]
        return 2 * sum(self.sizes) * weights.size


@dataclass(frozen=True)
class Attending(Routine):
    """Attention by blocks, which gives its result and the logarithm of each query's sum; or its gradient.

    lead, length, keys, features, values: sizes. arrays: the names of the given arrays, and with each the shape that it has.
    """

    lead: tuple[int, ...]
    length: int
    keys: int
    features: int
    values: int
    arrays: tuple[tuple[str, tuple[int, ...]], ...]
    scale: float
    causal: bool
    backward: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        given = [n for n, _ in self.arrays]
        return (*given, *(n + "_at" for n in (*given, *self.results) if n != "lse"), "scale_at")

    @property
    def results(self) -> tuple[str, ...]:
        return ("dq", "dk", "dv") if self.backward else ("out", "lse")

    @property
    def title(self) -> str:
        heads = "x".join(map(str, self.lead)) or "1"
        return f"attention{' gradient' if self.backward else ''}, {heads} of {self.length}x{self.keys}"

    @property
    def batch(self) -> int:
        return math.prod(self.lead)

    def shape_of(self, name: str) -> tuple[int, ...]:
        """The shape of a given array, or of a result."""
        made = {"out": (self.length, self.values), "lse": (self.length,), "dq": (self.length, self.features)}
        made |= {"dk": (self.keys, self.features), "dv": (self.keys, self.values)}
        found = dict(self.arrays)
        return found[name] if name in found else (*self.lead, *made[name])

    def layout(self, name: str) -> tuple[np.ndarray, int]:
        """Where the matrices of an array begin for each of the leading indices, and the step between their rows."""
        shape = self.shape_of(name)
        rows = self.keys if name in ("k", "v", "dk", "dv") else self.length
        each = np.broadcast_to(np.arange(math.prod(shape[:-1])).reshape(shape[:-1]) * shape[-1], (*self.lead, rows))
        step = shape[-1] if shape[-2] > 1 else 0
        return np.ascontiguousarray(each[..., 0]).reshape(-1), step

    def evaluate(self, *arrays) -> list[np.ndarray]:
        x = dict(zip(self.names, arrays))
        q, k, v, mask, drop = (x.get(n) for n in ("q", "k", "v", "mask", "drop"))
        weights = weights_of(cpu, q, k, mask, self.scale, self.causal)
        if self.backward:
            made = slopes(cpu, x["g"], q, k, v, drop, weights, self.scale, (True, True, True, False))
            return [np.broadcast_to(d, self.shape_of(n)) for d, n in zip(made, self.results)]
        out = np.matmul(weights if drop is None else weights * drop, v)
        lse = cpu.logsumexp(scores_of(cpu, q, k, mask, self.scale, self.causal), -1, False)
        lse = np.where(np.isneginf(lse), np.inf, lse).astype(out.dtype)
        return [out, np.broadcast_to(lse, self.shape_of("lse"))]

    def flops(self, node) -> int:
        each = 6 * self.features + 4 * self.values if self.backward else 2 * self.features + 2 * self.values
        return self.batch * self.length * self.keys * each // (2 if self.causal else 1)


LARGE, LARGE_CAUSAL = 1 << 16, 1 << 13
"""Weights of one head from which attention goes by blocks, and where half of them are hidden."""


def attention(q, k, v, mask, drop, scale, causal):
    """Attention by blocks of symbols, as (result, logarithms of sums); None where it does not go that way."""
    length, keys = q.shape[-2], k.shape[-2]
    arrays = {n: a for n, a in dict(q=q, k=k, v=v, mask=mask, drop=drop).items() if a is not None}
    if length * keys < (LARGE_CAUSAL if causal else LARGE) or q.dtype.name not in ("float32", "float64"):
        return None
    if recording.gpu or not isinstance(scale, (int, float)):
        return None
    if max(q.shape[-1], v.shape[-1]) > WIDEST or (mask is not None and (mask.ndim < 2 or mask.shape[-1] != keys)):
        return None
    if any(a.dtype != q.dtype for n, a in arrays.items() if n != "mask" or a.dtype.kind != "b"):
        return None
    return tuple(_attend(arrays, scale, causal))


def attention_grad(g, q, k, v, mask, drop, out, lse, scale, causal):
    """The gradients of q, k and v, with their leading dimensions broadcast."""
    arrays = dict(g=g, q=q, k=k, v=v, mask=mask, drop=drop, out=out, lse=lse)
    return _attend({n: a for n, a in arrays.items() if a is not None}, scale, causal, True)


def _attend(arrays: dict, scale, causal: bool, backward: bool = False) -> list[Symbol]:
    q, k, v = arrays["q"], arrays["k"], arrays["v"]
    lead = np.broadcast_shapes(*(a.shape[:-2] for n, a in arrays.items() if n != "lse"))
    shapes = tuple((n, tuple(a.shape)) for n, a in arrays.items())
    sizes = q.shape[-2], k.shape[-2], q.shape[-1], v.shape[-1]
    routine = Attending(lead, *sizes, shapes, float(scale), bool(causal), backward)
    g = graph()
    given = {n: symbol_of(a).node() for n, a in arrays.items()}
    for name in routine.names[len(given) :]:
        table = np.array([scale], q.dtype) if name == "scale_at" else routine.layout(name[:-3])[0]
        # Constants of one element would be part of the code.
        given[name] = g.constant(np.concatenate([table, table[-1:]]))
    results = [(routine.shape_of(n), q.dtype) for n in routine.results]
    return [made(n) for n in g.routine(routine, tuple(given[n] for n in routine.names), results)]


def _run(routine: Recurrent, given: dict) -> list[Symbol]:
    g = graph()
    nodes = tuple(symbol_of(given[n]).node() for n in routine.names if n != "sizes")
    sizes = g.constant(np.array(routine.sizes, np.int64))
    hidden = given["w"].shape[1]
    results = [(shape, nodes[0].dtype) for shape in routine.shapes(hidden)]
    return [made(n) for n in g.routine(routine, (*nodes, sizes), results)]


def _is_native(project, sizes, *arrays) -> bool:
    first = arrays[0].dtype
    return (
        project is None
        and recording.place.type != "cuda"
        and len(sizes) > 1
        and sum(sizes) > 0
        and first.name in ("float32", "float64")
        and all(a is None or a.dtype == first for a in arrays)
    )


def recurrence(xp, cell, x, h, c, w, b, project, sizes, reverse):
    """`Cell.unrolled` of symbols: one node, but for single steps, projections, and on a GPU."""
    if not _is_native(project, sizes, x, h, c, w, b):
        return cell.unrolled(xp, x, h, c, w, b, project, sizes, reverse)
    routine = Recurrent(cell.name, tuple(sizes), reverse, b is not None)
    found = dict(zip(routine.results, _run(routine, dict(x=x, h=h, c=c, w=w, b=b))))
    states = [found[n] for n in ("last_h", "last_c") if n in found]
    return (found["out"], *states, found["before_h"], found.get("before_c"), found["saved"], None)


def recurrence_grad(xp, cell, gradients, before_h, before_c, saved, w, project, sizes, reverse):
    """`Cell.unrolled_grad` of symbols."""
    if not _is_native(project, sizes, saved, w, before_h, before_c, *gradients):
        return cell.unrolled_grad(xp, gradients, before_h, before_c, saved, w, project, sizes, reverse)
    routine = Recurrent(cell.name, tuple(sizes), reverse, backward=True)
    given = dict(zip(("g", "g_h", "g_c"), gradients))
    found = dict(
        zip(
            routine.results,
            _run(routine, {**given, "before_h": before_h, "before_c": before_c, "saved": saved, "w": w}),
        )
    )
    first = tuple(found[n] for n in ("d_h", "d_c") if n in found)
    return found["dx"], found.get("dr", found["dx"]), first, None

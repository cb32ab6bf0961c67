"""Routines: nodes that are whole kernels over sequences, with several results. What they mean, and how symbols get them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..backends import cpu
from ..ops.recurrence import CELLS
from .recording import graph, recording
from .symbol import Symbol, made, symbol_of

__all__ = ["Recurrent", "Routine", "recurrence", "recurrence_grad"]


class Routine:
    """What a routine node computes. `names` are its inputs', `results` its results', in order.

    evaluate(*arrays) gives the results; flops(node) counts operations; repr tells routines apart, on disk, too.
    """

    names: tuple[str, ...]
    results: tuple[str, ...]
    title: str

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
            return ("g", "g_h", *(["g_c"] if two else []), "before_h", *(["before_c"] if two else []), "saved", "w", "sizes")
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
        and not recording.gpu
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
    found = dict(zip(routine.results, _run(routine, {**given, "before_h": before_h, "before_c": before_c, "saved": saved, "w": w})))
    first = tuple(found[n] for n in ("d_h", "d_c") if n in found)
    return found["dx"], found.get("dr", found["dx"]), first, None

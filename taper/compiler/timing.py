"""How long the entries of a program take: each run by itself, in the program's order, on copies of all that it touches."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from ..native import team
from .graph import Node
from .host import rehearsal
from .lower.kernels import Kernel
from .program import Program
from .step import Step

BATCHES = 5
SECONDS = 3e-4
"""A batch repeats an entry for about this long, in one native call: entering costs more than a small kernel."""

OVERWRITING = 16
"""Repetitions, at most, of an entry that overwrites what it reads: its values should stay ordinary numbers."""


@dataclass
class Times:
    """Seconds of each entry by its number, of each host kernel, and of the whole program; the least of a few tries."""

    entries: list[float] = field(default_factory=list)
    hosts: dict[Kernel, float] = field(default_factory=dict)
    whole: float = 0.0


def copies(step: Step) -> dict[Node, np.ndarray]:
    """Copies of what a step reads now, and room for its results. What is no longer there, or has another shape, is zeros."""
    program, sources = step.program, step.captured.sources
    arrays: dict[Node, np.ndarray] = {}
    for node in {*program.leaves, *program.state.values()}:
        if node.op == "number":
            arrays[node] = np.asarray(step.present(sources[node], step.given), np.float64)
        elif node.op == "input":
            arrays[node] = _copy(step, node)
    streams: dict[int, object] = {}
    for draw, nodes in step.captured.draws:
        stream = streams.setdefault(id(draw.generator), draw.generator.stream.copy())
        drawn = getattr(stream, draw.method)(*draw.args, **draw.kwargs)
        for node, array in zip(nodes, drawn if isinstance(drawn, tuple) else [drawn]):
            arrays[node] = np.ascontiguousarray(array)
    return arrays | room(program)


def _copy(step: Step, node: Node) -> np.ndarray:
    source = step.captured.sources[node]
    t = step.given[source.place] if source.kind == "argument" else source.tensor
    if source.kind == "grad":
        t = t._grad
    array = None if t is None else t._array
    if array is None or array.shape != node.shape or array.dtype != node.dtype:
        return np.zeros(node.shape, node.dtype)
    return np.array(array, order="C")


def room(program: Program) -> dict[Node, np.ndarray]:
    """Arrays for the results that a program does not write over its inputs."""
    return {n: np.zeros(n.shape, n.dtype) for n in program.results if n not in program.state}


def timed(program: Program, arrays: dict[Node, np.ndarray]) -> Times:
    """Run a program on `arrays`, which it overwrites, and measure its parts. Its own tables are as before afterwards.

    An entry finds its operands as the entries before it left them; so each is measured when its turn comes, and the
    arena holds what it needs.
    """
    found = Times()
    kept = program.slots.copy()
    refused = np.zeros((), bool)
    rehearsal.going_on = True
    try:
        for node, array in arrays.items():
            at = program.slot.get(node)
            if at is not None:
                program.slots[at] = array.ctypes.data
        for segment in program.segments:
            for i in range(segment.first, segment.last):
                found.entries.append(_entry(program, i, arrays))
            if segment.host is not None:
                found.hosts[segment.host] = _least(lambda kernel=segment.host: program.run_host(kernel, arrays), 3)
        found.whole = _least(lambda: program.execute(arrays, refused), 3 if sum(found.entries) > 0.05 else 10)
    finally:
        rehearsal.going_on = False
        program.slots[:] = kept
    return found


def _entry(program: Program, i: int, arrays: dict[Node, np.ndarray]) -> float:
    """Seconds of one run of an entry, which leaves its results as one run does."""
    entry = program.entries[i]
    over = [arrays[home] for n, home in program.state.items() if n in entry.writes and home in arrays]
    before = [a.copy() for a in over]
    once = _repeated(program, i, 1)
    most = OVERWRITING if over else 10_000
    count = max(1, min(most, int(SECONDS / max(once, 1e-8))))
    least = once
    for _ in range(BATCHES):
        for array, value in zip(over, before):
            array[...] = value
        least = min(least, _repeated(program, i, count))
    if over and count > 1:
        for array, value in zip(over, before):
            array[...] = value
        _repeated(program, i, 1)
    return least


def _repeated(program: Program, i: int, count: int) -> float:
    """Seconds of one of `count` runs of an entry in one native call, on the threads that it is shared by."""
    code = np.tile(program.code[i], (count, 1))
    code[:, 3] = 1
    crew = team.team()
    with crew.lock:
        threads = crew.ready(team.threads()) if program.threads and program.entries[i].chunks > 1 else 1
        started = time.perf_counter()
        team.runner()(crew.address, code.ctypes.data, 0, count, threads)
        return (time.perf_counter() - started) / count


def _least(run, times: int) -> float:
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return min(seconds)

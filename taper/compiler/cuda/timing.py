"""What the launches and calls of a program take on the GPU: each by itself, in the program's order, on copies of its data."""

from __future__ import annotations

import time
from collections.abc import Iterable

import numpy as np

from .. import describe
from ..explain import Explanation, Row
from ..graph import Node
from ..lower.calls import Call
from ..lower.kernels import Kernel
from ..stages import graphs_of
from ..step import Step
from .program import CudaProgram

TRIES = 3


def explanation(step: Step, name: str) -> Explanation:
    """The launches and calls of a step on a GPU, and what each takes."""
    found = Explanation(name, machine=step.program.driver.name)
    with step.lock:
        arrays = _arrays(step)
        graphs = graphs_of(step)
        _add(found, _again(step, step.program, graphs[0]), arrays, "forward")
        if step.backward is not None:
            backward = step.backward.program
            values = {n: _filled(step, n, 1) for n in step.backward.leaves}
            values |= {n: _filled(step, n, 0) for n in backward.results}
            _add(found, _again(step, backward, graphs[1]), values, "backward")
    return found


def _again(step: Step, program: CudaProgram, graph) -> CudaProgram:
    """A program of the same graph with memory of its own: the step's keeps the addresses that it knows."""
    options = {"hosted": program.hosted} if program.hosted else {}
    return step.home.program(graph, program.results, program.state, **options)


def _arrays(step: Step) -> dict[Node, object]:
    """Copies of what a step reads now, and room for its results. What is no longer there, or has another shape, is zeros."""
    program, sources = step.program, step.captured.sources
    arrays: dict[Node, object] = {}
    for node in dict.fromkeys([*program.leaves, *program.state.values()]):
        if node.op == "number":
            arrays[node] = np.asarray(step.present(sources[node], step.given), np.float64)
        elif node.op == "input":
            arrays[node] = _copy(step, node)
    streams: dict[int, object] = {}
    for draw, nodes in step.captured.draws:
        stream = streams.setdefault(id(draw.generator), draw.generator.stream.copy())
        drawn = getattr(stream, draw.method)(*draw.args, **draw.kwargs)
        for node, array in zip(nodes, drawn if isinstance(drawn, tuple) else [drawn]):
            arrays[node] = step.home.contiguous(array)
    return arrays | {n: _filled(step, n, 0) for n in program.results if n not in program.state}


def _copy(step: Step, node: Node):
    source = step.captured.sources[node]
    t = step.given[source.place] if source.kind == "argument" else source.tensor
    t = t._grad if source.kind == "grad" else t
    array = None if t is None else t._array
    if array is None or array.shape != node.shape or array.dtype != node.dtype:
        return _filled(step, node, 0)
    return array.copy()


def _filled(step: Step, node: Node, value: float):
    array = step.home.empty(node.shape, node.dtype)
    array[...] = value
    return array


def _add(found: Explanation, program: CudaProgram, arrays: dict[Node, object], direction: str) -> None:
    """The rows of one program."""
    driver = program.driver
    program.run(arrays)
    for segment in program.segments:
        for i in range(segment.first, segment.last):
            entry = program.entries[i]
            taken = min(driver.seconds(lambda i=i: program.enqueue_entry(i)) for _ in range(TRIES))
            half = isinstance(entry, Call) and entry.what.dtype in ("float16", "bfloat16")
            rates = driver.limits(half, any(map(describe.double, entry.kernels)))
            found.rows.append(_row(len(found.rows) + 1, entry.kernels, taken, rates, direction))
        if segment.host is not None:
            started = time.perf_counter()
            program.call_host(segment.host)
            taken = time.perf_counter() - started
            found.rows.append(_row(len(found.rows) + 1, [segment.host], taken, None, direction))
    for _ in range(2):
        program.run(arrays)
    found.seconds += min(driver.seconds(lambda: program.run(arrays)) for _ in range(TRIES))
    found.arena += program.arena_size
    found.calls += sum(s.first < s.last for s in program.segments)


def _row(number: int, kernels: list[Kernel], seconds: float, rates: tuple[float, float] | None, direction: str) -> Row:
    """One launch. rates: operations and bytes a second that the GPU is capable of; None for the host."""
    flops, bytes = sum(map(describe.flops, kernels)), sum(map(describe.traffic, kernels))
    beside = len(kernels) - 1
    what = describe.what(kernels[0]) + (f" and {beside} beside it" if beside else "")
    computing, moving = (flops / rates[0], bytes / rates[1]) if rates else (0.0, 0.0)
    share = None if rates is None else max(computing, moving) / max(seconds, 1e-12)
    limit = "arithmetic" if computing > moving else "memory"
    return Row(
        number, what, _together(map(describe.lines, kernels)), _together(map(describe.fused, kernels), False), flops,
        bytes, seconds, share, limit, direction,
    )  # fmt: skip


def _together(parts: Iterable[Iterable[str]], once: bool = True) -> tuple[str, ...]:
    found = [x for part in parts for x in part]
    return tuple(dict.fromkeys(found) if once else found)

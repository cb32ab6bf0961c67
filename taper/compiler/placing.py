"""What programs share, whatever machine they are for: settled results, places in an arena, cuts where the host is called."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .graph import SEVERAL, Graph, Node

if TYPE_CHECKING:
    from .lower.kernels import Kernel


class Scratch:
    """Working memory of one kernel, or of two that follow one another; size in bytes."""

    def __init__(self, size: int):
        self.size = size


@dataclass
class Segment:
    """Entries first to last in one native call, then a host kernel, if any."""

    first: int
    last: int
    host: Kernel | None = None


def settled(
    graph: Graph, results: list[Node], state: dict[Node, Node], schedule: Callable, **options
) -> tuple[list[Node], dict[Node, Node], list[Kernel], list[int]]:
    """Results and state, with copies in place of results that would overwrite an input too soon; the kernels that
    `schedule` finds for them; the places of the copies among the results."""
    kernels, unsafe = schedule(results, state, **options)
    places: list[int] = []
    while unsafe:
        # Another order of running may make further results unsafe.
        found = [i for i, r in enumerate(results) if r in unsafe]
        assert not set(found) & set(places), unsafe
        results, state = with_copies(graph, results, state, found)
        places += found
        kernels, unsafe = schedule(results, state, **options)
    return results, state, kernels, places


def with_copies(
    graph: Graph, results: list[Node], state: dict[Node, Node], places: list[int]
) -> tuple[list[Node], dict[Node, Node]]:
    """Results and state with the results at some places computed after all else."""
    copies = {results[i]: graph.copied(results[i], "settle") for i in places}
    return [copies.get(r, r) for r in results], {copies.get(r, r): old for r, old in state.items()}


def host_results(kernel: Kernel) -> list[Node]:
    """The nodes whose values a host kernel makes."""
    if kernel.node.op not in SEVERAL:
        return [kernel.node]
    return [p for p in kernel.parts if p.op == "part"]


def placed(lives: dict[object, tuple[int, int, int]], align: int) -> tuple[dict[object, int], int]:
    """Offsets in one arena for (first use, last use, bytes), so that what lives at the same time does not overlap."""
    offsets: dict[object, int] = {}
    taken: list[tuple[int, int, int, int]] = []
    for item, (first, last, size) in sorted(lives.items(), key=lambda x: -x[1][2]):
        size = math.ceil(max(size, 1) / align) * align
        rivals = sorted((start, end) for a, z, start, end in taken if a <= last and first <= z)
        at = 0
        for start, end in rivals:
            if at + size <= start:
                break
            at = max(at, end)
        offsets[item] = at
        taken.append((first, last, at, at + size))
    return offsets, max((end for *_, end in taken), default=0)

"""The capture that is going on in this thread: its graph, and what it notes beside nodes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from .graph import Graph, Node


class Check(NamedTuple):
    """What must hold at every run, before anything is written: all elements of `node` lie in [low, high], else `error`."""

    node: Node
    low: float
    high: float
    error: Exception


class Recording(threading.local):
    """The capture of this thread, if any: its graph, the present value of a number, questions and checks."""

    graph: Graph | None = None
    present: Callable[[Node], float]
    questions: list
    checks: list[Check]


recording = Recording()


def graph() -> Graph:
    """The graph being captured. RuntimeError in a thread that captures nothing."""
    if recording.graph is None:
        raise RuntimeError("a tensor is being captured by taper.compile in another thread; wait until that is done")
    return recording.graph

"""The capture that is going on in this thread: its graph, and what it notes beside nodes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ..backends.device import CPU, device
from .graph import Graph, Node


class Recording(threading.local):
    """The capture of this thread, if any.

    present: the value of a number now. questions: what was asked about numbers. checks: conditions that leave a run to
    the eager engine where they are true anywhere. place: the device of the step's arrays. gpu: whether a GPU
    computes with them. attends: whether a library there computes attention (heads.py); None without one.
    """

    graph: Graph | None = None
    present: Callable[[Node], float]
    questions: list
    checks: list[Node]
    place: device = CPU
    gpu: bool = False
    attends: Callable[[Any], bool] | None = None


recording = Recording()


def graph() -> Graph:
    """The graph being captured. RuntimeError in a thread that captures nothing."""
    if recording.graph is None:
        raise RuntimeError("a tensor is being captured by taper.compile in another thread; wait until that is done")
    return recording.graph

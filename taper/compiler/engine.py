"""Which programs can be made here: machine code where llvmlite is installed, else the reference evaluator."""

from __future__ import annotations

import warnings
from importlib.util import find_spec

from .graph import Graph, Node
from .interpreted import InterpretedProgram

_warned = False


def native_available() -> bool:
    """Whether machine code can be made."""
    return find_spec("llvmlite") is not None


def look_at_machine() -> None:
    """ValueError if TAPER_CPU names no machine: that is no reason to run eagerly."""
    if native_available():
        from ..native.machine import host

        host()


def program_of(graph: Graph, results: list[Node], state: dict[Node, Node]):
    """A program for a graph's results; warns once if it is interpreted."""
    global _warned
    if native_available():
        from .program import Program

        return Program(graph, results, state)
    if not _warned:
        _warned = True
        warnings.warn(
            "taper.compile: llvmlite is not installed, so compiled functions run on NumPy, slower. "
            "pip install llvmlite makes machine code of them.",
            stacklevel=6,
        )
    return InterpretedProgram(graph, results, state)

"""cuDNN through NVIDIA's Python front end (`cudnn`): each problem is planned once, and run on the current stream.

Where the front end or cuDNN's library is missing, where `taper.backends.cudnn.enabled` is off, and where cuDNN refuses a
problem, there is no plan, and callers compute with CuPy.
"""

# Neither CuPy nor the front end is there where types are checked.
# pyright: reportMissingImports=false

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
import threading
from collections.abc import Iterable
from typing import Any

import cupy

from .. import cudnn as settings
from ..determinism import REQUIRED
from .cudnn_problems import Problem, described, unwanted

WORKSPACE = 1 << 30
"""Bytes that an operation may borrow while it runs."""


class Plan:
    """A problem that cuDNN has planned for one GPU. It belongs to the thread that made it."""

    __slots__ = ("graph", "uids", "size", "handle")

    def __init__(self, graph, uids: list[int], handle):
        self.graph, self.uids, self.handle = graph, uids, handle
        self.size: int = graph.get_workspace_size()

    def run(self, addresses: Iterable[int]) -> None:
        """Enqueue it on the current stream: the addresses of what is given, then of the results."""
        _front_end().set_stream(handle=self.handle, stream=cupy.cuda.get_current_stream().ptr)
        # The pool gives the memory to what is enqueued later alone, so that it may be let go here.
        room = cupy.empty(max(self.size, 1), dtype="uint8")
        self.graph.execute(dict(zip(self.uids, addresses)), room.data.ptr, handle=self.handle)


class _Kept(threading.local):
    """What cuDNN keeps for one thread: a handle for each GPU, and plans by GPU, settings and problem."""

    def __init__(self):
        self.handles: dict[int, Any] = {}
        self.plans: dict[tuple, Plan | None] = {}


_kept = _Kept()


@functools.cache
def _front_end() -> Any:
    """The module `cudnn`; None where it, or cuDNN's library, is not there."""
    if "cudnn" not in sys.modules and importlib.util.find_spec("cudnn") is None:
        return None
    module = importlib.import_module("cudnn")
    try:
        module.backend_version()
    except RuntimeError:  # the library is not there
        return None
    return module


def version() -> int | None:
    """cuDNN's version, 91200 for 9.12.0; None without it."""
    module = _front_end()
    return None if module is None else module.backend_version()


def tf32() -> bool:
    """Whether convolutions of float32 may be computed in TF32."""
    return settings.allow_tf32 if settings.fp32_precision == "none" else settings.fp32_precision == "tf32"


def plan(problem: Problem) -> Plan | None:
    """How cuDNN computes a problem on the current GPU; None where it does not, or shall not."""
    if not settings.enabled or _front_end() is None:
        return None
    number = cupy.cuda.get_device_id()
    key = problem, number, tf32(), settings.deterministic or REQUIRED[0]
    try:
        return _kept.plans[key]
    except KeyError:
        made = _kept.plans[key] = _planned(problem, number, *key[2:])
        return made


def _planned(problem: Problem, number: int, tf32: bool, deterministic: bool) -> Plan | None:
    cudnn = _front_end()
    handle = _kept.handles.get(number)
    if handle is None:
        handle = _kept.handles[number] = cudnn.create_handle()
    try:
        graph, uids = described(cudnn, problem, deterministic, handle=handle)
        graph.validate()
        graph.build_operation_graph()
        graph.create_execution_plans([cudnn.heur_mode.A, cudnn.heur_mode.FALLBACK])
        if notes := unwanted(cudnn, problem, tf32, deterministic):
            graph.deselect_numeric_notes(notes)
        graph.deselect_workspace_greater_than(WORKSPACE)
        graph.check_support()
        graph.build_plans()
    except cudnn.cudnnGraphNotSupportedError:
        return None
    return Plan(graph, uids, handle)

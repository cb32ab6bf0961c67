"""cuDNN through NVIDIA's Python front end (`cudnn`): graphs of one operation, planned once for each problem.

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
from typing import Any, NamedTuple

import cupy

from .. import cudnn as settings
from ..determinism import REQUIRED

Sizes = tuple[int, ...]

TYPES = {"float32": "FLOAT", "float64": "DOUBLE", "float16": "HALF", "bfloat16": "BFLOAT16"}

WORKSPACE = 1 << 30
"""Bytes that an operation may borrow while it runs."""


class Operand(NamedTuple):
    """One array as cuDNN sees it: strides count elements."""

    shape: Sizes
    strides: Sizes
    dtype: str


class Problem(NamedTuple):
    """One operation.

    method: the graph's method. given: the names of its arrays among the method's parameters. results: in the method's order.
    options: its further parameters. A result that nobody wants is None.
    """

    method: str
    given: tuple[tuple[str, Operand], ...]
    results: tuple[Operand | None, ...]
    options: tuple[tuple[str, Any], ...]


def dense(shape: Sizes, dtype: str, last: bool = False) -> Operand:
    """An array without gaps; last: whose channels, dimension 1, lie beside each other."""
    order = (0, *range(2, len(shape)), 1) if last else tuple(range(len(shape)))
    strides, step = [0] * len(shape), 1
    for axis in reversed(order):
        strides[axis] = step
        step *= shape[axis]
    return Operand(tuple(shape), tuple(strides), dtype)


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
        if notes := _unwanted(cudnn, problem, tf32, deterministic):
            graph.deselect_numeric_notes(notes)
        graph.deselect_workspace_greater_than(WORKSPACE)
        graph.check_support()
        graph.build_plans()
    except cudnn.cudnnGraphNotSupportedError:
        return None
    return Plan(graph, uids, handle)


def described(cudnn: Any, problem: Problem, deterministic: bool, **options) -> tuple[Any, list[int]]:
    """The front end's graph of a problem, and the numbers of its tensors: what is given, then the results."""
    types = cudnn.data_type
    first = problem.given[0][1].dtype
    wide = types.DOUBLE if first == "float64" else types.FLOAT
    graph = cudnn.pygraph(
        io_data_type=getattr(types, TYPES[first]), intermediate_data_type=wide, compute_data_type=wide, **options
    )
    given = {}
    for uid, (name, a) in enumerate(problem.given, start=1):
        given[name] = graph.tensor(
            name=name, dim=list(a.shape), stride=list(a.strides), data_type=getattr(types, TYPES[a.dtype]), uid=uid
        )
    further = dict(problem.options)
    if deterministic and problem.method == "sdpa_backward":
        further["use_deterministic_algorithm"] = True
    made = getattr(graph, problem.method)(**given, **further)
    uids = list(range(1, len(given) + 1))
    for result, a in zip(made if isinstance(made, (list, tuple)) else [made], problem.results):
        if a is not None:
            uids.append(len(uids) + 1)
            result.set_output(True).set_dim(list(a.shape)).set_stride(list(a.strides))
            result.set_data_type(getattr(types, TYPES[a.dtype])).set_uid(uids[-1])
    return graph, uids


def _unwanted(cudnn: Any, problem: Problem, tf32: bool, deterministic: bool) -> list:
    """What kernels shall not do."""
    notes = cudnn.numerical_note
    found = [notes.NONDETERMINISTIC] if deterministic else []
    if problem.given[0][1].dtype == "float32" and not tf32:
        found += [notes.TENSOR_CORE, notes.DOWN_CONVERT_INPUTS]
    return found

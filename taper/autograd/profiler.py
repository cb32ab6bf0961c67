"""Profiling: which operators ran, when and how long, forward and backward.

While a profile is open, Python reports every call, and those of operators' forward functions and of nodes' rules are
noted. A program that is not profiled loses nothing by it; one that is runs slower, mostly outside the noted intervals.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from contextlib import contextmanager
from functools import wraps
from typing import Any

from numpy import ndarray

from ..ops.operator import REGISTRY
from .dispatch import SHORTCUTS
from .function import FunctionNode
from .nodes import Node
from .profiler_events import EventList, FunctionEvent, FunctionEventAvg
from .tape import Variable

__all__ = ["EventList", "FunctionEvent", "FunctionEventAvg", "emit_itt", "emit_nvtx", "profile", "record_function"]

# Where PyTorch has another word for what an operator does.
_NAMES = {
    **{"matmul": "mm", "linear": "addmm", "conv": "convolution", "attention": "scaled_dot_product_attention"},
    "joint_attention": "scaled_dot_product_attention",
    **{"astype": "_to_copy", "batch_norm": "native_batch_norm", "layer_norm": "native_layer_norm"},
    **{"max_pool": "max_pool2d_with_indices", "avg_pool": "avg_pool2d", "index": "index", "put_part": "copy_"},
}


class Recorder:
    """Notes calls in all threads from `start` to `stop`."""

    def __init__(self, shapes: bool = False, flops: bool = False, memory: bool = False):
        self.shapes, self.flops, self.memory = shapes, flops, memory
        self.events: list[FunctionEvent] = []
        self.local = threading.local()
        self.codes: dict[Any, str | None] = {}
        for operator in REGISTRY.values():
            code = operator.code
            # Operators that one factory made share their code: the caller knows which it was.
            self.codes[code] = None if code in self.codes else operator.name
        self.codes.update(SHORTCUTS)
        self.nodes = {Node.flow.__code__, FunctionNode.run.__code__}

    def start(self) -> None:
        self.before = sys.getprofile()
        threading.setprofile(self.seen)
        sys.setprofile(self.seen)

    def stop(self) -> None:
        sys.setprofile(self.before)
        threading.setprofile(self.before)
        now = time.perf_counter_ns() / 1e3
        for _, event in self.stack():
            event.time_range.end = now

    def stack(self) -> list:
        found = getattr(self.local, "stack", None)
        if found is None:
            found = self.local.stack = []
        return found

    def seen(self, frame, what: str, argument) -> None:
        if what == "call":
            code = frame.f_code
            if code in self.codes:
                name = self.codes[code] or self._shared(frame)
                self.open(f"aten::{_NAMES.get(name, name)}", frame, "cpu_op", self._facts(frame, name))
            elif code in self.nodes:
                self.open(frame.f_locals["self"].name(), frame, "cpu_op", None)
        elif what == "return":
            stack = self.stack()
            if stack and stack[-1][0] is frame:
                self.close(argument)

    @staticmethod
    def _shared(frame) -> str:
        operator = frame.f_back.f_locals.get("operator")
        return getattr(operator, "name", "operator")

    def _facts(self, frame, name: str):
        if not (self.shapes or self.flops):
            return None
        values = list(frame.f_locals.values())
        arrays = [
            a for v in values for x in (v if v.__class__ is tuple else (v,)) if isinstance(a := array_of(x), ndarray)
        ]
        return name, [list(a.shape) for a in arrays]

    def open(self, name: str, key, kind: str, facts) -> None:
        stack = self.stack()
        shapes = facts[1] if facts is not None and self.shapes else []
        event = FunctionEvent(len(self.events), name, 0.0, 0.0, threading.get_ident(), shapes, kind)
        if facts is not None and self.flops:
            event.flops = _flops(*facts)
        if stack:
            event.cpu_parent = stack[-1][1]
            event.cpu_parent.cpu_children.append(event)
        self.events.append(event)
        stack.append((key, event))
        event.time_range.start = event.time_range.end = time.perf_counter_ns() / 1e3

    def close(self, result=None) -> None:
        _, event = self.stack().pop()
        event.time_range.end = time.perf_counter_ns() / 1e3
        if self.memory and result is not None:
            made = result if result.__class__ is tuple else (result,)
            event.own_memory = sum(a.nbytes for a in map(array_of, made) if isinstance(a, ndarray) and a.base is None)


def array_of(value):
    """The array of a tensor; anything else as it is."""
    return value._array if isinstance(value, Variable) else value


def _flops(name: str, shapes: list) -> int:
    """Floating-point operations of products and convolutions; one an element of sums and products of elements."""
    if name in ("matmul", "bmm", "mm") and len(shapes) >= 2 and len(shapes[0]) > 1 and len(shapes[1]) > 1:
        return 2 * math.prod(shapes[0]) * shapes[1][-1]
    if name == "linear" and len(shapes) >= 2:
        return 2 * math.prod(shapes[0]) * shapes[1][0]
    if name in ("add", "mul") and shapes:
        return max(math.prod(s) for s in shapes)
    return 0


_open: list[Recorder] = []
"""Recorders at work, innermost last."""


class record_function:
    """A named scope, or a decorator, whose time a profile shows. Outside a profile it does nothing."""

    def __init__(self, name: str, args: str | None = None):
        self.name, self.args = name, args
        self._recorders: list[Recorder | None] = []

    def __enter__(self) -> record_function:
        recorder = _open[-1] if _open else None
        self._recorders.append(recorder)
        if recorder is not None:
            recorder.open(self.name, self, "user_annotation", None)
        return self

    def __exit__(self, *error) -> None:
        recorder = self._recorders.pop()
        if recorder is not None and recorder.stack() and recorder.stack()[-1][0] is self:
            recorder.close()

    def __call__(self, function):
        @wraps(function)
        def recorded(*args, **kwargs):
            with record_function(self.name, self.args):
                return function(*args, **kwargs)

        return recorded


class profile:
    """A scope whose operators are noted: `prof.key_averages().table(sort_by="self_cpu_time_total")`.

    record_shapes: note the shapes of inputs. with_flops: estimate the operations of products. profile_memory: note the
    bytes of results. What belongs to devices (use_cuda, use_device, use_kineto) is accepted and without effect.
    """

    def __init__(
        self,
        enabled: bool = True,
        *,
        use_cuda: bool = False,
        use_device=None,
        record_shapes: bool = False,
        with_flops: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_modules: bool = False,
        use_kineto: bool = False,
        use_cpu: bool = True,
        **_,
    ):
        self.enabled = enabled
        self.record_shapes, self.with_flops, self.profile_memory = record_shapes, with_flops, profile_memory
        self.recorder: Recorder | None = None
        self.function_events: EventList | None = None

    def __enter__(self):
        if not self.enabled:
            return self
        if self.recorder is not None:
            raise RuntimeError("Profiler context manager is not reentrant")
        self.recorder = Recorder(self.record_shapes, self.with_flops, self.profile_memory)
        _open.append(self.recorder)
        self.recorder.start()
        return self

    def __exit__(self, *error) -> bool:
        if self.enabled:
            self.recorder.stop()
            _open.remove(self.recorder)
            self.function_events = EventList(
                self.recorder.events, profile_memory=self.profile_memory, with_flops=self.with_flops
            )
        return False

    def _events(self) -> EventList:
        if self.function_events is None:
            raise RuntimeError("Profiler didn't finish running")
        return self.function_events

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> EventList:
        """One average for each name, or for each name and shapes. RuntimeError before the scope has ended."""
        return self._events().key_averages(group_by_input_shape, group_by_stack_n)

    def total_average(self) -> FunctionEventAvg:
        """All events as one."""
        return self._events().total_average()

    def table(self, *args, **kwargs) -> str:
        """A table of the single events."""
        return self._events().table(*args, **kwargs)

    def export_chrome_trace(self, path: str) -> None:
        """Write the events for chrome://tracing and Perfetto."""
        self._events().export_chrome_trace(path)

    @property
    def self_cpu_time_total(self) -> float:
        """The time of all events in microseconds."""
        return self._events().self_cpu_time_total

    def __repr__(self) -> str:
        return "<unfinished torch.autograd.profile>" if self.function_events is None else repr(self.function_events)

    def __str__(self) -> str:
        return "<unfinished torch.autograd.profile>" if self.function_events is None else str(self.function_events)


@contextmanager
def emit_nvtx(enabled: bool = True, record_shapes: bool = False):
    """A scope that marks operators for NVIDIA's profilers. RuntimeError without a GPU, unless disabled."""
    if enabled:
        raise RuntimeError("emit_nvtx needs a GPU: use taper.profiler.profile on the CPU.")
    yield


@contextmanager
def emit_itt(enabled: bool = True, record_shapes: bool = False):
    """A scope that marks operators for Intel's VTune, which Taper does not do: RuntimeError, unless disabled."""
    if enabled:
        raise RuntimeError("emit_itt is not available: use taper.profiler.profile.")
    yield

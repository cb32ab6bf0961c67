"""`profile`: records steps as a schedule says, and hands each finished cycle on."""

from __future__ import annotations

import json
import os
import socket
import time
import warnings
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from ..autograd import profiler as core
from ..autograd.profiler_events import EventList


class ProfilerAction(Enum):
    """What to do in a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


class ProfilerActivity(Enum):
    """What to record. Taper computes on the CPU; the others record nothing."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4
    PrivateUse1 = 5


def supported_activities() -> set[ProfilerActivity]:
    """What can be recorded: the CPU."""
    return {ProfilerActivity.CPU}


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:
    """What to do in each step: skip the first ones, then cycles of waiting, warming up and recording.

    repeat: the number of cycles, 0 for as many as there are. The last recorded step of a cycle saves it.
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active <= 0:
        raise AssertionError("Invalid profiler schedule arguments")
    if warmup == 0:
        warnings.warn("Profiler won't be using warmup, this can skew profiler results", stacklevel=2)

    def action(step: int) -> ProfilerAction:
        if step < 0:
            raise AssertionError("steps are numbered from 0")
        if step < skip_first:
            return ProfilerAction.NONE
        step -= skip_first
        if skip_first_wait != 0:
            step += wait
        length = wait + warmup + active
        if repeat > 0 and step // length >= repeat:
            return ProfilerAction.NONE
        place = step % length
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if place < length - 1 else ProfilerAction.RECORD_AND_SAVE

    return action


def tensorboard_trace_handler(dir_name: str, worker_name: str | None = None, use_gzip: bool = False):
    """An `on_trace_ready` that writes each cycle's Chrome trace into a folder."""

    def handle(prof: profile) -> None:
        os.makedirs(dir_name, exist_ok=True)
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        name = f"{worker}.{time.time_ns()}.pt.trace.json" + (".gz" if use_gzip else "")
        prof.export_chrome_trace(os.path.join(dir_name, name))

    return handle


def _always(step: int) -> ProfilerAction:
    return ProfilerAction.RECORD


class profile:
    """A scope whose operators are recorded, all of it or the steps that a schedule says.

        with profile(schedule=schedule(wait=1, warmup=1, active=3), on_trace_ready=show) as prof:
            for batch in loader:
                train(batch)
                prof.step()

    activities: accepted; the CPU is what there is. record_shapes, profile_memory (bytes of results) and with_flops add
    columns to `prof.key_averages().table(...)`. with_stack and with_modules have no effect.
    """

    def __init__(
        self,
        *,
        activities: Iterable[Any] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[profile], Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        experimental_config: Any = None,
        execution_trace_observer: Any = None,
        acc_events: bool = False,
        use_cuda: bool | None = None,
        custom_trace_id_callback: Any = None,
        post_processing_timeout_s: float | None = None,
    ):
        self.activities = set(activities) if activities is not None else supported_activities()
        if not self.activities:
            raise AssertionError("No valid profiler activities found")
        self.schedule = schedule or _always
        self.record_steps = schedule is not None
        self.on_trace_ready = on_trace_ready
        self.record_shapes, self.profile_memory, self.with_flops = record_shapes, profile_memory, with_flops
        self.acc_events = acc_events
        self.step_num = 0
        self.current_action = self.schedule(0)
        self.profiler: core.profile | None = None
        self._kept: list = []
        self._metadata: dict[str, Any] = {}
        self._step_scope: core.record_function | None = None
        self._recording = False

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *error) -> None:
        self.stop()

    def start(self) -> None:
        """Begin."""
        self._begin(self.current_action)
        self._open_step()

    def stop(self) -> None:
        """End; a cycle that is being recorded is handed on."""
        self._close_step()
        if self._recording:
            self._end()
            if self.on_trace_ready is not None:
                self.on_trace_ready(self)

    def step(self) -> None:
        """Say that a step of the loop has ended."""
        self._close_step()
        before = self.current_action
        self.step_num += 1
        self.current_action = self.schedule(self.step_num)
        if before is ProfilerAction.RECORD_AND_SAVE:
            self._end()
            if self.on_trace_ready is not None:
                self.on_trace_ready(self)
        elif before is ProfilerAction.RECORD and self.current_action in (ProfilerAction.NONE, ProfilerAction.WARMUP):
            warnings.warn("Incorrect schedule: RECORD followed by " + self.current_action.name, stacklevel=2)
            self._end()
        if not self._recording:
            self._begin(self.current_action)
        self._open_step()

    def _begin(self, action: ProfilerAction) -> None:
        if action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE):
            self.profiler = core.profile(
                record_shapes=self.record_shapes, with_flops=self.with_flops, profile_memory=self.profile_memory
            )
            self.profiler.__enter__()
            self._recording = True

    def _end(self) -> None:
        if self._recording:
            self.profiler.__exit__(None, None, None)
            self._recording = False
            if self.acc_events:
                self._kept += self.profiler.function_events

    def _open_step(self) -> None:
        if self.record_steps and self._recording:
            self._step_scope = core.record_function(f"ProfilerStep#{self.step_num}")
            self._step_scope.__enter__()

    def _close_step(self) -> None:
        if self._step_scope is not None:
            self._step_scope.__exit__(None, None, None)
            self._step_scope = None

    def events(self) -> EventList:
        """The events of the last cycle, or of all with acc_events."""
        if self.profiler is None or self.profiler.function_events is None:
            raise AssertionError("Expected profiling results: nothing was recorded")
        if not self.acc_events:
            return self.profiler.function_events
        return EventList(self._kept, profile_memory=self.profile_memory, with_flops=self.with_flops)

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> EventList:
        """One average for each name, or for each name and shapes of inputs."""
        return self.events().key_averages(group_by_input_shape, group_by_stack_n)

    def export_chrome_trace(self, path: str) -> None:
        """Write the events for chrome://tracing and Perfetto; compressed if the path ends in .gz."""
        self.events().export_chrome_trace(path, self._metadata)

    def add_metadata(self, key: str, value: str) -> None:
        """Put a text into the trace."""
        self._metadata[key] = value

    def add_metadata_json(self, key: str, value: str) -> None:
        """Put a JSON value into the trace."""
        self._metadata[key] = json.loads(value)

    def preset_metadata_json(self, key: str, value: str) -> None:
        """Put a JSON value into the trace."""
        self.add_metadata_json(key, value)

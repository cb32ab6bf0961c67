"""What a profile found: events, averages over them, tables, Chrome traces. Times are microseconds."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from typing import Any


def time_text(microseconds: float) -> str:
    """A time with its unit: 12.345us, 1.234ms, 1.200s."""
    if microseconds >= 1e6:
        return f"{microseconds / 1e6:.3f}s"
    if microseconds >= 1e3:
        return f"{microseconds / 1e3:.3f}ms"
    return f"{microseconds:.3f}us"


def memory_text(size: float) -> str:
    """A number of bytes with its unit."""
    for unit, word in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")):
        if abs(size) >= unit:
            return f"{size / unit:.2f} {word}"
    return f"{int(size)} B"


class Interval:
    """From when to when, in microseconds."""

    __slots__ = ("start", "end")

    def __init__(self, start: float, end: float):
        self.start, self.end = start, end

    def elapsed_us(self) -> float:
        """How long."""
        return self.end - self.start


class _Measured:
    """What events and averages have in common: totals, and what a device's would be."""

    count: int
    cpu_time_total: float
    self_cpu_time_total: float
    cpu_memory_usage: int
    self_cpu_memory_usage: int

    device_time = device_time_total = self_device_time_total = 0.0
    cuda_time = cuda_time_total = self_cuda_time_total = 0.0
    device_memory_usage = self_device_memory_usage = 0

    @property
    def cpu_time(self) -> float:
        """The mean time of a call."""
        return self.cpu_time_total / self.count if self.count else 0.0

    @property
    def cpu_time_str(self) -> str:
        """The mean time of a call, with its unit."""
        return time_text(self.cpu_time)

    @property
    def cpu_time_total_str(self) -> str:
        """The time of all calls, with its unit."""
        return time_text(self.cpu_time_total)

    @property
    def self_cpu_time_total_str(self) -> str:
        """The time of all calls without what they called, with its unit."""
        return time_text(self.self_cpu_time_total)


class FunctionEvent(_Measured):
    """One call: `name`, `time_range`, `cpu_children`, `cpu_parent`, `input_shapes`, `flops`, `thread`."""

    count = 1

    def __init__(self, id: int, name: str, start: float, end: float, thread: int, shapes, kind: str):
        self.id, self.name, self.key, self.thread, self.kind = id, name, name, thread, kind
        self.time_range = Interval(start, end)
        self.input_shapes = shapes
        self.cpu_children: list[FunctionEvent] = []
        self.cpu_parent: FunctionEvent | None = None
        self.flops = 0
        self.own_memory = 0

    @property
    def cpu_time_total(self) -> float:
        """How long the call took."""
        return self.time_range.elapsed_us()

    @property
    def self_cpu_time_total(self) -> float:
        """How long it took without what it called."""
        return self.cpu_time_total - sum(c.cpu_time_total for c in self.cpu_children)

    @property
    def self_cpu_memory_usage(self) -> int:
        """Bytes of its result that it allocated."""
        return self.own_memory

    @property
    def cpu_memory_usage(self) -> int:
        """Bytes of results that it and what it called allocated."""
        return self.own_memory + sum(c.cpu_memory_usage for c in self.cpu_children)

    def __repr__(self) -> str:
        return (
            f"<FunctionEvent id={self.id} name={self.name} cpu_time={self.cpu_time_str} "
            f"start_us={self.time_range.start:.3f} end_us={self.time_range.end:.3f} "
            f"cpu_children={[c.id for c in self.cpu_children]} thread={self.thread} input_shapes={self.input_shapes}>"
        )


class FunctionEventAvg(_Measured):
    """All calls of one name (and shapes): `key`, `count`, times."""

    def __init__(self, key: str, input_shapes=""):
        self.key, self.input_shapes = key, input_shapes
        self.count = self.flops = 0
        self.cpu_time_total = self.self_cpu_time_total = 0.0
        self.cpu_memory_usage = self.self_cpu_memory_usage = 0

    def add(self, event) -> FunctionEventAvg:
        """Take an event, or another average, into this one."""
        self.count += event.count
        self.flops += event.flops
        self.cpu_time_total += event.cpu_time_total
        self.self_cpu_time_total += event.self_cpu_time_total
        self.cpu_memory_usage += event.cpu_memory_usage
        self.self_cpu_memory_usage += event.self_cpu_memory_usage
        return self

    def __repr__(self) -> str:
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} "
            f"cpu_time={self.cpu_time_str} input_shapes={self.input_shapes}>"
        )


class EventList(list):
    """Events or averages, with tables and traces of them."""

    def __init__(self, events=(), *, profile_memory: bool = False, with_flops: bool = False):
        super().__init__(events)
        self.profile_memory, self.with_flops = profile_memory, with_flops

    @property
    def self_cpu_time_total(self) -> float:
        """The time of all events."""
        return sum(e.self_cpu_time_total for e in self)

    def key_averages(self, group_by_input_shapes: bool = False, group_by_stack_n: int = 0) -> EventList:
        """One average for each name, or for each name and shapes of inputs."""
        groups: dict[tuple, FunctionEventAvg] = {}
        for event in self:
            shapes = event.input_shapes if group_by_input_shapes else ""
            key = (event.key, str(shapes))
            groups.setdefault(key, FunctionEventAvg(event.key, shapes)).add(event)
        return EventList(groups.values(), profile_memory=self.profile_memory, with_flops=self.with_flops)

    def total_average(self) -> FunctionEventAvg:
        """All events as one."""
        total = FunctionEventAvg("Total")
        for event in self:
            total.add(event)
        return total

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
    ) -> str:
        """A table for people. sort_by: "cpu_time_total", "self_cpu_time_total", "cpu_time", "count", ..."""
        rows = [e for e in self if not (top_level_events_only and getattr(e, "cpu_parent", None) is not None)]
        if sort_by is not None:
            rows.sort(key=lambda e: getattr(e, sort_by), reverse=True)
        total = self.self_cpu_time_total or 1.0
        shapes = any(e.input_shapes for e in rows)
        columns: list[tuple[str, Callable[[Any], str]]] = [
            ("Self CPU %", lambda e: f"{e.self_cpu_time_total / total:.2%}"),
            ("Self CPU", lambda e: e.self_cpu_time_total_str),
            ("CPU total %", lambda e: f"{e.cpu_time_total / total:.2%}"),
            ("CPU total", lambda e: e.cpu_time_total_str),
            ("CPU time avg", lambda e: e.cpu_time_str),
        ]
        if self.profile_memory:
            columns += [
                ("CPU Mem", lambda e: memory_text(e.cpu_memory_usage)),
                ("Self CPU Mem", lambda e: memory_text(e.self_cpu_memory_usage)),
            ]
        columns.append(("# of Calls", lambda e: str(e.count)))
        if shapes:
            columns.append(("Input Shapes", lambda e: _cut(str(e.input_shapes or "[]"), max_shapes_column_width)))
        if self.with_flops:
            columns.append(("Total FLOPs", lambda e: str(e.flops) if e.flops else "--"))
        lines = [["Name", *(title for title, _ in columns)]]
        for e in rows[: None if row_limit < 0 else row_limit]:
            lines.append([_cut(e.key, max_name_column_width), *(text(e) for _, text in columns)])
        widths = [max(12, *(len(line[i]) for line in lines)) for i in range(len(lines[0]))]
        rule = "  ".join("-" * w for w in widths) + "  "
        body = ["  ".join(cell.rjust(w) for cell, w in zip(line, widths)) + "  " for line in lines]
        top = [] if header is None else ["=" * len(rule), header]
        return "\n".join(
            [
                *top,
                rule,
                body[0],
                rule,
                *body[1:],
                rule,
                f"Self CPU time total: {time_text(self.self_cpu_time_total)}",
                "",
            ]
        )

    def export_chrome_trace(self, path: str, metadata: dict | None = None) -> None:
        """Write the events as JSON for chrome://tracing and Perfetto; compressed if the path ends in .gz."""
        process = os.getpid()
        events = [
            {
                **{"ph": "X", "cat": e.kind, "name": e.name, "pid": process, "tid": e.thread},
                **{"ts": e.time_range.start, "dur": e.cpu_time_total},
                "args": {"Input Dims": e.input_shapes} if e.input_shapes else {},
            }
            for e in self
        ]
        head = {"ph": "M", "name": "process_name", "pid": process, "tid": 0, "args": {"name": "python"}}
        content = {"schemaVersion": 1, **(metadata or {}), "traceEvents": [head, *events]}
        with gzip.open(path, "wt") if str(path).endswith(".gz") else open(path, "w") as file:
            json.dump(content, file)

    def __str__(self) -> str:
        return self.table()


def _cut(text: str, width: int) -> str:
    return text if width <= 0 or len(text) <= width else text[: max(width - 3, 0)] + "..."

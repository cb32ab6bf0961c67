"""Measuring two sides in one process: alternately, in several rounds, equality first; medians and their ratio."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """Median seconds of a call on each side, and their spread (half the interquartile range, relative)."""

    name: str
    ours: float
    theirs: float
    spread: float

    @property
    def ratio(self) -> float:
        """How many times as fast as theirs ours is."""
        return self.theirs / self.ours

    def row(self) -> str:
        """A line of a Markdown table."""
        return f"| {self.name} | {_time(self.ours)} | {_time(self.theirs)} | {self.ratio:.2f} | {self.spread:.0%} |"


HEADER = "| | Taper | PyTorch | times as fast | spread |\n|---|---|---|---|---|"


def _time(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * scale >= 1 or unit == "us":
            return f"{seconds * scale:.3g} {unit}"
    raise AssertionError


def measure(
    name: str, ours: Callable[[], object], theirs: Callable[[], object], rounds: int = 9, seconds: float = 0.2
) -> Result:
    """Call both sides in turns, each for about `seconds` a round, and compare the medians of the rounds."""
    counts = []
    for side in (ours, theirs):
        side()
        started = time.perf_counter()
        side()
        counts.append(max(1, int(seconds / max(time.perf_counter() - started, 1e-7))))
    times: list[list[float]] = [[], []]
    for _ in range(rounds):
        for side, count, found in zip((ours, theirs), counts, times):
            started = time.perf_counter()
            for _ in range(count):
                side()
            found.append((time.perf_counter() - started) / count)
    spread = max((q[2] - q[0]) / 2 / q[1] for q in (statistics.quantiles(t, n=4) for t in times))
    return Result(name, statistics.median(times[0]), statistics.median(times[1]), spread)

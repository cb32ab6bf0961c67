"""Measuring sides in one process: alternately, in several rounds, equality first; medians and their ratio."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
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
        return f"| {self.name} | {seconds_as_text(self.ours)} | {seconds_as_text(self.theirs)} | {self.ratio:.2f} | {self.spread:.0%} |"


HEADER = "| | Taper | PyTorch | times as fast | spread |\n|---|---|---|---|---|"


PAUSE = 0.3
"""Seconds between sides, in which the threads of the last one fall asleep."""


def seconds_as_text(seconds: float) -> str:
    """Three digits and a unit."""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * scale >= 1 or unit == "us":
            return f"{seconds * scale:.3g} {unit}"
    raise AssertionError


def alternate(
    sides: Mapping[str, Callable[[], object]], rounds: int = 9, seconds: float = 0.2
) -> dict[str, list[float]]:
    """Call all sides in turns, each for about `seconds` a round: seconds of one call, for each side and round."""
    counts = {}
    for name, side in sides.items():
        side()
        started = time.perf_counter()
        side()
        counts[name] = max(1, int(seconds / max(time.perf_counter() - started, 1e-7)))
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            # Threads of the side before may still wait busily for more work; and nobody else has used this side's.
            time.sleep(PAUSE)
            side()
            started = time.perf_counter()
            for _ in range(counts[name]):
                side()
            times[name].append((time.perf_counter() - started) / counts[name])
    return times


def measure(
    name: str, ours: Callable[[], object], theirs: Callable[[], object], rounds: int = 9, seconds: float = 0.2
) -> Result:
    """Call both sides in turns and compare the medians of the rounds."""
    times = list(alternate({"ours": ours, "theirs": theirs}, rounds, seconds).values())
    spread = max((q[2] - q[0]) / 2 / q[1] for q in (statistics.quantiles(t, n=4) for t in times))
    return Result(name, statistics.median(times[0]), statistics.median(times[1]), spread)

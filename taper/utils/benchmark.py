"""Timing small pieces of code: `Timer`, its measurements, tables of them."""

from __future__ import annotations

import statistics
import textwrap
import time
import timeit
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

from ..refusal import refused
from ..tensor import get_num_threads, set_num_threads

__all__ = ["Compare", "Measurement", "Timer", "select_unit", "timer"]

timer = time.perf_counter

_INSTEAD = "Time with taper.utils.benchmark.Timer(...).blocked_autorange()."
CallgrindStats = refused("utils.benchmark.CallgrindStats", _INSTEAD)
FunctionCounts = refused("utils.benchmark.FunctionCounts", _INSTEAD)
Fuzzer = refused("utils.benchmark.Fuzzer", "Draw inputs with hypothesis, or taper.testing.make_tensor.")
FuzzedParameter = refused("utils.benchmark.FuzzedParameter", "Draw inputs with taper.testing.make_tensor.")
FuzzedTensor = refused("utils.benchmark.FuzzedTensor", "Draw inputs with taper.testing.make_tensor.")
ParameterAlias = refused("utils.benchmark.ParameterAlias", "Draw inputs with taper.testing.make_tensor.")
op_fuzzers = refused("utils.benchmark.op_fuzzers", "Draw inputs with hypothesis, or taper.testing.make_tensor.")
Language = refused("utils.benchmark.Language", "Statements are Python.")


def select_unit(t: float) -> tuple[str, float]:
    """The unit in which a time is best read, and how many seconds it has."""
    for unit, seconds in (("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3)):
        if t < seconds * 1e3:
            return unit, seconds
    return "s", 1.0


class Measurement:
    """Times of several runs; `times` are seconds of one execution."""

    def __init__(self, number_per_run: int, raw_times: list[float], task: dict[str, Any]):
        self.number_per_run, self.raw_times, self.task = number_per_run, raw_times, task

    @property
    def times(self) -> list[float]:
        """Seconds of one execution, run by run."""
        return [t / self.number_per_run for t in self.raw_times]

    @property
    def median(self) -> float:
        """The median of `times`."""
        return statistics.median(self.times)

    @property
    def mean(self) -> float:
        """The mean of `times`."""
        return statistics.fmean(self.times)

    @property
    def iqr(self) -> float:
        """The distance between the quartiles of `times`."""
        if len(self.times) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.times, n=4, method="inclusive")
        return high - low

    @property
    def task_spec(self) -> SimpleNamespace:
        """What was timed, and how tables name it: stmt, setup, label, sub_label, description, env, num_threads."""
        return SimpleNamespace(**self.task)

    @property
    def has_warnings(self) -> bool:
        """Whether the quartiles are further apart than a tenth of the median, so that the times say little."""
        return self.iqr > 0.1 * self.median

    @property
    def num_threads(self) -> int:
        """The number of threads."""
        return self.task["num_threads"]

    @property
    def title(self) -> str:
        """What was timed."""
        parts = [self.task["label"] or self.task["stmt"].splitlines()[0]]
        return ": ".join([*parts, *([self.task["sub_label"]] if self.task["sub_label"] else [])])

    @property
    def as_row_name(self) -> str:
        """The name of its row in a table."""
        return self.task["sub_label"] or self.task["stmt"].splitlines()[0]

    def __repr__(self) -> str:
        unit, seconds = select_unit(self.median)
        lines = [f"<{__name__}.Measurement object at {id(self):#x}>", self.title]
        if self.task["setup"] not in ("", "pass"):
            lines.append("setup: " + self.task["setup"].splitlines()[0])
        if len(self.times) > 1:
            lines.append(f"  Median: {self.median / seconds:.2f} {unit}")
            lines.append(f"  IQR:    {self.iqr / seconds:.2f} {unit}")
        else:
            lines.append(f"  {self.median / seconds:.2f} {unit}")
        runs = f"{len(self.times)} measurement" + ("s" if len(self.times) > 1 else "")
        threads = f"{self.num_threads} thread" + ("s" if self.num_threads > 1 else "")
        lines.append(f"  {runs}, {self.number_per_run} runs per measurement, {threads}")
        return "\n".join(lines)


class Timer:
    """Times a Python statement on a number of threads (one by default).

    globals: names the statement uses. label, sub_label, description, env: how tables name it.
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Any = None,
    ):
        if not isinstance(stmt, str):
            raise ValueError("Currently only a `str` stmt is supported.")
        if global_setup:
            raise ValueError("global_setup is C++ only, use setup")
        names = dict(globals or {})
        import taper

        names.setdefault("torch", taper)
        stmt, setup = textwrap.dedent(stmt).strip(), textwrap.dedent(setup).strip()
        self._timer = timeit.Timer(stmt=stmt, setup=setup, timer=timer, globals=names)
        self._task = dict(
            stmt=stmt,
            setup=setup,
            label=label,
            sub_label=sub_label,
            description=description,
            env=env,
            num_threads=num_threads,
        )

    def _timed(self, number: int) -> float:
        return max(self._timer.timeit(number), 1e-9)

    def _on_threads(self, run: Callable[[], Measurement]) -> Measurement:
        before = get_num_threads()
        set_num_threads(self._task["num_threads"])
        try:
            return run()
        finally:
            set_num_threads(before)

    def timeit(self, number: int = 1_000_000) -> Measurement:
        """The time of `number` executions in a row, after a hundredth of them as a warm-up."""

        def run() -> Measurement:
            self._timed(max(number // 100, 2))
            return Measurement(number, [self._timed(number)], self._task)

        return self._on_threads(run)

    def repeat(self, repeat: int = -1, number: int = -1):
        """NotImplementedError: `blocked_autorange` repeats."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def autorange(self, callback: Any = None):
        """NotImplementedError: `blocked_autorange` finds the number of executions."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def _block(self, least: float) -> int:
        """How many executions make a block for which the clock's own time does not count."""
        number = 1
        while True:
            taken = self._timed(number)
            if taken > least or number >= 10**8:
                return number
            number *= 10

    def blocked_autorange(self, callback: Any = None, min_run_time: float = 0.2) -> Measurement:
        """Blocks of executions until `min_run_time` seconds have passed."""

        def run() -> Measurement:
            number = self._block(min(1e-3, min_run_time / 100))
            times: list[float] = []
            while sum(times) < min_run_time:
                times.append(self._timed(number))
                if callback is not None:
                    callback(number, times[-1])
            return Measurement(number, times, self._task)

        return self._on_threads(run)

    def adaptive_autorange(
        self, threshold: float = 0.1, *, min_run_time: float = 0.01, max_run_time: float = 10.0, callback: Any = None
    ) -> Measurement:
        """Blocks of executions until the quartiles are within `threshold` of the median, or max_run_time has passed."""

        def run() -> Measurement:
            number = self._block(0.05 * min_run_time)
            times: list[float] = []
            while sum(times) < max_run_time:
                times.append(self._timed(number))
                if callback is not None:
                    callback(number, times[-1])
                made = Measurement(number, times, self._task)
                if sum(times) > min_run_time and len(times) > 3 and made.iqr / made.median < threshold:
                    break
            return Measurement(number, times, self._task)

        return self._on_threads(run)

    def collect_callgrind(self, *args: Any, **kwargs: Any):
        """NotImplementedError: instructions are not counted."""
        raise CallgrindStats._error()


class Compare:
    """A table of measurements: rows by sub_label, columns by description, one table for each label."""

    def __init__(self, results: Iterable[Measurement]):
        self._results: list[Measurement] = []
        self.extend_results(results)

    def extend_results(self, results: Iterable[Measurement]) -> None:
        """Add measurements. ValueError for anything else."""
        for r in results:
            if not isinstance(r, Measurement):
                raise ValueError(f"Expected an instance of `Measurement`, got {type(r)} instead.")
            self._results.append(r)

    def trim_significant_figures(self) -> None:
        """Times are shown with two decimals."""

    def colorize(self, rowwise: bool = False) -> None:
        """Tables have no colours."""

    def highlight_warnings(self) -> None:
        """Nothing is highlighted."""

    def __str__(self) -> str:
        tables = []
        for label in dict.fromkeys(r.task["label"] for r in self._results):
            found = [r for r in self._results if r.task["label"] == label]
            columns = list(dict.fromkeys(r.task["description"] for r in found))
            rows = list(dict.fromkeys((r.num_threads, r.task["env"], r.as_row_name) for r in found))
            unit, seconds = select_unit(min(r.median for r in found))
            grid = [["", *(c or "" for c in columns)]]
            for row in rows:
                threads, env, name = row
                cells = []
                for c in columns:
                    here = [
                        r.median
                        for r in found
                        if (r.num_threads, r.task["env"], r.as_row_name) == row and r.task["description"] == c
                    ]
                    cells.append(f"{statistics.median(here) / seconds:.1f}" if here else "")
                grid.append([f"{threads} threads: {f'({env}) ' if env else ''}{name}", *cells])
            widths = [max(len(line[i]) for line in grid) for i in range(len(grid[0]))]
            body = [
                "  |  ".join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:]))])
                for line in grid
            ]
            head = f"[ {label or ''} ]".center(len(body[0]), "-")
            words = {"ns": "nanoseconds (ns)", "us": "microseconds (us)", "ms": "milliseconds (ms)", "s": "seconds (s)"}
            tables.append("\n".join([head, *body, "", f"Times are in {words[unit]}."]))
        return "\n\n".join(tables)

    def print(self) -> None:
        """Print the table."""
        print(self)

"""An explanation as plain text."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .explain import Explanation, Row

WIDEST = 58
"""Characters of a kernel's description, before it is cut."""


def written(found: Explanation) -> str:
    """A table with a row for each kernel, the totals, what runs on the host, and the lines."""
    head = ("", "kernel", "time", "flops", "bytes", "roofline", "lines")
    directions = list(dict.fromkeys(r.direction for r in found.rows))
    rows: list[tuple[str, ...] | str] = []
    for direction in directions:
        if len(directions) > 1:
            rows.append(f"{direction}:")
        rows += [_cells(r) for r in found.rows if r.direction == direction]
    total = ("", "total", time(sum(r.seconds for r in found.rows)), count(found.flops), size(found.bytes), "", "")
    grid = [head, *(r for r in rows if not isinstance(r, str)), total]
    widths = [max(len(r[i]) for r in grid) for i in range(len(head))]

    def line(cells: tuple[str, ...]) -> str:
        made = [c.ljust(w) if i in (1, 6) else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths))]
        return "  ".join(made).rstrip()

    text = [
        f"{found.name}: {_plural(len(found.rows), 'kernel')} of {_plural(found.operations, 'operation')}",
        line(head),
    ]
    text += [r if isinstance(r, str) else line(r) for r in rows]
    text += [line(total), "", *_sums(found)]
    return "\n".join(text)


def _cells(r: Row) -> tuple[str, ...]:
    what = r.what if len(r.what) <= WIDEST else r.what[: WIDEST - 3] + "..."
    share = "host" if r.share is None else f"{r.share:.0%} {'a' if r.limit == 'arithmetic' else 'm'}"
    return str(r.number), what, time(r.seconds), count(r.flops), size(r.bytes), share, places(r.lines)


def _sums(found: Explanation) -> list[str]:
    hosts = found.hosts
    names = ", ".join(dict.fromkeys(r.what for r in hosts))
    return [
        f"one run: {time(found.seconds)}, {_plural(found.calls, 'native call')}, {_plural(found.threads, 'thread')},"
        f" arena {size(found.arena)}, {_plural(len(hosts), 'host node')}{': ' + names if names else ''}",
        f"roofline: least time on this machine ({found.machine}) over measured time; a: arithmetic limits,"
        " m: memory does, or the cache that holds the data",
    ]


def _plural(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def places(lines: tuple[str, ...]) -> str:
    """Lines of files, shortly: `train.py:12,14 model.py:3`."""
    files: dict[str, list[str]] = {}
    for where in lines:
        file, _, number = where.rpartition(":")
        files.setdefault(os.path.basename(file), []).append(number)
    return " ".join(f"{file}:{','.join(numbers)}" for file, numbers in files.items())


def time(seconds: float) -> str:
    """A time with three digits and its unit."""
    return _scaled(seconds, ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")))


def count(number: float) -> str:
    """A count with three digits: 51.4 M."""
    return _scaled(number, ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""))).strip()


def size(number: float) -> str:
    """Bytes with three digits: 1.84 MB."""
    return _scaled(number, ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B")))


def _scaled(value: float, units) -> str:
    scale, unit = next(((s, u) for s, u in units if value >= s), units[-1])
    return f"{value / scale:.3g} {unit}" if value / scale < 999.5 else f"{value / scale:.0f} {unit}"

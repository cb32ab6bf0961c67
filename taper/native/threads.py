"""How many threads programs use: as set, else TAPER_NUM_THREADS, else what this process may use of the machine."""

from __future__ import annotations

import math
import os
from pathlib import PurePosixPath

_wanted: int | None = None


def threads() -> int:
    """How many threads programs use."""
    global _wanted
    if _wanted is None:
        given = os.environ.get("TAPER_NUM_THREADS", "")
        _wanted = max(1, int(given)) if given.isdecimal() else available()
    return _wanted


def set_threads(count: int) -> None:
    """Use so many threads from the next program on."""
    global _wanted
    _wanted = max(1, int(count))


def available() -> int:
    """Processors that this process may use: its affinity, and the share its control groups grant."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:
        count = os.cpu_count() or 1
    return max(1, min(count, math.ceil(granted(count))))


def granted(otherwise: float, root: str = "/sys/fs/cgroup", own: str = "/proc/self/cgroup") -> float:
    """Processors' worth of time that the process's control group and those above it grant; `otherwise` without limit."""
    shares = [otherwise]
    for folder in _folders(root, own):
        share = _quota(folder)
        if share is not None:
            shares.append(share)
    return min(shares)


def _folders(root: str, own: str) -> list[str]:
    """The folders of this process's groups, from its own to the top, of both generations of control groups."""
    folders = {root: None, f"{root}/cpu": None}
    for line in _lines(own):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        base = f"{root}/cpu" if controllers else root
        where = PurePosixPath(path.strip().lstrip("/"))
        for part in (where, *where.parents):
            folders[f"{base}/{part}" if str(part) != "." else base] = None
    return list(folders)


def _quota(folder: str) -> float | None:
    """A group's limit in processors; None if it has none."""
    words = " ".join(_lines(f"{folder}/cpu.max")).split()
    if not words:
        words = _lines(f"{folder}/cpu.cfs_quota_us")[:1] + _lines(f"{folder}/cpu.cfs_period_us")[:1]
    try:
        quota, period = map(int, words)
    except ValueError:
        return None
    return quota / period if quota > 0 and period > 0 else None


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().split("\n")
    except (OSError, UnicodeDecodeError):
        return []

"""A GPU's memory: how much CuPy's pool has given to arrays, keeps for later, and may take."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from ..backends.absent import idle
from ..backends.cuda import driver
from ..backends.device import device as _device
from .devices import is_initialized, number_of, with_gpu

__all__ = [
    "empty_cache",
    "max_memory_allocated",
    "max_memory_cached",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_cached",
    "memory_reserved",
    "memory_snapshot",
    "memory_stats",
    "memory_summary",
    "reset_accumulated_memory_stats",
    "reset_max_memory_allocated",
    "reset_max_memory_cached",
    "reset_peak_memory_stats",
    "set_per_process_memory_fraction",
]

_peaks: dict[int, list[int]] = {}
"""Of each GPU that is watched: the most bytes that arrays had, and that the pool had, since the last reset."""


def _there(device: Any):
    return driver.on(_device("cuda", number_of(device)))


def _now(device: Any) -> tuple[int, int]:
    """Bytes of arrays, and bytes of the pool."""
    cupy = driver.library()

    with _there(device):
        pool = cupy.get_default_memory_pool()
        return pool.used_bytes(), pool.total_bytes()


def _peak(device: Any) -> list[int]:
    """The highest numbers seen. The first question begins the watch."""
    number = number_of(device)
    if number not in _peaks:
        _peaks[number] = list(_now(number))
        driver.watch_memory(_grown)
    return _peaks[number]


def _grown(number: int) -> None:
    """Called after an allocation on a GPU."""
    peak = _peaks.get(number)
    if peak is not None:
        for i, n in enumerate(_now(number)):
            peak[i] = max(peak[i], n)


@idle(is_initialized)
def empty_cache() -> None:
    """Give the memory back that no array uses and the pool keeps."""
    cupy = driver.library()

    for number in range(driver.count()):
        with _there(number):
            cupy.get_default_memory_pool().free_all_blocks()


@idle(driver.count, 0)
def memory_allocated(device: Any = None) -> int:
    """The bytes that arrays on a GPU have."""
    return _now(device)[0]


@idle(driver.count, 0)
def memory_reserved(device: Any = None) -> int:
    """The bytes that the pool has of a GPU's memory, for arrays that there are or will be."""
    return _now(device)[1]


memory_cached = memory_reserved


@idle(driver.count, 0)
def max_memory_allocated(device: Any = None) -> int:
    """The most bytes that arrays had since `reset_peak_memory_stats`, or since this was first asked."""
    return max(_peak(device)[0], _now(device)[0])


@idle(driver.count, 0)
def max_memory_reserved(device: Any = None) -> int:
    """The most bytes that the pool had since `reset_peak_memory_stats`, or since this was first asked."""
    return max(_peak(device)[1], _now(device)[1])


max_memory_cached = max_memory_reserved


@idle(driver.count)
def reset_peak_memory_stats(device: Any = None) -> None:
    """Let `max_memory_allocated` and `max_memory_reserved` count from now on."""
    _peak(device)[:] = _now(device)


reset_max_memory_allocated = reset_max_memory_cached = reset_peak_memory_stats


@idle(driver.count)
def reset_accumulated_memory_stats(device: Any = None) -> None:
    """Nothing to do: sums over time are not kept."""


@with_gpu
def mem_get_info(device: Any = None) -> tuple[int, int]:
    """(free, all) bytes of a GPU's memory, whoever uses it."""
    with _there(device) as found:
        return tuple(found.mem_info)


@idle(driver.count, OrderedDict())
def memory_stats(device: Any = None) -> OrderedDict:
    """The numbers above under PyTorch's keys: "allocated_bytes.all.current", ".peak", and the same of reserved."""
    now, peak = _now(device), _peak(device)
    found = OrderedDict()
    for i, kind in enumerate(("allocated_bytes", "reserved_bytes")):
        found[f"{kind}.all.current"], found[f"{kind}.all.peak"] = now[i], max(peak[i], now[i])
    return found


@with_gpu
def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """The same as a table."""
    found = memory_stats(device)
    rows = [f"{'bytes':12}{'now':>16}{'most':>16}"]
    for kind in ("allocated_bytes", "reserved_bytes"):
        word = kind.partition("_")[0]
        rows.append(f"{word:12}{found[kind + '.all.current']:>16}{found[kind + '.all.peak']:>16}")
    return "\n".join(rows)


@with_gpu
def memory_snapshot() -> list:
    """The pool's blocks. NotImplementedError: CuPy's pool does not tell them."""
    raise NotImplementedError("memory_snapshot: CuPy's pool does not list its blocks. Use memory_stats().")


@with_gpu
def set_per_process_memory_fraction(fraction: float, device: Any = None) -> None:
    """Let this process take no more than a share of a GPU's memory."""
    cupy = driver.library()

    if not 0 <= fraction <= 1:
        raise ValueError(f"Invalid fraction value: {fraction}. Allowed range: 0~1")
    with _there(device):
        cupy.get_default_memory_pool().set_limit(fraction=fraction)

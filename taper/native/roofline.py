"""What this machine can do at most: fused multiply-adds from registers, and bytes to and from memory.

Measured once for a processor and a number of threads, and kept in the code cache, whose digests find a damaged entry.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np

from . import cache, library, team
from .machine import Machine, host
from .text import Builder, Module, Value, const, i64, vector

ROUNDS = 20_000
"""Rounds of multiply-adds in one chunk: some ten microseconds."""

BLOCK = 1 << 16
"""Elements in one chunk of the memory's kernel."""

TRIES = 20
MEMORY_TRIES = 5

_NAMES = ["taper_peak_float", "taper_peak_double", "taper_triad"]


@dataclass(frozen=True)
class Roofline:
    """Operations a second in float32 and float64, and bytes a second, each of one thread and of all `threads`."""

    threads: int
    float32: tuple[float, float]
    float64: tuple[float, float]
    memory: tuple[float, float]

    def seconds(self, flops: float, bytes: float, double: bool, threads: int) -> tuple[float, str]:
        """The least time for a piece of work, and what limits it: "arithmetic" or "memory"."""
        which = int(threads > 1)
        computing = flops / (self.float64 if double else self.float32)[which]
        moving = bytes / self.memory[which]
        return (computing, "arithmetic") if computing > moving else (moving, "memory")


@lru_cache(None)
def roofline(threads: int) -> Roofline:
    """The machine's roofline for a number of threads, from the cache or measured now (about a quarter of a second)."""
    name = cache.key(f"roofline of {threads} threads\n{_text(host())}", host())
    kept = _read(cache.get(name), threads)
    if kept is None:
        kept = measured(threads)
        cache.put(name, json.dumps(asdict(kept)).encode())
    return kept


def _read(data: bytes | None, threads: int) -> Roofline | None:
    """What the cache kept; None if that is no roofline of so many threads."""
    if data is None:
        return None
    try:
        found = json.loads(data)
        pairs = {name: tuple(map(float, found[name])) for name in ("float32", "float64", "memory")}
        right = found["threads"] == threads and all(len(p) == 2 and min(p) > 0 for p in pairs.values())
    except (ValueError, KeyError, TypeError):
        return None
    return Roofline(threads, **pairs) if right else None


def measured(threads: int) -> Roofline:
    """Measure now: the best of several tries each."""
    machine = host()
    single, double, triad = _kernels()
    result = np.zeros(8, np.float64)
    result[:2] = 0.5, 0.25
    size = min(max(machine.l3 * 2, 32 << 20), 64 << 20) // 8 // BLOCK * BLOCK
    arrays = [np.ones(size), np.ones(size), np.ones(size)]
    found: dict[str, list[float]] = {"float32": [], "float64": [], "memory": []}
    for count in (1, threads):
        chunks = 8 * count
        for name, address, type in (("float32", single, "float"), ("float64", double, "double")):
            work = chunks * ROUNDS * _accumulators(machine) * machine.lanes(type) * 2
            found[name].append(work / _best(address, [result], chunks, count, TRIES))
        found["memory"].append(24 * size / _best(triad, arrays, size // BLOCK, count, MEMORY_TRIES))
    return Roofline(threads, **{name: (one, max(one, all)) for name, (one, all) in found.items()})


@lru_cache(None)
def _kernels() -> list[int]:
    return library.compiled(_text(host()), _NAMES)


def _best(address: int, arrays: list[np.ndarray], chunks: int, threads: int, tries: int) -> float:
    """The shortest time of a kernel on so many threads."""
    table = np.array([a.ctypes.data for a in arrays], np.int64)
    code = np.array([address, table.ctypes.data, chunks, 1], np.int64)
    crew = team.team()
    times = []
    with crew.lock:
        count = crew.ready(threads)
        for _ in range(tries):
            started = time.perf_counter()
            team.runner()(crew.address, code.ctypes.data, 0, 1, count)
            times.append(time.perf_counter() - started)
    return min(times)


def _accumulators(machine: Machine) -> int:
    """Sums that are independent of each other: enough that none waits, few enough to stay in registers."""
    return machine.registers - 4


def _text(machine: Machine) -> str:
    module = Module(fused=machine.fused)
    for name, type in zip(_NAMES, ("float", "double")):
        _peak(Builder(module, name, ["ptr", "i64", "i64"]), type, machine)
    _triad(Builder(module, _NAMES[2], ["ptr", "i64", "i64"]), machine)
    return str(module)


def _array(b: Builder, place: int) -> Value:
    return b.load("ptr", b.offset(b.args[0], i64(place), "ptr"))


def _peak(b: Builder, type: str, machine: Machine) -> None:
    """ROUNDS times x <- x f + s, for every accumulator, in each chunk; the end is stored so that it must be computed."""
    kind = vector(type, machine.lanes(type))
    memory = _array(b, 0)
    factor = b.splat(b.convert(b.load("double", memory), type), machine.lanes(type))
    summand = b.splat(b.convert(b.load("double", b.offset(memory, i64(1), "double")), type), machine.lanes(type))
    with b.loop(b.args[1], b.args[2]):
        first = [const(i, kind) for i in range(_accumulators(machine))]
        with b.loop(i64(0), i64(ROUNDS), carry=first) as rounds:
            rounds.values = [b.add(b.mul(x, factor), summand) for x in rounds.values]
        total = rounds.results[0]
        for x in rounds.results[1:]:
            total = b.add(total, x)
        never = b.compare("==", b.extract(total, 0), const(-1, type))
        with b.when(never):
            b.store(b.convert(b.extract(total, 0), "double"), b.offset(memory, i64(2), "double"))
    b.finish()


def _triad(b: Builder, machine: Machine) -> None:
    """x = y + 3 z over blocks of three arrays of doubles."""
    width = machine.lanes("double")
    kind = vector("double", width)
    x, y, z = (_array(b, i) for i in range(3))
    start, stop = b.mul(b.args[1], i64(BLOCK)), b.mul(b.args[2], i64(BLOCK))
    with b.loop(start, stop, i64(width)) as loop:
        left, right = (b.load(kind, b.offset(p, loop.index, "double")) for p in (y, z))
        b.store(b.add(left, b.mul(right, const(3, kind))), b.offset(x, loop.index, "double"))
    b.finish()

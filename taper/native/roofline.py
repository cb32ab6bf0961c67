"""What this machine can do at most: fused multiply-adds from registers, and bytes to and from caches and memory.

Measured once for a processor and a number of threads, and kept in the code cache, whose digests find a damaged entry.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np

from . import cache, library, team
from .machine import Machine, host
from .text import Builder, Module, Value, const, i64, vector

ROUNDS = 20_000
"""Rounds of multiply-adds in one chunk: some hundred microseconds."""

BLOCK = 256
"""Elements in one chunk of the memory's kernel."""

TRIES = 20
LARGE_TRIES = 5

_NAMES = ["taper_peak_float", "taper_peak_double", "taper_triad"]


@dataclass(frozen=True)
class Roofline:
    """Operations a second in float32 and float64, each of one thread and of all `threads`.

    memory: for each level (bytes of one thread's share of a cache; infinity: memory) the bytes a second to and from it.
    """

    threads: int
    float32: tuple[float, float]
    float64: tuple[float, float]
    memory: tuple[tuple[float, tuple[float, float]], ...]

    def seconds(self, flops: float, bytes: float, double: bool, threads: int) -> tuple[float, str]:
        """The least time for a piece of work, and what limits it: "arithmetic" or "memory".

        Data that fit into the caches of those who work on them are taken to lie there.
        """
        which = int(threads > 1)
        computing = flops / (self.float64 if double else self.float32)[which]
        rate = next(rates for size, rates in self.memory if bytes <= size * threads)
        moving = bytes / rate[which]
        return (computing, "arithmetic") if computing > moving else (moving, "memory")


@lru_cache(None)
def roofline(threads: int) -> Roofline:
    """The machine's roofline for a number of threads, from the cache or measured now (about half a second)."""
    kept = read(cache.get(_name(threads)), threads)
    if kept is None:
        kept = measured(threads)
        cache.put(_name(threads), json.dumps(asdict(kept)).encode())
    return kept


def _name(threads: int) -> str:
    return cache.key(f"roofline of {threads} threads, three caches and memory\n{_text(host())}", host())


def read(data: bytes | None, threads: int) -> Roofline | None:
    """What the cache kept; None if that is no roofline of so many threads."""
    if data is None:
        return None
    try:
        found = json.loads(data)
        float32, float64 = (_pair(found[name]) for name in ("float32", "float64"))
        memory = tuple((float(size), _pair(rates)) for size, rates in found["memory"])
        right = found["threads"] == threads and memory[-1][0] == math.inf
    except (ValueError, KeyError, TypeError, IndexError):
        return None
    return Roofline(threads, float32, float64, memory) if right else None


def _pair(values) -> tuple[float, float]:
    one, all = map(float, values)
    if not (one > 0 and all > 0):
        raise ValueError(f"no rates: {values}")
    return one, all


def measured(threads: int) -> Roofline:
    """Measure now: the best of several tries each."""
    machine = host()
    rates = [_arithmetic(machine, type, threads) for type in ("float", "double")]
    large = min(max(machine.l3 * 2, 32 << 20), 64 << 20) * 3
    # Of the last cache others use parts too: no more than a few megabytes of it are counted on.
    shared = max(machine.l2 * 2, min(machine.l3 // team.available(), machine.l2 * 8))
    levels = [(size, _moving(size // 2, False, threads)) for size in (machine.l1, machine.l2, shared)]
    return Roofline(threads, *rates, (*levels, (math.inf, _moving(large, True, threads))))


def again(threads: int) -> Roofline:
    """The roofline after another measurement, for something that went beyond it: the machine was busy then. Kept."""
    old, new = roofline(threads), measured(threads)
    memory = tuple((size, _larger(a, b)) for (size, a), (_, b) in zip(old.memory, new.memory))
    made = Roofline(threads, _larger(old.float32, new.float32), _larger(old.float64, new.float64), memory)
    cache.put(_name(threads), json.dumps(asdict(made)).encode())
    roofline.cache_clear()
    return made


def _larger(x: tuple[float, float], y: tuple[float, float]) -> tuple[float, float]:
    return max(x[0], y[0]), max(x[1], y[1])


def _arithmetic(machine: Machine, type: str, threads: int) -> tuple[float, float]:
    """Operations a second of one thread, and of all."""
    kernel = _kernels()[("float", "double").index(type)]
    numbers = np.array([0.5, 0.25, 0.0])
    found = []
    for count in (1, threads):
        chunks = 8 * count
        work = chunks * ROUNDS * _accumulators(machine) * machine.lanes(type) * 2
        found.append(work / _best(kernel, [numbers], chunks, count, 1, TRIES))
    return found[0], max(found)


def _moving(used: int, large: bool, threads: int) -> tuple[float, float]:
    """Bytes a second of one thread, and of all: each over its part of three arrays of `used` bytes a thread together.

    What is too large for caches has that size in all.
    """
    found = []
    for count in (1, threads):
        blocks = max(1, used // (24 * BLOCK)) * (1 if large else count)
        arrays = [np.ones(blocks * BLOCK) for _ in range(3)]
        repeats = 1 if large else max(1, (8 << 20) // used)
        seconds = _best(_kernels()[2], arrays, blocks, count, repeats, LARGE_TRIES if large else TRIES)
        found.append(24 * blocks * BLOCK * repeats / seconds)
    return found[0], max(found)


@lru_cache(None)
def _kernels() -> list[int]:
    return library.compiled(_text(host()), _NAMES)


def _best(address: int, arrays: list[np.ndarray], chunks: int, threads: int, repeats: int, tries: int) -> float:
    """The shortest time of a kernel's repeats on so many threads, which wait for each other at the end alone."""
    table = np.array([a.ctypes.data for a in arrays], np.int64)
    code = np.tile(np.array([address, table.ctypes.data, chunks, 0], np.int64), (repeats, 1))
    code[-1, 3] = 1
    crew = team.team()
    times = []
    with crew.lock:
        count = crew.ready(threads)
        for _ in range(tries):
            started = time.perf_counter()
            team.runner()(crew.address, code.ctypes.data, 0, repeats, count)
            times.append(time.perf_counter() - started)
    return min(times)


def _accumulators(machine: Machine) -> int:
    """Sums that are independent of each other: enough that none waits, few enough to stay in registers."""
    return machine.registers - 4


def _text(machine: Machine) -> str:
    module = Module.of(machine)
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

"""Kernels over sequences for eager execution: one for all lengths and batches, run on the arrays as they are."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache
from math import prod

import numpy as np

from ..native import team
from ..native.arrays import readable
from ..native.machine import Machine, host
from ..native.sequence import (
    QUERIES,
    Attention,
    Recurrence,
    emit_attention,
    emit_attention_gradient,
    emit_backward,
    emit_forward,
    emit_weights,
)
from ..native.text import Builder, Module, Value, i64
from .entry import Record, entrance
from .lower.instructions import LLVM
from .program import code_of
from .recording import recording

SHARED = 8_000_000
"""Operations from which a kernel is shared between threads: about what runs while a sleeping team wakes up, several times."""

WORTH = 4_000_000
"""Operations from which it is shared if the team is awake."""

KEPT = 16 << 20
"""Bytes of scratch that a thread keeps, at most."""

NUMBERS = frozenset(
    [
        "steps",
        "batch",
        "total",
        "parts",
        "length",
        "keys",
        *(n + "_step" for n in "q k v out g dq dk dv mask drop".split()),
    ]
)
"""Entries of a kernel's table that are numbers and not addresses."""

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)

Emit = Callable[[Module, str, Callable[[Builder, str], "Value | None"]], None]


BRIEF = 2_000_000
"""Operations below which a kernel keeps the interpreter: freeing it and taking it back costs as much."""


class Routine:
    """A kernel whose table holds addresses and numbers under names; `absent`: names of what it has not."""

    def __init__(self, emit: Emit, absent: tuple[str, ...], machine: Machine):
        self.names: list[str] = []

        def operand(b: Builder, name: str) -> Value | None:
            if name in absent:
                return None
            if name not in self.names:
                self.names.append(name)
            cell = b.offset(b.args[0], i64(self.names.index(name)), "i64")
            return b.load("i64" if name in NUMBERS else "ptr", cell)

        module = Module.of(machine)
        emit(module, "KERNEL", operand)
        self.code = code_of(str(module), machine)

    def table(self, given: dict[str, np.ndarray | int]) -> np.ndarray:
        return np.array([given[n] if n in NUMBERS else _address(given[n]) for n in self.names], np.int64)


class Together:
    """Kernels that run one after the other."""

    def __init__(self, *routines: Routine):
        self.routines = routines
        self.calls = threading.local()

    def run(self, given: dict[str, np.ndarray | int], chunks: tuple[int, ...], flops: int) -> None:
        """Run them, each in so many chunks, on the team's threads if that pays and it is free."""
        if not readable():
            self.run_by_addresses(given, chunks, flops)
            return
        try:
            call = self.calls.own
        except AttributeError:
            call = self.calls.own = _Call(self.routines)
        call.run(given, chunks, flops)

    def run_by_addresses(self, given: dict[str, np.ndarray | int], chunks: tuple[int, ...], flops: int) -> None:
        """The same where arrays cannot be passed as objects."""
        tables = [routine.table(given) for routine in self.routines]
        rows = [(r.code.address, t.ctypes.data, n, 1) for r, t, n in zip(self.routines, tables, chunks)]
        code = np.array(rows, np.int64)
        crew = team.team()
        if flops >= SHARED and chunks[-1] > 1 and crew.lock.acquire(blocking=False):
            try:
                team.runner()(crew.address, code.ctypes.data, 0, len(rows), crew.ready(team.threads()))
            finally:
                crew.lock.release()
        else:
            team.runner()(crew.address, code.ctypes.data, 0, len(rows), 1)


class _Call:
    """One thread's way into kernels: arrays are passed as the objects that they are."""

    def __init__(self, routines: tuple[Routine, ...]):
        names = [n for routine in routines for n in routine.names]
        places = [i for i, n in enumerate(names) if n not in NUMBERS]
        self.arrays = [names[i] for i in places]
        table, self.code = np.zeros(len(names), np.int64), np.ones((len(routines), team.ENTRY), np.int64)
        at = table.ctypes.data
        for row, routine in zip(self.code, routines):
            row[:2] = routine.code.address, at
            at += table.itemsize * len(routine.names)
        self.record = Record(table, places, self.code, team.team().address)
        self.numbers = [(n, memoryview(table[i : i + 1])) for i, n in enumerate(names) if n in NUMBERS]
        self.chunks = [memoryview(row[2:3]) for row in self.code]
        self.brief, self.long = (entrance(len(self.arrays), 0, brief) for brief in (True, False))

    def run(self, given: dict[str, np.ndarray | int], chunks: tuple[int, ...], flops: int) -> None:
        for name, cell in self.numbers:
            cell[0] = given[name]
        for cell, count in zip(self.chunks, chunks):
            cell[0] = count
        record, objects = self.record, [given[n] for n in self.arrays]
        if flops < BRIEF:
            self.brief(record.address, *objects)
        elif flops < WORTH or chunks[-1] == 1:
            self.long(record.address, *objects)
        else:
            with record.share(flops < SHARED):
                self.long(record.address, *objects)
            record.words[7] = 1


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


class _Kept(threading.local):
    """Scratch of this thread, which is used again: new pages take longer than many a kernel."""

    def __init__(self):
        self.memory = np.empty(0, np.uint8)


_kept = _Kept()


def _scratch(*counts: int, dtype: np.dtype) -> list[np.ndarray]:
    """Arrays of so many elements whose contents nobody needs afterwards."""
    sizes = [-(-n * dtype.itemsize // 64) * 64 for n in counts]
    memory = _kept.memory
    if memory.size < sum(sizes) + 64:
        memory = np.empty(sum(sizes) + 64, np.uint8)
        if memory.size <= KEPT:
            _kept.memory = memory
    at, made = -_address(memory) % 64, []
    for n, size in zip(counts, sizes):
        made.append(memory[at : at + n * dtype.itemsize].view(dtype))
        at += size
    return made


@lru_cache(256)
def _recurrent(cell, dtype: np.dtype, hidden: int, reverse: bool, bias: bool, backward: bool, machine: Machine):
    plan = Recurrence(cell, LLVM[dtype.name], hidden, reverse, bias, machine)
    absent = ("b",) if not bias else ()
    absent += ("c", "last_c", "before_c", "g_c", "d_c") if cell.states == 1 else ()
    emit = emit_backward if backward else emit_forward
    pack = Routine(lambda m, n, operand: emit_weights(m, n, plan, operand, backward), (), machine)
    return plan, Together(pack, Routine(lambda m, n, operand: emit(m, n, plan, operand), absent, machine))


def recurrence(cell, x, h, c, w, b, sizes: tuple[int, ...], reverse: bool):
    """`Cell.unrolled` without a projection; NotImplemented where it has no kernel."""
    found = _taken(x, h, c, w, b)
    if found is None:
        return NotImplemented
    x, h, c, w, b = found
    (batch, hidden), total = h.shape, len(x)
    plan, kernels = _recurrent(cell, x.dtype, hidden, reverse, b is not None, False, host())
    panels = plan.gates
    made = dict(
        out=(total, hidden), last_h=(batch, hidden), before_h=(total, hidden), saved=(total, cell.saved * hidden)
    )  # fmt: skip
    if c is not None:
        made |= dict(last_c=(batch, hidden), before_c=(total, hidden))
    arrays = {name: np.empty(shape, x.dtype) for name, shape in made.items()}
    (arrays["panels"],) = _scratch(panels.size, dtype=x.dtype)
    given = {"x": x, "h": h, "c": c, "w": w, "b": b, **arrays, **_steps(sizes, batch, total)}
    given["parts"] = plan.chunks(batch, panels, team.threads())
    kernels.run(given, (panels.count, given["parts"]), plan.flops(total))
    states = (arrays["last_h"],) if c is None else (arrays["last_h"], arrays["last_c"])
    return (arrays["out"], *states, arrays["before_h"], arrays.get("before_c"), arrays["saved"], None)


def recurrence_grad(cell, gradients, before_h, before_c, saved, w, sizes: tuple[int, ...], reverse: bool):
    """`Cell.unrolled_grad` without a projection; NotImplemented where it has no kernel."""
    found = _taken(*gradients, before_h, before_c, saved, w)
    if found is None:
        return NotImplemented
    g, g_h, *g_c, before_h, before_c, saved, w = found
    (batch, hidden), total = g_h.shape, len(g)
    plan, kernels = _recurrent(cell, g.dtype, hidden, reverse, False, True, host())
    panels = plan.back
    made = dict(dx=(total, cell.gates * hidden), d_h=(batch, hidden))
    if cell.splits:
        made["dr"] = made["dx"]
    if before_c is not None:
        made["d_c"] = (batch, hidden)
    arrays = {name: np.empty(shape, g.dtype) for name, shape in made.items()}
    arrays.setdefault("dr", arrays["dx"])
    arrays["panels"], arrays["work"] = _scratch(panels.size, batch * plan.work, dtype=g.dtype)
    given = {
        "g": g,
        "g_h": g_h,
        "g_c": g_c[0] if g_c else None,
        "before_h": before_h,
        "before_c": before_c,
        "saved": saved,
    }
    given = {**given, "w": w, **arrays, **_steps(sizes, batch, total)}
    given["parts"] = plan.chunks(batch, panels, team.threads())
    kernels.run(given, (panels.count, given["parts"]), plan.flops(total))
    first = (arrays["d_h"],) if before_c is None else (arrays["d_h"], arrays["d_c"])
    return arrays["dx"], arrays["dr"], first, None


def _steps(sizes: tuple[int, ...], batch: int, total: int) -> dict:
    return {"sizes": _counts(sizes), "steps": len(sizes), "batch": batch, "total": total}


@lru_cache(64)
def _counts(sizes: tuple[int, ...]) -> np.ndarray:
    return np.array(sizes, np.int64)


def _taken(*arrays) -> list | None:
    """The arrays, contiguous; None if they are not of one floating dtype that kernels compute in, or a step is captured."""
    dtype = arrays[0].dtype
    if recording.graph is not None or (dtype != F32 and dtype != F64):
        return None
    for a in arrays:
        if a is not None and (a.__class__ is not np.ndarray or a.dtype != dtype):
            return None
    return [a if a is None or a.flags.c_contiguous else np.ascontiguousarray(a) for a in arrays]


@lru_cache(256)
def _attending(plan: Attention, backward: bool) -> Together:
    emit = emit_attention_gradient if backward else emit_attention
    return Together(Routine(lambda m, n, operand: emit(m, n, plan, operand), (), plan.machine))


def _starts(shape: tuple[int, ...], strides: tuple[int, ...]) -> np.ndarray:
    """Where the matrices of an array begin, in elements, for its leading dimensions in order."""
    found = np.zeros(shape, np.int64)
    for axis, (n, stride) in enumerate(zip(shape, strides)):
        found += (np.arange(n, dtype=np.int64) * stride).reshape(-1, *(1,) * (len(shape) - axis - 1))
    return found.reshape(-1)


def _matrices(name: str, array: np.ndarray, lead: tuple[int, ...], rows: int) -> dict:
    """An array of matrices, whose rows lie side by side, as a kernel takes it: broadcast to `lead` and `rows`."""
    shape, strides, size = array.shape, array.strides, array.itemsize
    if shape[-1] > 1 and strides[-1] != size:
        array = np.ascontiguousarray(array)
        strides = array.strides
    at, step = _layout(shape, strides, size, lead, rows)
    return {name: array, name + "_at": at, name + "_step": step}


@lru_cache(1024)
def _layout(shape, strides, size: int, lead: tuple[int, ...], rows: int) -> tuple[np.ndarray, int]:
    """Where the matrices of an array begin, and how far apart their rows are, in elements, broadcast to `lead` and `rows`."""
    wanted = (*lead, rows)
    own = [0 if n == 1 and m != 1 else s // size for n, s, m in zip(shape[-2::-1], strides[-2::-1], wanted[::-1])]
    steps = [0] * (len(wanted) - len(own)) + own[::-1]
    return _starts(lead, tuple(steps[:-1])), steps[-1]


@lru_cache(256)
def _plan(
    dtype: np.dtype, features: int, values: int, mask: str, drop: bool, causal: bool, machine: Machine
) -> Attention:
    kind = {"": "", "b": "i1", "f": LLVM[dtype.name]}[mask]
    return Attention(LLVM[dtype.name], features, values, kind, drop, causal, machine)


def _attended(q, k, v, mask, drop, scale, causal: bool):
    """What both kernels are given: the plan, the leading dimensions, the table's entries; None where there is no kernel."""
    dtype = q.dtype
    if recording.graph is not None or (dtype is not F32 and dtype is not F64):
        return None
    for a in (q, k, v, drop):
        if a is not None and (a.__class__ is not np.ndarray or a.dtype is not dtype):
            return None
    length, keys = q.shape[-2], k.shape[-2]
    if mask is not None:
        mask = np.atleast_2d(mask if mask.dtype.kind == "b" else mask.astype(q.dtype, copy=False))
        mask = mask if mask.shape[-1] == keys else np.ascontiguousarray(np.broadcast_to(mask, (*mask.shape[:-1], keys)))
    lead = q.shape[:-2]
    for a in (k, v, mask, drop):
        if a is not None and a.shape[:-2] != lead:
            lead = np.broadcast_shapes(lead, a.shape[:-2])
    given = {"scale": _number(scale, dtype), "length": length, "keys": keys}
    for name, array, rows in (
        ("q", q, length),
        ("k", k, keys),
        ("v", v, keys),
        ("mask", mask, length),
        ("drop", drop, length),
    ):
        if array is not None:
            given |= _matrices(name, array, lead, rows)
    kind = "" if mask is None else mask.dtype.kind
    return _plan(q.dtype, q.shape[-1], v.shape[-1], kind, drop is not None, causal, host()), lead, given


@lru_cache(64)
def _number(value: float, dtype: np.dtype) -> np.ndarray:
    return np.array(value, dtype)


def _like(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """An array of a shape, in x's order of memory where it has that shape."""
    return np.empty_like(x) if x.shape == shape else np.empty(shape, x.dtype)


def attention(q, k, v, mask, drop, scale: float, causal: bool):
    """The CPU namespace's `attention`, which keeps the logarithm of each query's sum; NotImplemented without a kernel."""
    found = _attended(q, k, v, mask, drop, scale, causal)
    if found is None:
        return NotImplemented
    plan, lead, given = found
    length, batch = given["length"], prod(lead)
    out, lse = _like(q, (*lead, length, v.shape[-1])), np.empty((*lead, length), q.dtype)
    given |= {**_matrices("out", out, lead, length), "lse": lse}
    flops = plan.flops(batch, length, given["keys"], False)
    _attending(plan, False).run(given, (batch * plan.blocks(length),), flops)
    return out, lse


def attention_grad(g, q, k, v, mask, drop, out, lse, scale: float, causal: bool):
    """The gradients of q, k and v, with their leading dimensions broadcast; NotImplemented without a kernel."""
    found = _attended(q, k, v, mask, drop, scale, causal)
    if found is None or g.dtype != q.dtype:
        return NotImplemented
    plan, lead, given = found
    length, keys, batch = given["length"], given["keys"], prod(lead)
    made = _together(q, k, v) if q.shape[:-2] == lead else None
    if made is None:
        made = [_like(x, (*lead, *x.shape[-2:])) for x in (q, k, v)]
    for name, array, rows in zip(("g", "out", "dq", "dk", "dv"), (g, out, *made), (length, length, length, keys, keys)):
        given |= _matrices(name, array, lead, rows)
    (work,) = _scratch(batch * plan.blocks(length) * QUERIES * plan.work, dtype=q.dtype)
    given |= {"lse": np.ascontiguousarray(lse), "work": work}
    _attending(plan, True).run(given, (batch,), plan.flops(batch, length, keys, True))
    return tuple(made)


def _together(q, k, v) -> list[np.ndarray] | None:
    """Arrays for the gradients of heads (N, H, L, D) that lie beside each other in rows, which lie so as well: `rejoined`
    takes what shares an array of one dimension for such."""
    if q.ndim != 4 or not (q.shape == k.shape == v.shape and q.strides == k.strides == v.strides):
        return None
    n, heads, length, features = q.shape
    size, wide = q.itemsize, heads * features
    step, within, along, each = q.strides
    row = 3 * wide * size
    if each != size or within != features * size or (along, step) not in ((row, row * length), (row * n, row)):
        return None
    whole = np.empty(3 * q.size, q.dtype)
    return [np.ndarray(q.shape, q.dtype, whole, i * wide * size, q.strides) for i in range(3)]

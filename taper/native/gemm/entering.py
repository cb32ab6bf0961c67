"""From Python into the products of any size: one native call, which takes the arrays as the objects they are."""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache, partial
from math import prod

import numpy as np

from .. import builtin, library, team
from ..arrays import HEAD, readable
from ..machine import host
from ..text import Builder, Module, Value, i64
from .any_size import FIELDS, emit_any_size
from .cutting import SHARED, cut
from .free_tile import FreeTile

WOKEN = 1 << 22
"""Multiplications from which threads are woken for it."""

LONG = 1 << 23
"""Multiplications from which the interpreter is freed meanwhile."""

TYPES = {"f": "float", "d": "double"}
"""LLVM's names of NumPy's types."""

_OPERANDS = ("a", "b", "c", "bias")
_WORDS = len(FIELDS)


@lru_cache(None)
def _kernel(type: str) -> int:
    module = Module.of(host())
    emit_any_size(module, f"taper_any_{type}", type, host())
    return library.compiled(str(module), [f"taper_any_{type}"])[0]


def _emit_enter(b: Builder, plan: Value, objects: list[Value], result: Value | None = None) -> None:
    """Run a plan of `A, B, C, bias` and perhaps a seat, by a function that returns `result`.

    A plan: `FIELDS`, the kernel's address, the chunks, the runner's address, and that of None. Without a bias what stands
    for it is not looked at. A seat: the address of the team, and how many of its threads take part; without it, none does.
    """
    table = b.place("i64", _WORDS)

    def word(i: int, type: str = "i64") -> Value:
        return b.load(type, b.offset(plan, i64(i), "i64"))

    def data(array: Value, type: str = "i64") -> Value:
        return b.load(type, b.offset(array, i64(HEAD), "i8"))

    for i, field in enumerate(FIELDS):
        if field not in _OPERANDS:
            b.store(word(i), b.offset(table, i64(i), "i64"))
    for field, array in zip(_OPERANDS[:3], objects):
        b.store(data(array), b.offset(table, i64(FIELDS.index(field)), "i64"))
    at = FIELDS.index("bias")
    place = b.offset(table, i64(at), "i64")
    b.store(i64(0), place)
    with b.when(b.compare("!=", word(at), i64(0))):
        b.store(data(objects[3]), place)
    if len(objects) == 4:
        b.call_address(word(_WORDS, "ptr"), table, i64(0), word(_WORDS + 1))
    else:
        entry, seat = b.place("i64", team.ENTRY), data(objects[4], "ptr")
        address = b.emit("i64", f"ptrtoint {table} to i64")
        for i, value in enumerate((word(_WORDS), address, word(_WORDS + 1), i64(1))):
            b.store(value, b.offset(entry, i64(i), "i64"))
        crew, threads = b.load("ptr", seat), b.load("i64", b.offset(seat, i64(1), "i64"))
        b.call_address(word(_WORDS + 2, "ptr"), crew, entry, i64(0), i64(1), threads)
    b.finish(result)


def _emit_method(module: Module, name: str, count: int) -> None:
    """`enter(self, arguments, how many)`, as the interpreter calls a method of `self`, which is the plan, an array."""
    b = Builder(module, name, ["ptr", "ptr", "i64"], "ptr")
    plan = b.load("ptr", b.offset(b.args[0], i64(HEAD), "i8"))
    nothing = b.load("ptr", b.offset(plan, i64(_WORDS + 3), "i64"))
    # None lives for ever from Python 3.12 on; before, its references are counted.
    b.store(b.add(b.load("i64", nothing), i64(int(_COUNTED))), nothing)
    _emit_enter(b, plan, [b.load("ptr", b.offset(b.args[1], i64(i), "ptr")) for i in range(count)], nothing)


@lru_cache(None)
def _entrances() -> list[int]:
    """The ways in: two methods, without and with a seat, and a function with a seat."""
    module = Module.of(host())
    names = ["taper_product_alone", "taper_product_shared", "taper_product_free"]
    _emit_method(module, names[0], 4)
    _emit_method(module, names[1], 5)
    b = Builder(module, names[2], ["ptr"] * 6)
    _emit_enter(b, b.args[0], b.args[1:])
    return library.compiled(str(module), names)


_COUNTED = sys.version_info < (3, 12)


@lru_cache(None)
def _free():
    """The function that frees the interpreter while it runs."""
    return ctypes.CFUNCTYPE(None, ctypes.c_int64, *[ctypes.py_object] * 5)(_entrances()[2])


@lru_cache(64)
def _seat(crew: int, threads: int) -> np.ndarray:
    return np.array([crew, threads], np.int64)


class Ready:
    """A product of arrays of given shapes and strides: `run(a, b, c, bias)`; `shape` is the result's, of so many batches."""

    __slots__ = ("shape", "batches", "run", "_brief", "_enter", "_kept")

    def __init__(self, shape: tuple[int, ...], plan: np.ndarray, tables: tuple, work: int):
        self.shape, self.batches, self._brief = shape, prod(shape[:-2]), work < WOKEN
        self._kept = plan, tables
        several = work >= SHARED and plan[_WORDS + 1] > 1
        if work < LONG:
            self._enter = builtin.builtin("product", _entrances()[int(several)], plan)
        else:
            self._enter = partial(_free(), plan.ctypes.data)
            several = True
        self.run = self._together if several else self._enter

    def _together(self, a, b, c, bias) -> None:
        """On the team's threads if they are free, and if it is brief, if they are awake."""
        crew = team.team()
        if (not self._brief or crew.awake()) and crew.lock.acquire(blocking=False):
            try:
                self._enter(a, b, c, bias, _seat(crew.address, crew.ready(team.threads())))
            finally:
                crew.lock.release()
        else:
            self._enter(a, b, c, bias, _seat(crew.address, 1))


def callable_here() -> bool:
    """Whether arrays have the expected fields, and None counts its references as expected."""
    return readable() and builtin.available()


def ready(a_shape, a_strides, b_shape, b_strides, char: str, biased: bool) -> Ready | None:
    """A product of matrices, or of stacks of them that broadcast; None where it is NumPy's: where there is nothing to
    multiply, sizes do not fit, or numbers lie in memory in no order that the kernel knows. Strides are in bytes."""
    size = np.dtype(char).itemsize
    (m, k), n = a_shape[-2:], b_shape[-1]
    if b_shape[-2] != k or any(s % size for s in (*a_strides, *b_strides)):
        return None
    try:
        lead = np.broadcast_shapes(a_shape[:-2], b_shape[:-2])
    except ValueError:
        return None
    batches = prod(lead)
    if not (m and n and k and batches):
        return None
    each = (a_shape, a_strides), (b_shape, b_strides)
    a, b = ([s // size if d > 1 else 1 for d, s in zip(shape[-2:], strides[-2:])] for shape, strides in each)
    if 1 not in a or 1 not in b:
        return None
    t = FreeTile(TYPES[char], host())
    # Of a single column that does not lie in a row, B may say both that it does and that it does not.
    c = cut(t, m, n, k, batches, b[1] != 1)
    tables = tuple(_starts(lead, shape[:-2], strides[:-2], size) for shape, strides in each)
    numbers = dict(
        a=0, b=0, c=0, bias=int(biased), at_a=tables[0].ctypes.data, at_b=tables[1].ctypes.data, m=m, n=n, k=k,
        a_row=a[0], a_step=a[1], b_step=b[0], b_column=b[1], c_row=n, c_batch=m * n, k_block=c.k_block,
        row_blocks=c.row_blocks, column_blocks=c.column_blocks, columns=c.columns, packs=int(c.packs),
    )  # fmt: skip
    chunks = batches * c.row_blocks * c.column_blocks
    plan = np.array([*(numbers[f] for f in FIELDS), _kernel(t.type), chunks, team._code()[0], id(None)], np.int64)
    return Ready((*lead, m, n), plan, tables, m * n * k * batches)


def _starts(lead: tuple[int, ...], shape: tuple[int, ...], strides: tuple[int, ...], size: int) -> np.ndarray:
    """Where an array's matrices begin, in elements, for the leading indices in order."""
    found = np.zeros((1,) * (len(lead) - len(shape)) + tuple(shape), np.int64)
    for axis, (n, stride) in enumerate(zip(shape, strides)):
        found += (np.arange(n, dtype=np.int64) * (stride // size)).reshape(-1, *(1,) * (len(shape) - axis - 1))
    return np.ascontiguousarray(np.broadcast_to(found, lead)).reshape(-1)


__all__ = ["Ready", "callable_here", "ready"]

"""The way into a program from Python: one native call that checks arrays, notes where they are, and runs.

An array is passed as the object it is; the native side reads its fields (`PyArrayObject`, whose layout is part of NumPy's
binary interface). Asking NumPy for an address from Python would take longer than a small step.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache

import numpy as np

from ..native import library, team
from ..native.arrays import CONTIGUOUS, FOREIGN, HEAD, WRITEABLE, readable
from .program import Program

WORDS = 11
"""A call's record: slots, specs, numbers, team, program, first, last, threads, the runner's address, the first entry that
overwrites what the caller sees, and the address of the flag that forbids to run it (0: none)."""

SPEC = 4
"""An array's spec: its slot, how many dimensions (-1: how it lies is all that is checked), its dtype's number, the address of
its shape, and the flags that it must have."""

MOST = 64
"""Arrays, and numbers, that one call passes."""

BRIEF = 20_000
"""Nanoseconds of work below which the interpreter is not freed: freeing and taking it back costs as much."""

SHARED, AWAKE = 300_000, 60_000
"""Nanoseconds of estimated work from which a single operator is shared between threads: between operators the team falls
asleep, and waking it takes some fifty thousand. If it is still awake, less work is worth sharing."""

PATIENCE = 50_000_000
"""Nanoseconds of work after which a program looks whether it is interrupted."""


def _text(arrays: int, numbers: int, name: str) -> str:
    """The function `name(record, arrays..., numbers...)`: 1 if it ran, 2 if a flag forbade it, 0 if an array is unfit."""
    arguments = ", ".join(
        ["ptr %record", *[f"ptr %o{i}" for i in range(arrays)], *[f"double %n{i}" for i in range(numbers)]]
    )
    lines = [f"define i64 @{name}({arguments}) nounwind {{", "entry:"]
    for word, field in enumerate(("slots", "specs", "numbers", "team", "program")):
        lines += [f"  %a{word} = getelementptr i64, ptr %record, i64 {word}", f"  %{field} = load ptr, ptr %a{word}"]
    for word, field in ((5, "first"), (6, "last"), (7, "threads"), (9, "commit")):
        lines += [f"  %a{word} = getelementptr i64, ptr %record, i64 {word}", f"  %{field} = load i64, ptr %a{word}"]
    for word, field in ((8, "run"), (10, "flag")):
        lines += [f"  %a{word} = getelementptr i64, ptr %record, i64 {word}", f"  %{field} = load ptr, ptr %a{word}"]
    for i in range(arrays):
        lines += [
            f"  %s{i} = getelementptr i64, ptr %specs, i64 {i * (SPEC + 1)}",
            f"  %ok{i} = call i64 @{name}_fits(ptr %o{i}, ptr %s{i})",
            f"  %yes{i} = icmp ne i64 %ok{i}, 0",
            f"  br i1 %yes{i}, label %next{i}, label %no",
            f"next{i}:",
            f"  %slot{i} = load i64, ptr %s{i}",
            f"  %p{i} = getelementptr i8, ptr %o{i}, i64 {HEAD}",
            f"  %data{i} = load i64, ptr %p{i}",
            f"  %q{i} = getelementptr i64, ptr %slots, i64 %slot{i}",
            f"  store i64 %data{i}, ptr %q{i}",
        ]
    for i in range(numbers):
        lines += [f"  %c{i} = getelementptr double, ptr %numbers, i64 {i}", f"  store double %n{i}, ptr %c{i}"]
    lines += [
        "  call void %run(ptr %team, ptr %program, i64 %first, i64 %commit, i64 %threads)",
        "  %free = icmp eq ptr %flag, null",
        "  br i1 %free, label %rest, label %look",
        "look:",
        "  %raised = load i8, ptr %flag",
        "  %good = icmp eq i8 %raised, 0",
        "  br i1 %good, label %rest, label %refused",
        "rest:",
        "  %more = icmp slt i64 %commit, %last",
        "  br i1 %more, label %finish, label %done",
        "finish:",
        "  call void %run(ptr %team, ptr %program, i64 %commit, i64 %last, i64 %threads)",
        "  br label %done",
        "done:",
        "  ret i64 1",
        "refused:",
        "  ret i64 2",
        "no:",
        "  ret i64 0",
        "}",
        f"""
define internal i64 @{name}_fits(ptr %array, ptr %spec) nounwind {{
entry:
  %nd_at = getelementptr i8, ptr %array, i64 {HEAD + 8}
  %nd32 = load i32, ptr %nd_at
  %nd = sext i32 %nd32 to i64
  %s1 = getelementptr i64, ptr %spec, i64 1
  %wanted = load i64, ptr %s1
  %unchecked = icmp slt i64 %wanted, 0
  br i1 %unchecked, label %lie, label %check
check:
  %same_nd = icmp eq i64 %nd, %wanted
  br i1 %same_nd, label %kind, label %no
kind:
  %d_at = getelementptr i8, ptr %array, i64 {HEAD + 40}
  %descr = load ptr, ptr %d_at
  %s2 = getelementptr i64, ptr %spec, i64 2
  %wanted_kind = load i64, ptr %s2
  %k_at = getelementptr i8, ptr %descr, i64 {HEAD + 12}
  %kind32 = load i32, ptr %k_at
  %kind_number = sext i32 %kind32 to i64
  %same_kind = icmp eq i64 %kind_number, %wanted_kind
  %o_at = getelementptr i8, ptr %descr, i64 {HEAD + 10}
  %order = load i8, ptr %o_at
  %swapped = icmp eq i8 %order, {ord(FOREIGN)}
  %native = xor i1 %swapped, true
  %fits = and i1 %same_kind, %native
  br i1 %fits, label %lie, label %no
lie:
  %f_at = getelementptr i8, ptr %array, i64 {HEAD + 48}
  %flags = load i32, ptr %f_at
  %s4 = getelementptr i64, ptr %spec, i64 4
  %mask64 = load i64, ptr %s4
  %mask = trunc i64 %mask64 to i32
  %set = and i32 %flags, %mask
  %lies = icmp eq i32 %set, %mask
  %shaped = xor i1 %unchecked, true
  %go_on = and i1 %lies, %shaped
  br i1 %go_on, label %shape, label %end
end:
  br i1 %lies, label %yes, label %no
shape:
  %dims_at = getelementptr i8, ptr %array, i64 {HEAD + 16}
  %dims = load ptr, ptr %dims_at
  %s3 = getelementptr i64, ptr %spec, i64 3
  %wanted_dims = load ptr, ptr %s3
  br label %each
each:
  %i = phi i64 [ 0, %shape ], [ %more, %equal ]
  %done = icmp eq i64 %i, %nd
  br i1 %done, label %yes, label %compare
compare:
  %x_at = getelementptr i64, ptr %dims, i64 %i
  %x = load i64, ptr %x_at
  %y_at = getelementptr i64, ptr %wanted_dims, i64 %i
  %y = load i64, ptr %y_at
  %same = icmp eq i64 %x, %y
  br i1 %same, label %equal, label %no
equal:
  %more = add i64 %i, 1
  br label %each
yes:
  ret i64 1
no:
  ret i64 0
}}""",
    ]
    return "\n".join(lines)


@lru_cache(None)
def entrance(arrays: int, numbers: int, holds_interpreter: bool):
    """The function `enter(record address, arrays..., numbers...)`; one that frees the interpreter meanwhile, or not."""
    name = f"taper_enter_{arrays}_{numbers}"
    kind = ctypes.PYFUNCTYPE if holds_interpreter else ctypes.CFUNCTYPE
    return kind(ctypes.c_int64, ctypes.c_void_p, *[ctypes.py_object] * arrays, *[ctypes.c_double] * numbers)(
        _address(arrays, numbers, name)
    )


@lru_cache(None)
def _address(arrays: int, numbers: int, name: str) -> int:
    return library.compiled(_text(arrays, numbers, name), [name])[0]


class Entrance:
    """One program's way in: `enter(address, arrays..., numbers...)` returns 1 if it ran, 2 if its flag forbade it, 0 if an
    array is unfit.

    specs: for each array its slot, the shape that it must have (None: not looked at), its dtype, whether it is written.
    brief: the call keeps the interpreter, so that no other call of the program can run meanwhile; others need a lock, and
    those with `threads` the team besides (`share`).
    """

    def __init__(
        self,
        program: Program,
        specs: list[tuple[int, tuple | None, np.dtype, bool]],
        numbers: np.ndarray,
        count: int,
        refused: np.ndarray | None,
        brief: bool | None = None,
    ):
        self.brief = program.work < BRIEF and not program.threads if brief is None else brief
        self.threads = program.threads
        self.enter = entrance(len(specs), count, self.brief)
        shapes = [np.array(shape or (0,), np.int64) for _, shape, _, _ in specs]
        rows = []
        for (slot, shape, dtype, written), dims in zip(specs, shapes):
            flags = WRITEABLE if written else CONTIGUOUS
            rows.append((slot, -1 if shape is None else len(shape), dtype.num, dims.ctypes.data, flags))
        table = np.array(rows or [(0,) * (SPEC + 1)], np.int64)
        self.words = words = np.zeros(WORDS, np.int64)
        self._kept = program, numbers, refused, shapes, table
        words[0], words[1], words[2] = program.slots.ctypes.data, table.ctypes.data, numbers.ctypes.data
        words[3], words[4], words[6] = team.team().address, program.code.ctypes.data, program.segments[-1].last
        words[7], words[8] = 1, team._code()[0]
        words[9] = words[6] if refused is None else program.commit
        words[10] = 0 if refused is None else refused.ctypes.data
        self.address = words.ctypes.data

    def share(self, brief: bool = False) -> Share:
        """The team for one run, or this thread alone if the team is busy; if it is asleep, too, where the work is brief."""
        return Share(self.words, brief)


class Record:
    """The record of calls that run a program of native/team.py as it is: arrays are only put into their slots.

    slots: what the kernels read, addresses and numbers. places: which of them are the arrays'. code: the program.
    """

    def __init__(self, slots: np.ndarray, places: list[int], code: np.ndarray, crew: int):
        specs = np.array([(place, -1, 0, 0, 0) for place in places], np.int64)
        self.words = words = np.zeros(WORDS, np.int64)
        self._kept = slots, specs, code
        words[0], words[1], words[2], words[3] = slots.ctypes.data, specs.ctypes.data, slots.ctypes.data, crew
        words[4], words[6], words[7], words[8], words[9] = code.ctypes.data, len(code), 1, team._code()[0], len(code)
        self.address = words.ctypes.data

    def share(self, brief: bool = False) -> Share:
        """As `Entrance.share`."""
        return Share(self.words, brief)


class Share:
    """Holds the team while a program runs, if nobody else does."""

    __slots__ = ("words", "brief", "crew")

    def __init__(self, words: np.ndarray, brief: bool):
        self.words, self.brief = words, brief

    def __enter__(self):
        crew = team.team()
        self.crew = crew if (not self.brief or crew.awake()) and crew.lock.acquire(blocking=False) else None
        self.words[3] = crew.address
        self.words[7] = crew.ready(team.threads()) if self.crew is not None else 1

    def __exit__(self, *error):
        if self.crew is not None:
            self.crew.lock.release()


def enterable(program: Program, arrays: int, numbers: int) -> bool:
    """Whether a program may run in one native call from Python."""
    return (
        len(program.segments) == 1
        and program.segments[0].host is None
        and readable()
        and arrays <= MOST
        and numbers <= MOST
    )

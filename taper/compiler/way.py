"""The short way into a one-pass program: a built-in function of the arrays, for calls that take a microsecond in all.

`way(arrays..., results...)` looks at every array, tells the kernels how long they are, and runs them on this thread. It
returns False, and has done nothing, where that does not fit: an array that does not lie in C order, a result that must not be
written, another dtype or size, too much work. The function holds the interpreter all the time, so that no other call of the program can run meanwhile.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np

from ..native import builtin, library, team
from ..native.arrays import CONTIGUOUS, HEAD, INSPECTION, WRITEABLE, readable
from .entry import BRIEF
from .graph import ANY, Node

SPEC = 5
"""Words of an argument's spec: its slot (-1: not read), its dtype's number (-1: a float), the elements of one of its rows
(a float: its cell), how many elements it has besides, and the flags that its array must have."""

_WORDS = (
    "slots specs numbers program last run count row most cells several arrays floats true false increment busy".split()
)
"""A call's record; the last says that a longer run is in the program."""


def _text() -> str:
    """The function's code; it is one for all programs, whose records come as the data of `self`, an array."""
    lines = [
        INSPECTION,
        "define ptr @taper_way(ptr %self, ptr %args, i64 %count) nounwind {",
        "entry:",
        f"  %data_at = getelementptr i8, ptr %self, i64 {HEAD}",
        "  %record = load ptr, ptr %data_at",
    ]
    addresses = {
        "slots",
        "specs",
        "numbers",
        "program",
        "run",
        "cells",
        "arrays",
        "floats",
        "true",
        "false",
        "increment",
    }
    for i, word in enumerate(_WORDS):
        kind = "ptr" if word in addresses else "i64"
        name = "wanted" if word == "count" else word
        lines += [f"  %at_{word} = getelementptr i64, ptr %record, i64 {i}", f"  %{name} = load {kind}, ptr %at_{word}"]
    lines.append(f"""\
  %same_count = icmp eq i64 %count, %wanted
  %free = icmp eq i64 %busy, 0
  %as_many = and i1 %same_count, %free
  br i1 %as_many, label %first, label %no
first:
  %before = sub i64 %count, 1
  %result_at = getelementptr ptr, ptr %args, i64 %before
  %result = load ptr, ptr %result_at
  %class_at0 = getelementptr i8, ptr %result, i64 {HEAD - 8}
  %class0 = load ptr, ptr %class_at0
  %is_array0 = icmp eq ptr %class0, %arrays
  br i1 %is_array0, label %measure, label %no
measure:
  %all = call i64 @taper_size(ptr %result)
  %length = udiv i64 %all, %row
  %less = sub i64 %length, 1
  %brief = icmp ult i64 %less, %most
  br i1 %brief, label %each, label %no
each:
  %i = phi i64 [ 0, %measure ], [ %more, %noted ]
  %over = icmp eq i64 %i, %count
  br i1 %over, label %tell, label %look
look:
  %arg_at = getelementptr ptr, ptr %args, i64 %i
  %arg = load ptr, ptr %arg_at
  %class_at = getelementptr i8, ptr %arg, i64 {HEAD - 8}
  %class = load ptr, ptr %class_at
  %spec_number = mul i64 %i, {SPEC}
  %spec = getelementptr i64, ptr %specs, i64 %spec_number
  %slot = load i64, ptr %spec
  %kind_at = getelementptr i64, ptr %spec, i64 1
  %kind = load i64, ptr %kind_at
  %is_number = icmp slt i64 %kind, 0
  br i1 %is_number, label %float, label %array
float:
  %is_float = icmp eq ptr %class, %floats
  br i1 %is_float, label %store, label %no
store:
  %value_at = getelementptr i8, ptr %arg, i64 {HEAD}
  %value = load double, ptr %value_at
  %cell_number_at = getelementptr i64, ptr %spec, i64 2
  %cell_number = load i64, ptr %cell_number_at
  %cell = getelementptr double, ptr %numbers, i64 %cell_number
  store double %value, ptr %cell
  %ignored = icmp slt i64 %slot, 0
  br i1 %ignored, label %noted, label %point
point:
  %number_at = getelementptr i64, ptr %slots, i64 %slot
  %cell_address = ptrtoint ptr %cell to i64
  store i64 %cell_address, ptr %number_at
  br label %noted
array:
  %flags_at = getelementptr i64, ptr %spec, i64 4
  %flags64 = load i64, ptr %flags_at
  %flags = trunc i64 %flags64 to i32
  %is = call i1 @taper_is(ptr %arg, ptr %arrays, i64 %kind, i32 %flags)
  br i1 %is, label %measured, label %no
measured:
  %row_at = getelementptr i64, ptr %spec, i64 2
  %of_row = load i64, ptr %row_at
  %besides_at = getelementptr i64, ptr %spec, i64 3
  %besides = load i64, ptr %besides_at
  %rows = mul i64 %length, %of_row
  %needed = add i64 %rows, %besides
  %size = call i64 @taper_size(ptr %arg)
  %full = icmp eq i64 %size, %needed
  br i1 %full, label %note, label %no
note:
  %unread = icmp slt i64 %slot, 0
  br i1 %unread, label %noted, label %put
put:
  %its_data_at = getelementptr i8, ptr %arg, i64 {HEAD}
  %its_data = load i64, ptr %its_data_at
  %slot_at = getelementptr i64, ptr %slots, i64 %slot
  store i64 %its_data, ptr %slot_at
  br label %noted
noted:
  %more = add i64 %i, 1
  br label %each
tell:
  %k = phi i64 [ 0, %each ], [ %next_k, %told ]
  %told_all = icmp eq i64 %k, %several
  br i1 %told_all, label %go, label %told
told:
  %cell_at = getelementptr ptr, ptr %cells, i64 %k
  %its_cell = load ptr, ptr %cell_at
  store i64 %length, ptr %its_cell
  %next_k = add i64 %k, 1
  br label %tell
go:
  call void %run(ptr null, ptr %program, i64 0, i64 %last, i64 1)
  call void %increment(ptr %true)
  ret ptr %true
no:
  call void %increment(ptr %false)
  ret ptr %false
}}""")
    return "\n".join(lines)


@lru_cache(None)
def _address() -> int:
    return library.compiled(_text(), ["taper_way"])[0]


class Record(np.ndarray):
    """A call's record, and what its addresses point to."""

    kept: tuple


def opened(program, inputs: list[Node], results: list[Node], numbers: int, each: float) -> tuple | None:
    """(way, its record) into a program whose last `numbers` inputs are numbers, of so many nanoseconds' work an element or row.

    None where the interpreter, or an array, is not as the code expects it.
    """
    if not (builtin.available() and readable()):
        return None
    slot, arrays = program.slot, len(inputs) - numbers
    cells = np.zeros(max(numbers, 1), np.float64)
    specs = []
    for i, n in enumerate([*inputs, *results]):
        at, flags = slot.get(n, -1), CONTIGUOUS if i < len(inputs) else WRITEABLE
        if arrays <= i < len(inputs):
            specs.append((at, -1, i - arrays, 0, flags))
        elif n.shape[:1] == (ANY,):
            specs.append((at, n.dtype.num, prod(n.shape[1:]), 0, flags))
        else:
            specs.append((at, n.dtype.num, 0, prod(n.shape), flags))
    row = specs[-1][2]
    if not row:
        return None
    table = np.array(specs, np.int64)
    code = program.code
    lengths = np.array([code[i, 2:3].ctypes.data for i in range(len(program.entries))], np.int64)
    words = dict(
        slots=program.slots.ctypes.data,
        specs=table.ctypes.data,
        numbers=cells.ctypes.data,
        program=code.ctypes.data,
        last=program.segments[-1].last,
        run=team._code()[0],
        count=len(specs),
        row=row,
        most=int(BRIEF / max(each, 1e-3)),
        cells=lengths.ctypes.data,
        several=len(lengths),
        arrays=id(np.ndarray),
        floats=id(float),
        true=id(True),
        false=id(False),
        increment=builtin.increment(),
        busy=0,
    )
    record = np.array([words[w] for w in _WORDS], np.int64).view(Record)
    record.kept = program, table, cells, lengths
    return builtin.builtin("way", _address(), record), record

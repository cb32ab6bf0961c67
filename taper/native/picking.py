"""Picking and adding at positions, and running sums, as built-in functions of arrays: NumPy takes several calls for each.

A function returns True, or False and has changed at most its result: where an array is of another kind than it takes, does
not lie in C order, or a position is out of range. Its bits are those of NumPy's functions in `backends/cpu`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from . import builtin, library
from .arrays import CONTIGUOUS, HEAD, INSPECTION, readable

_HELPERS = f"""{INSPECTION}
; How many elements an array has, -1 unless it is one of a dtype (by number) and lies in C order.
define internal i64 @taper_count(ptr %array, ptr %arrays, i64 %wanted) nounwind {{
entry:
  %fits = call i1 @taper_is(ptr %array, ptr %arrays, i64 %wanted, i32 {CONTIGUOUS})
  br i1 %fits, label %count, label %no
count:
  %size = call i64 @taper_size(ptr %array)
  ret i64 %size
no:
  ret i64 -1
}}

; The size of an array's first or last dimension, 1 without dimensions.
define internal i64 @taper_dim(ptr %array, i1 %last) nounwind {{
entry:
  %nd_at = getelementptr i8, ptr %array, i64 {HEAD + 8}
  %nd32 = load i32, ptr %nd_at
  %none = icmp eq i32 %nd32, 0
  br i1 %none, label %one, label %some
some:
  %nd = sext i32 %nd32 to i64
  %end = sub i64 %nd, 1
  %which = select i1 %last, i64 %end, i64 0
  %dims_at = getelementptr i8, ptr %array, i64 {HEAD + 16}
  %dims = load ptr, ptr %dims_at
  %at = getelementptr i64, ptr %dims, i64 %which
  %dim = load i64, ptr %at
  ret i64 %dim
one:
  ret i64 1
}}
"""

INT64 = np.dtype(np.int64).num


def _function(name: str, kinds: list[int], body: str) -> str:
    """A built-in function of arrays of these kinds: `body` has %a0 ..., their sizes %n0 ... and data %d0 ..., and goes to
    %yes or %no. The record, the data of `self`: ndarray, True, False, Py_IncRef."""
    lines = [
        f"define ptr @{name}(ptr %self, ptr %args, i64 %count) nounwind {{",
        "entry:",
        f"  %record_at = getelementptr i8, ptr %self, i64 {HEAD}",
        "  %record = load ptr, ptr %record_at",
        "  %arrays = load ptr, ptr %record",
        *[f"  %{word}_at = getelementptr i64, ptr %record, i64 {i}\n  %{word} = load ptr, ptr %{word}_at"
          for i, word in ((1, "true"), (2, "false"), (3, "increment"))],
        f"  %enough = icmp eq i64 %count, {len(kinds)}",
        "  br i1 %enough, label %arg0, label %no",
    ]  # fmt: skip
    for i, kind in enumerate(kinds):
        after = f"arg{i + 1}" if i + 1 < len(kinds) else "begin"
        lines += [
            f"arg{i}:",
            f"  %p{i} = getelementptr ptr, ptr %args, i64 {i}",
            f"  %a{i} = load ptr, ptr %p{i}",
            f"  %n{i} = call i64 @taper_count(ptr %a{i}, ptr %arrays, i64 {kind})",
            f"  %q{i} = getelementptr i8, ptr %a{i}, i64 {HEAD}",
            f"  %fits{i} = icmp sgt i64 %n{i}, 0",
            f"  br i1 %fits{i}, label %data{i}, label %no",
            f"data{i}:",
            f"  %d{i} = load ptr, ptr %q{i}",
            f"  br label %{after}",
        ]
    ends = [
        f"{end}:\n  call void %increment(ptr %{value})\n  ret ptr %{value}"
        for end, value in (("yes", "true"), ("no", "false"))
    ]
    return "\n".join([*lines, "begin:", body, *ends, "}"])


def _pick(name: str, kind: int, element: str) -> str:
    """`f(x, index, out)`: out[..., j] = x[..., index[..., j]]."""
    return _function(name, [kind, INT64, kind], f"""
  %width = call i64 @taper_dim(ptr %a0, i1 true)
  %picks = call i64 @taper_dim(ptr %a1, i1 true)
  %rows = udiv i64 %n0, %width
  %needed = mul i64 %rows, %picks
  %s1 = icmp eq i64 %needed, %n1
  %s2 = icmp eq i64 %n1, %n2
  %sized = and i1 %s1, %s2
  br i1 %sized, label %row, label %no
row:
  %r = phi i64 [ 0, %begin ], [ %r1, %rowend ]
  %start = phi i64 [ 0, %begin ], [ %start1, %rowend ]
  %at0 = phi i64 [ 0, %begin ], [ %at2, %rowend ]
  %over = icmp eq i64 %r, %rows
  br i1 %over, label %yes, label %pick
pick:
  %j = phi i64 [ 0, %row ], [ %j1, %take ]
  %at = phi i64 [ %at0, %row ], [ %at1, %take ]
  %ip = getelementptr i64, ptr %d1, i64 %at
  %i = load i64, ptr %ip
  %inside = icmp ult i64 %i, %width
  br i1 %inside, label %take, label %no
take:
  %from = add i64 %start, %i
  %xp = getelementptr {element}, ptr %d0, i64 %from
  %x = load {element}, ptr %xp
  %op = getelementptr {element}, ptr %d2, i64 %at
  store {element} %x, ptr %op
  %j1 = add i64 %j, 1
  %at1 = add i64 %at, 1
  %more = icmp ult i64 %j1, %picks
  br i1 %more, label %pick, label %rowend
rowend:
  %r1 = add i64 %r, 1
  %start1 = add i64 %start, %width
  %at2 = add i64 %at0, %picks
  br label %row""")  # fmt: skip


def _add_rows(name: str, kind: int, element: str) -> str:
    """`f(g, index, out)`: out[index[i]] += g[i], rows of float64."""
    widened = "%g = fpext float %x to double" if element == "float" else "%g = fadd double %x, -0.0"
    return _function(name, [kind, INT64, np.dtype(np.float64).num], f"""
  %rows = call i64 @taper_dim(ptr %a2, i1 false)
  %width = udiv i64 %n2, %rows
  %needed = mul i64 %n1, %width
  %sized = icmp eq i64 %needed, %n0
  br i1 %sized, label %row, label %no
row:
  %r = phi i64 [ 0, %begin ], [ %r1, %rowend ]
  %over = icmp eq i64 %r, %n1
  br i1 %over, label %yes, label %find
find:
  %ip = getelementptr i64, ptr %d1, i64 %r
  %i = load i64, ptr %ip
  %inside = icmp ult i64 %i, %rows
  br i1 %inside, label %each, label %no
each:
  %j = phi i64 [ 0, %find ], [ %j1, %each ]
  %from0 = mul i64 %r, %width
  %from = add i64 %from0, %j
  %to0 = mul i64 %i, %width
  %to = add i64 %to0, %j
  %xp = getelementptr {element}, ptr %d0, i64 %from
  %x = load {element}, ptr %xp
  {widened}
  %op = getelementptr double, ptr %d2, i64 %to
  %o = load double, ptr %op
  %s = fadd double %o, %g
  store double %s, ptr %op
  %j1 = add i64 %j, 1
  %more = icmp ult i64 %j1, %width
  br i1 %more, label %each, label %rowend
rowend:
  %r1 = add i64 %r, 1
  br label %row""")  # fmt: skip


def _running(name: str) -> str:
    """`f(x, out)`: running sums of float32 along the last axis, added up in float64."""
    kind = np.dtype(np.float32).num
    return _function(name, [kind, kind], """
  %width = call i64 @taper_dim(ptr %a0, i1 true)
  %sized = icmp eq i64 %n0, %n1
  br i1 %sized, label %each, label %no
each:
  %i = phi i64 [ 0, %begin ], [ %i1, %each ]
  %left = phi i64 [ %width, %begin ], [ %left2, %each ]
  %sum = phi double [ 0.0, %begin ], [ %sum2, %each ]
  %xp = getelementptr float, ptr %d0, i64 %i
  %x = load float, ptr %xp
  %wide = fpext float %x to double
  %first = icmp eq i64 %left, %width
  %added = fadd double %sum, %wide
  %sum1 = select i1 %first, double %wide, double %added
  %out = fptrunc double %sum1 to float
  %op = getelementptr float, ptr %d1, i64 %i
  store float %out, ptr %op
  %i1 = add i64 %i, 1
  %left1 = sub i64 %left, 1
  %new = icmp eq i64 %left1, 0
  %left2 = select i1 %new, i64 %width, i64 %left1
  %sum2 = select i1 %new, double 0.0, double %sum1
  %more = icmp ult i64 %i1, %n0
  br i1 %more, label %each, label %yes""")  # fmt: skip


class Picking:
    """The functions, by the dtype of what is picked, added or summed."""

    def __init__(self):
        kinds = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
        texts = {f"taper_pick_{e}": _pick(f"taper_pick_{e}", d.num, e) for d, e in kinds.items()}
        texts |= {f"taper_add_rows_{e}": _add_rows(f"taper_add_rows_{e}", d.num, e) for d, e in kinds.items()}
        texts["taper_running"] = _running("taper_running")
        addresses = library.compiled("\n".join([_HELPERS, *texts.values()]), list(texts))
        record = np.array([id(np.ndarray), id(True), id(False), builtin.increment()], np.int64)
        made = {name: builtin.builtin(name, at, record) for name, at in zip(texts, addresses)}
        self.pick = {d: made[f"taper_pick_{e}"] for d, e in kinds.items()}
        self.add_rows = {d: made[f"taper_add_rows_{e}"] for d, e in kinds.items()}
        self.running = {np.dtype(np.float32): made["taper_running"]}


@lru_cache(None)
def picking() -> Picking | None:
    """The functions; None where the interpreter or arrays are not as they expect."""
    return Picking() if builtin.available() and readable() else None

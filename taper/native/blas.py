"""Matrix products by a BLAS library's function, cut into pieces that the team's threads share.

A library's own threads wait for each other busily: beside other work on the machine, or beside the team's threads, a
product of a millisecond takes fifty. Pieces that are claimed (`runner.ll`) wait for nobody. How a product is cut does not depend on
the number of threads: the library's sums may, in their last bits, on the size of a piece.
"""

from __future__ import annotations

import ctypes
import threading
from functools import lru_cache

from . import library, team

ROW_MAJOR, PLAIN, TURNED = 101, 111, 112
"""The C interface's numbers: of the order in memory, of a matrix as it lies, of a transposed one."""

_ZERO = "0x0000000000000000"
_ONE = "0x3FF0000000000000"
_FIELDS = "function turn_a turn_b m n k a lda b ldb c ldc rows columns across step_a step_b down_c step_c".split()


def _text(type: str) -> str:
    """`taper_product_TYPE(fields, first chunk, last chunk)`: chunks are pieces of C = A B, `across` of them beside each other,
    each of `rows` and `columns`, or what is left at the end."""
    loads = []
    for i, name in enumerate(_FIELDS):
        kind = "ptr" if name in ("function", "a", "b", "c") else "i64"
        loads += [f"  %at_{name} = getelementptr i64, ptr %fields, i64 {i}", f"  %{name} = load {kind}, ptr %at_{name}"]
    lines = "\n".join(loads)
    return f"""
define void @taper_product_{type}(ptr %fields, i64 %begin, i64 %end) nounwind {{
entry:
{lines}
  %ta = trunc i64 %turn_a to i32
  %tb = trunc i64 %turn_b to i32
  br label %loop
loop:
  %chunk = phi i64 [ %begin, %entry ], [ %next, %body ]
  %go = icmp slt i64 %chunk, %end
  br i1 %go, label %body, label %done
body:
  %i = udiv i64 %chunk, %across
  %j = urem i64 %chunk, %across
  %row = mul i64 %i, %rows
  %column = mul i64 %j, %columns
  %left_m = sub i64 %m, %row
  %left_n = sub i64 %n, %column
  %short_m = icmp slt i64 %left_m, %rows
  %short_n = icmp slt i64 %left_n, %columns
  %those_m = select i1 %short_m, i64 %left_m, i64 %rows
  %those_n = select i1 %short_n, i64 %left_n, i64 %columns
  %oa = mul i64 %row, %step_a
  %ob = mul i64 %column, %step_b
  %oc0 = mul i64 %row, %down_c
  %oc1 = mul i64 %column, %step_c
  %oc = add i64 %oc0, %oc1
  %pa = getelementptr i8, ptr %a, i64 %oa
  %pb = getelementptr i8, ptr %b, i64 %ob
  %pc = getelementptr i8, ptr %c, i64 %oc
  call void %function(i32 {ROW_MAJOR}, i32 %ta, i32 %tb, i64 %those_m, i64 %those_n, i64 %k, {type} {_ONE}, ptr %pa, i64 %lda,
    ptr %pb, i64 %ldb, {type} {_ZERO}, ptr %pc, i64 %ldc)
  %next = add i64 %chunk, 1
  br label %loop
done:
  ret void
}}
"""


@lru_cache(None)
def _kernel(type: str) -> int:
    return library.compiled(_text(type), [f"taper_product_{type}"])[0]


class _Records(threading.local):
    """This thread's arguments, at addresses that stay."""

    def __init__(self):
        self.fields = (ctypes.c_int64 * len(_FIELDS))()
        self.entry = (ctypes.c_int64 * team.ENTRY)()
        self.address = ctypes.addressof(self.entry)
        self.entry[1], self.entry[3] = ctypes.addressof(self.fields), 1


_records = _Records()


def product(type: str, fields: tuple[int, ...], chunks: int, brief: bool) -> None:
    """Run the product that `fields` describe: in `_FIELDS`' order, steps in bytes.

    The team's threads take part if they are free, and if it is brief, if they are awake.
    """
    mine = _records
    mine.fields[:] = fields
    mine.entry[0], mine.entry[2] = _kernel(type), chunks
    crew = team.team()
    if chunks > 1 and (not brief or crew.awake()) and crew.lock.acquire(blocking=False):
        try:
            team.runner()(crew.address, mine.address, 0, 1, crew.ready(team.threads()))
        finally:
            crew.lock.release()
    else:
        team.runner()(crew.address, mine.address, 0, 1, 1)

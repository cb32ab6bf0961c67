"""Loading machine code into a process whose address space is crowded."""

from __future__ import annotations

import subprocess
import sys

import pytest

CROWDED = '''
import ctypes, mmap
from taper.native import library


def reserved(size):
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=0)


def table(name, text):
    """A function that returns the character at an index of a constant."""
    source = f"""
    @{name}.table = internal constant [{len(text)} x i8] c"{text}"
    define i8 @{name}(i64 %k) {{
      %p = getelementptr [{len(text)} x i8], ptr @{name}.table, i64 0, i64 %k
      %v = load i8, ptr %p
      ret i8 %v
    }}"""
    return ctypes.CFUNCTYPE(ctypes.c_char, ctypes.c_int64)(library.compiled(source, [name])[0])


first = table("first", "abcdefgh")
hole = reserved(mmap.PAGESIZE)
second = table("second", "abcdefgh")
hole.close()                      # a page beside the code is free, where the next function would fit
megabyte = 1 << 20
taken = [reserved(megabyte) for _ in range(3200)]
third = table("third", "abcdefgh" * (megabyte // 8))   # its constant does not: not within 3 GB
print(first(1), second(2), third(11))
'''


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's choice of addresses")
def test_constants_lie_within_reach_of_their_code():
    """x86-64 code finds its constants by 32-bit offsets, so both must be placed together."""
    run = subprocess.run([sys.executable, "-c", CROWDED], capture_output=True, text=True, timeout=120)
    assert run.stdout.split() == ["b'b'", "b'c'", "b'd'"], (run.returncode, run.stderr[-500:])

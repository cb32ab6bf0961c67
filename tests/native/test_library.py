"""Loading machine code into a process, and letting it go."""

from __future__ import annotations

import gc
import mmap
import subprocess
import sys
from pathlib import Path

import pytest

import taper
from taper.compiler import program
from taper.native import library

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


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_code_goes_with_the_last_that_holds_it():
    def pages() -> int:
        """Executable pages that are of no file."""
        rows = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
        areas = [[int(x, 16) for x in row[0].split("-")] for row in rows if "x" in row[1] and len(row) == 5]
        return sum(end - start for start, end in areas) // mmap.PAGESIZE

    object_file = library.object_code("define i64 @kernel() { ret i64 7 }")
    gc.collect()  # code of other tests' programs goes now, not while this one counts
    before = pages()
    held = [library.loaded({"kernel": object_file})["kernel"] for _ in range(100)]
    assert pages() > before + 99
    assert len({code.address for code in held}) == 100
    held.clear()
    assert pages() < before + 20


def test_kernels_go_with_their_programs():
    gc.collect()
    before = set(program._loaded)
    step = taper.compile(lambda x: (x * 3.25 + 1.125).sin())
    step(taper.ones(7))
    assert set(program._loaded) - before
    del step
    gc.collect()
    assert set(program._loaded) <= before


def test_functions_that_are_not_there():
    object_file = library.object_code("define i64 @kernel() { ret i64 7 }")
    with pytest.raises(RuntimeError, match="other"):
        library.load(object_file, ["other"])

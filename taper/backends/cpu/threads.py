"""How many threads an operation uses: compiled programs, and NumPy's matrix library, told through the one in its wheel."""

from __future__ import annotations

import ctypes
import functools
import glob
import os
import threading

import numpy as np

from ...native import threads as programs

_NAMES = (
    "scipy_openblas_{}_num_threads64_",
    "scipy_openblas_{}_num_threads",
    "openblas_{}_num_threads64_",
    "openblas_{}_num_threads",
)


@functools.cache
def library():
    """The BLAS library that NumPy loaded, and the pattern of its function names; None if it is not OpenBLAS."""
    root = os.path.dirname(np.__file__)
    places = [
        os.path.join(root, ".libs", "*openblas*"),
        os.path.join(root + ".libs", "*openblas*"),
        os.path.join(root, ".dylibs", "*openblas*"),
    ]
    for path in [p for place in places for p in glob.glob(place)]:
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        for name in _NAMES:
            if hasattr(library, name.format("set")):
                return library, name
    return None


class _Alone:
    """A scope in which NumPy's matrix library uses the calling thread alone."""

    def __init__(self):
        self.inside, self.before, self.lock = 0, 1, threading.Lock()

    def __enter__(self) -> None:
        found = library()
        if found is None:
            return
        get, put = _setting(*found)
        with self.lock:
            self.inside += 1
            if self.inside == 1:
                self.before = get()
                if self.before != 1:
                    put(1)

    def __exit__(self, *error) -> None:
        found = library()
        if found is None:
            return
        with self.lock:
            self.inside -= 1
            if self.inside == 0 and self.before != 1:
                _setting(*found)[1](self.before)


alone = _Alone()


@functools.cache
def _setting(library, name: str):
    """The library's functions that tell and set its number of threads; they take no time worth freeing the interpreter."""
    get = ctypes.PYFUNCTYPE(ctypes.c_int)((name.format("get"), library))
    put = ctypes.PYFUNCTYPE(None, ctypes.c_int)((name.format("set"), library))
    return get, put


def get_num_threads() -> int:
    """How many threads one operation may use."""
    return programs.threads()


def set_num_threads(n: int) -> None:
    """Let compiled programs and, where it can be told, NumPy's matrix products use n threads."""
    programs.set_threads(n)
    found = library()
    if found:
        getattr(found[0], found[1].format("set"))(int(n))


if os.environ.get("TAPER_NUM_THREADS"):
    set_num_threads(get_num_threads())

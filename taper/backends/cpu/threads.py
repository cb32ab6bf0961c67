"""How many threads an operation uses: compiled programs, and NumPy's matrix library, told through the one in its wheel."""

from __future__ import annotations

import ctypes
import functools
import glob
import os

import numpy as np

from ...native import threads as programs

_NAMES = (
    "scipy_openblas_{}_num_threads64_",
    "scipy_openblas_{}_num_threads",
    "openblas_{}_num_threads64_",
    "openblas_{}_num_threads",
)


@functools.cache
def _library():
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


def get_num_threads() -> int:
    """How many threads one operation may use."""
    return programs.threads()


def set_num_threads(n: int) -> None:
    """Let compiled programs and, where it can be told, NumPy's matrix products use n threads."""
    programs.set_threads(n)
    found = _library()
    if found:
        getattr(found[0], found[1].format("set"))(int(n))


if os.environ.get("TAPER_NUM_THREADS"):
    set_num_threads(get_num_threads())

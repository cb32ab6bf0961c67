"""How many threads NumPy's matrix library uses, asked and set through the library that the wheel carries."""

from __future__ import annotations

import ctypes
import functools
import glob
import os

import numpy as np

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
    """The number of threads of matrix products; 1 where that cannot be known."""
    found = _library()
    return int(getattr(found[0], found[1].format("get"))()) if found else 1


def set_num_threads(n: int) -> bool:
    """Let matrix products use n threads. Returns whether the library could be told."""
    found = _library()
    if found:
        getattr(found[0], found[1].format("set"))(int(n))
    return found is not None

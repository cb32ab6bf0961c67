"""New arrays for results; large ones in memory that an earlier result has left.

The C library asks the system for such memory each time and gives it back each time, and the system clears every page of
it: for a kernel that writes it once, that is as much as its own work. So the last few large arrays are kept, and one
that nobody else refers to is given out again.
"""

from __future__ import annotations

import math
import sys
import threading

import numpy as np

LARGE = 32 << 20
"""Bytes from which arrays are kept: below, the C library keeps memory itself."""

LIMIT = 256 << 20
"""Bytes that are kept at most."""


def keep_freed_memory() -> None:
    """Let the C library keep more of the memory that is given back to it, where it goes by experience: glibc's keeps twice
    the largest block below 32 MB that it has seen come back, and starts with so little that a training step of small
    images gets all its memory cleared again by the system. The block is never touched."""
    np.empty(LARGE - (1 << 16), np.uint8)


_kept: list[np.ndarray] = []
_lock = threading.Lock()


def new_array(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """A contiguous array to be written."""
    size = math.prod(shape) * dtype.itemsize
    if not LARGE <= size <= LIMIT // 2:
        return np.empty(shape, dtype)
    with _lock:
        for i in range(len(_kept)):
            if _references(i) == _ALONE and _kept[i].shape == shape and _kept[i].dtype == dtype:
                found = _kept.pop(i)
                break
        else:
            try:
                found = np.empty(shape, dtype)
            except MemoryError:
                # What is kept may be what is missing.
                _kept.clear()
                found = np.empty(shape, dtype)
        _kept.append(found)
        total = sum(a.nbytes for a in _kept)
        while total > LIMIT:
            total -= _kept.pop(0).nbytes
    return found


def _references(i: int) -> int:
    return sys.getrefcount(_kept[i])


_kept.append(np.empty(0))
_ALONE = _references(0)
_kept.clear()

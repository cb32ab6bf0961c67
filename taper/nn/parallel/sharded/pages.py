"""Memory whose pages can be given back to the system while arrays go on pointing to it.

A layer's parameters are whole only while it computes. What the tape keeps of them between forward and backward are views,
which must find the values at the same address again.
"""

from __future__ import annotations

import mmap
import sys

import numpy as np

_RETURNS = getattr(mmap, "MADV_DONTNEED", None) if sys.platform == "linux" else getattr(mmap, "MADV_FREE", None)


class Pages:
    """Some bytes. After `release` their values are lost, and where the system can, nothing is held until they are written to."""

    def __init__(self, nbytes: int):
        self._map: mmap.mmap | None = None
        if _RETURNS is None:
            self.memory = np.empty(nbytes, np.uint8)
        else:
            self._map = mmap.mmap(-1, max(nbytes, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            self.memory = np.frombuffer(self._map, np.uint8, nbytes)

    def array(self, start: int, size: int, dtype: np.dtype) -> np.ndarray:
        """A vector of `size` numbers from byte `start` on."""
        return self.memory[start : start + size * dtype.itemsize].view(dtype)

    def release(self) -> None:
        """Give the pages back."""
        if self._map is not None:
            self._map.madvise(_RETURNS)

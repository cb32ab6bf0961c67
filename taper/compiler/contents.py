"""What objects of Python's and NumPy's hold that are no lists or dicts: deques, sets, bytes, arrays, and variables of
the context."""

from __future__ import annotations

from array import array
from collections import deque
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

LARGE = 1 << 26
"""Bytes up to which a copy of an array is kept, with which it is compared at each call. Larger ones may be read as tensors
alone, whose elements a program reads at each call."""

_PIECE = 1 << 15
"""Numbers of 8 bytes that are compared at once."""


@dataclass(frozen=True)
class Contents:
    """An object, and what it held."""

    item: deque | set | bytearray | array | np.ndarray | ContextVar
    then: object

    @classmethod
    def of(cls, item) -> Contents | None:
        """What an object holds now; None for objects of other kinds."""
        if isinstance(item, deque):
            return cls(item, list(item))
        if isinstance(item, set):
            return cls(item, set(item))
        if isinstance(item, (bytearray, array)):
            return cls(item, bytes(item))
        if isinstance(item, np.ndarray) and not item.dtype.hasobject:
            return cls(item, item.copy("K") if item.nbytes <= LARGE else None)
        if isinstance(item, ContextVar):
            return cls(item, item.get(None))
        return None

    def still(self) -> bool:
        """Whether it holds the same now."""
        now, then = self.item, self.then
        if isinstance(now, deque):
            return len(now) == len(then) and all(
                a is b or type(a) is type(b) in _PLAIN and a == b for a, b in zip(now, then)
            )
        if isinstance(now, set):
            return now == then
        if isinstance(now, ContextVar):
            return now.get(None) is then
        if isinstance(now, np.ndarray):
            return then is None or _equal(now, then)
        return bytes(now) == then

    def is_large(self) -> bool:
        """Whether what it held is not known, for its size."""
        return self.then is None and isinstance(self.item, np.ndarray)

    def put_back(self) -> None:
        """Let it hold what it held."""
        now, then = self.item, self.then
        if self.still():
            return
        if isinstance(now, (deque, set)):
            now.clear()
            (now.extend if isinstance(now, deque) else now.update)(then)
        elif isinstance(now, np.ndarray):
            now[...] = then
        elif isinstance(now, ContextVar):
            now.set(then)
        elif isinstance(now, array):
            del now[:]
            now.frombytes(then)
        else:
            now[:] = then


_PLAIN = (bool, int, float, str)


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays, one made as a copy of the other, have the same bytes."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    a, b = (x.ravel("K").view(np.uint8) for x in (a, b))
    whole = a.size - a.size % 8 if a.ctypes.data % 8 == 0 else 0
    if a[whole:].tobytes() != b[whole:].tobytes():
        return False
    a, b = a[:whole].view(np.uint64), b[:whole].view(np.uint64)
    return all(np.array_equal(a[i : i + _PIECE], b[i : i + _PIECE]) for i in range(0, a.size, _PIECE))

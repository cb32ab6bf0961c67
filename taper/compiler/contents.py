"""What objects of Python's and NumPy's hold that are no lists or dicts: deques, sets, bytes, small arrays, and variables of
the context."""

from __future__ import annotations

from array import array
from collections import deque
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

SMALL = 1 << 16
"""Bytes up to which an array is looked at; what a step reads of larger ones other than as tensors is taken to stay."""


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
        if isinstance(item, np.ndarray) and item.nbytes <= SMALL and not item.dtype.hasobject:
            return cls(item, item.tobytes())
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
        return (now.tobytes() if isinstance(now, np.ndarray) else bytes(now)) == then

    def put_back(self) -> None:
        """Let it hold what it held."""
        now, then = self.item, self.then
        if self.still():
            return
        if isinstance(now, (deque, set)):
            now.clear()
            (now.extend if isinstance(now, deque) else now.update)(then)
        elif isinstance(now, np.ndarray):
            now[...] = np.frombuffer(then, now.dtype).reshape(now.shape)
        elif isinstance(now, ContextVar):
            now.set(then)
        elif isinstance(now, array):
            del now[:]
            now.frombytes(then)
        else:
            now[:] = then


_PLAIN = (bool, int, float, str)

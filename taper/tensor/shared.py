"""Memory that several processes see: what `share_memory_` moves a tensor to, and how it is handed to a new process."""

from __future__ import annotations

import numpy as np

from ..autograd.places import memory_owner
from ..autograd.tape import changed


def memory_of(array: np.ndarray):
    """The shared memory in which an array lies, or None."""
    base = memory_owner(array).base
    held = base.obj if isinstance(base, memoryview) else base
    return held if hasattr(held, "_wrapper") else None


def share_memory_(self):
    """Move the elements to memory that child processes see: they and this process then change the same numbers.

    Returns the tensor. Views that were made before keep the former memory.
    """
    from multiprocessing.sharedctypes import RawArray

    array = self._array
    if memory_of(array) is None and array.size:
        raw = RawArray("b", array.nbytes)
        moved = np.frombuffer(raw, array.dtype).reshape(array.shape)
        moved[...] = array
        self._array = moved
        changed(self)
    return self


def is_shared(self) -> bool:
    """Whether the memory is seen by child processes, too."""
    return memory_of(self._array) is not None


class HandedOver:
    """A shared array in a pickle that starts a process: it arrives as an array over the same memory."""

    def __init__(self, array: np.ndarray, raw):
        start = np.frombuffer(raw, np.uint8).__array_interface__["data"][0]
        offset = array.__array_interface__["data"][0] - start
        self.facts = (raw, array.dtype, offset, array.shape, array.strides)

    def __reduce__(self):
        return _received, self.facts


def _received(raw, dtype, offset: int, shape: tuple, strides: tuple) -> np.ndarray:
    return np.ndarray(shape, dtype, np.frombuffer(raw, np.uint8), offset, strides)


def for_pickle(array: np.ndarray):
    """An array as a pickle holds it: its elements in order, or, where a process is being started, shared memory."""
    from multiprocessing import context

    if context.get_spawning_popen() is not None:
        raw = memory_of(array)
        if raw is not None:
            return HandedOver(array, raw)
    return np.ascontiguousarray(array).reshape(array.shape)

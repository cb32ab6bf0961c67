"""Batches in memory that GPUs read by themselves, so that `.to("cuda", non_blocking=True)` copies beside other work."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...autograd.tape import Variable

AHEAD = 2
"""Batches that are pinned before they are asked for."""


def pinned(batch: Any) -> Any:
    """A batch with its tensors pinned, in nested containers too; objects with a `pin_memory` method are asked."""
    if isinstance(batch, Variable):
        return batch.pin_memory()
    if isinstance(batch, (str, bytes)):
        return batch
    if isinstance(batch, Mapping):
        return type(batch)({key: pinned(value) for key, value in batch.items()})
    if isinstance(batch, tuple):
        parts = [pinned(value) for value in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    if isinstance(batch, Sequence):
        return type(batch)([pinned(value) for value in batch])
    return batch.pin_memory() if hasattr(batch, "pin_memory") else batch


class PinnedIterator:
    """The batches of an iterator, pinned by a thread that is some ahead. An error comes where its batch would have."""

    def __init__(self, batches: Any):
        self._batches = batches
        self._ready: queue.Queue = queue.Queue(AHEAD)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="taper-pinning", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                made = pinned(next(self._batches)), None
            except BaseException as error:  # handed over: the thread that iterates raises it
                made = None, error
            self._put(made)
            if isinstance(made[1], StopIteration):
                return

    def _put(self, made: tuple) -> None:
        while not self._ended.is_set():
            try:
                self._ready.put(made, timeout=0.1)
                return
            except queue.Full:
                continue

    def __iter__(self) -> Iterator:
        return self

    def __len__(self) -> int:
        return len(self._batches)

    def __next__(self) -> Any:
        if self._ended.is_set():
            raise StopIteration
        batch, error = self._ready.get()
        if error is not None:
            if isinstance(error, StopIteration):
                self._ended.set()
                raise StopIteration
            raise error
        return batch

    def __del__(self):
        self._ended.set()

"""Loading by worker processes.

Each worker takes numbered batches of indices from its own queue and puts numbered batches on a common one; tensors travel
as arrays in shared memory, which the receiver maps, copies out of once, and unlinks. Order is kept by number. Workers that
die, time out or raise are reported in the parent; workers end when the parent is gone or the iterator is dropped.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import random
import sys
import time
import traceback
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import resource_tracker, shared_memory
from typing import Any

import numpy as np

from ...autograd.tape import Variable, wrap
from ...tensor.random import manual_seed
from .collate import default_collate
from .dataset import IterableDataset
from .fetch import fetch

SHARED_FROM = 1 << 16
"""Arrays of this many bytes and more go through shared memory, smaller ones through the pipe."""

CHECK_EVERY = 1.0
"""Seconds between looks at whether the workers, or the parent, still live."""


@dataclass
class WorkerInfo:
    """What a dataset can ask of the worker it is copied into: id, num_workers, seed, dataset."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker, its number, the number of workers, its seed and its copy of the dataset; None in the main process."""
    return _info


@dataclass
class _Shared:
    """An array that lies in shared memory."""

    name: str
    shape: tuple
    dtype: Any
    requires_grad: bool


@dataclass
class _Plain:
    """A small array."""

    array: np.ndarray
    requires_grad: bool


@dataclass
class _Failure:
    """An exception in a worker: its class, its text with the worker's traceback."""

    kind: Any
    text: str

    def reraise(self) -> None:
        """Raise the exception again here, in its class if that takes a message."""
        try:
            error = self.kind(self.text)
        except TypeError:
            error = RuntimeError(self.text)
        raise error


class _End:
    """What a worker sends when its iterable dataset has no more samples."""


def _failure(where: str) -> _Failure:
    kind = sys.exc_info()[0]
    text = f"Caught {kind.__name__} {where}.\nOriginal {traceback.format_exc()}"
    return _Failure(KeyError if kind is KeyError else kind, text)


def _packed(value, held: list):
    """A batch with its tensors as arrays that can travel; `held` collects the shared memory."""
    if isinstance(value, Variable):
        array = np.ascontiguousarray(value._array)
        if array.nbytes < SHARED_FROM:
            return _Plain(array, value.requires_grad)
        memory = shared_memory.SharedMemory(create=True, size=array.nbytes)
        held.append(memory)
        np.ndarray(array.shape, array.dtype, memory.buf)[...] = array
        return _Shared(memory.name, array.shape, array.dtype, value.requires_grad)
    if isinstance(value, Mapping):
        return type(value)({k: _packed(v, held) for k, v in value.items()})
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_packed(v, held) for v in value))
    if isinstance(value, (list, tuple)):
        return type(value)([_packed(v, held) for v in value])
    return value


def _unpacked(value):
    """A batch as it was, its tensors in memory of this process."""
    if isinstance(value, (_Shared, _Plain)):
        if isinstance(value, _Plain):
            made = wrap(value.array)
        else:
            memory = shared_memory.SharedMemory(name=value.name)
            try:
                made = wrap(np.ndarray(value.shape, value.dtype, memory.buf).copy())
            finally:
                memory.close()
                memory.unlink()
        return made.requires_grad_() if value.requires_grad else made
    if isinstance(value, Mapping):
        return type(value)({k: _unpacked(v) for k, v in value.items()})
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_unpacked(v) for v in value))
    if isinstance(value, (list, tuple)):
        return type(value)([_unpacked(v) for v in value])
    return value


def _discard(value) -> None:
    """Give back the shared memory of a batch that nobody takes."""
    if isinstance(value, _Shared):
        with contextlib.suppress(FileNotFoundError):
            memory = shared_memory.SharedMemory(name=value.name)
            memory.close()
            memory.unlink()
    elif isinstance(value, Mapping):
        for v in value.values():
            _discard(v)
    elif isinstance(value, (list, tuple)):
        for v in value:
            _discard(v)


def _work(dataset, collate, batched, drop_last, seed, init, number, count, tasks, results, parent, whole) -> None:
    """A worker's life: batches for tasks until the task None comes or the parent is gone."""
    global _info
    manual_seed(seed + number)
    random.seed(seed + number)
    _info = WorkerInfo(number, count, seed + number, dataset)
    iterable = isinstance(dataset, IterableDataset)
    samples, broken = None, None
    try:
        if init is not None:
            init(number)
        if iterable:
            samples = iter(dataset)
    except Exception:
        broken = _failure(f"in DataLoader worker process {number}")
    ended = False
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            try:
                task = tasks.get(timeout=CHECK_EVERY)
            except queue.Empty:
                if os.getppid() != parent:
                    break
                continue
            if task is None:
                break
            if task == "again":
                samples, ended = iter(dataset) if iterable else None, False
                continue
            index, indices = task
            held: list = []
            try:
                if broken is not None:
                    answer, broken = broken, None
                elif iterable:
                    answer = _End() if ended else _next(samples, indices, collate, batched, drop_last)
                    ended = isinstance(answer, _End)
                elif not batched:
                    answer = collate(dataset[indices])
                else:
                    answer = _End
                    if whole:
                        answer = dataset.__getbatch__(np.asarray(indices, dtype=np.int64))
                        answer = _End if answer is NotImplemented else answer
                    if answer is _End:
                        answer = collate(fetch(dataset, list(indices)))
                if not isinstance(answer, (_End, _Failure)):
                    answer = _packed(answer, held)
            except Exception:
                answer = _failure(f"in DataLoader worker process {number}")
            results.put((index, number, answer))
            for memory in held:
                _forget(memory)
    results.close()
    results.join_thread()


def _forget(memory: shared_memory.SharedMemory) -> None:
    """Close this process's map of shared memory that the parent will unlink."""
    memory.close()
    with contextlib.suppress(AttributeError, KeyError):
        resource_tracker.unregister(memory._name, "shared_memory")  # type: ignore[attr-defined]


def _next(samples, size, collate, batched: bool, drop_last: bool):
    """The next batch of an iterable dataset."""
    if not batched:
        for sample in samples:
            return collate(sample)
        return _End()
    batch = []
    for sample in samples:
        batch.append(sample)
        if len(batch) == size:
            return collate(batch)
    return collate(batch) if batch and not drop_last else _End()


class _Pool:
    """The worker processes of a loader and their queues."""

    def __init__(self, loader, seed: int):
        context = loader.multiprocessing_context
        if context is None or isinstance(context, str):
            context = multiprocessing.get_context(context)
        batched = loader.batch_sampler is not None
        whole = batched and loader.collate_fn is default_collate and hasattr(loader.dataset, "__getbatch__")
        self.count = loader.num_workers
        self.results = context.Queue()
        self.tasks = [context.Queue() for _ in range(self.count)]
        self.processes = [
            context.Process(
                target=_work,
                args=(
                    loader.dataset,
                    loader.collate_fn,
                    batched,
                    loader.drop_last,
                    seed,
                    loader.worker_init_fn,
                    i,
                    self.count,
                    self.tasks[i],
                    self.results,
                    os.getpid(),
                    whole,
                ),
                daemon=True,
            )
            for i in range(self.count)
        ]
        for p in self.processes:
            p.start()
        self.finalizer = weakref.finalize(self, _stop, self.processes, self.tasks, self.results)

    def close(self) -> None:
        """End the workers."""
        self.finalizer()


def _stop(processes, tasks, results) -> None:
    """Ask the workers to end, drain what they still send, and kill those that do not listen."""
    for q in tasks:
        with contextlib.suppress(ValueError, OSError):
            q.put(None)
    deadline = time.monotonic() + 1
    while any(p.is_alive() for p in processes) and time.monotonic() < deadline:
        with contextlib.suppress(queue.Empty, OSError, EOFError, ValueError):
            _discard(results.get(timeout=0.05)[2])
    for p in processes:
        if p.is_alive():
            p.terminate()
        p.join(1)
    with contextlib.suppress(queue.Empty, OSError, EOFError, ValueError):
        while True:
            _discard(results.get_nowait()[2])
    for q in (*tasks, results):
        q.cancel_join_thread()
        q.close()


class WorkerIterator:
    """One pass over a loader with workers."""

    def __init__(self, loader, seed: int):
        self.loader = loader
        self.iterable = isinstance(loader.dataset, IterableDataset)
        pool = getattr(loader, "_pool", None)
        if pool is not None and all(p.is_alive() for p in pool.processes) and getattr(loader, "_idle", False):
            self.pool = pool
            if self.iterable:
                for q in pool.tasks:
                    q.put("again")
        else:
            self.pool = _Pool(loader, seed)
            if loader.persistent_workers:
                loader._pool = self.pool
        loader._idle = False
        self.source = self._tasks()
        self.sent = self.taken = 0
        self.waiting: dict[int, Any] = {}
        self.open = set(range(loader.num_workers))
        self.turn = 0
        self.outstanding: dict[int, int] = {}
        for _ in range(loader.prefetch_factor * loader.num_workers):
            self._send()

    def _tasks(self):
        """What the workers are asked for, in order."""
        loader = self.loader
        if self.iterable:
            while True:
                yield loader.batch_size
        arrays = loader.arrays()
        if arrays is not None:
            yield from arrays
        else:
            yield from loader.batch_sampler if loader.batch_sampler is not None else loader.sampler

    def _send(self) -> None:
        """Give the next task to the next worker that is still open."""
        if not self.open:
            return
        try:
            task = next(self.source)
        except StopIteration:
            return
        while self.turn not in self.open:
            self.turn = (self.turn + 1) % self.loader.num_workers
        self.pool.tasks[self.turn].put((self.sent, task))
        self.outstanding[self.sent] = self.turn
        self.sent += 1
        self.turn = (self.turn + 1) % self.loader.num_workers

    def __iter__(self):
        return self

    def __len__(self) -> int:
        return len(self.loader)

    def __next__(self):
        while True:
            if not self.outstanding and not self.waiting:
                self._finish()
                raise StopIteration
            ready = self._ready()
            if ready is None:
                self._receive()
                continue
            answer = self.waiting.pop(ready)
            self.taken = ready + 1
            if isinstance(answer, _End):
                continue
            if not isinstance(answer, _Failure):
                self._send()
                return _unpacked(answer)
            self.close()
            answer.reraise()

    def _ready(self) -> int | None:
        """The number of a batch that can be handed out now."""
        if not self.waiting:
            return None
        if not self.loader.in_order:
            return next(iter(self.waiting))
        first = min((*self.waiting, *self.outstanding))
        return first if first in self.waiting else None

    def _receive(self) -> None:
        """Wait for one answer. RuntimeError after the timeout, or if a worker has died."""
        loader = self.loader
        deadline = time.monotonic() + loader.timeout if loader.timeout else None
        while True:
            wait = CHECK_EVERY if deadline is None else max(0.0, min(CHECK_EVERY, deadline - time.monotonic()))
            try:
                index, number, answer = self.pool.results.get(timeout=wait)
                break
            except queue.Empty:
                dead = [p for p in self.pool.processes if not p.is_alive()]
                if dead:
                    pids = ", ".join(str(p.pid) for p in dead)
                    codes = ", ".join(str(p.exitcode) for p in dead)
                    self.close()
                    raise RuntimeError(
                        f"DataLoader worker (pid(s) {pids}) exited unexpectedly with exit code(s) {codes}. Details are lost due "
                        "to multiprocessing. Rerunning with num_workers=0 may give better error trace."
                    ) from None
                if deadline is not None and time.monotonic() >= deadline:
                    self.close()
                    raise RuntimeError(f"DataLoader timed out after {loader.timeout} seconds") from None
        self.outstanding.pop(index, None)
        self.waiting[index] = answer
        if isinstance(answer, _End):
            self.open.discard(number)

    def _finish(self) -> None:
        """The pass is over: persistent workers stay, others end."""
        if self.loader.persistent_workers:
            self.loader._idle = True
        else:
            self.pool.close()

    def close(self) -> None:
        """End the pass, and the workers with it."""
        for answer in self.waiting.values():
            _discard(answer)
        self.waiting.clear()
        self.outstanding.clear()
        if getattr(self.loader, "_pool", None) is self.pool:
            self.loader._pool = None
        self.pool.close()

    def __del__(self):
        pool = getattr(self, "pool", None)
        if pool is not None and (self.waiting or self.outstanding):
            self.close()

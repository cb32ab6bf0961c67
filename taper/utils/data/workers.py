"""Loading by worker processes: the parent's side.

Each worker has one pipe of its own, so that one which is killed can block or spoil nobody else's; the parent waits on all
pipes and on the processes' ends at once, so that a death is noticed when it happens. Tasks are numbered, handed out in
turn, `prefetch_factor` of them to each worker in advance; answers are put in the order of the numbers again.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import socket
import sys
import time
import weakref
from collections import deque
from multiprocessing import connection
from typing import Any

from .dataset import IterableDataset
from .sampler import fresh_seed
from .transport import FILES, TASK_INLINE, Failure, encoded, receive, transmit
from .worker import End, Job, work

PATIENCE = 1.0
"""Seconds that a worker gets to end by itself, and again after SIGTERM."""

_SMALLEST = 512
"""Bytes that even a tiny message takes in a pipe."""

_IN_FLIGHT = 1 << 15 if sys.platform == "linux" else 1 << 12
"""Bytes of unanswered tasks that surely fit a pipe, so that sending them never waits for the worker."""


class WorkerIterator:
    """One pass over a loader with workers; with persistent workers all passes, one after the other."""

    def __init__(self, loader):
        if not loader.prefetch_factor:
            raise AssertionError("prefetch_factor must be greater than 0 for loading with workers")
        self._persistent = loader.persistent_workers
        self._timeout, self._in_order = loader.timeout, loader.in_order
        self._ahead = loader.prefetch_factor
        self._iterable = isinstance(loader.dataset, IterableDataset)
        batches = iter(loader.batches())
        job = Job(
            dataset=loader.dataset,
            batched=loader.batch_sampler is not None,
            collate=loader.collate_fn,
            drop_last=loader.drop_last,
            base_seed=fresh_seed(loader.generator),
            init=loader.worker_init_fn,
            count=loader.num_workers,
        )
        self.pool = Pool(job, loader.multiprocessing_context)
        self._epoch = 0
        self._begin(loader, batches)

    def restart(self, loader) -> None:
        """Begin the next pass with the same workers."""
        self._epoch += 1
        self._begin(loader, iter(loader.batches()))

    def _begin(self, loader, batches) -> None:
        self._length = loader.index_sampler
        self._watch = loader.length_watch()
        self._source = batches
        self._sent = self._taken = 0
        self._of: dict[int, int] = {}  # the worker that owes a batch
        self._ready: dict[int, Any] = {}
        self._open = [True] * len(self.pool.lines)
        self._turn = 0
        for line in self.pool.lines:
            line.held.clear()
        for _ in range(self._ahead * len(self.pool.lines)):
            self._give()

    def _give(self) -> None:
        """Hand the next task to the next worker that is open; without an order, to the one with the least to do."""
        n = len(self._open)
        turns = [(self._turn + k) % n for k in range(n)]
        workers = [w for w in turns if self._open[w]]
        if not workers:
            return
        try:
            indices = next(self._source)
        except StopIteration:
            return
        worker = workers[0] if self._in_order else min(workers, key=list(self._of.values()).count)
        self._turn = worker + 1
        self._of[self._sent] = worker
        self.pool.lines[worker].send((self._epoch, self._sent, indices))
        self._sent += 1

    def __iter__(self) -> WorkerIterator:
        return self

    def __len__(self) -> int:
        return len(self._length)

    def __reduce__(self):
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled")

    def __next__(self):
        while self._of or self._ready:
            index = self._taken if self._in_order else next(iter(self._ready), None)
            if index not in self._ready:
                self._receive()
                continue
            worker, answer = self._ready.pop(index)
            self._taken += 1
            if isinstance(answer, End):
                self._open[worker] = False
            self._give()
            if isinstance(answer, Failure):
                answer.reraise()
            if not isinstance(answer, End):
                self._watch()
                return answer
        if not self._persistent:
            self.pool.close()
        raise StopIteration

    def _receive(self) -> None:
        """Wait for one answer or more. RuntimeError after the timeout, or if a worker has died."""
        answers = None
        try:
            answers = self.pool.answers(self._timeout or None)
        finally:
            if answers is None:  # a death, an interrupt, an answer that could not be read
                self.pool.close()
        if not answers:
            raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds")
        for worker, (epoch, index, answer) in answers:
            if epoch == self._epoch:
                del self._of[index]
                self._ready[index] = worker, answer


class Line:
    """A worker process and the pipe to it."""

    def __init__(self, process, pipe: connection.Connection):
        self.process, self.pipe = process, pipe
        self.flying: deque[int] = deque()  # the sizes of the tasks sent and not yet answered
        self.held: deque[tuple[bytes, list[memoryview]]] = deque()  # tasks not yet sent

    def send(self, task) -> None:
        """Send a task, now or as soon as it surely fits the pipe."""
        self.held.append(encoded(task, TASK_INLINE))
        self._flush()

    def _flush(self) -> None:
        # A worker that has died is reported when its answer is waited for.
        with contextlib.suppress(OSError):
            while self.held:
                size = max(len(self.held[0][0]), _SMALLEST)
                if self.flying and sum(self.flying) + size > _IN_FLIGHT:
                    return
                self.flying.append(size)
                transmit(self.pipe, *self.held.popleft())

    def answer(self):
        """The next answer, which is there. EOFError or OSError if the worker has ended instead."""
        found = receive(self.pipe)
        self.flying.popleft()
        self._flush()
        return found


class Pool:
    """Worker processes. They end with `close`, and when nobody holds the pool any more, and when this process ends."""

    def __init__(self, job: Job, context):
        if context is None or isinstance(context, str):
            context = multiprocessing.get_context(context)
        forked = context.get_start_method() == "fork"
        self.lines: list[Line] = []
        self.close = weakref.finalize(self, _end, self.lines, os.getpid())
        for number in range(job.count):
            ours, theirs = context.Pipe()
            inherited = [*(line.pipe for line in self.lines), ours] if forked else []
            process = context.Process(target=work, args=(job, number, theirs, inherited), daemon=True)
            process.start()
            # Only the worker may hold its end, so that the parent sees when it is gone.
            theirs.close()
            self.lines.append(Line(process, ours))

    @property
    def processes(self) -> list:
        """The worker processes."""
        return [line.process for line in self.lines]

    def answers(self, timeout: float | None) -> list[tuple[int, Any]]:
        """What workers have answered, with their numbers, as soon as it is something; nothing after the timeout.

        RuntimeError if one that owes an answer has ended.
        """
        if not self.close.alive:
            raise RuntimeError("DataLoader workers have ended already: take a new iterator of the DataLoader")
        owing = {line.pipe: number for number, line in enumerate(self.lines) if line.flying}
        ends = {self.lines[number].process.sentinel: number for number in owing.values()}
        ready = connection.wait([*owing, *ends], timeout)
        found, dead = [], {ends[end] for end in ready if end in ends}
        for number in {owing[pipe] for pipe in ready if pipe in owing} | dead:
            line = self.lines[number]
            try:
                # A worker may have answered before it ended.
                if line.pipe.poll():
                    found.append((number, line.answer()))
                    dead.discard(number)
            except (EOFError, ConnectionError):
                dead.add(number)
        if dead and not found:
            raise RuntimeError(self._obituary(sorted(dead)))
        return found

    def _obituary(self, numbers: list[int]) -> str:
        dead = [self.lines[number].process for number in numbers]
        for process in dead:
            process.join(PATIENCE)
        pids = ", ".join(str(process.pid) for process in dead)
        codes = ", ".join(str(process.exitcode) for process in dead)
        return (
            f"DataLoader worker (pid(s) {pids}) exited unexpectedly (exit code(s) {codes}; a negative one is the signal "
            "that ended it). num_workers=0 shows what happens in this process."
        )


def _end(lines: list[Line], owner: int) -> None:
    """End workers: ask them, then terminate, then kill those that go on."""
    if os.getpid() != owner:  # a copy of the pool, in a forked process
        return
    for line in lines:
        if FILES:
            # Shutting down, unlike closing, also reaches a worker whose pipe other processes have inherited.
            with socket.socket(fileno=os.dup(line.pipe.fileno())) as end, contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        line.pipe.close()
    processes = [line.process for line in lines]
    for insist in (None, "terminate", "kill"):
        deadline = time.monotonic() + PATIENCE
        for process in processes:
            if insist is not None and process.is_alive():
                getattr(process, insist)()
        for process in processes:
            process.join(max(0.0, deadline - time.monotonic()))
        if not any(process.is_alive() for process in processes):
            return

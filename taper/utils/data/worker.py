"""A worker's life: batches for tasks, until it is told to end or the parent is gone."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any

import numpy as np

from ...tensor.random import manual_seed
from ...tensor.threads import set_num_threads
from .fetch import fetcher
from .transport import Failure, encoded, receive, transmit

PARENT_LIVES = 5.0
"""Seconds between looks at whether the parent still lives, where its end is not noticed by other signs."""


@dataclass(frozen=True)
class WorkerInfo:
    """What a dataset can ask of the worker it is in: id, num_workers, seed, and the worker's copy of the dataset."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker its number, the number of workers, its seed and its copy of the dataset; None in the main process."""
    return _info


@dataclass(frozen=True)
class Job:
    """What all workers of a loader are told when they start."""

    dataset: Any
    batched: bool
    collate: Callable
    drop_last: bool
    base_seed: int
    init: Callable[[int], Any] | None
    count: int


class End:
    """The answer of a worker whose iterable dataset has no more samples."""


def work(job: Job, number: int, pipe: connection.Connection, inherited: list[connection.Connection]) -> None:
    """Be worker `number`. `inherited`: the parent's ends of pipes, which a forked process must not keep open."""
    global _info
    for end in inherited:
        end.close()
    where = f"in DataLoader worker process {number}"
    # An interrupt is the parent's to report; a pipe without another end means that nobody wants more batches.
    with contextlib.suppress(KeyboardInterrupt, EOFError, ConnectionError):
        set_num_threads(1)
        _seed(job.base_seed, number)
        _info = WorkerInfo(number, job.count, job.base_seed + number, job.dataset)
        broken = None
        try:
            if job.init is not None:
                job.init(number)
        except Exception as error:  # whatever user code raises is raised again in the parent
            broken = Failure(error, where).portable()
        fetch, epoch = None, None
        while (task := _next_task(pipe)) is not None:
            wanted, index, indices = task
            try:
                if broken is None and wanted != epoch:
                    fetch, epoch = fetcher(job.dataset, job.batched, job.collate, job.drop_last), wanted
                answer = broken if fetch is None else _answer(fetch, indices, job)
                message = encoded((wanted, index, answer))
            except Exception as error:
                message = encoded((wanted, index, Failure(error, where).portable()))
            transmit(pipe, *message)


def _answer(fetch: Callable, indices, job: Job):
    try:
        return fetch(indices)
    except StopIteration:
        if getattr(fetch, "samples", None) is None:
            raise
        return End()


def _next_task(pipe: connection.Connection):
    """The next task; None to end, also where the parent has."""
    parent = multiprocessing.parent_process()
    watched = [pipe] if parent is None else [pipe, parent.sentinel]
    while pipe not in (ready := connection.wait(watched, PARENT_LIVES)):
        if ready or (parent is not None and os.getppid() != parent.pid):
            return None
    return receive(pipe)


def _seed(base_seed: int, number: int) -> None:
    """Seed the generators of Python, NumPy and Taper as PyTorch seeds those of its workers."""
    random.seed(base_seed + number)
    manual_seed(base_seed + number)
    words = [number, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    np.random.seed(np.random.SeedSequence(words).generate_state(4))

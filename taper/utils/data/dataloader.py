"""DataLoader: batches of a dataset, made in this process or by workers."""

from __future__ import annotations

import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.context import BaseContext
from typing import Any, Generic, TypeVar

from ...backends.cuda import driver
from .collate import default_collate, default_convert
from .dataset import IterableDataset, whole_batches
from .fetch import fetcher
from .pinning import PinnedIterator, pinned
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, fresh_seed
from .shortcuts import shortcut
from .worker import get_worker_info
from .workers import WorkerIterator

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

T = TypeVar("T", covariant=True)


class _Endless(Sampler):
    """The sampler of an iterable dataset: it asks for the next sample, again and again."""

    def __iter__(self):
        while True:
            yield None


class DataLoader(Generic[T]):
    """Iterating gives the batches of a dataset, collated; with shuffle=True in a new order each time.

    dataset: has samples by index (`__getitem__`, `__len__`), or is an IterableDataset.
    batch_size, drop_last: samples in a batch, and whether a shorter last one is left out; None gives single samples.
    shuffle, sampler, batch_sampler: the order of the indices; one of the three. A batch_sampler also decides the batches.
    collate_fn: makes a list of samples a batch; by default `default_collate`, for single samples `default_convert`.
    num_workers: processes that make batches, 0 for this one. Each holds a copy of the dataset and its own seeds
        (base seed + its number, for Taper, `random` and `numpy.random`); `worker_init_fn(number)` is called there first.
    prefetch_factor: batches that each worker makes in advance, 2 by default. persistent_workers: they live on for the
        next pass. timeout: seconds to wait for a batch, 0 for ever. in_order: False gives batches as they are finished.
    multiprocessing_context: "fork", "spawn", "forkserver" or a context object.
    generator: where the order and the workers' base seed come from; the default generator if None.
    pin_memory: with a GPU, batches are in memory that it reads by itself; those of workers are put there by a thread that
        is two batches ahead. Without one a pass over it warns, and nothing is pinned; pin_memory_device changes nothing.

    Where the collate function is the default one, a dataset that has `__getbatch__` gives whole batches, made by one
    operation on arrays (see `taper.utils.data.shortcuts`): they are those that collating its samples would give.

    Raises ValueError, TypeError for options that exclude each other or have no meaning; while iterating, what the
    dataset raises, with the worker's traceback in the message, and RuntimeError for a worker that died or took longer
    than the timeout. Source: torch.utils.data.DataLoader.
    """

    dataset: Any
    batch_size: int | None
    sampler: Iterable
    batch_sampler: Any
    _fixed = False
    _iterator: WorkerIterator | None = None
    _promised: int | None = None

    def __init__(
        self,
        dataset,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable | None = None,
        batch_sampler: Iterable | None = None,
        num_workers: int = 0,
        collate_fn: Callable | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: str | BaseContext | None = None,
        generator=None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ):
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        if num_workers > 0 and prefetch_factor is None:
            prefetch_factor = 2
        self.dataset, self.num_workers, self.prefetch_factor = dataset, num_workers, prefetch_factor
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self.timeout, self.worker_init_fn, self.in_order = timeout, worker_init_fn, in_order
        self.multiprocessing_context = multiprocessing_context
        if isinstance(dataset, IterableDataset):
            _check_no_order(shuffle, sampler, batch_sampler)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size, drop_last = None, False
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            if isinstance(dataset, IterableDataset):
                sampler = _Endless()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size, self.drop_last = batch_size, drop_last
        self.sampler, self.batch_sampler, self.generator = sampler, batch_sampler, generator
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self.persistent_workers = persistent_workers
        self._fixed = True
        _warn_of_many(num_workers)

    def __setattr__(self, name: str, value) -> None:
        if self._fixed and name in (
            *("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"),
        ):
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    @property
    def multiprocessing_context(self) -> BaseContext | None:
        """How workers are started: a context of `multiprocessing`, or None for its default."""
        return self._context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: str | BaseContext | None) -> None:
        if context is not None:
            if self.num_workers == 0:
                raise ValueError(
                    "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
                    f"num_workers={self.num_workers}"
                )
            if isinstance(context, str):
                methods = multiprocessing.get_all_start_methods()
                if context not in methods:
                    raise ValueError(
                        f"multiprocessing_context option should specify a valid start method in {methods!r}, but got "
                        f"multiprocessing_context={context!r}"
                    )
                context = multiprocessing.get_context(context)
            if not isinstance(context, BaseContext):
                raise TypeError(
                    "multiprocessing_context option should be a valid context object or a string specifying the start "
                    f"method, but got multiprocessing_context={context}"
                )
        self._context = context

    @property
    def index_sampler(self) -> Any:
        """What is iterated for the batches: the batch sampler, or the sampler where there are no batches."""
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def batches(self) -> Iterable:
        """The batches' indices for one pass, as arrays where dataset, samplers and collate function allow it."""
        whole = self.collate_fn is default_collate and whole_batches(self.dataset) is not None
        chunks = shortcut(self.batch_sampler, "__chunks__", "__iter__") if whole else None
        return self.index_sampler if chunks is None else chunks()

    def __len__(self) -> int:
        if not isinstance(self.dataset, IterableDataset):
            return len(self.index_sampler)
        # PyTorch counts the samples that an iterable dataset promises, and warns if more come.
        length = self._promised = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else -(-length // self.batch_size)

    def length_watch(self) -> Callable[[], None]:
        """A function to call for each batch, which warns once an iterable dataset has given more than it promised."""
        promised, given = self._promised, 0

        def watch() -> None:
            nonlocal given
            given += 1
            if promised is not None and given > promised:
                warnings.warn(
                    f"Length of IterableDataset {self.dataset} was reported to be {promised} (when accessing "
                    f"len(dataloader)), but {given} samples have been fetched. With workers, each may be giving the "
                    "whole dataset: let __iter__ ask get_worker_info() for its share.",
                    stacklevel=3,
                )

        return watch

    def __iter__(self) -> Iterator:
        if self.num_workers == 0:
            return _LocalIterator(self)
        batches = self._worker_batches()
        return PinnedIterator(batches) if self.pins() else batches

    def pins(self) -> bool:
        """Whether batches are pinned. UserWarning where they shall be and there is no GPU."""
        if self.pin_memory and not driver.count():
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used.",
                stacklevel=4,
            )
        return bool(self.pin_memory) and driver.count() > 0

    def _worker_batches(self) -> WorkerIterator:
        if not self.persistent_workers:
            return WorkerIterator(self)
        if self._iterator is None or not self._iterator.pool.close.alive:
            self._iterator = WorkerIterator(self)
        else:
            self._iterator.restart(self)
        return self._iterator


class _LocalIterator:
    """One pass over a loader, the batches made in this process. After an error it goes on with the next batch."""

    def __init__(self, loader: DataLoader):
        if loader.timeout:
            raise AssertionError("timeout needs num_workers > 0: without workers nothing can be waited for")
        self._indices = iter(loader.batches())
        self._pin = loader.pins()
        # PyTorch draws the workers' base seed without workers too, before the sampler draws: the order depends on it.
        fresh_seed(loader.generator)
        self._length = loader.index_sampler
        self._watch = loader.length_watch() if isinstance(loader.dataset, IterableDataset) else None
        self._fetch = fetcher(loader.dataset, loader.batch_sampler is not None, loader.collate_fn, loader.drop_last)

    def __iter__(self) -> _LocalIterator:
        return self

    def __len__(self) -> int:
        return len(self._length)

    def __reduce__(self):
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled")

    def __next__(self):
        batch = self._fetch(next(self._indices))
        if self._pin:
            batch = pinned(batch)
        if self._watch is not None:
            self._watch()
        return batch


def _check_workers(num_workers: int, timeout: float, prefetch_factor: int | None, persistent: bool) -> None:
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing. Let num_workers > 0 to enable "
            "multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_no_order(shuffle, sampler, batch_sampler) -> None:
    for name, value in (("shuffle", shuffle or None), ("sampler", sampler), ("batch_sampler", batch_sampler)):
        if value is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
            )


def _warn_of_many(num_workers: int) -> None:
    """Warn where more workers are asked for than there are processors, as PyTorch does."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if cores is not None and num_workers > cores:
        warnings.warn(
            f"This DataLoader will create {num_workers} worker processes in total. Our suggested max number of worker in "
            f"current system is {cores}, which is smaller than what this DataLoader is going to create. Please be aware "
            "that excessive worker creation might get DataLoader running slow or even freeze, lower the worker number "
            "to avoid potential slowness/freeze if necessary.",
            stacklevel=3,
        )

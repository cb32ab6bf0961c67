"""DataLoader: batches of a dataset, in this process or from workers."""

from __future__ import annotations

import numpy as np

from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .fetch import fetch, iterate
from .sampler import BatchSampler, RandomSampler, SequentialSampler, fresh_seed
from .workers import WorkerIterator


class _Endless:
    """The sampler of an iterable dataset: it asks for the next sample, again and again."""

    def __iter__(self):
        while True:
            yield None


class DataLoader:
    """Iterating gives the batches of a dataset, collated; the order is drawn anew each time with shuffle=True.

    The arguments are PyTorch's. ValueError for those that exclude each other.
    """

    def __init__(
        self,
        dataset,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler=None,
        batch_sampler=None,
        num_workers: int = 0,
        collate_fn=None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn=None,
        multiprocessing_context=None,
        generator=None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ):
        if num_workers < 0:
            raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError(
                "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
            )
        if num_workers > 0 and prefetch_factor is None:
            prefetch_factor = 2
        elif prefetch_factor is not None and prefetch_factor < 0:
            raise ValueError("prefetch_factor option should be non-negative")
        if persistent_workers and num_workers == 0:
            raise ValueError("persistent_workers option needs num_workers > 0")
        self.dataset, self.num_workers, self.prefetch_factor = dataset, num_workers, prefetch_factor
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self.timeout, self.worker_init_fn, self.in_order = timeout, worker_init_fn, in_order
        self.multiprocessing_context, self.persistent_workers = multiprocessing_context, persistent_workers
        self.generator = generator
        iterable = isinstance(dataset, IterableDataset)
        if iterable:
            if shuffle not in (False, None):
                raise ValueError(
                    f"DataLoader with IterableDataset: expected unspecified shuffle option, but got shuffle={shuffle}"
                )
            if sampler is not None or batch_sampler is not None:
                name = "sampler" if sampler is not None else "batch_sampler"
                raise ValueError(
                    f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={sampler or batch_sampler}"
                )
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
            if iterable:
                sampler = _Endless()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size, self.drop_last = batch_size, drop_last
        self.sampler, self.batch_sampler = sampler, batch_sampler
        self.collate_fn = collate_fn or (default_collate if batch_sampler is not None else default_convert)

    @property
    def batches(self):
        """Whether samples are collated into batches."""
        return self.batch_sampler is not None

    def __len__(self) -> int:
        if isinstance(self.dataset, IterableDataset):
            n = len(self.dataset)
            if self.batch_size is None:
                return n
            return n // self.batch_size if self.drop_last else -(-n // self.batch_size)
        return len(self.batch_sampler if self.batches else self.sampler)

    def __iter__(self):
        # PyTorch draws the workers' base seed first, also without workers: so the order is the same.
        seed = fresh_seed(self.generator)
        if self.num_workers:
            return WorkerIterator(self, seed)
        return self._here()

    def _here(self):
        """Batches made in this process."""
        if isinstance(self.dataset, IterableDataset):
            yield from iterate(self.dataset, self.batch_size, self.drop_last, self.collate_fn)
            return
        arrays = self.arrays()
        if arrays is not None:
            for indices in arrays:
                batch = self.dataset.__getbatch__(indices)
                yield batch if batch is not NotImplemented else self.collate_fn(fetch(self.dataset, indices.tolist()))
            return
        for indices in self.batch_sampler if self.batches else self.sampler:
            yield self.collate_fn(fetch(self.dataset, indices) if self.batches else self.dataset[indices])

    def arrays(self):
        """The batches' indices as arrays, where dataset, sampler and collate function allow whole batches."""
        if not self.batches or self.collate_fn is not default_collate or not hasattr(self.dataset, "__getbatch__"):
            return None
        cut = getattr(self.batch_sampler, "arrays", None)
        found = None if cut is None else cut()
        if found is None:
            found = (np.asarray(list(b), dtype=np.int64) for b in self.batch_sampler)
        return found

"""Fetchers: from what a sampler gives to a batch."""

from __future__ import annotations

from .collate import default_collate
from .dataset import IterableDataset, index_array, whole_batches


def fetcher(dataset, batched: bool, collate, drop_last: bool):
    """The function from what the sampler gives to a batch. That of an iterable dataset raises StopIteration at its end."""
    kind = IterableFetcher if isinstance(dataset, IterableDataset) else MapFetcher
    return kind(dataset, batched, collate, drop_last)


class MapFetcher:
    """Batches by index, whole ones where the dataset can."""

    def __init__(self, dataset, batched: bool, collate, drop_last: bool):
        self.dataset, self.batched, self.collate = dataset, batched, collate
        self.whole = whole_batches(dataset) if batched and collate is default_collate else None

    def __call__(self, indices):
        if not self.batched:
            return self.collate(self.dataset[indices])
        if self.whole is not None:
            array = index_array(indices)
            if array is not None:
                batch = self.whole(array)
                if batch is not NotImplemented:
                    return batch
                indices = array.tolist()
        return self.collate(samples(self.dataset, indices))


def samples(dataset, indices) -> list:
    """The samples at indices: by one call of `__getitems__` where the dataset has it."""
    if getattr(dataset, "__getitems__", None):
        return dataset.__getitems__(indices)
    return [dataset[i] for i in indices]


class IterableFetcher:
    """Batches in the order of the dataset's own iterator, as long as what the sampler gives."""

    def __init__(self, dataset, batched: bool, collate, drop_last: bool):
        self.samples = iter(dataset)
        self.batched, self.collate, self.drop_last = batched, collate, drop_last
        self.ended = False

    def __call__(self, places):
        if self.ended:
            raise StopIteration
        if not self.batched:
            return self.collate(next(self.samples))
        batch = []
        for _ in places:
            try:
                batch.append(next(self.samples))
            except StopIteration:
                self.ended = True
                break
        if not batch or (self.drop_last and len(batch) < len(places)):
            raise StopIteration
        return self.collate(batch)

"""Training by several processes: each takes its share of every batch, and together they do what one would do."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import distributed as dist
from .. import nn
from ..distributed import watch
from ..nn.parallel import DistributedDataParallel
from ..tensor import tensor
from ..tensor.random import get_rng_state, manual_seed, set_rng_state
from ..utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, Subset


def size() -> int:
    """The number of processes that train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def first() -> bool:
    """Whether this process writes and prints for all."""
    return not dist.is_initialized() or dist.get_rank() == 0


def of_first(make: Callable[[], Any]) -> Any:
    """What the first process makes, for all."""
    if size() == 1:
        return make()
    held = [make() if first() else None]
    dist.broadcast_object_list(held, src=0)
    return held[0]


def failed(error: BaseException) -> None:
    """Let the others know why this process ends."""
    watch.failing(f"{type(error).__name__}: {error}")


def prepared(model: nn.Module) -> nn.Module:
    """The model as several processes train it: batch normalisation is over whole batches."""
    return nn.SyncBatchNorm.convert_sync_batchnorm(model) if size() > 1 else model


def network_of(model: nn.Module) -> nn.Module:
    """What is called in training."""
    return DistributedDataParallel(model, gradient_as_bucket_view=True) if size() > 1 else model


class Shares:
    """The batches that one process alone would draw, of each the share of this one.

    A batch of fewer images than processes is taken whole by all. From the first batch on every process draws random
    numbers of its own.
    """

    def __init__(self, dataset: Dataset, batch_size: int):
        self._batches = BatchSampler(RandomSampler(dataset), batch_size, False)
        self.lengths: list[int] = []

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[int]]:
        batches = list(self._batches)
        self.lengths = [len(b) for b in batches]
        rank, n = dist.get_rank(), dist.get_world_size()
        if rank:
            seed = int(np.random.SeedSequence([int(i) for i in batches[0]] + [rank]).generate_state(1, np.uint32)[0])
            manual_seed(seed)
            random.seed(seed)
        for batch in batches:
            yield batch if len(batch) < n else batch[rank * len(batch) // n : (rank + 1) * len(batch) // n]

    def weight(self, step: int, count: int) -> float:
        """By what the mean loss of this process's share is multiplied, so that the mean over processes is the batch's."""
        whole, n = self.lengths[step], dist.get_world_size()
        return 1.0 if whole < n else count * n / whole

    def counts(self, step: int) -> bool:
        """Whether this process's share of a batch counts in sums over all."""
        return self.lengths[step] >= dist.get_world_size() or first()


def loader(dataset: Dataset, batch_size: int) -> DataLoader:
    """Shuffled batches for training, of each this process's share."""
    if size() == 1:
        return DataLoader(dataset, batch_size=batch_size, shuffle=True)
    return DataLoader(dataset, batch_sampler=Shares(dataset, batch_size))


def same_random_numbers() -> None:
    """Let all processes continue with the first one's random numbers."""
    if size() > 1:
        state, numbers = of_first(lambda: (get_rng_state(), random.getstate()))
        set_rng_state(state)
        random.setstate(numbers)


def sums(*values: float) -> list[float]:
    """The sums over all processes."""
    if size() == 1:
        return list(values)
    held = tensor(np.array(values, np.float64))
    dist.all_reduce(held)
    return held.tolist()


def shared_scores(loader: DataLoader, scores_of: Callable[[DataLoader], tuple]) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels of all images, of which each process computes a share."""
    n = size()
    if n == 1:
        return scores_of(loader)
    count, rank = len(loader.dataset), dist.get_rank()
    mine = range(rank * count // n, (rank + 1) * count // n)
    own = None
    if len(mine):
        own = scores_of(DataLoader(Subset(loader.dataset, list(mine)), batch_size=loader.batch_size))
    found: list = [None] * n
    dist.all_gather_object(found, own)
    parts = [f for f in found if f is not None]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

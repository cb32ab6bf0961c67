"""DistributedSampler: the share of one process among several that train together."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator

import numpy as np

from ...backends.streams import MT19937Stream
from .sampler import Sampler


class DistributedSampler(Sampler[int]):
    """The indices of one of `num_replicas` processes: every num_replicas-th of the common order, from `rank` on.

    The order is a permutation that follows from seed + epoch (see `set_epoch`), or the natural one without shuffle. All
    shares have one length: the order is continued from its start, or cut with drop_last. num_replicas and rank are by
    default those of the process group. ValueError for a rank outside [0, num_replicas), and where there is no group.
    """

    def __init__(
        self,
        dataset,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ):
        num_replicas = _group().get_world_size() if num_replicas is None else num_replicas
        rank = _group().get_rank() if rank is None else rank
        if not 0 <= rank < num_replicas:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset, self.num_replicas, self.rank = dataset, num_replicas, rank
        self.shuffle, self.seed, self.drop_last, self.epoch = shuffle, seed, drop_last, 0
        n = len(dataset)
        self.num_samples = n // num_replicas if drop_last else math.ceil(n / num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        for chunk in self.__chunks__():
            yield from chunk.tolist()

    def __chunks__(self) -> Iterator[np.ndarray]:
        n = len(self.dataset)
        order = MT19937Stream(self.seed + self.epoch).permutation(n) if self.shuffle else np.arange(n, dtype=np.int64)
        yield np.resize(order, self.total_size)[self.rank :: self.num_replicas]

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Shuffle by seed + epoch from now on: to be called before each epoch, in all processes alike."""
        self.epoch = epoch


def _group():
    """taper.distributed, if a process group can exist: somebody has imported it."""
    distributed = sys.modules.get("taper.distributed")
    if distributed is None or not distributed.is_initialized():
        raise ValueError(
            "Default process group has not been initialized, please make sure to call init_process_group, or give "
            "DistributedSampler num_replicas and rank."
        )
    return distributed

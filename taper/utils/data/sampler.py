"""Samplers: the order in which indices are drawn. With the same seeds it is PyTorch's."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np

from ...backends.streams import MT19937Stream
from ...dtypes import float64
from ...tensor.creation import as_tensor
from ...tensor.random import Generator, multinomial, stream_of
from .shortcuts import shortcut

T = TypeVar("T", covariant=True)

_DRAWN_TOGETHER = 32
"""How many indices PyTorch draws at once with replacement: what a shared generator has given up when a reader stops."""


class Sampler(Generic[T]):
    """The base class: a subclass defines `__iter__`, which gives indices or batches of them, and usually `__len__`."""

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError(f"{type(self).__name__} should implement __iter__")


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ... to the length of `data_source`."""

    def __init__(self, data_source):
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __chunks__(self) -> Iterator[np.ndarray]:
        yield np.arange(len(self.data_source), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.data_source)


def fresh_seed(generator: Generator | None = None) -> int:
    """A number below 2**63 of the generator, or of the default one: `torch.empty((), dtype=torch.int64).random_()`."""
    if not isinstance(generator, (Generator, type(None))):
        raise TypeError(f"generator should be a Generator or None, but got {type(generator).__name__}")
    return int(stream_of(generator).integers_all(()))


class RandomSampler(Sampler[int]):
    """All indices in random order, again and again up to `num_samples`; or, with replacement, that many drawn singly.

    Without a generator a fresh one is seeded from the default one whenever an iteration begins.
    TypeError for a replacement that is no bool, ValueError for num_samples that is no positive integer.
    """

    def __init__(self, data_source, replacement: bool = False, num_samples: int | None = None, generator=None):
        self.data_source, self.replacement = data_source, replacement
        self._num_samples, self.generator = num_samples, generator
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={self.num_samples}")

    @property
    def num_samples(self) -> int:
        """How many indices are drawn; the length of the data source, which may change, if none was given."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        for chunk in self.__chunks__():
            yield from chunk.tolist()

    def __chunks__(self) -> Iterator[np.ndarray]:
        n, count = len(self.data_source), self.num_samples
        stream = MT19937Stream(fresh_seed()) if self.generator is None else stream_of(self.generator)
        if self.replacement:
            for start in range(0, count, _DRAWN_TOGETHER):
                yield stream.integers((min(_DRAWN_TOGETHER, count - start),), 0, n)
            return
        for _ in range(count // n):
            yield stream.permutation(n)
        # One more permutation is drawn even if nothing of it is used: a shared generator continues after it.
        yield stream.permutation(n)[: count % n]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order."""

    def __init__(self, indices: Sequence[int], generator=None):
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        for i in stream_of(self.generator).permutation(len(self.indices)).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """`num_samples` of the indices 0 to len(weights) - 1, drawn with probabilities in proportion to their weights.

    ValueError for weights that are not one-dimensional, num_samples that is no positive integer, replacement no bool;
    RuntimeError, on iterating, for more samples than weights without replacement.
    """

    def __init__(self, weights: Sequence[float], num_samples: int, replacement: bool = True, generator=None):
        if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.weights = as_tensor(weights, dtype=float64)
        if self.weights.dim() != 1:
            raise ValueError(
                f"weights should be a 1d sequence but given weights have shape {tuple(self.weights.shape)}"
            )
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator

    def __iter__(self) -> Iterator[int]:
        for chunk in self.__chunks__():
            yield from chunk.tolist()

    def __chunks__(self) -> Iterator[np.ndarray]:
        yield multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator).numpy()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list]):
    """The indices of another sampler in lists of `batch_size`; with drop_last without a shorter last one.

    ValueError for a batch_size that is no positive integer and a drop_last that is no bool.
    """

    def __init__(self, sampler: Iterable, batch_size: int, drop_last: bool):
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if len(batch) < self.batch_size and self.drop_last:
                return
            yield batch

    def __chunks__(self) -> Iterator[np.ndarray | list]:
        """The batches as arrays, or as lists where the sampler gives no arrays."""
        chunks = shortcut(self.sampler, "__chunks__", "__iter__")
        return iter(self) if chunks is None else _cut(chunks(), self.batch_size, self.drop_last)

    def __len__(self) -> int:
        n, size = len(self.sampler), self.batch_size  # type: ignore[arg-type]
        return n // size if self.drop_last else -(-n // size)


def _cut(chunks: Iterator[np.ndarray], size: int, drop_last: bool) -> Iterator[np.ndarray]:
    """Arrays of indices as arrays of `size`. The next chunk is asked for when a batch reaches into it, no earlier."""
    rest = np.empty(0, np.int64)
    for chunk in chunks:
        rest = np.concatenate((rest, chunk)) if rest.size else chunk
        whole = rest.size - rest.size % size
        for start in range(0, whole, size):
            yield rest[start : start + size]
        rest = rest[whole:]
    if rest.size and not drop_last:
        yield rest

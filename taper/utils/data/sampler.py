"""Samplers: in which order indices are drawn. `order()` of a sampler, if it has one, gives them all as one array."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from ...tensor.creation import as_tensor
from ...tensor.random import Generator, default_generator, multinomial, randint


class Sampler:
    """The base class: iterating gives indices."""

    def __init__(self, data_source=None):
        pass

    def __class_getitem__(cls, item):
        return cls

    def __iter__(self) -> Iterator:
        raise NotImplementedError(f"{type(self).__name__} should implement __iter__")


class SequentialSampler(Sampler):
    """0, 1, 2, ..."""

    def __init__(self, data_source):
        self.data_source = data_source

    def order(self) -> np.ndarray:
        """All indices."""
        return np.arange(len(self.data_source))

    def __iter__(self):
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


def fresh_seed(generator=None) -> int:
    """A 63-bit number of the generator, as PyTorch draws seeds."""
    stream = (default_generator if generator is None else generator).stream
    return int(stream.integers_all((), np.dtype(np.int64)))


class RandomSampler(Sampler):
    """A permutation of all indices, or num_samples of them drawn with replacement."""

    def __init__(self, data_source, replacement: bool = False, num_samples: int | None = None, generator=None):
        self.data_source, self.replacement, self._num_samples, self.generator = (
            data_source,
            replacement,
            num_samples,
            generator,
        )
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        if not isinstance(self.num_samples, int) or isinstance(self.num_samples, bool) or self.num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={self.num_samples}")

    @property
    def num_samples(self) -> int:
        """How many indices are drawn."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def order(self) -> np.ndarray:
        """All indices, drawn now."""
        generator = self.generator
        if generator is None:
            generator = Generator().manual_seed(fresh_seed())
        n = len(self.data_source)
        if self.replacement:
            parts = [32] * (self.num_samples // 32) + [self.num_samples % 32]
            return np.concatenate([randint(n, (k,), generator=generator).numpy() for k in parts])
        stream, dtype = generator.stream, np.dtype(np.int64)
        parts = [stream.permutation(n, dtype) for _ in range(self.num_samples // n)]
        # The rest comes from one more permutation, which is drawn even if nothing of it is used.
        parts.append(
            stream.permutation(n, dtype)[: self.num_samples % n] if self.num_samples % n else np.empty(0, dtype)
        )
        return np.concatenate(parts) if len(parts) > 2 or parts[-1].size else parts[0]

    def __iter__(self):
        return iter(self.order().tolist())

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """Given indices in random order."""

    def __init__(self, indices, generator=None):
        self.indices, self.generator = indices, generator

    def __iter__(self):
        generator = default_generator if self.generator is None else self.generator
        for i in generator.stream.permutation(len(self.indices), np.dtype(np.int64)).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """num_samples indices drawn by weights."""

    def __init__(self, weights, num_samples: int, replacement: bool = True, generator=None):
        if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.weights = as_tensor(weights).double()
        if self.weights.dim() != 1:
            raise ValueError(
                f"weights should be a 1d sequence but given weights have shape {tuple(self.weights.shape)}"
            )
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator

    def __iter__(self):
        return iter(multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator).tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """The indices of another sampler, batch by batch."""

    def __init__(self, sampler, batch_size: int, drop_last: bool):
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self):
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if len(batch) < self.batch_size and self.drop_last:
                return
            yield batch

    def arrays(self) -> Iterator[np.ndarray] | None:
        """The batches as arrays, without a Python number an index; None where the sampler gives no array."""
        order = getattr(self.sampler, "order", None)
        if (
            order is None
            or type(self).__iter__ is not BatchSampler.__iter__
            or type(self.sampler).__iter__
            not in (
                SequentialSampler.__iter__,
                RandomSampler.__iter__,
            )
        ):
            return None
        return self._cut(order)

    def _cut(self, order):
        indices = order()
        stop = len(indices) - len(indices) % self.batch_size if self.drop_last else len(indices)
        for start in range(0, stop, self.batch_size):
            yield indices[start : start + self.batch_size]

    def __len__(self) -> int:
        n, size = len(self.sampler), self.batch_size
        return n // size if self.drop_last else -(-n // size)

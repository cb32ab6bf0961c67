"""Datasets: what has samples, by index or one after the other.

A dataset may define `__getbatch__(indices)`: a whole batch, already collated, for an integer array of indices (or
NotImplemented if it cannot). A DataLoader with the default collate function asks it first.
"""

from __future__ import annotations

import bisect
import itertools
import math
import warnings

import numpy as np

from ...autograd.tape import Variable, wrap
from ...tensor.random import default_generator, randperm


class Dataset:
    """Samples by index: a subclass defines `__getitem__`, and usually `__len__`."""

    def __getitem__(self, index):
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __class_getitem__(cls, item):
        return cls

    def __add__(self, other) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset):
    """Samples one after the other: a subclass defines `__iter__`."""

    def __iter__(self):
        raise NotImplementedError("Subclasses of IterableDataset should implement __iter__.")

    def __add__(self, other):
        return ChainDataset([self, other])


class TensorDataset(Dataset):
    """Tensors of one first size; a sample is a tuple of their i-th slices. AssertionError for sizes that differ."""

    def __init__(self, *tensors):
        if any(tensors[0].size(0) != t.size(0) for t in tensors):
            raise AssertionError("Size mismatch between tensors: " + ", ".join(str(tuple(t.shape)) for t in tensors))
        self.tensors = tensors

    def __getitem__(self, index):
        return tuple(t[index] for t in self.tensors)

    def __getbatch__(self, indices: np.ndarray):
        if type(self).__getitem__ is not TensorDataset.__getitem__:
            return NotImplemented
        return [gathered(t, indices) for t in self.tensors]

    def __len__(self) -> int:
        return self.tensors[0].size(0)


def gathered(t: Variable, indices: np.ndarray):
    """The slices of a tensor at indices, as `stack([t[i] for i in indices])` would make them."""
    if t.requires_grad:
        return t[wrap(indices)]
    if indices.size and not (indices.min() >= -len(t) and indices.max() < len(t)):
        raise IndexError(f"index {int(indices.max())} is out of bounds for dimension 0 with size {len(t)}")
    return wrap(np.take(t._array, indices, axis=0))


class StackDataset(Dataset):
    """Datasets side by side: a sample is a tuple, or a dict, of theirs. ValueError for lengths that differ."""

    def __init__(self, *args, **kwargs):
        if args and kwargs:
            raise ValueError(
                "Supported either ``tuple``- (via ``args``) or``dict``- (via ``kwargs``) like input/output, but both types are given."
            )
        if not args and not kwargs:
            raise ValueError("At least one dataset should be passed")
        self.datasets = kwargs or args
        lengths = [len(d) for d in (kwargs.values() if kwargs else args)]
        if len(set(lengths)) > 1:
            raise ValueError("Size mismatch between datasets")
        self._length = lengths[0]

    def __getitem__(self, index):
        if isinstance(self.datasets, dict):
            return {k: d[index] for k, d in self.datasets.items()}
        return tuple(d[index] for d in self.datasets)

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset):
    """Datasets one after the other."""

    def __init__(self, datasets):
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        for d in self.datasets:
            if isinstance(d, IterableDataset):
                raise AssertionError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = list(itertools.accumulate(len(d) for d in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index):
        if index < 0:
            if -index > len(self):
                raise ValueError("absolute value of index should not exceed dataset length")
            index += len(self)
        i = bisect.bisect_right(self.cumulative_sizes, index)
        return self.datasets[i][index - (self.cumulative_sizes[i - 1] if i else 0)]

    @property
    def cummulative_sizes(self):
        """Deprecated spelling of cumulative_sizes."""
        warnings.warn("cummulative_sizes attribute is renamed to cumulative_sizes", DeprecationWarning, stacklevel=2)
        return self.cumulative_sizes


class ChainDataset(IterableDataset):
    """Iterable datasets one after the other."""

    def __init__(self, datasets):
        self.datasets = datasets

    def __iter__(self):
        for d in self.datasets:
            if not isinstance(d, IterableDataset):
                raise AssertionError("ChainDataset only supports IterableDataset")
            yield from d

    def __len__(self) -> int:
        return sum(len(d) for d in self.datasets)


class Subset(Dataset):
    """The samples of a dataset at some indices."""

    def __init__(self, dataset, indices):
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index):
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices):
        chosen = [self.indices[i] for i in indices]
        inner = getattr(self.dataset, "__getitems__", None)
        return inner(chosen) if callable(inner) else [self.dataset[i] for i in chosen]

    def __getbatch__(self, indices: np.ndarray):
        inner = getattr(self.dataset, "__getbatch__", None)
        if (
            inner is None
            or type(self).__getitem__ is not Subset.__getitem__
            or type(self).__getitems__ is not Subset.__getitems__
        ):
            return NotImplemented
        return inner(np.asarray(self.indices, dtype=np.int64)[indices])

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset, lengths, generator=None) -> list[Subset]:
    """Subsets of given lengths, or shares that add up to 1, drawn at random without overlap. ValueError otherwise."""
    n = len(dataset)
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        sizes = []
        for i, share in enumerate(lengths):
            if not 0 <= share <= 1:
                raise ValueError(f"Fraction at index {i} is not between 0 and 1")
            sizes.append(math.floor(n * share))
        for i in range(n - sum(sizes)):
            sizes[i % len(sizes)] += 1
        lengths = sizes
        for i, size in enumerate(lengths):
            if size == 0:
                warnings.warn(
                    f"Length of split at index {i} is 0. This might result in an empty dataset.", stacklevel=2
                )
    if sum(lengths) != n:
        raise ValueError("Sum of input lengths does not equal the length of the input dataset!")
    order = randperm(sum(lengths), generator=generator or default_generator).tolist()
    ends = list(itertools.accumulate(lengths))
    return [Subset(dataset, order[end - size : end]) for end, size in zip(ends, lengths)]

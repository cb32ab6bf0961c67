"""Datasets: what has samples, by index or one after the other."""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np

from ...autograd.tape import Variable, wrap
from ...tensor.random import stream_of
from .shortcuts import shortcut

T = TypeVar("T", covariant=True)


class Dataset(Generic[T]):
    """Samples by index: a subclass defines `__getitem__`, and usually `__len__`.

    It may also define `__getitems__(indices)`, the list of the samples at a list of indices, which a DataLoader then
    asks once a batch; and `__getbatch__(indices)`, a batch already collated (see `taper.utils.data.shortcuts`).
    NotImplementedError where a subclass has no `__getitem__`.
    """

    def __getitem__(self, index) -> T:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T], Iterable[T]):
    """Samples one after the other: a subclass defines `__iter__`. TypeError on making one that does not.

    Each worker of a DataLoader iterates its own copy: `get_worker_info()` in `__iter__` tells it which share is its.
    """

    def __add__(self, other):
        return ChainDataset([self, other])


def index_array(indices) -> np.ndarray | None:
    """A batch's indices as an int64 array, or None where they are not plain integers."""
    if isinstance(indices, np.ndarray):
        return indices.astype(np.int64, copy=False) if indices.dtype.kind in "iu" and indices.ndim == 1 else None
    if isinstance(indices, (list, tuple)) and all(type(i) is int or isinstance(i, np.integer) for i in indices):
        return np.array(indices, dtype=np.int64)
    return None


class TensorDataset(Dataset[tuple]):
    """Tensors of one first size; a sample is a tuple of their i-th slices. AssertionError for sizes that differ."""

    def __init__(self, *tensors):
        if any(tensors[0].size(0) != t.size(0) for t in tensors):
            raise AssertionError("Size mismatch between tensors: " + ", ".join(str(tuple(t.shape)) for t in tensors))
        self.tensors = tensors

    def __getitem__(self, index):
        return tuple(t[index] for t in self.tensors)

    def __getbatch__(self, indices: np.ndarray):
        return [gathered(t, indices) for t in self.tensors]

    def __len__(self) -> int:
        return self.tensors[0].size(0)


def gathered(t: Variable, indices: np.ndarray) -> Variable:
    """The slices of a tensor at indices, as `stack([t[i] for i in indices])` would make them; IndexError beyond its end."""
    if t.requires_grad:
        return t[wrap(indices)]
    try:
        return wrap(np.take(t._array, indices, axis=0))
    except IndexError:
        wrong = next(int(i) for i in indices if not -len(t) <= i < len(t))
        raise IndexError(f"index {wrong} is out of bounds for dimension 0 with size {len(t)}") from None


def whole_batches(dataset) -> Callable | None:
    """The function that gives a dataset's collated batch at an array of indices, or None where it has none."""
    if isinstance(dataset, Variable):
        return partial(gathered, dataset)
    return shortcut(dataset, "__getbatch__", "__getitem__", "__getitems__")


class StackDataset(Dataset):
    """Datasets side by side: a sample is a tuple, or with keyword arguments a dict, of theirs.

    ValueError for lengths that differ, for both kinds of arguments at once, and for none.
    """

    datasets: tuple | dict[str, Any]

    def __init__(self, *args, **kwargs):
        if args and kwargs:
            raise ValueError(
                "Supported either ``tuple``- (via ``args``) or``dict``- (via ``kwargs``) like input/output, but both "
                "types are given."
            )
        if not args and not kwargs:
            raise ValueError("At least one dataset should be passed")
        self.datasets = kwargs or args
        lengths = [len(d) for d in self._parts()]
        if len(set(lengths)) > 1:
            raise ValueError("Size mismatch between datasets")
        self._length = lengths[0]

    def _parts(self) -> list:
        return list(self.datasets.values() if isinstance(self.datasets, dict) else self.datasets)

    def _composed(self, parts: list):
        return dict(zip(self.datasets, parts)) if isinstance(self.datasets, dict) else tuple(parts)

    def __getitem__(self, index):
        return self._composed([d[index] for d in self._parts()])

    def __getitems__(self, indices: list):
        columns = [_items(d, indices) for d in self._parts()]
        return [self._composed(list(row)) for row in zip(*columns)]

    def __getbatch__(self, indices: np.ndarray):
        wholes = [whole_batches(d) for d in self._parts()]
        if None in wholes:
            return NotImplemented
        columns = [whole(indices) for whole in wholes if whole is not None]
        if any(column is NotImplemented for column in columns):
            return NotImplemented
        return self._composed(columns) if isinstance(self.datasets, dict) else columns

    def __len__(self) -> int:
        return self._length


def _items(dataset, indices: list) -> list:
    """The samples of one of several datasets side by side. ValueError where there are more or fewer than indices."""
    if not callable(getattr(dataset, "__getitems__", None)):
        return [dataset[i] for i in indices]
    found = dataset.__getitems__(indices)
    if len(found) != len(indices):
        raise ValueError(f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(found)}")
    return found


class ConcatDataset(Dataset[T]):
    """Datasets one after the other. AssertionError for none, and for iterable ones; ValueError for an index below -len."""

    def __init__(self, datasets: Iterable[Dataset]):
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(d, IterableDataset) for d in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = self.cumsum(self.datasets)

    @staticmethod
    def cumsum(sequence) -> list[int]:
        """Where each dataset ends."""
        return list(itertools.accumulate(len(d) for d in sequence))

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
    def cummulative_sizes(self) -> list[int]:
        """Deprecated spelling of cumulative_sizes."""
        warnings.warn("cummulative_sizes attribute is renamed to cumulative_sizes", DeprecationWarning, stacklevel=2)
        return self.cumulative_sizes


class ChainDataset(IterableDataset):
    """Iterable datasets one after the other. AssertionError, when it is iterated or measured, for others."""

    def __init__(self, datasets: Iterable[Dataset]):
        self.datasets = datasets

    def _checked(self) -> Iterator[IterableDataset]:
        for d in self.datasets:
            if not isinstance(d, IterableDataset):
                raise AssertionError("ChainDataset only supports IterableDataset")
            yield d

    def __iter__(self):
        for d in self._checked():
            yield from d

    def __len__(self) -> int:
        return sum(len(d) for d in self._checked())  # type: ignore[arg-type]


class Subset(Dataset[T]):
    """The samples of a dataset at some indices."""

    def __init__(self, dataset, indices):
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index):
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list):
        chosen = [self.indices[i] for i in indices]
        if callable(getattr(self.dataset, "__getitems__", None)):
            return self.dataset.__getitems__(chosen)
        return [self.dataset[i] for i in chosen]

    def __getbatch__(self, indices: np.ndarray):
        whole = whole_batches(self.dataset)
        chosen = None if whole is None else index_array([self.indices[i] for i in indices.tolist()])
        return NotImplemented if whole is None or chosen is None else whole(chosen)

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset, lengths, generator=None) -> list[Subset]:
    """Subsets of given lengths, or shares that add up to 1, drawn at random without overlap.

    What shares leave over by rounding down goes to the subsets one by one, from the first on.
    ValueError for lengths that do not add up to the dataset's, or a share outside [0, 1].
    """
    n = len(dataset)
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        lengths = _lengths_of(lengths, n)
    if sum(lengths) != n:
        raise ValueError("Sum of input lengths does not equal the length of the input dataset!")
    order = stream_of(generator).permutation(n).tolist()
    ends = list(itertools.accumulate(lengths))
    return [Subset(dataset, order[end - size : end]) for end, size in zip(ends, lengths)]


def _lengths_of(shares, n: int) -> list[int]:
    for i, share in enumerate(shares):
        if not 0 <= share <= 1:
            raise ValueError(f"Fraction at index {i} is not between 0 and 1")
    sizes = [math.floor(n * share) for share in shares]
    for i in range(n - sum(sizes)):
        sizes[i % len(sizes)] += 1
    for i, size in enumerate(sizes):
        if size == 0:
            warnings.warn(f"Length of split at index {i} is 0. This might result in an empty dataset.", stacklevel=3)
    return sizes

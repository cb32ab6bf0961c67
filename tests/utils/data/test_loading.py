"""Datasets, samplers, collating and loading against PyTorch: the same order, the same batches, the same errors."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest

import taper

try:
    import torch
except ImportError:
    torch = None

BOTH = [taper] + ([torch] if torch is not None else [])
Pair = namedtuple("Pair", "a b")


def plain(value):
    """Batches as lists, comparable between libraries."""
    if hasattr(value, "tolist") and hasattr(value, "shape"):
        return str(getattr(value, "dtype", "")), tuple(value.shape), value.tolist()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *[plain(v) for v in value]]
    return value


SCENARIOS = {
    "shuffled": lambda T, D: list(D.DataLoader(D.TensorDataset(T.arange(10), T.arange(10.0)), 4, shuffle=True)),
    "drop_last": lambda T, D: list(D.DataLoader(D.TensorDataset(T.arange(10)), 4, drop_last=True)),
    "twice": lambda T, D: [list(loader) for loader in [D.DataLoader(range(6), 2, shuffle=True)] * 2],
    "generator": lambda T, D: list(D.DataLoader(range(6), 2, shuffle=True, generator=T.Generator().manual_seed(4))),
    "stream_after": lambda T, D: (list(D.DataLoader(range(6), 2)), T.rand(2)),
    "dicts": lambda T, D: list(D.DataLoader([{"a": i, "b": [float(i), str(i)]} for i in range(5)], 2)),
    "named": lambda T, D: list(D.DataLoader([Pair(i, T.ones(2) * i) for i in range(3)], 2)),
    "arrays": lambda T, D: list(D.DataLoader([(np.ones(2) * i, np.float32(i), True) for i in range(3)], 2)),
    "no_batches": lambda T, D: list(D.DataLoader([np.ones(2), 3, "x"], batch_size=None)),
    "batch_sampler": lambda T, D: list(D.DataLoader(range(6), batch_sampler=[[0, 5], [2]])),
    "collate": lambda T, D: list(D.DataLoader(range(5), 2, collate_fn=lambda b: [v * 10 for v in b])),
    "subset": lambda T, D: list(D.DataLoader(D.Subset(D.TensorDataset(T.arange(9)), [7, 1, 5]), 2)),
    "concat": lambda T, D: [(D.ConcatDataset([range(3), range(5)]))[i] for i in (0, 4, -1)],
    "stack": lambda T, D: list(D.DataLoader(D.StackDataset(T.arange(4), T.arange(4) * 2), 2)),
    "split": lambda T, D: [s.indices for s in D.random_split(range(10), [0.25, 0.75])],
    "split_lengths": lambda T, D: [
        s.indices for s in D.random_split(range(10), [3, 7], generator=T.Generator().manual_seed(1))
    ],
    "random": lambda T, D: list(D.RandomSampler(range(7))),
    "replacement": lambda T, D: list(D.RandomSampler(range(7), replacement=True, num_samples=40)),
    "more_samples": lambda T, D: list(D.RandomSampler(range(5), num_samples=12)),
    "subset_random": lambda T, D: list(D.SubsetRandomSampler([4, 8, 2])),
    "weighted": lambda T, D: list(D.WeightedRandomSampler([0.1, 3.0, 1.0], 9)),
    "weighted_once": lambda T, D: list(D.WeightedRandomSampler([0.1, 3.0, 1.0], 3, replacement=False)),
    "batches": lambda T, D: list(D.BatchSampler(D.SequentialSampler(range(7)), 3, False)),
    "lengths": lambda T, D: [
        len(D.DataLoader(range(7), 2)),
        len(D.DataLoader(range(7), 2, drop_last=True)),
        len(D.BatchSampler(range(7), 3, True)),
    ],
    "default_convert": lambda T, D: D.default_convert({"a": np.ones(2), "b": (1, "x")}),
    "empty": lambda T, D: list(D.DataLoader([], 2)),
}
ERRORS = {
    "abstract": lambda T, D: D.Dataset()[0],
    "sizes": lambda T, D: D.TensorDataset(T.ones(2), T.ones(3)),
    "shuffle_and_sampler": lambda T, D: D.DataLoader([1], shuffle=True, sampler=[0]),
    "batch_sampler_and_size": lambda T, D: D.DataLoader([1], 2, batch_sampler=[[0]]),
    "no_batch_drop": lambda T, D: D.DataLoader([1], None, drop_last=True),
    "negative_workers": lambda T, D: D.DataLoader([1], num_workers=-1),
    "prefetch": lambda T, D: D.DataLoader([1], prefetch_factor=2),
    "persistent": lambda T, D: D.DataLoader([1], persistent_workers=True),
    "timeout": lambda T, D: D.DataLoader([1], timeout=-1),
    "empty_shuffle": lambda T, D: D.DataLoader([], shuffle=True),
    "batch_size": lambda T, D: D.DataLoader([1], 0),
    "collate_object": lambda T, D: list(D.DataLoader([object()], 1)),
    "collate_lengths": lambda T, D: list(D.DataLoader([[1], [1, 2]], 2)),
    "collate_shapes": lambda T, D: list(D.DataLoader([T.ones(1), T.ones(2)], 2)),
    "split_sum": lambda T, D: D.random_split(range(5), [1, 2]),
    "weights": lambda T, D: D.WeightedRandomSampler([[1.0]], 1),
    "replacement": lambda T, D: D.RandomSampler([1], replacement=1),
    "concat_nothing": lambda T, D: D.ConcatDataset([]),
}


@pytest.mark.skipif(torch is None, reason="PyTorch, the oracle, is not installed")
@pytest.mark.parametrize("name", SCENARIOS)
def test_batches_are_pytorchs(name):
    found = []
    for T in BOTH:
        T.manual_seed(3)
        found.append(plain(SCENARIOS[name](T, T.utils.data)))
    assert found[0] == found[1]


@pytest.mark.parametrize("T", BOTH, ids=lambda T: T.__name__)
@pytest.mark.parametrize("name", ERRORS)
def test_errors(name, T):
    expected = {
        **{
            "abstract": NotImplementedError,
            "sizes": AssertionError,
            "collate_object": TypeError,
            "collate_lengths": RuntimeError,
        },
        **{"collate_shapes": RuntimeError, "replacement": TypeError, "concat_nothing": AssertionError},
    }
    with pytest.raises(expected.get(name, ValueError)) as caught:
        ERRORS[name](T, T.utils.data)
    assert caught.type is expected.get(name, ValueError)


def test_whole_batches_are_those_of_single_samples():
    data = taper.utils.data.TensorDataset(taper.rand(50, 3), taper.arange(50), taper.rand(50, requires_grad=True) * 2)
    for options in (dict(shuffle=True), dict(drop_last=True), dict(sampler=list(range(49, -1, -1)))):
        both = []
        for collate in (None, lambda b: taper.utils.data.default_collate(b)):
            taper.manual_seed(0)
            both.append([plain(b) for b in taper.utils.data.DataLoader(data, 8, collate_fn=collate, **options)])
        assert both[0] == both[1]


def test_an_overridden_getitem_is_honoured():
    class Doubled(taper.utils.data.TensorDataset):
        def __getitem__(self, index):
            return super().__getitem__(index)[0] * 2

    loader = taper.utils.data.DataLoader(Doubled(taper.arange(4)), 2)
    assert [b.tolist() for b in loader] == [[0, 2], [4, 6]]

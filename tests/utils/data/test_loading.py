"""Datasets, samplers, collating and loading against PyTorch: the same order, the same batches, the same errors."""

from __future__ import annotations

import pickle
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
    "shared_generator": lambda T, D: drawn_from_one(T, D),
    "replacement_read_halfway": lambda T, D: halfway(T, D.RandomSampler, replacement=True, num_samples=70),
    "more_samples_read_halfway": lambda T, D: halfway(T, D.RandomSampler, num_samples=25),
    "stack_dict": lambda T, D: list(D.DataLoader(D.StackDataset(a=range(5), b=T.arange(5.0)), 2)),
    "stack_nested": lambda T, D: list(
        D.DataLoader(D.StackDataset(D.Subset(D.TensorDataset(T.arange(9)), [3, 1, 8]), D.TensorDataset(T.ones(3))), 2)
    ),
    "subset_of_subset": lambda T, D: list(D.DataLoader(D.Subset(D.Subset(range(10, 20), [5, 2, 7]), [2, 0]), 2)),
    "subset_list": lambda T, D: D.Subset(D.TensorDataset(T.arange(9)), [3, 1, 8])[[0, 2]],
    "chain": lambda T, D: list(D.DataLoader(D.ChainDataset([counted(D, 3), counted(D, 4)]), 2)),
    "iterable": lambda T, D: [
        list(D.DataLoader(counted(D, 7), size, drop_last=drop))
        for size, drop in ((3, False), (3, True), (None, False), (7, True))
    ],
    "tensor_itself": lambda T, D: list(D.DataLoader(T.arange(10.0).reshape(5, 2), 2)),
    "tensors_with_gradients": lambda T, D: [
        b[0].requires_grad for b in D.DataLoader(D.TensorDataset(T.ones(4, requires_grad=True)), 2)
    ],
    "concat_add": lambda T, D: list(D.DataLoader(D.TensorDataset(T.arange(3)) + D.TensorDataset(T.arange(2)), 2)),
    "collate_table": lambda T, D: D.dataloader.default_collate([{"a": (1, 2.0)}, {"a": (3, 4.0)}]),
    "collate_others": lambda T, D: D.default_collate(
        [[np.bool_(True), np.int8(3), b"x"], [np.bool_(False), np.int8(4), b"y"]]
    ),
    "convert_others": lambda T, D: D.default_convert(
        [Pair(np.ones(1), 2), {"x": (np.float32(1), "s")}, np.array(["s"])[0]]
    ),
    "split_shares_left_over": lambda T, D: [len(s) for s in D.random_split(range(10), [1 / 3, 1 / 3, 1 / 3])],
    **{
        f"distributed{rank}{shuffle}{drop}": lambda T, D, rank=rank, shuffle=shuffle, drop=drop: distributed(
            D, rank, shuffle, drop
        )
        for rank in (0, 2)
        for shuffle in (False, True)
        for drop in (False, True)
    },
}


def drawn_from_one(T, D):
    """What two samplers and a direct draw get out of one generator."""
    generator = T.Generator().manual_seed(5)
    first = list(D.DataLoader(range(5), 2, shuffle=True, generator=generator))
    second = list(D.SubsetRandomSampler([4, 8, 2], generator))
    third = list(D.WeightedRandomSampler([1.0, 2.0], 3, generator=generator))
    return first, second, third, T.rand(2, generator=generator)


def halfway(T, sampler, **options):
    """The generator after a reader stopped."""
    generator = T.Generator().manual_seed(5)
    iterator = iter(sampler(range(10), generator=generator, **options))
    return [next(iterator) for _ in range(11)], T.rand(2, generator=generator)


def counted(D, n):
    """An iterable dataset of n numbers."""

    class Numbers(D.IterableDataset):
        def __iter__(self):
            return iter(range(n))

    return Numbers()


def distributed(D, rank, shuffle, drop):
    """One replica's share of two epochs."""
    sampler = D.distributed.DistributedSampler(range(10), 4, rank, shuffle=shuffle, seed=3, drop_last=drop)
    first = list(sampler)
    sampler.set_epoch(1)
    return first, list(sampler), len(sampler), list(D.DataLoader(range(10), 2, sampler=sampler))


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
    "concat_iterable": lambda T, D: D.ConcatDataset([counted(D, 3)]),
    "concat_below": lambda T, D: D.ConcatDataset([range(3)])[-4],
    "chain_other": lambda T, D: list(D.ChainDataset([range(3)])),
    "stack_none": lambda T, D: D.StackDataset(),
    "stack_both": lambda T, D: D.StackDataset(range(3), b=range(3)),
    "stack_sizes": lambda T, D: D.StackDataset(range(3), range(4)),
    "iterable_shuffle": lambda T, D: D.DataLoader(counted(D, 3), shuffle=True),
    "iterable_sampler": lambda T, D: D.DataLoader(counted(D, 3), sampler=[0]),
    "set_after": lambda T, D: setattr(D.DataLoader([1]), "batch_size", 3),
    "context_without_workers": lambda T, D: D.DataLoader([1], multiprocessing_context="fork"),
    "context_unknown": lambda T, D: D.DataLoader([1], num_workers=1, multiprocessing_context="thread"),
    "context_type": lambda T, D: D.DataLoader([1], num_workers=1, multiprocessing_context=3),
    "rank": lambda T, D: D.distributed.DistributedSampler([1], 2, 2),
    "no_group": lambda T, D: D.distributed.DistributedSampler([1]),
    "weights_more": lambda T, D: list(D.WeightedRandomSampler([1.0], 2, replacement=False)),
    "split_share": lambda T, D: D.random_split(range(5), [-0.5, 1.5]),
    "beyond": lambda T, D: list(D.DataLoader(D.TensorDataset(T.ones(3)), sampler=[5])),
    "pickled": lambda T, D: pickle.dumps(iter(D.DataLoader([1]))),
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
        **{"concat_iterable": AssertionError, "chain_other": AssertionError, "context_type": TypeError},
        **{"weights_more": RuntimeError, "beyond": IndexError, "pickled": NotImplementedError},
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


def test_an_overridden_order_is_honoured():
    class Backwards(taper.utils.data.SequentialSampler):
        def __iter__(self):
            return reversed(range(len(self.data_source)))

    data = taper.utils.data.TensorDataset(taper.arange(4))
    loader = taper.utils.data.DataLoader(data, 3, sampler=Backwards(data))
    assert [b[0].tolist() for b in loader] == [[3, 2, 1], [0]]


def test_getitems_is_asked_once_a_batch():
    class Gathering(taper.utils.data.Dataset):
        asked = []

        def __getitems__(self, indices):
            self.asked.append(indices)
            return [i * 10 for i in indices]

        def __len__(self):
            return 5

    data = Gathering()
    batches = [b.tolist() for b in taper.utils.data.DataLoader(data, 2)]
    assert batches == [[0, 10], [20, 30], [40]]
    assert data.asked == [[0, 1], [2, 3], [4]]


def test_collate_takes_another_table_of_types():
    from taper.utils.data.collate import collate, default_collate_fn_map

    class Box:
        def __init__(self, value):
            self.value = value

    table = {**default_collate_fn_map, Box: lambda batch, *, collate_fn_map: [b.value for b in batch]}
    found = collate([(Box(1), 2.0), (Box(3), 4.0)], collate_fn_map=table)
    assert found[0] == [1, 3]
    assert found[1].dtype == taper.float64


def test_after_an_error_loading_goes_on():
    def collate(batch):
        if 2 in batch:
            raise ValueError("two")
        return batch

    iterator = iter(taper.utils.data.DataLoader(range(6), 2, collate_fn=collate))
    assert next(iterator) == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(iterator)
    assert next(iterator) == [4, 5]


def test_an_iterable_dataset_that_gives_more_than_it_promised_is_told_of():
    class Liar(taper.utils.data.IterableDataset):
        def __iter__(self):
            return iter(range(4))

        def __len__(self):
            return 2

    loader = taper.utils.data.DataLoader(Liar(), batch_size=None)
    assert len(loader) == 2
    with pytest.warns(UserWarning, match="was reported to be 2"):
        assert list(loader) == [0, 1, 2, 3]

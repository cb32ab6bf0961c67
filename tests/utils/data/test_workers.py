"""Worker processes: the same batches, errors that arrive, deaths that are reported, nothing left behind."""

from __future__ import annotations

import gc
import multiprocessing
import os
import time

import numpy as np
import pytest

import taper
from taper.utils import data


class Squares(data.Dataset):
    """20 samples, some of which may fail."""

    def __init__(self, at_seven=None):
        self.at_seven = at_seven

    def __len__(self):
        return 20

    def __getitem__(self, i):
        if i == 7 and self.at_seven == "raise":
            raise ValueError("seven")
        if i == 7 and self.at_seven == "die":
            os._exit(3)
        if i == 7 and self.at_seven == "sleep":
            time.sleep(30)
        return taper.full((3,), float(i)), i


class Counted(data.IterableDataset):
    """0 to 9, shared among the workers."""

    def __iter__(self):
        info = data.get_worker_info()
        return iter(range(10)) if info is None else iter(range(info.id, 10, info.num_workers))


class Drawn(data.Dataset):
    """Random numbers drawn in the worker."""

    def __len__(self):
        return 4

    def __getitem__(self, i):
        return taper.rand(1).item(), data.get_worker_info().seed


def identity(batch):
    return batch


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_batches_are_those_without_workers(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system does not start processes by {method}")
    big = data.TensorDataset(taper.rand(40, 100, 50), taper.arange(40))
    batches = []
    for workers in (0, 2):
        taper.manual_seed(1)
        options = dict(num_workers=workers, multiprocessing_context=method) if workers else {}
        batches.append([(x.sum().item(), y.tolist()) for x, y in data.DataLoader(big, 7, shuffle=True, **options)])
    assert batches[0] == batches[1]


def test_persistent_workers_serve_every_epoch():
    loader = data.DataLoader(Squares(), 4, num_workers=2, persistent_workers=True)
    first = [y.tolist() for _, y in loader]
    pids = [p.pid for p in loader._iterator.pool.processes]
    assert [y.tolist() for _, y in loader] == first
    assert [p.pid for p in loader._iterator.pool.processes] == pids
    loader._iterator.pool.close()


def test_an_exception_arrives_with_its_traceback():
    with pytest.raises(
        ValueError, match=r"(?s)Caught ValueError in DataLoader worker process.*Original Traceback.*seven"
    ):
        list(data.DataLoader(Squares("raise"), 4, num_workers=2))


def test_a_dead_worker_is_reported():
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        list(data.DataLoader(Squares("die"), 4, num_workers=2))


def test_a_slow_worker_times_out():
    with pytest.raises(RuntimeError, match="timed out after 0.5 seconds"):
        list(data.DataLoader(Squares("sleep"), 4, num_workers=1, timeout=0.5))


def test_iterable_datasets_are_shared_out():
    found = [b.tolist() for b in data.DataLoader(Counted(), 3, num_workers=2)]
    assert sorted(v for b in found for v in b) == list(range(10))
    assert [b.tolist() for b in data.DataLoader(Counted(), 4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_workers_are_seeded():
    def run():
        taper.manual_seed(2)
        return list(data.DataLoader(Drawn(), 1, num_workers=2, collate_fn=identity))

    first = run()
    assert first == run()
    assert first[0][0][0] != first[1][0][0]
    assert first[1][0][1] == first[0][0][1] + 1


def test_worker_init_fn_is_called_and_may_fail():
    def broken(number):
        raise KeyError("init")

    with pytest.raises(KeyError, match="init"):
        list(data.DataLoader(Squares(), 4, num_workers=1, worker_init_fn=broken, multiprocessing_context="fork"))


def test_an_abandoned_iterator_ends_its_workers():
    iterator = iter(data.DataLoader(Squares(), 2, num_workers=2))
    next(iterator)
    processes = iterator.pool.processes
    del iterator
    gc.collect()
    for p in processes:
        p.join(5)
    assert not any(p.is_alive() for p in processes)


class Large(data.Dataset):
    """Samples of every size, some far beyond what fits a pipe."""

    def __len__(self):
        return 6

    def __getitem__(self, i):
        return {"x": np.full((10**i,), i, np.uint8), "y": taper.full((2, 10 ** min(i, 5)), float(i)), "z": "t" * 10**i}


def test_large_batches_arrive_whole_and_leave_nothing_behind():
    before = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()
    loader = data.DataLoader(Large(), batch_size=None, num_workers=2, collate_fn=identity)
    for i, sample in enumerate(loader):
        assert sample["x"].shape == (10**i,) and (sample["x"] == i).all()
        assert (sample["y"] == i).all() and sample["z"] == "t" * 10**i
        sample["x"][0] = 1  # it is the receiver's own memory
    assert i == 5
    gc.collect()
    if before:
        assert len(os.listdir("/proc/self/fd")) <= len(before) + 1


def test_without_an_order_all_batches_arrive():
    loader = data.DataLoader(Squares(), 3, num_workers=2, in_order=False)
    assert sorted(v for _, y in loader for v in y.tolist()) == list(range(20))


def test_after_an_error_the_other_batches_arrive():
    iterator = iter(data.DataLoader(Squares("raise"), 4, num_workers=2))
    found = []
    for _ in range(5):
        try:
            found.append(next(iterator)[1][0].item())
        except ValueError:
            found.append("error")
    assert found == [0, "error", 8, 12, 16]


def test_an_error_whose_class_cannot_be_pickled_arrives():
    class Local(Exception):
        pass

    def fails(batch):
        raise Local("here")

    with pytest.raises(RuntimeError, match="Caught Local in DataLoader worker process 0.*"):
        list(data.DataLoader([1], collate_fn=fails, num_workers=1, multiprocessing_context="fork"))


def test_persistent_workers_iterate_again_after_a_broken_off_pass():
    loader = data.DataLoader(Counted(), 2, num_workers=2, persistent_workers=True)
    next(iter(loader))
    assert sorted(v for b in loader for v in b.tolist()) == list(range(10))
    loader._iterator.pool.close()


def test_options_of_workers():
    with pytest.raises(AssertionError, match="prefetch_factor"):
        iter(data.DataLoader([1], num_workers=1, prefetch_factor=0))
    with pytest.raises(AssertionError, match="num_workers"):
        iter(data.DataLoader([1], timeout=3))
    with pytest.warns(UserWarning, match="worker processes in total"):
        data.DataLoader([1], num_workers=5000)

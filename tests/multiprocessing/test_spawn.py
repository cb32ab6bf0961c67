"""Processes that share tensors, and what is said of those that fail."""

from __future__ import annotations

import os
import pickle

import pytest

import taper
from taper import multiprocessing as mp


def add(i, x, y):
    x[i] += i + 1
    y += 1


def fail(i):
    if i == 1:
        raise ValueError("of all things")


def leave(i):
    os._exit(3)


def answer(queue, x):
    queue.put(x * 2)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_shared_memory_is_shared(method):
    x, y = taper.zeros(2).share_memory_(), taper.zeros(2)
    assert x.is_shared() and x[1:].is_shared() and not y.is_shared()
    mp.start_processes(add, (x, y), nprocs=2, start_method=method)
    assert x.tolist() == [1, 2] and y.tolist() == [0, 0]


def test_a_modules_parameters_are_shared():
    model = taper.nn.Linear(2, 1)
    before = model.weight.detach().clone()
    assert model.share_memory() is model and model.weight.is_shared() and model.weight.requires_grad
    assert taper.equal(model.weight.detach(), before)
    model(taper.ones(1, 2)).sum().backward()


def test_failures_are_told():
    with pytest.raises(mp.ProcessRaisedException, match="of all things") as caught:
        mp.start_processes(fail, nprocs=2, start_method="fork")
    assert caught.value.error_index == 1
    assert pickle.loads(pickle.dumps(caught.value)).error_index == 1
    with pytest.raises(mp.ProcessExitedException, match="exit code 3"):
        mp.start_processes(leave, start_method="fork")


def test_queues_carry_tensors():
    context = mp.get_context("fork")
    queue = context.SimpleQueue()
    process = context.Process(target=answer, args=(queue, taper.arange(3)))
    process.start()
    assert queue.get().tolist() == [0, 2, 4]
    process.join()


def test_strategies():
    assert mp.get_sharing_strategy() in mp.get_all_sharing_strategies()
    mp.set_sharing_strategy("file_system")
    assert mp.get_sharing_strategy() == "file_system"
    mp.set_sharing_strategy("file_descriptor")
    with pytest.raises(AssertionError):
        mp.set_sharing_strategy("telepathy")
    assert {"Process", "Queue", "Pool", "Manager", "cpu_count", "set_start_method"} <= set(dir(mp))

"""A world of one process, against PyTorch's gloo over one process."""

from __future__ import annotations

import numpy as np
import pytest

import taper
from taper import distributed as dist
from taper import nn


@pytest.fixture
def world(tmp_path):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.fixture
def torch_world(tmp_path):
    torch = pytest.importorskip("torch")
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/torch", rank=0, world_size=1)
    yield torch
    torch.distributed.destroy_process_group()


pytestmark = pytest.mark.filterwarnings("ignore:.*all_gather_into_tensor:FutureWarning")

CALLS = {
    "all_reduce": lambda T, D, x, y: D.all_reduce(x),
    "all_reduce avg": lambda T, D, x, y: D.all_reduce(x, op=D.ReduceOp.MAX),
    "reduce": lambda T, D, x, y: D.reduce(x, 0),
    "broadcast": lambda T, D, x, y: D.broadcast(x, 0),
    "all_gather": lambda T, D, x, y: D.all_gather([y], x),
    "gather": lambda T, D, x, y: D.gather(x, [y]),
    "scatter": lambda T, D, x, y: D.scatter(x, [y]),
    "all_gather_into_tensor": lambda T, D, x, y: D.all_gather_into_tensor(y, x),
    "reduce_scatter": lambda T, D, x, y: D.reduce_scatter(x, [y]),
    "barrier": lambda T, D, x, y: D.barrier(),
    "waited": lambda T, D, x, y: D.all_reduce(x, async_op=True).wait(),
    "new_group": lambda T, D, x, y: D.all_reduce(x, group=D.new_group([0])),
}


@pytest.mark.parametrize("name", CALLS)
def test_collectives_are_pytorchs(world, torch_world, name):
    results = []
    for T in (taper, torch_world):
        x, y = T.arange(4.0), T.ones(4)
        returned = CALLS[name](T, T.distributed, x, y)
        results.append((x.tolist(), y.tolist(), returned))
    assert results[0] == results[1]


def test_objects(world, torch_world):
    results = []
    for T in (taper, torch_world):
        D = T.distributed
        gathered, single, several = [None], [None], [{"a": 1}]
        D.all_gather_object(gathered, {"x": 2})
        D.scatter_object_list(single, [3], src=0)
        D.broadcast_object_list(several, src=0)
        ranks = D.get_process_group_ranks(D.group.WORLD)
        results.append((gathered, single, several, D.get_rank(), D.get_world_size(), D.get_backend(), ranks))
    assert results[0] == results[1]


def test_before_and_after(tmp_path, monkeypatch):
    assert dist.is_available() and not dist.is_initialized()
    for call in (dist.get_rank, dist.get_world_size, dist.barrier):
        with pytest.raises(ValueError, match="has not been initialized"):
            call()
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(ValueError, match="RANK expected"):
        dist.init_process_group("gloo")
    with pytest.raises(RuntimeError, match="NCCL"):
        dist.init_process_group("nccl", rank=0, world_size=1)
    with pytest.raises(RuntimeError, match="taper launch -n 2"):
        dist.init_process_group("gloo", init_method=f"file://{tmp_path}/s", rank=0, world_size=2)
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "1"), ("MASTER_ADDR", "localhost"), ("MASTER_PORT", "29500")):
        monkeypatch.setenv(name, value)
    dist.init_process_group(backend="gloo")
    assert dist.is_initialized() and dist.get_rank() == 0
    with pytest.raises(ValueError, match="twice"):
        dist.init_process_group("gloo")
    with pytest.raises(ValueError, match="no other process"):
        dist.send(taper.ones(1), 1)
    dist.destroy_process_group()
    assert not dist.is_initialized()


def train(T, wrap):
    T.manual_seed(0)
    model = wrap(T.nn.Sequential(T.nn.Linear(3, 4), T.nn.BatchNorm1d(4), T.nn.Linear(4, 1)))
    optimizer = T.optim.SGD(model.parameters(), lr=0.1)
    x = T.arange(12.0).reshape(4, 3)
    for _ in range(3):
        optimizer.zero_grad()
        model(x).pow(2).mean().backward()
        optimizer.step()
    return model


@pytest.mark.parametrize("wrapper", ["DataParallel", "DistributedDataParallel"])
def test_wrapped_modules_train_as_pytorchs(world, torch_world, wrapper):
    found = train(taper, getattr(nn.parallel, wrapper))
    expected = train(torch_world, getattr(torch_world.nn.parallel, wrapper))
    assert list(found.state_dict()) == list(expected.state_dict())
    for a, b in zip(found.state_dict().values(), expected.state_dict().values()):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-6)
    assert isinstance(found.module, nn.Sequential)
    if wrapper == "DistributedDataParallel":
        with found.no_sync():
            found(taper.ones(4, 3))


def test_wrapping_refuses(world):
    with pytest.raises(RuntimeError, match="requires a gradient"):
        nn.parallel.DistributedDataParallel(nn.ReLU())
    with pytest.raises(AssertionError, match="CUDA"):
        nn.parallel.scatter(taper.ones(4), [0, 1])
    parts = nn.parallel.scatter({"x": taper.arange(4), "k": 3}, ["cpu", "cpu"])
    assert [p["x"].tolist() for p in parts] == [[0, 1], [2, 3]] and parts[0]["k"] == 3
    outputs = nn.parallel.parallel_apply([nn.Identity(), nn.Identity()], [taper.ones(2), taper.zeros(2)])
    assert nn.parallel.gather(outputs, None).tolist() == [1, 1, 0, 0]


def test_without_a_world():
    with pytest.raises(ValueError, match="init_process_group"):
        nn.parallel.DistributedDataParallel(nn.Linear(2, 2))

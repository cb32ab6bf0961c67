"""The NCCL backend without GPUs: on a stand-in of CuPy whose memory is NumPy's and whose processes are threads."""

from __future__ import annotations

import ctypes
import queue
import sys
import threading
from contextlib import contextmanager
from datetime import timedelta
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import taper
from taper import distributed as dist
from taper.autograd.tape import wrap
from taper.backends.cuda import communicators, driver
from taper.distributed import nccl
from taper.distributed.errors import DistBackendError
from taper.distributed.groups import ProcessGroup

TYPES = {
    0: "int8",
    1: "uint8",
    2: "int32",
    3: "uint32",
    4: "int64",
    5: "uint64",
    6: "float16",
    7: "float32",
    8: "float64",
}
REDUCTIONS = {0: np.add, 1: np.multiply, 2: np.maximum, 3: np.minimum}


class GpuArray:
    """What is known of an array on a GPU: no NumPy array, and nothing of NumPy's works on it."""

    __array_ufunc__ = None
    __cuda_array_interface__ = {}

    def __init__(self, host: np.ndarray):
        self.host = host

    shape = property(lambda self: self.host.shape)
    dtype = property(lambda self: self.host.dtype)
    size = property(lambda self: self.host.size)
    nbytes = property(lambda self: self.host.nbytes)
    data = property(lambda self: SimpleNamespace(ptr=self.host.ctypes.data))

    def reshape(self, *shape):
        return GpuArray(self.host.reshape(*shape))

    def __getitem__(self, index):
        return GpuArray(np.asarray(self.host[index]))

    def __setitem__(self, index, value):
        self.host[index] = value.host

    def __truediv__(self, number):
        return GpuArray(self.host / number)

    def __floordiv__(self, number):
        return GpuArray(self.host // number)


class World:
    """What the stand-ins of all processes share."""

    def __init__(self, size: int):
        self.size, self.meeting, self.lock = size, threading.Barrier(size, timeout=20), threading.Lock()
        self.said: dict[int, object] = {}
        self.pipes = {(a, b): queue.Queue() for a in range(size) for b in range(size)}

    def all_say(self, rank: int, value) -> list:
        """The values of all processes."""
        self.said[rank] = value
        self.meeting.wait()
        found = [self.said[r] for r in range(self.size)]
        self.meeting.wait()
        return found


def memory(address: int, count: int, kind: int) -> np.ndarray:
    dtype = np.dtype(TYPES[kind])
    return np.frombuffer((ctypes.c_char * (count * dtype.itemsize)).from_address(address), dtype)


class Communicator:
    """NCCL's, with the parameters that CuPy's class has."""

    def __init__(self, world: World, rank: int, calls: list):
        self.world, self.rank, self.calls, self.failure = world, rank, calls, None
        self.deferred: list | None = None

    def _noted(self, name, *facts):
        self.calls.append((name, *facts))

    def check_async_error(self):
        if self.failure:
            raise RuntimeError(self.failure)

    def allReduce(self, source, target, count, kind, op, stream):
        self._noted("allReduce", count, TYPES[kind], op)
        parts = self.world.all_say(self.rank, memory(source, count, kind).copy())
        memory(target, count, kind)[...] = REDUCTIONS[op].reduce(parts, dtype=parts[0].dtype)

    def reduce(self, source, target, count, kind, op, root, stream):
        self._noted("reduce", count, TYPES[kind], op, root)
        parts = self.world.all_say(self.rank, memory(source, count, kind).copy())
        if self.rank == root:
            memory(target, count, kind)[...] = REDUCTIONS[op].reduce(parts, dtype=parts[0].dtype)

    def broadcast(self, source, target, count, kind, root, stream):
        self._noted("broadcast", count, TYPES[kind], root)
        memory(target, count, kind)[...] = self.world.all_say(self.rank, memory(source, count, kind).copy())[root]

    def allGather(self, source, target, count, kind, stream):
        self._noted("allGather", count, TYPES[kind])
        parts = self.world.all_say(self.rank, memory(source, count, kind).copy())
        memory(target, count * self.world.size, kind)[...] = np.concatenate(parts)

    def reduceScatter(self, source, target, count, kind, op, stream):
        self._noted("reduceScatter", count, TYPES[kind], op)
        parts = self.world.all_say(self.rank, memory(source, count * self.world.size, kind).copy())
        whole = REDUCTIONS[op].reduce(parts, dtype=parts[0].dtype)
        memory(target, count, kind)[...] = whole[self.rank * count : (self.rank + 1) * count]

    def send(self, source, count, kind, peer, stream):
        self._noted("send", count, peer)
        self.world.pipes[self.rank, peer].put(memory(source, count, kind).copy())

    def recv(self, target, count, kind, peer, stream):
        self._noted("recv", count, peer)

        def arrive():
            memory(target, count, kind)[...] = self.world.pipes[peer, self.rank].get(timeout=20)

        arrive() if self.deferred is None else self.deferred.append(arrive)

    def destroy(self):
        self._noted("destroy")


class Device:
    """The stand-in of `CupyDevice`."""

    def __init__(self, world: World, rank: int):
        self.world, self.rank, self.calls = world, rank, []

    def unique_id(self):
        return tuple(range(-64, 64))

    def communicator(self, size, identity, rank):
        assert (size, identity, rank) == (self.world.size, tuple(range(-64, 64)), self.rank)
        self.made = Communicator(self.world, rank, self.calls)
        return self.made

    def pointer(self, array):
        return array.data.ptr

    def stream(self):
        return 0

    def event(self):
        return SimpleNamespace(done=True)

    def empty(self, shape, dtype):
        return GpuArray(np.empty(shape, dtype))

    @contextmanager
    def group(self):
        self.made.deferred = []
        yield
        deferred, self.made.deferred = self.made.deferred, None
        for arrive in deferred:
            arrive()


class Mpi:
    """Carries the communicator's identity."""

    def __init__(self, world: World, rank: int):
        self.world, self.rank, self.size = world, rank, world.size

    def broadcast(self, array, root):
        array[...] = self.world.all_say(self.rank, array.copy())[root]
        return SimpleNamespace(poll=lambda: True)


@pytest.fixture
def library(monkeypatch, tmp_path):
    made = ModuleType(GpuArray.__module__.partition(".")[0])
    made.ascontiguousarray = lambda a: (
        GpuArray(np.ascontiguousarray(a.host).reshape(a.shape))
        if a.host.strides != np.empty(a.shape, a.dtype).strides
        else a
    )
    made.empty = lambda shape, dtype: GpuArray(np.empty(shape, dtype))
    made.stack = lambda arrays: GpuArray(np.stack([a.host for a in arrays]))
    made.concatenate = lambda arrays: GpuArray(np.concatenate([a.host for a in arrays]))
    monkeypatch.setitem(sys.modules, made.__name__, made)
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def played(size: int, call) -> tuple[list, list]:
    """`call(rank, group)` in as many threads as there are processes: what each returned, and what it asked of NCCL."""
    world = World(size)
    devices = [Device(world, rank) for rank in range(size)]
    results: list = [None] * size

    def run(rank: int) -> None:
        mpi = Mpi(world, rank)
        group = ProcessGroup(
            mpi,
            list(range(size)),
            "nccl",
            timedelta(seconds=20),
            "the group",
            lambda: nccl.Transport(devices[rank], mpi),
        )
        try:
            results[rank] = call(rank, group)
        except BaseException as error:  # noqa: B036 (told in the main thread)
            results[rank] = error
            world.meeting.abort()

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results, [d.calls for d in devices]


def gpu(values, dtype=np.float32):
    return wrap(GpuArray(np.array(values, dtype)))


def host(t) -> list:
    return t._array.host.tolist()


@pytest.mark.parametrize(
    "op, dtype, expected, asked",
    [
        ("SUM", "float32", [6, 9], ("allReduce", 2, "float32", 0)),
        ("AVG", "float64", [2, 3], ("allReduce", 2, "float64", 0)),
        ("AVG", "int64", [2, 3], ("allReduce", 2, "int64", 0)),
        ("PRODUCT", "int32", [6, 24], ("allReduce", 2, "int32", 1)),
        ("MAX", "uint8", [3, 4], ("allReduce", 2, "uint8", 2)),
        ("MIN", "float16", [1, 2], ("allReduce", 2, "float16", 3)),
        ("SUM", "complex64", [6, 9], ("allReduce", 4, "float32", 0)),
        ("SUM", "bool", [True, True], ("allReduce", 2, "uint8", 2)),
    ],
)
def test_all_reduce(library, op, dtype, expected, asked):
    def call(rank, group):
        x = gpu([rank + 1, rank + 2], dtype)
        dist.all_reduce(x, op=dist.ReduceOp[op], group=group)
        return host(x)

    results, calls = played(3, call)
    assert results == [expected] * 3 and calls == [[asked]] * 3


def test_every_collective(library):
    def call(rank, group):
        n, found = 3, {}
        x = gpu([rank, 10])
        dist.reduce(x, 1, group=group)
        found["reduce"] = host(x)
        x = gpu([[rank, 5]])
        work = dist.broadcast(x, 2, group=group, async_op=True)
        work.wait()
        found["broadcast"] = host(x)
        parts = [gpu([[0, 0]]) for _ in range(n)]
        dist.all_gather(parts, gpu([[rank, 7]]), group=group)
        found["all_gather"] = [host(p) for p in parts]
        whole = gpu(np.zeros((6, 2)))
        dist.all_gather_into_tensor(whole, gpu([[rank, 1], [rank, 2]]), group=group)
        found["into"] = host(whole)
        parts = [gpu([0]) for _ in range(n)] if rank == 0 else None
        dist.gather(gpu([rank + 0.5]), parts, 0, group=group)
        found["gather"] = parts and [host(p) for p in parts]
        mine = gpu([0, 0])
        dist.scatter(mine, [gpu([r, r * r]) for r in range(n)] if rank == 1 else None, 1, group=group)
        found["scatter"] = host(mine)
        dist.reduce_scatter(mine, [gpu([r, rank]) for r in range(n)], group=group)
        found["reduce_scatter"] = host(mine)
        dist.reduce_scatter_tensor(mine, gpu(np.arange(6) + rank), op=dist.ReduceOp.AVG, group=group)
        found["reduce_scatter_tensor"] = host(mine)
        outs = [gpu(np.zeros(r + rank)) for r in range(n)]
        dist.all_to_all(outs, [gpu(np.full(r + rank, 10 * rank + r)) for r in range(n)], group=group)
        found["all_to_all"] = [host(o) for o in outs]
        column = wrap(GpuArray(np.array([[rank, 9], [rank, 9]], np.float32))[:, 0])
        dist.all_reduce(column, group=group)
        found["strided"] = host(column)
        if rank == 0:
            dist.send(gpu([42]), 2, group=group)
        if rank == 2:
            y = gpu([0])
            dist.recv(y, 0, group=group)
            found["recv"] = host(y)
        return found

    results, calls = played(3, call)
    a, b, c = results
    assert b["reduce"] == [3, 30] and a["reduce"] == [0, 10]
    assert a["broadcast"] == b["broadcast"] == [[2, 5]]
    assert c["all_gather"] == [[[0, 7]], [[1, 7]], [[2, 7]]] and b["into"] == [[r, k] for r in range(3) for k in (1, 2)]
    assert a["gather"] == [[0.5], [1.5], [2.5]] and b["gather"] is None and c["scatter"] == [2, 4]
    assert c["reduce_scatter"] == [6, 3] and b["reduce_scatter_tensor"] == [3, 4]
    assert b["all_to_all"] == [[1.0], [11.0] * 2, [21.0] * 3] and a["strided"] == [3, 3] and c["recv"] == [42]
    assert ("reduce", 2, "float32", 0, 1) in calls[0] and ("broadcast", 8, "int8", 2) in calls[0]


def test_what_nccl_cannot_do(library):
    def call(rank, group):
        with pytest.raises(RuntimeError, match="Cannot use ReduceOp.BAND with NCCL"):
            dist.all_reduce(gpu([1], np.int32), op=dist.ReduceOp.BAND, group=group)
        with pytest.raises(RuntimeError, match="No backend type associated with device type cpu"):
            dist.all_reduce(taper.ones(1), group=group)
        with pytest.raises(ValueError, match="give src"):
            dist.recv(gpu([1]), group=group)
        transport = group.carrier(gpu([1])._array)
        waits = nccl.Pending(SimpleNamespace(done=False), transport._communicator, ())
        assert not waits.poll()
        transport._communicator.failure = "NCCL_ERROR_SYSTEM_ERROR: unhandled system error"
        with pytest.raises(DistBackendError, match="NCCL: NCCL_ERROR_SYSTEM_ERROR"):
            waits.poll()
        transport.free()

    _, calls = played(2, call)
    assert calls[0][-1] == ("destroy",)


def test_gpu_tensors_need_a_group_for_them(library):
    with pytest.raises(RuntimeError, match="No backend type associated with device type cuda.*backend='nccl'"):
        dist.all_reduce(gpu([1]))


@pytest.mark.parametrize(
    "state, words",
    [("missing", "not installed"), ("no gpu", "CuPy finds none"), ("no nccl", "comes without it")],
)
def test_without_nccl_it_says_why(monkeypatch, state, words):
    if state == "missing":
        monkeypatch.setattr(driver, "find_spec", lambda name: None)
    else:
        fake_cupy(monkeypatch, available=state != "no gpu", built=state != "no nccl")
    assert not dist.is_nccl_available() and not dist.is_backend_available("nccl")
    with pytest.raises(RuntimeError, match=f"Distributed package doesn't have NCCL built in: .*{words}"):
        dist.init_process_group("nccl", rank=0, world_size=1)
    with pytest.raises(RuntimeError, match=words):
        communicators.CupyDevice()


def fake_cupy(monkeypatch, available=True, built=True):
    cupy, cuda, library = ModuleType("cupy"), ModuleType("cupy.cuda"), ModuleType("cupy.cuda.nccl")
    log: list = []
    cupy.__spec__ = ModuleSpec("cupy", None)
    cupy.is_available, cupy.cuda, cuda.nccl, library.available = lambda: available, cuda, library, built
    library.get_unique_id = lambda: tuple(range(128))
    library.NcclCommunicator = lambda *facts: log.append(("made", *facts)) or "communicator"
    library.groupStart, library.groupEnd = (lambda: log.append("start")), (lambda: log.append("end"))
    cuda.get_current_stream = lambda: SimpleNamespace(ptr=77)
    cuda.Event = lambda disable_timing: SimpleNamespace(record=lambda: log.append("record"), done=disable_timing)
    cupy.empty = lambda shape, dtype: ("empty", shape, dtype)
    for module in (cupy, cuda, library):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return log


def test_what_is_asked_of_cupy(monkeypatch, tmp_path):
    log = fake_cupy(monkeypatch)
    device = communicators.CupyDevice()
    assert device.communicator(4, device.unique_id(), 3) == "communicator" and log == [
        ("made", 4, tuple(range(128)), 3)
    ]
    assert device.pointer(SimpleNamespace(data=SimpleNamespace(ptr=5))) == 5 and device.stream() == 77
    with device.group():
        assert log[-1] == "start"
    assert log[-1] == "end" and device.event().done and log[-1] == "record"
    assert device.empty((1,), "int32") == ("empty", (1,), "int32")
    assert dist.is_nccl_available()
    dist.init_process_group("nccl", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    assert dist.get_backend() == "nccl" and dist.group.WORLD.has_gpus
    assert dist.new_group([0]).has_gpus and not dist.new_group([0], backend="gloo").has_gpus
    dist.destroy_process_group()

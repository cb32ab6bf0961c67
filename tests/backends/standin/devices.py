"""Devices, memory, streams and events that only write down what was asked of them."""

from __future__ import annotations

import itertools
import threading
import types

import numpy as np

from .names import inside


class State(threading.local):
    """The current device, and the current stream of each."""

    device = 0

    def __init__(self):
        self.streams: dict[int, Stream] = {}


state = State()
journal: list[tuple] = []
"""What was asked of streams and events, in order."""

count = 1
clock = itertools.count()


class CUDARuntimeError(RuntimeError):
    pass


class OutOfMemoryError(MemoryError):
    pass


class Device:
    """`cupy.cuda.Device`."""

    def __init__(self, device=None):
        self.id = state.device if device is None else int(device)
        self._before: list[int] = []

    def __int__(self):
        return self.id

    __index__ = __int__

    def __enter__(self):
        self._before.append(state.device)
        self.use()
        return self

    def __exit__(self, *error):
        state.device = self._before.pop()

    def use(self):
        if not 0 <= self.id < count:
            raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
        state.device = self.id

    def synchronize(self):
        journal.append(("synchronize device", self.id))

    @property
    def compute_capability(self):
        return "90"

    @property
    def mem_info(self):
        pool = pools[self.id]
        return (1 << 34) - pool.total_bytes(), 1 << 34

    @property
    def pci_bus_id(self):
        return f"0000:{self.id:02x}:00.0"

    def __eq__(self, other):
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self):
        return hash(("Device", self.id))

    def __repr__(self):
        return f"<CUDA Device {self.id}>"


class MemoryPool:
    """The pool of one device: it counts the bytes of living arrays, and keeps blocks as CuPy's does."""

    def __init__(self):
        self.used = self.kept = 0
        self.limit = 0

    def used_bytes(self):
        return self.used

    def total_bytes(self):
        return self.used + self.kept

    def free_bytes(self):
        return self.kept

    def n_free_blocks(self):
        return int(self.kept > 0)

    def free_all_blocks(self, stream=None):
        self.kept = 0

    def set_limit(self, size=None, fraction=None):
        self.limit = size if fraction is None else int(fraction * (1 << 34))

    def get_limit(self):
        return self.limit

    def take(self, size: int) -> None:
        size = -(-size // 512) * 512
        if self.limit and self.used + size > self.limit:
            raise OutOfMemoryError(f"Out of memory allocating {size} bytes (allocated so far: {self.used} bytes).")
        self.kept = max(0, self.kept - size)
        self.used += size
        for hook in hooks:
            hook.malloc_postprocess(device_id=pools.index(self), size=size, mem_size=size, mem_ptr=0, pmem_id=0)

    def give(self, size: int) -> None:
        size = -(-size // 512) * 512
        self.used -= size
        self.kept += size


pools: list[MemoryPool] = []


hooks: list = []


class MemoryHook:
    """`cupy.cuda.MemoryHook`."""

    def __enter__(self):
        hooks.append(self)
        return self

    def __exit__(self, *error):
        hooks.remove(self)


class PoolOfCurrent:
    """What `get_default_memory_pool` returns: the pool of the current device."""

    def __getattr__(self, name):
        return getattr(pools[state.device], name)


class Memory:
    """A block, which its arrays' pointers share; gone with the last of them."""

    def __init__(self, device: int, host: np.ndarray):
        self.device_id, self.host, self.size = device, host, host.nbytes
        self.ptr = host.__array_interface__["data"][0]
        pools[device].take(self.size)

    def __del__(self):
        if self.device_id < len(pools):
            pools[self.device_id].give(self.size)


class MemoryPointer:
    """Where an array's first element is."""

    def __init__(self, mem: Memory, offset: int):
        self.mem, self.ptr = mem, mem.ptr + offset

    @property
    def device_id(self):
        return self.mem.device_id

    @property
    def device(self):
        return Device(self.mem.device_id)

    def __add__(self, offset: int):
        return MemoryPointer(self.mem, self.ptr - self.mem.ptr + offset)

    def __int__(self):
        return self.ptr


class PinnedMemoryPointer(bytearray):
    """`cupy.cuda.PinnedMemoryPointer`."""


def empty_like_pinned(a, dtype=None, order="K", subok=None, shape=None):
    """`cupyx.empty_like_pinned`."""
    like = np.empty_like(a, dtype, order)
    flat = np.frombuffer(PinnedMemoryPointer(max(like.nbytes, 1)), like.dtype, like.size)
    return np.ndarray(like.shape, like.dtype, flat, 0, like.strides)


class Stream:
    """`cupy.cuda.Stream`."""

    numbers = itertools.count(1000)

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=0):
        self.device_id = -1 if null else state.device
        self.ptr = 0 if null else next(Stream.numbers)
        self.priority, self.non_blocking = priority, non_blocking
        self._before: list = []

    def __enter__(self):
        self._before.append(current_stream())
        state.streams[state.device] = self
        return self

    def __exit__(self, *error):
        state.streams[state.device] = self._before.pop()

    def use(self):
        state.streams[state.device] = self

    def synchronize(self):
        journal.append(("synchronize", self.ptr))

    def record(self, event=None):
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event):
        journal.append(("wait", self.ptr, event.number))

    @property
    def done(self):
        return True

    def begin_capture(self, mode=None):
        journal.append(("begin capture", self.ptr))
        self._capturing = True

    def end_capture(self):
        journal.append(("end capture", self.ptr))
        self._capturing = False
        return Graph()

    _capturing = False

    def is_capturing(self):
        return self._capturing

    def __eq__(self, other):
        return isinstance(other, Stream) and self.ptr == other.ptr

    def __hash__(self):
        return hash(self.ptr)


Stream.null = Stream(null=True)
Stream.ptds = Stream(null=True)


class ExternalStream(Stream):
    """`cupy.cuda.ExternalStream`."""

    def __init__(self, ptr, device_id=-1):
        super().__init__()
        self.ptr, self.device_id = ptr, device_id


class Graph:
    """`cupy.cuda.Graph`."""

    def launch(self, stream=None):
        journal.append(("launch", (stream or current_stream()).ptr))

    def upload(self, stream=None):
        journal.append(("upload", (stream or current_stream()).ptr))


class Event:
    """`cupy.cuda.Event`."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self.number, self.timed, self.time = next(clock), not disable_timing, None
        self.ptr = 5000 + self.number

    def record(self, stream=None):
        self.time = next(clock)
        journal.append(("record", (stream or current_stream()).ptr, self.number))

    def synchronize(self):
        journal.append(("synchronize event", self.number))

    @property
    def done(self):
        return True


def current_stream(device_id=-1) -> Stream:
    return state.streams.get(state.device if device_id == -1 else device_id, Stream.null)


def get_elapsed_time(start_event, end_event):
    if not (start_event.timed and end_event.timed):
        raise CUDARuntimeError("cudaErrorInvalidResourceHandle: invalid resource handle")
    return float(end_event.time - start_event.time)


def _runtime() -> types.ModuleType:
    made = types.ModuleType("cupy.cuda.runtime")
    made.CUDARuntimeError = CUDARuntimeError
    made.getDeviceCount = lambda: count
    made.runtimeGetVersion = lambda: 12090
    made.driverGetVersion = lambda: 12090
    made.memGetInfo = lambda: Device().mem_info
    made.deviceCanAccessPeer = lambda device, peer: int(device != peer)
    made.deviceSynchronize = lambda: Device().synchronize()
    made.getDeviceProperties = lambda device: {
        **{"name": b"Stand-in", "major": 9, "minor": 0, "totalGlobalMem": 1 << 34, "multiProcessorCount": 132},
        **{"warpSize": 32, "maxThreadsPerMultiProcessor": 2048, "regsPerMultiprocessor": 65536, "l2CacheSize": 1 << 25},
        **{"sharedMemPerBlock": 49152, "sharedMemPerMultiprocessor": 233472, "sharedMemPerBlockOptin": 232448},
        **{"integrated": 0, "isMultiGpuBoard": 0, "uuid": bytes(16), "pciBusID": device, "pciDeviceID": 0},
        **{"pciDomainID": 0, "clockRate": 1_980_000, "memoryClockRate": 2_619_000, "memoryBusWidth": 6144},
        **{"maxThreadsPerBlock": 1024},
    }
    made.profilerStart = lambda: journal.append(("profiler", "start"))
    made.profilerStop = lambda: journal.append(("profiler", "stop"))
    _only(made, "cupy.cuda.runtime", {"CUDARuntimeError"})
    return made


def _only(module, path: str, besides: set = frozenset()) -> None:
    """What the stand-in has must be CuPy's."""
    known = inside(path)
    for name in vars(module):
        if not name.startswith("_") and name not in known and name not in besides:
            raise AssertionError(f"{path} has no {name}")


def cuda() -> types.ModuleType:
    """The module `cupy.cuda`."""
    made = types.ModuleType("cupy.cuda")
    made.__path__ = []
    made.Device, made.Stream, made.ExternalStream, made.Event, made.Graph = Device, Stream, ExternalStream, Event, Graph
    made.MemoryPool, made.MemoryPointer, made.Memory = MemoryPool, MemoryPointer, Memory
    made.PinnedMemoryPointer, made.MemoryHook = PinnedMemoryPointer, MemoryHook
    made.get_current_stream, made.get_elapsed_time = current_stream, get_elapsed_time
    made.get_device_id = lambda: state.device
    made.is_available = lambda: count > 0
    _only(made, "cupy.cuda")
    made.runtime = _runtime()
    memory = types.ModuleType("cupy.cuda.memory")
    memory.OutOfMemoryError = OutOfMemoryError
    made.memory = memory
    return made


def restart(devices: int) -> None:
    """As after loading the driver, with a number of devices."""
    global count
    count = devices
    pools[:] = [MemoryPool() for _ in range(max(devices, 1))]
    state.device = 0
    state.streams.clear()
    hooks.clear()
    journal.clear()

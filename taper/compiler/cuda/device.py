"""The driver of a real GPU, on CuPy: its memory pool, modules, streams and graphs, and cuBLAS through its bindings."""

# pyright: reportMissingImports=false
from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ...backends import cuda as settings
from ...backends import namespace_of
from ...backends.cuda import driver
from ...backends.cuda.cublaslt_products import Product
from ...backends.device import device
from ...native import library
from ...native.machine import Machine, gpu_for
from ..channels import first_axes, last_axes
from ..heads import Heads
from ..homes import Home
from ..lower.calls import Attend, Convolve, Finish, Matmul
from ..lower.threads import Grid
from . import libraries
from .program import CudaProgram

STAGED = 8
"""Uploads that may be on their way at a time."""

STAGE = 1 << 16
"""Bytes that are uploaded in one piece at most."""

REPEATED = 20
"""Repetitions of what is measured."""

# Numbers of cudaDeviceAttr.
_CLOCK, _PROCESSORS, _MEMORY_CLOCK, _BUS = 13, 16, 36, 37

# Operations of a multiprocessor in one cycle: in float32, in float64, and of products of half precision.
_EACH_CYCLE = {
    "sm_70": (128, 64, 1024), "sm_72": (128, 4, 1024), "sm_75": (128, 4, 1024), "sm_80": (128, 64, 2048),
    "sm_86": (256, 4, 1024), "sm_87": (256, 4, 1024), "sm_89": (256, 4, 1024), "sm_90": (256, 128, 4096),
    "sm_100": (256, 128, 8192), "sm_103": (256, 4, 8192), "sm_120": (256, 4, 1024),
}  # fmt: skip

# cuBLAS's names of element types and of how is computed (cublas_api.h, library_types.h).
_TYPES = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 14}
_COMPUTE, _COMPUTE_TF32, _COMPUTE_DOUBLE = 68, 77, 70
_DEFAULT = -1


class Device:
    """One GPU. Its methods are those of `driver.Driver`."""

    def __init__(self, number: int):
        self.cupy = cupy = driver.library()
        self.number = number
        with cupy.cuda.Device(number) as device:
            capability = device.compute_capability
            self.machine: Machine = gpu_for(int(capability[:-1]), int(capability[-1]))
            self.name = cupy.cuda.runtime.getDeviceProperties(number)["name"].decode()
            # Captured on a stream of its own: the default one cannot be.
            self.stream = cupy.cuda.Stream(non_blocking=True)
        # Graphs hold the addresses of what libraries take while they are captured: nobody else may get that memory.
        self.pool = cupy.cuda.MemoryPool()
        self.stages: list[tuple] = []
        self.turn = 0
        self.functions: dict[str, object] = {}

    def on(self):
        """The scope in which this GPU is the current one."""
        return self.cupy.cuda.Device(self.number)

    def empty(self, shape: tuple[int, ...], dtype: np.dtype):
        with self.on():
            return self.cupy.empty(shape, dtype)

    def address(self, array) -> int:
        return array.data.ptr

    def load(self, text: str, name: str):
        found = self.functions.get(text)
        if found is None:
            with self.on():
                module = self.cupy.cuda.function.Module()
                module.load(library.ptx(text, self.machine).encode() + b"\0")
                found = self.functions[text] = module.get_function(name)
        return found

    def launch(self, function, grid: Grid, addresses: list[int]) -> None:
        function((grid.blocks,), (grid.threads,), tuple(addresses))

    def current(self) -> int:
        """The stream on which things are enqueued."""
        return self.cupy.cuda.get_current_stream().ptr

    def copy(self, target: int, source: int, size: int) -> None:
        runtime = self.cupy.cuda.runtime
        runtime.memcpyAsync(target, source, size, runtime.memcpyDeviceToDevice, self.current())

    def upload(self, target: int, values: np.ndarray) -> None:
        cuda = self.cupy.cuda
        whole = values.reshape(-1).view(np.uint8)
        for at in range(STAGE, whole.nbytes, STAGE):
            self.upload(target + at, whole[at : at + STAGE])
        values = whole[:STAGE]
        if len(self.stages) < STAGED:
            memory = cuda.alloc_pinned_memory(STAGE)
            self.stages.append((memory, np.frombuffer(memory, np.uint8, STAGE), cuda.Event(disable_timing=True)))
        memory, room, event = self.stages[self.turn % len(self.stages)]
        self.turn += 1
        # A turn that is still under way is some launches back: waiting for it keeps the host from running away.
        event.synchronize()
        room[: values.nbytes] = values
        runtime = cuda.runtime
        runtime.memcpyAsync(target, memory.ptr, values.nbytes, runtime.memcpyHostToDevice, self.current())
        event.record()

    def watched(self, size: int) -> np.ndarray:
        found = np.frombuffer(self.cupy.cuda.alloc_pinned_memory(size), np.uint8, size)
        found[:] = 0
        return found

    def watch(self, target: np.ndarray, source: int) -> None:
        runtime = self.cupy.cuda.runtime
        runtime.memcpyAsync(target.ctypes.data, source, target.nbytes, runtime.memcpyDeviceToHost, self.current())

    def view(self, address: int, shape: tuple[int, ...], dtype):
        """The memory at an address as an array."""
        cupy = self.cupy
        dtype = np.dtype(dtype)
        size = max(math.prod(shape) * dtype.itemsize, 1)
        memory = cupy.cuda.UnownedMemory(address, size, None, self.number)
        return cupy.ndarray(shape, dtype, cupy.cuda.MemoryPointer(memory, 0))

    def fetch(self, source: int, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        values = np.empty(shape, dtype)
        runtime, stream = self.cupy.cuda.runtime, self.cupy.cuda.get_current_stream()
        runtime.memcpyAsync(values.ctypes.data, source, values.nbytes, runtime.memcpyDeviceToHost, stream.ptr)
        stream.synchronize()
        return values

    def store(self, target: int, values: np.ndarray) -> None:
        runtime, stream = self.cupy.cuda.runtime, self.cupy.cuda.get_current_stream()
        runtime.memcpyAsync(target, values.ctypes.data, values.nbytes, runtime.memcpyHostToDevice, stream.ptr)
        stream.synchronize()

    def capture(self, enqueue: Callable[[], None]):
        with self.on(), self.cupy.cuda.using_allocator(self.pool.malloc), self.stream:
            self.stream.begin_capture()
            try:
                enqueue()
            finally:
                graph = self.stream.end_capture()
        return graph

    def replay(self, graph) -> None:
        graph.launch(self.cupy.cuda.get_current_stream())

    def seconds(self, enqueue: Callable[[], None]) -> float:
        start, stop = (self.cupy.cuda.Event() for _ in range(2))
        start.record()
        for _ in range(REPEATED):
            enqueue()
        stop.record()
        stop.synchronize()
        return self.cupy.cuda.get_elapsed_time(start, stop) * 1e-3 / REPEATED

    def limits(self, half: bool, double: bool) -> tuple[float, float]:
        ask, number = self.cupy.cuda.runtime.deviceGetAttribute, self.number
        clock, processors = 1e3 * ask(_CLOCK, number), ask(_PROCESSORS, number)
        # Two transfers a cycle of the memory's clock, of so many bits.
        bytes = 2 * 1e3 * ask(_MEMORY_CLOCK, number) * ask(_BUS, number) / 8
        singles, doubles, halves = _EACH_CYCLE[self.machine.cpu]
        return clock * processors * (halves if half else doubles if double else singles), bytes

    # Libraries.

    def call(self, what: Matmul | Convolve | Attend | Finish, addresses: list[int]) -> None:
        if isinstance(what, Matmul):
            self.multiply(what, addresses)
        elif isinstance(what, Attend):
            libraries.attend(what, addresses)
        elif isinstance(what, Finish):
            libraries.finish(what, addresses)
        elif not libraries.convolve(what, addresses):
            self.convolve(what, addresses)

    def attends(self, heads: Heads) -> bool:
        """Whether cuDNN computes some attention here."""
        with self.on():
            return libraries.attends(heads)

    def fuses(self, product: Product) -> bool:
        """Whether cuBLASLt has a kernel for a product and its epilogue here."""
        with self.on():
            return libraries.fuses(product)

    def multiply(self, what: Matmul, addresses: list[int]) -> None:
        """By cuBLAS, whose matrices stand in columns: out.T = b.T a.T, whole stacks at a time."""
        from cupy_backends.cuda.libs import cublas

        size, out_size = (4 if t in ("float32",) else 8 if t == "float64" else 2 for t in (what.dtype, what.out))
        a, b, c = addresses
        double = what.dtype == "float64"
        scale, zero = (np.array(x, np.float64 if double else np.float32) for x in (what.scale, 0))
        compute = _COMPUTE_DOUBLE if double else _COMPUTE
        if what.dtype == "float32" and settings.matmul.allow_tf32:
            compute = _COMPUTE_TF32
        kind, out_kind = _TYPES[what.dtype], _TYPES[what.out]
        handle = self.cupy.cuda.device.get_cublas_handle()
        for at_a, at_b, at_c, (step_a, step_b, step_c), count in stacks(what):
            cublas.gemmStridedBatchedEx(
                handle, int(what.b.transposed), int(what.a.transposed), what.n, what.m, what.k,
                scale.ctypes.data, b + at_b * size, kind, what.b.leading, step_b,
                a + at_a * size, kind, what.a.leading, step_a,
                zero.ctypes.data, c + at_c * out_size, out_kind, what.n, step_c, count, compute, _DEFAULT,
            )  # fmt: skip

    def laid(self, address: int, shape: tuple[int, ...], what: Convolve):
        """An operand of a convolution as an array with its channels in dimension 1."""
        if not what.last:
            return self.view(address, shape, what.dtype)
        return self.view(address, tuple(shape[i] for i in last_axes(len(shape))), what.dtype).transpose(
            first_axes(len(shape))
        )

    def convolve(self, what: Convolve, addresses: list[int]) -> None:
        """By the functions of eager mode, whose results have the operands' type."""
        x, y = (self.laid(a, s, what) for a, s in zip(addresses, (what.first, what.second)))
        namespace = namespace_of(x)
        options = what.stride, what.padding, what.dilation, what.groups
        if what.op == "conv":
            made = namespace.conv(x, y, *options)
        else:
            gradient = namespace.conv_input_grad if what.op == "conv_input" else namespace.conv_weight_grad
            made = gradient(x, y, what.shape, *options)
        made = made.transpose(last_axes(made.ndim)) if what.last else made
        made = self.cupy.ascontiguousarray(made, np.dtype(what.out))
        self.copy(addresses[2], made.data.ptr, made.nbytes)


def stacks(what: Matmul) -> list[tuple[int, int, int, tuple[int, int, int], int]]:
    """A stack of products as runs in which each operand goes on by one step: where each run begins in a, b and out, the
    steps, how many products it has."""
    strides = [what.a.strides, what.b.strides, _dense(what)]
    dims = [(n, tuple(s[i] for s in strides)) for i, n in enumerate(what.stack) if n != 1]
    joined: list[tuple[int, tuple[int, ...]]] = []
    for n, steps in dims:
        if joined and all(outer == n * inner for outer, inner in zip(joined[-1][1], steps)):
            joined[-1] = joined[-1][0] * n, steps
        else:
            joined.append((n, steps))
    # The longest run is one call.
    longest = max(range(len(joined)), key=lambda i: joined[i][0], default=None)
    count, run = (1, (0, 0, 0)) if longest is None else joined.pop(longest)
    starts = [(what.a.offset, what.b.offset, 0)]
    for n, steps in joined:
        starts = [tuple(x + i * s for x, s in zip(start, steps)) for start in starts for i in range(n)]
    return [(*start, run, count) for start in starts]


def _dense(what: Matmul) -> tuple[int, ...]:
    """The steps of a result without gaps."""
    steps, step = [], what.m * what.n
    for n in reversed(what.stack):
        steps.append(step)
        step *= n
    return tuple(reversed(steps))


@lru_cache(None)
def _home(number: int) -> Home:
    here = Device(number)
    cupy = here.cupy

    def program(graph, results, state, hosted=frozenset()) -> CudaProgram:
        with here.on():
            return CudaProgram(graph, results, state, here.machine, hosted, here.fuses).loaded(here)

    place = device("cuda", number)

    def generators() -> list:
        from ...tensor.random import generator_on

        return [generator_on(place)]

    return Home(
        cupy.ndarray, here.empty, cupy.ascontiguousarray, cupy.may_share_memory, program, stand_in, cupy.asnumpy, place,
        True, generators, here.attends,
    )  # fmt: skip


def home(array) -> Home:
    """The home of a CuPy array: the GPU that it is on."""
    return _home(array.device.id)


def stand_in(array) -> np.ndarray:
    """A NumPy array with another's shape, dtype and strides. Nobody looks at its elements, so no memory is touched."""
    reach = sum((n - 1) * abs(s) for n, s in zip(array.shape, array.strides)) + array.dtype.itemsize
    low = sum((n - 1) * s for n, s in zip(array.shape, array.strides) if s < 0)
    room = np.empty(max(reach, 1), np.uint8)
    if not array.size:
        return np.empty(array.shape, array.dtype)
    return np.ndarray(array.shape, array.dtype, room, -low, array.strides)

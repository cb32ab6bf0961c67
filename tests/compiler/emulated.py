"""A GPU driver without a GPU: arrays in host memory, kernels run thread by thread, libraries' calls computed by NumPy.

It notes everything that it is asked to do, in order, so that tests can look at launches, copies, waits and graphs.
"""

from __future__ import annotations

import ctypes
import inspect
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod

import ml_dtypes
import numpy as np
from numpy.lib.stride_tricks import as_strided

from taper.backends import cpu
from taper.backends.cuda.cublaslt_products import Product
from taper.backends.device import device
from taper.compiler.channels import Convolving, last_axes
from taper.compiler.cuda.device import stand_in
from taper.compiler.cuda.program import CudaProgram
from taper.compiler.homes import Home
from taper.compiler.lower.calls import Attend, Convolve, Finish, Matmul
from taper.native.machine import Machine, gpu

from ..native import simt

GPU = device("cuda", 0)


def at(address: int, count: int, dtype) -> np.ndarray:
    """The elements at an address."""
    dtype = np.dtype(ml_dtypes.bfloat16 if isinstance(dtype, str) and dtype == "bfloat16" else dtype)
    raw = (ctypes.c_uint8 * (count * dtype.itemsize)).from_address(address)
    return np.frombuffer(raw, dtype)


def matrices(address: int, rows: int, columns: int, stack, operand, dtype) -> np.ndarray:
    """An operand of a product as an array (*stack, rows, columns), which reads the memory itself."""
    steps = (1, operand.leading) if operand.transposed else (operand.leading, 1)
    shape, strides = (*stack, rows, columns), (*operand.strides, *steps)
    reach = operand.offset + sum((n - 1) * s for n, s in zip(shape, strides)) + 1
    flat = at(address, reach, dtype)[operand.offset :]
    return as_strided(flat, shape, [s * flat.itemsize for s in strides])


@dataclass
class Emulated:
    """A driver; `done` are the things done so far: (what, ...) each; `loaded` the texts of its kernels."""

    machine: Machine = field(default_factory=gpu)
    name: str = "emulated"
    backwards: bool = False
    done: list[tuple] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    recording: list | None = None
    numbers: itertools.count = field(default_factory=itertools.count)

    def empty(self, shape, dtype) -> np.ndarray:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        block = np.full(size + 256, 0xA5, np.uint8)
        start = -block.ctypes.data % 256
        self.done.append(("empty", shape))
        return block[start : start + size].view(dtype).reshape(shape)

    def address(self, array: np.ndarray) -> int:
        return array.ctypes.data

    def load(self, text: str, name: str):
        self.loaded.append(text)
        return text, name

    def enqueue(self, note: tuple, action: Callable[[], None]) -> None:
        if self.recording is not None:
            self.recording.append((note, action))
            return
        self.done.append(note)
        action()

    def launch(self, function, grid, addresses) -> None:
        text, name = function
        self.enqueue(
            ("launch", function, grid, tuple(addresses)),
            lambda: simt.launch(text, name, grid.blocks, grid.threads, addresses, self.backwards),
        )

    def call(self, what, addresses) -> None:
        ways = {Matmul: self.multiply, Attend: self.attend, Finish: self.finish, Convolve: self.convolve}
        compute = ways[type(what)]
        self.enqueue(("call", what, tuple(addresses)), lambda: compute(what, addresses))

    def multiply(self, what: Matmul, addresses) -> None:
        a = matrices(addresses[0], what.m, what.k, what.stack, what.a, what.dtype)
        b = matrices(addresses[1], what.k, what.n, what.stack, what.b, what.dtype)
        out = at(addresses[2], what.count * what.m * what.n, what.out)
        wide = np.result_type(out.dtype, np.float32)
        out[...] = (wide.type(what.scale) * np.matmul(a.astype(wide), b.astype(wide))).astype(out.dtype).ravel()

    def convolve(self, what: Convolve, addresses) -> None:
        if what.last:
            routine = Convolving(what.op, what.first, what.second, what.shape, what.stride, what.padding, what.dilation, what.groups, what.dtype)  # fmt: skip
            shapes = [tuple(s[i] for i in last_axes(len(s))) for s in (what.first, what.second)]
            (made,) = routine.evaluate(*(at(a, prod(s), what.dtype).reshape(s) for a, s in zip(addresses, shapes)))
            at(addresses[2], made.size, what.out)[...] = made.ravel()
            return
        wide = np.float64 if what.dtype == "float64" else np.float32
        x = at(addresses[0], int(np.prod(what.first)), what.dtype).reshape(what.first).astype(wide)
        y = at(addresses[1], int(np.prod(what.second)), what.dtype).reshape(what.second).astype(wide)
        options = what.stride, what.padding, what.dilation, what.groups
        if what.op == "conv":
            made = inspect.unwrap(cpu.conv)(x, y, *options)
        else:
            gradient = cpu.conv_input_grad if what.op == "conv_input" else cpu.conv_weight_grad
            made = inspect.unwrap(gradient)(x, y, what.shape, *options)
        at(addresses[2], made.size, what.out)[...] = made.ravel()

    def attend(self, what: Attend, addresses) -> None:
        heads = what.heads
        types = {n: "float32" if n in ("lse", "stats") else what.dtype for n in (*heads.names, *heads.results)}
        arrays = [
            at(a, prod(heads.shape_of(n)), types[n]).reshape(heads.shape_of(n)) for n, a in zip(heads.names, addresses)
        ]
        made = heads.evaluate(*arrays)
        for i, address in zip(what.present, addresses[len(heads.names) :]):
            at(address, made[i].size, types[heads.results[i]])[...] = made[i].ravel()

    def finish(self, what: Finish, addresses) -> None:
        routine, p = what.routine, what.routine.product
        shapes = {
            "a": (p.k, p.m) if p.a_across else (p.m, p.k), "b": (p.n, p.k) if p.b_across else (p.k, p.n),
            "bias": (p.n,), "aux": p.aux_shape,
        }  # fmt: skip
        types = {"a": p.dtype, "b": p.dtype, "bias": p.out, "aux": "uint8" if "relu" in p.epilogue else p.out}
        arrays = [at(a, prod(shapes[n]), types[n]).reshape(shapes[n]) for n, a in zip(routine.names, addresses)]
        made = routine.evaluate(*arrays)
        for i, address in zip(what.present, addresses[len(routine.names) :]):
            at(address, made[i].size, made[i].dtype)[...] = made[i].ravel()

    def copy(self, target: int, source: int, size: int) -> None:
        def run():
            at(target, size, np.uint8)[...] = at(source, size, np.uint8)

        self.enqueue(("copy", target, source, size), run)

    def upload(self, target: int, values: np.ndarray) -> None:
        values = values.copy()

        def run():
            at(target, values.size, values.dtype)[...] = values.ravel()

        assert self.recording is None, "values would be baked into a graph"
        self.enqueue(("upload", target, tuple(values.tolist())), run)

    def watch(self, target: np.ndarray, source: int) -> None:
        def run():
            target.view(np.uint8)[...] = at(source, target.nbytes, np.uint8)

        self.enqueue(("watch", source), run)

    def watched(self, size: int) -> np.ndarray:
        return np.zeros(size, np.uint8)

    def fetch(self, source: int, shape, dtype) -> np.ndarray:
        assert self.recording is None, "a graph cannot wait"
        self.done.append(("fetch", source))
        return at(source, int(np.prod(shape)), dtype).reshape(shape).copy()

    def store(self, target: int, values: np.ndarray) -> None:
        assert self.recording is None, "a graph cannot wait"
        self.done.append(("store", target))
        at(target, values.size, values.dtype)[...] = values.ravel()

    def capture(self, enqueue):
        assert self.recording is None, "graphs cannot be nested"
        self.recording = recorded = []
        try:
            enqueue()
        finally:
            self.recording = None
        self.done.append(("capture", next(self.numbers)))
        return recorded

    def seconds(self, enqueue) -> float:
        started = time.perf_counter()
        enqueue()
        return time.perf_counter() - started

    def limits(self, half: bool, double: bool) -> tuple[float, float]:
        return (1e15 if half else 1e12 if double else 1e13), 1e12

    def replay(self, graph) -> None:
        self.done.append(("replay", [note for note, _ in graph]))
        for _, action in graph:
            action()


def home(drivers: list | None = None, fuses: Callable = Product.is_possible, **options) -> Home:
    """A home of arrays that are NumPy's, whose programs run on a driver of their own; `drivers` gets these. fuses: what
    epilogues the library has."""

    def program(graph, results, state, hosted=frozenset()):
        driver = Emulated(**options)
        if drivers is not None:
            drivers.append(driver)
        return CudaProgram(graph, results, state, driver.machine, hosted, fuses).loaded(driver)

    return Home(np.ndarray, np.empty, np.ascontiguousarray, np.may_share_memory, program, lambda array: array, gpu=True)


class OnCupy(Emulated):
    """A driver of CuPy's stand-in, whose arrays are in host memory."""

    def address(self, array) -> int:
        return array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr


def cupy_home(cupy, drivers: list, kind: type = OnCupy) -> Home:
    """A home of the arrays of CuPy's stand-in, whose programs run on a driver of their own, which `drivers` gets."""

    def program(graph, results, state, hosted=frozenset()):
        drivers.append(kind())
        return CudaProgram(graph, results, state, drivers[-1].machine, hosted).loaded(drivers[-1])

    def generators() -> list:
        from taper.tensor.random import generator_on

        return [generator_on(GPU)]

    return Home(
        cupy.ndarray, cupy.empty, cupy.ascontiguousarray, cupy.may_share_memory, program, stand_in, cupy.asnumpy, GPU,
        True, generators,
    )  # fmt: skip

"""What a program needs of a GPU: memory, launches, calls of libraries, and graphs of them. Nothing here waits for the GPU
but `fetch`, `store` and `seconds`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from ...native.machine import Machine
from ..lower.calls import Attend, Convolve, Finish, Matmul
from ..lower.threads import Grid

Address = int
Function = Any
Graph = Any
Array = Any


class Driver(Protocol):
    """One device. Whatever is enqueued runs in order, on the stream that is current."""

    machine: Machine
    name: str

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> Array:
        """A new array on the device, without gaps, 256 bytes aligned."""
        ...

    def address(self, array: Array) -> Address:
        """Where an array's first element is."""
        ...

    def load(self, text: str, name: str) -> Function:
        """The kernel `name` of a module of LLVM IR, compiled for the device and loaded."""
        ...

    def launch(self, function: Function, grid: Grid, addresses: list[Address]) -> None:
        """Enqueue a kernel with these arrays."""
        ...

    def call(self, what: Matmul | Convolve | Attend | Finish, addresses: list[Address]) -> None:
        """Enqueue what a library computes of the first arrays into the last."""
        ...

    def copy(self, target: Address, source: Address, size: int) -> None:
        """Enqueue a copy of `size` bytes on the device."""
        ...

    def upload(self, target: Address, values: np.ndarray) -> None:
        """Enqueue a copy of a few host values, which may be changed as soon as this returns."""
        ...

    def watch(self, target: np.ndarray, source: Address) -> None:
        """Enqueue a copy of device memory to `target`, an array of `watched`."""
        ...

    def watched(self, size: int) -> np.ndarray:
        """Zeros in host memory that the device can write at any time: bytes for `watch`."""
        ...

    def fetch(self, source: Address, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """What is at an address, once all that was enqueued is done. Waits."""
        ...

    def store(self, target: Address, values: np.ndarray) -> None:
        """Put a host array at an address. May wait."""
        ...

    def capture(self, enqueue: Callable[[], None]) -> Graph:
        """What `enqueue` enqueues, as a graph; nothing of it runs."""
        ...

    def replay(self, graph: Graph) -> None:
        """Enqueue a whole graph."""
        ...

    # For explanations alone.

    def seconds(self, enqueue: Callable[[], None]) -> float:
        """How long the device takes for what `enqueue` enqueues. Waits."""
        ...

    def limits(self, half: bool, double: bool) -> tuple[float, float]:
        """Floating-point operations a second, of products of half precision, in float64 or else in float32, and bytes a
        second to and from memory, that the device is capable of."""
        ...

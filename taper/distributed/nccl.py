"""Collectives of GPU tensors on NCCL, through CuPy: one communicator a group, whose identity travels over MPI.

What is asked of CuPy is `Device`, so that everything else runs without a GPU in tests. Operations are put on the current
stream, in the order of the program; one is done when the event after it has come.
"""

from __future__ import annotations

import sys
from typing import Any, Protocol

import numpy as np

from .errors import DistBackendError
from .reduction import ReduceOp

# fmt: off
_TYPES = {
    "int8": 0, "uint8": 1, "bool": 1, "int32": 2, "uint32": 3, "int64": 4, "uint64": 5, "float16": 6, "float32": 7,
    "float64": 8, "bfloat16": 9,
}
_OPS = {ReduceOp.SUM: 0, ReduceOp.AVG: 0, ReduceOp.PRODUCT: 1, ReduceOp.MAX: 2, ReduceOp.MIN: 3}
# fmt: on
"""NCCL's numbers of dtypes and reductions (nccl.h)."""


class Device(Protocol):
    """What this file asks of CuPy (`backends/cuda/communicators.py`)."""

    def unique_id(self) -> tuple: ...
    def communicator(self, size: int, identity: tuple, rank: int) -> Any: ...
    def pointer(self, array: Any) -> int: ...
    def stream(self) -> int: ...
    def event(self) -> Any: ...
    def group(self) -> Any: ...
    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any: ...


def library_of(array: Any) -> Any:
    """The library whose functions make arrays as this one: NumPy, or that of its class."""
    return np if isinstance(array, np.ndarray) else sys.modules[type(array).__module__.partition(".")[0]]


class Pending:
    """A started operation; `held` is memory that the GPU uses until it is done. `source`: of a receive, from whom."""

    source: int | None = None

    def __init__(self, event: Any, communicator: Any, held: tuple):
        self._event, self._communicator, self._held = event, communicator, held

    def poll(self) -> bool:
        """Whether it is done. DistBackendError for what NCCL says went wrong."""
        if not self._event.done:
            _called(self._communicator.check_async_error)
            return False
        self._held = ()
        return True


def _called(function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except RuntimeError as error:
        raise DistBackendError(f"NCCL: {error}") from None


class Transport:
    """The collectives of one communicator. Arrays are contiguous and on one GPU; see `mpi.Transport` for the methods.

    mpi: the transport of the same group for CPU tensors, over which the communicator's identity travels.
    """

    def __init__(self, device: Device, mpi: Any):
        self._device, self._mpi = device, mpi
        self.rank, self.size = mpi.rank, mpi.size
        identity = np.zeros(128, np.int64)
        if self.rank == 0:
            identity[:] = device.unique_id()
        told = mpi.broadcast(identity, 0)
        while not told.poll():
            pass
        self._communicator = _called(device.communicator, self.size, tuple(identity.tolist()), self.rank)

    def _started(self, name: str, *arguments: Any, held: tuple) -> Pending:
        _called(getattr(self._communicator, name), *arguments, self._device.stream())
        return self._ended(held)

    def _ended(self, held: tuple) -> Pending:
        return Pending(self._device.event(), self._communicator, held)

    def _reducing(self, array: Any, op: ReduceOp) -> tuple[int, int, int]:
        """(number of elements, dtype, reduction) as NCCL has them; complex numbers are pairs."""
        name, op = array.dtype.name, ReduceOp(op)
        if op not in _OPS:
            raise RuntimeError(f"Cannot use ReduceOp.{op.name} with NCCL")
        if name in ("complex64", "complex128"):
            if op not in (ReduceOp.SUM, ReduceOp.AVG):
                raise RuntimeError(f"ReduceOp.{op.name} does not support complex tensors with NCCL")
            return 2 * array.size, _TYPES["float32" if name == "complex64" else "float64"], 0
        if name not in _TYPES:
            raise RuntimeError(f"NCCL does not reduce {name}. Cast the tensor first.")
        if name == "bool":
            op = {ReduceOp.SUM: ReduceOp.MAX, ReduceOp.AVG: ReduceOp.MAX, ReduceOp.PRODUCT: ReduceOp.MIN}.get(op, op)
        return array.size, _TYPES[name], _OPS[op]

    def _averaged(self, array: Any, op: ReduceOp, work: Pending) -> Pending:
        """On the same stream the sum becomes the mean."""
        if op != ReduceOp.AVG or array.dtype.kind == "b":
            return work
        array[...] = array / self.size if array.dtype.kind not in "iu" else array // self.size
        return self._ended((array,))

    def all_reduce(self, array: Any, op: ReduceOp) -> Pending:
        """Reduce all processes' arrays in place."""
        at = self._device.pointer(array)
        work = self._started("allReduce", at, at, *self._reducing(array, op), held=(array,))
        return self._averaged(array, op, work)

    def reduce(self, array: Any, op: ReduceOp, root: int) -> Pending:
        """`all_reduce` of which `root` gets the result."""
        at = self._device.pointer(array)
        work = self._started("reduce", at, at, *self._reducing(array, op), root, held=(array,))
        return self._averaged(array, op, work) if self.rank == root else work

    def broadcast(self, array: Any, root: int) -> Pending:
        """The root's array for all, in place."""
        at = self._device.pointer(array)
        return self._started("broadcast", at, at, array.nbytes, _TYPES["int8"], root, held=(array,))

    def all_gather(self, out: Any, array: Any) -> Pending:
        """All processes' arrays, one after the other in `out`."""
        pointers = self._device.pointer(array), self._device.pointer(out)
        return self._started("allGather", *pointers, array.nbytes, _TYPES["int8"], held=(out, array))

    def reduce_scatter(self, out: Any, array: Any, op: ReduceOp) -> Pending:
        """The reduction of all processes' arrays, of which each process gets its part in `out`."""
        pointers = self._device.pointer(array), self._device.pointer(out)
        work = self._started("reduceScatter", *pointers, *self._reducing(out, op), held=(out, array))
        return self._averaged(out, op, work)

    def all_gather_varied(self, out: Any, counts: list[int], array: Any) -> Pending:
        """`all_gather` of arrays of several sizes; counts are elements."""
        return self._exchanged(array, [array.size] * self.size, out, counts, spread=True)

    def gather(self, out: Any | None, array: Any, root: int) -> Pending:
        """`all_gather` of which `root` gets the result."""
        sent = [array.size if r == root else 0 for r in range(self.size)]
        received = [array.size if self.rank == root else 0] * self.size
        return self._exchanged(array, sent, array if out is None else out, received, spread=True)

    def scatter(self, array: Any, parts: Any | None, root: int) -> Pending:
        """Each process's part of the root's `parts`, into `array`."""
        sent = [array.size if self.rank == root else 0] * self.size
        received = [array.size if r == root else 0 for r in range(self.size)]
        return self._exchanged(array if parts is None else parts, sent, array, received)

    def all_to_all(self, out: Any, out_counts: list[int], array: Any, counts: list[int]) -> Pending:
        """For each process its part of every process's array; counts are elements."""
        return self._exchanged(array, counts, out, out_counts)

    def _exchanged(self, array: Any, sent: list[int], out: Any, received: list[int], spread: bool = False) -> Pending:
        """Send parts of an array to all and receive parts of another; with `spread` all are sent the same."""
        size, stream = array.dtype.itemsize, self._device.stream()
        source, target = self._device.pointer(array), self._device.pointer(out)
        with self._device.group():
            for peer in range(self.size):
                if sent[peer]:
                    _called(self._communicator.send, source, sent[peer] * size, _TYPES["int8"], peer, stream)
                if not spread:
                    source += sent[peer] * size
                if received[peer]:
                    _called(self._communicator.recv, target, received[peer] * size, _TYPES["int8"], peer, stream)
                target += received[peer] * size
        return self._ended((array, out))

    def barrier(self) -> Pending:
        """Done when all processes have called it."""
        mark = self._device.empty((1,), np.int32)
        at = self._device.pointer(mark)
        return self._started("allReduce", at, at, 1, _TYPES["int32"], 0, held=(mark,))

    def send(self, array: Any, to: int, tag: int) -> Pending:
        """Send an array to one process; NCCL has no tags."""
        at = self._device.pointer(array)
        return self._started("send", at, array.nbytes, _TYPES["int8"], to, held=(array,))

    def receive(self, array: Any, source: int | None, tag: int) -> Pending:
        """Receive an array from one process. ValueError for one from any, which NCCL does not know."""
        if source is None:
            raise ValueError("recv: NCCL receives from a process that is named: give src")
        at = self._device.pointer(array)
        work = self._started("recv", at, array.nbytes, _TYPES["int8"], source, held=(array,))
        work.source = source
        return work

    def free(self) -> None:
        """Give the communicator back."""
        self._communicator.destroy()

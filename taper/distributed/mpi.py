"""Collectives on MPI, through mpi4py: all are started without waiting, so that whoever waits can also give up.

Arrays are contiguous NumPy arrays. Where no arithmetic is done they travel as bytes, so that every dtype can.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np

from .errors import DistBackendError
from .reduction import ReduceOp

_VARIABLES = (
    ("RANK", ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID")),
    ("WORLD_SIZE", ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_NTASKS")),
    ("LOCAL_RANK", ("MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID")),
    ("LOCAL_WORLD_SIZE", ("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE")),
)
"""torchrun's variables, and what launchers of MPI call the same."""


def variable(name: str) -> str | None:
    """A variable of torchrun's, as the launcher of MPI set it; None for a process that none started."""
    for candidate in dict(_VARIABLES)[name]:
        if candidate in os.environ:
            return os.environ[candidate]
    return None


def is_available() -> bool:
    """Whether mpi4py and an MPI are installed."""
    from importlib.util import find_spec

    return find_spec("mpi4py") is not None


def library() -> Any:
    """mpi4py's MPI, initialised; it is finalised by `watch`, which first makes sure that nobody is waited for in vain.

    RuntimeError without mpi4py, without an MPI, or for an MPI without threads.
    """
    try:
        settings = importlib.import_module("mpi4py")
        settings.rc.finalize = False
        settings.rc.thread_level = "multiple"
        MPI = importlib.import_module("mpi4py.MPI")
    except (ImportError, RuntimeError) as error:
        raise RuntimeError(
            f"Distributed package doesn't have MPI built in: mpi4py cannot be used ({error}). Install it with "
            '`pip install "taper[mpi]"`, which brings an MPI along.'
        ) from None
    if MPI.Query_thread() != MPI.THREAD_MULTIPLE:
        raise RuntimeError(
            "taper.distributed needs an MPI that several threads may call (MPI_THREAD_MULTIPLE); this one, "
            f"{MPI.Get_library_version().splitlines()[0]}, was initialised without. Install `mpich`, or import "
            "taper.distributed before mpi4py.MPI."
        )
    MPI.COMM_WORLD.Set_errhandler(MPI.ERRORS_RETURN)
    return MPI


class Pending:
    """A started operation. `finish` runs when MPI is done, once; `held` is memory that MPI uses until then."""

    def __init__(self, request: Any, held: tuple, finish: Any = None):
        self._request, self._held, self._finish = request, held, finish
        self._done = False

    def poll(self) -> bool:
        """Whether it is done. DistBackendError for what MPI says went wrong."""
        if self._done:
            return True
        if not _called(self._request.Test):
            return False
        if self._finish is not None:
            self._finish()
        self._done, self._held, self._finish = True, (), None
        return True


class Received(Pending):
    """A started receive; `source` is known when it is done."""

    source: int | None = None

    def poll(self) -> bool:
        if self._done:
            return True
        from mpi4py import MPI

        status = MPI.Status()
        if not _called(lambda: self._request.Test(status)):
            return False
        self.source = status.Get_source()
        self._done = True
        return True


def _called(function: Any, *arguments: Any) -> Any:
    from mpi4py import MPI

    try:
        return function(*arguments)
    except MPI.Exception as error:
        raise DistBackendError(f"MPI: {' '.join(str(error).split())}") from None


class Transport:
    """The collectives of one communicator. Each method returns something to poll; results are in place or in `out`."""

    def __init__(self, communicator: Any):
        from mpi4py import MPI

        self._mpi, self._communicator = MPI, communicator
        self.rank, self.size = communicator.Get_rank(), communicator.Get_size()

    def _started(self, function: Any, *arguments: Any, finish: Any = None) -> Pending:
        return Pending(_called(function, *arguments), arguments, finish)

    def all_reduce(self, array: np.ndarray, op: ReduceOp) -> Pending:
        """Reduce all processes' arrays in place."""
        work, name, back = _summable(array, op, self.size)
        how = getattr(self._mpi, name)
        return self._started(self._communicator.Iallreduce, self._mpi.IN_PLACE, work, how, finish=back)

    def reduce(self, array: np.ndarray, op: ReduceOp, root: int) -> Pending:
        """`all_reduce` of which `root` gets the result."""
        work, name, back = _summable(array, op, self.size)
        how = getattr(self._mpi, name)
        if self.rank == root:
            return self._started(self._communicator.Ireduce, self._mpi.IN_PLACE, work, how, root, finish=back)
        return self._started(self._communicator.Ireduce, work, None, how, root)

    def broadcast(self, array: np.ndarray, root: int) -> Pending:
        """The root's array for all, in place."""
        return self._started(self._communicator.Ibcast, _bytes(array), root)

    def all_gather(self, out: np.ndarray, array: np.ndarray) -> Pending:
        """All processes' arrays, one after the other in `out`."""
        return self._started(self._communicator.Iallgather, _bytes(array), _bytes(out))

    def all_gather_varied(self, out: np.ndarray, counts: list[int], array: np.ndarray) -> Pending:
        """`all_gather` of arrays of several sizes; counts are elements."""
        received = [c * array.dtype.itemsize for c in counts]
        return self._started(
            self._communicator.Iallgatherv, _bytes(array), [_bytes(out), (received, None), self._mpi.BYTE]
        )

    def gather(self, out: np.ndarray | None, array: np.ndarray, root: int) -> Pending:
        """`all_gather` of which `root` gets the result."""
        target = None if out is None else _bytes(out)
        return self._started(self._communicator.Igather, _bytes(array), target, root)

    def scatter(self, array: np.ndarray, parts: np.ndarray | None, root: int) -> Pending:
        """Each process's part of the root's `parts`, into `array`."""
        source = None if parts is None else _bytes(parts)
        return self._started(self._communicator.Iscatter, source, _bytes(array), root)

    def reduce_scatter(self, out: np.ndarray, array: np.ndarray, op: ReduceOp) -> Pending:
        """The reduction of all processes' arrays, of which each process gets its part in `out`."""
        work, name, _ = _summable(array, op, self.size)
        part, _, back = _summable(out, op, self.size, blank=True)
        how = getattr(self._mpi, name)
        return self._started(self._communicator.Ireduce_scatter_block, work, part, how, finish=back)

    def all_to_all(self, out: np.ndarray, out_counts: list[int], array: np.ndarray, counts: list[int]) -> Pending:
        """For each process its part of every process's array; counts are elements."""
        size, byte = array.dtype.itemsize, self._mpi.BYTE
        return self._started(
            self._communicator.Ialltoallv,
            [_bytes(array), ([c * size for c in counts], None), byte],
            [_bytes(out), ([c * size for c in out_counts], None), byte],
        )

    def barrier(self) -> Pending:
        """Done when all processes have called it."""
        return self._started(self._communicator.Ibarrier)

    def send(self, array: np.ndarray, to: int, tag: int) -> Pending:
        """Send an array to one process."""
        return self._started(self._communicator.Isend, _bytes(array), to, tag)

    def receive(self, array: np.ndarray, source: int | None, tag: int) -> Received:
        """Receive an array from one process, or from any."""
        source = self._mpi.ANY_SOURCE if source is None else source
        buffer = _bytes(array)
        return Received(_called(self._communicator.Irecv, buffer, source, tag), (buffer,))

    def subset(self, ranks: list[int]) -> Transport:
        """The transport of some of the processes, which all of these call; it waits for them."""
        chosen = self._communicator.Get_group().Incl(ranks)
        made = _called(self._communicator.Create_group, chosen, hash(tuple(ranks)) % 16000)
        made.Set_errhandler(self._mpi.ERRORS_RETURN)
        return Transport(made)

    def free(self) -> None:
        """Give the communicator back."""
        self._communicator = None


def _bytes(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1).view(np.uint8)


def _summable(array: np.ndarray, op: ReduceOp, size: int, blank: bool = False) -> tuple[np.ndarray, str, Any]:
    """The array as MPI can reduce it, MPI's name for how, and what makes the result of it again.

    float16 and bfloat16 are summed in float32 and rounded once; a sum of booleans is whether any is true.
    """
    kind, name = array.dtype.kind, ReduceOp(op).name
    if op in (ReduceOp.BAND, ReduceOp.BOR, ReduceOp.BXOR) and kind not in "iub":
        raise RuntimeError(f"Cannot use ReduceOp.{name} with non-integral dtype {array.dtype}")
    if op == ReduceOp.PREMUL_SUM:
        raise NotImplementedError("ReduceOp.PREMUL_SUM: scale the tensor first, and use ReduceOp.SUM")
    if kind == "c" and op in (ReduceOp.MIN, ReduceOp.MAX):
        raise RuntimeError(f"ReduceOp.{name} does not support complex tensors: they have no order")
    average = op == ReduceOp.AVG
    if kind == "b":
        name = {"SUM": "MAX", "AVG": "MAX", "PRODUCT": "MIN"}.get(name, name)
        return array.view(np.uint8), name, None
    name = {"AVG": "SUM", "PRODUCT": "PROD"}.get(name, name)
    if kind in "iu" or array.dtype.itemsize > 2 and kind in "fc":

        def divided() -> None:
            array[...] = array / size if kind in "fc" else array // size

        return array, name, divided if average else None
    work = np.empty(array.shape, np.float32)
    if not blank:
        work[...] = array

    def back() -> None:
        array[...] = (work / np.float32(size) if average else work).astype(array.dtype)

    return work, name, back

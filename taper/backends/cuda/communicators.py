"""NCCL as CuPy has it: communicators, streams and events of the current GPU, for `distributed/nccl.py`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import driver


class CupyDevice:
    """The current GPU and its current stream. RuntimeError without CuPy, without NCCL in it, or without a GPU."""

    def __init__(self):
        problem = problem_here()
        if problem is not None:
            raise RuntimeError(f"Distributed package doesn't have NCCL built in: {problem}")
        self._cupy = driver.library()
        self._nccl = importlib.import_module("cupy.cuda.nccl")

    def unique_id(self) -> tuple:
        """What makes one communicator of those who are told it."""
        return self._nccl.get_unique_id()

    def communicator(self, size: int, identity: tuple, rank: int) -> Any:
        """This process's end of a communicator; waits for the others."""
        return self._nccl.NcclCommunicator(size, identity, rank)

    def pointer(self, array: Any) -> int:
        """Where an array's elements are."""
        return array.data.ptr

    def stream(self) -> int:
        """The stream on which the program's kernels are."""
        return self._cupy.cuda.get_current_stream().ptr

    def event(self) -> Any:
        """An event, after all that is on the stream now; `done` says whether it has come."""
        made = self._cupy.cuda.Event(disable_timing=True)
        made.record()
        return made

    @contextmanager
    def group(self) -> Iterator[None]:
        """A scope whose sends and receives go on together."""
        self._nccl.groupStart()
        try:
            yield
        finally:
            self._nccl.groupEnd()

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """An array that is not initialised."""
        return self._cupy.empty(shape, dtype)


def problem_here() -> str | None:
    """Why there is no NCCL here; None if there is."""
    if not driver.installed():
        return (
            "it carries tensors between GPUs, through CuPy, which is not installed. Use 'mpi' or 'gloo' for CPU tensors"
        )
    cupy = driver.library()
    if not cupy.is_available():
        return "it carries tensors between GPUs, and CuPy finds none. Use 'mpi' or 'gloo' for CPU tensors"
    if not importlib.import_module("cupy.cuda").nccl.available:
        return "this CuPy comes without it. Install nvidia-nccl for its CUDA version"
    return None

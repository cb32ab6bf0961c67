"""How processes find each other: MPI's launcher has started them together, and MPI knows them."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlparse

from . import mpi, watch
from .alone import Alone
from .constants import default_pg_timeout
from .groups import ProcessGroup, _set_default, _State, checked_backend, default_group, gpus_for, is_initialized
from .reduction import Backend

TITLE = "the default group"


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: timedelta | None = None,
    world_size: int = -1,
    rank: int = -1,
    store: Any = None,
    group_name: str = "",
    pg_options: Any = None,
    device_id: Any = None,
) -> None:
    """Make the default group. Rank and size are those of MPI's launcher (`taper launch`, mpiexec); a process that none
    started gives them as arguments, in the URL, or as RANK and WORLD_SIZE, and is alone.

    backend: "mpi" or "gloo", which is MPI under another name, for CPU tensors; "nccl" for GPU tensors, where CuPy and a GPU
    are; "cpu:gloo,cuda:nccl", or None, for both. timeout: how long an operation may wait for
    other processes (30 minutes). ValueError if rank and size are nowhere or contradict the launcher's, or if there is a
    group already; RuntimeError for a backend that is not there, and for several processes that MPI did not start.
    """
    if is_initialized():
        raise ValueError("trying to initialize the default process group twice!")
    if timeout is not None and not isinstance(timeout, timedelta):
        raise TypeError(f"Expected timeout argument to be of type datetime.timedelta, got {timeout}")
    if store is not None:
        raise NotImplementedError("init_process_group: store is not used; MPI's launcher brings processes together")
    name = checked_backend(backend)
    started = mpi.variable("WORLD_SIZE")
    if started is not None and (name == Backend.MPI or int(started) > 1):
        rank, world_size = _launched(rank, world_size)
    else:
        rank, world_size = (0, 1) if name == Backend.MPI else _place(init_method, rank, world_size)
    limit = timeout or default_pg_timeout
    if world_size == 1:
        if rank != 0:
            raise ValueError(f"rank {rank} is not in a world of one process")
        alone = Alone()
        _set_default(ProcessGroup(alone, [0], name, limit, TITLE, gpus_for(backend, alone)))
        return
    if started is None:
        raise RuntimeError(
            f"init_process_group: this is to be process {rank} of {world_size}, but it was not started by MPI's launcher. "
            f"Start the script with `taper launch -n {world_size} script.py` (or mpiexec) instead of python, torchrun or "
            "multiprocessing."
        )
    MPI = mpi.library()
    if MPI.COMM_WORLD.Get_size() != world_size:
        raise RuntimeError(
            f"mpiexec started {world_size} processes, but mpi4py's MPI ({MPI.Get_library_version().splitlines()[0]}) sees "
            f"{MPI.COMM_WORLD.Get_size()}: they are of different MPIs. Use the mpiexec of the MPI that mpi4py uses."
        )
    watching = watch.begin(MPI.COMM_WORLD)
    with watching.waiting("init_process_group"):
        transport = mpi.Transport(MPI.COMM_WORLD.Dup())
    gpus = gpus_for(backend, transport)
    _set_default(ProcessGroup(transport, list(range(world_size)), name, limit, TITLE, gpus))


def _launched(rank: int, world_size: int) -> tuple[int, int]:
    """Rank and size as MPI's launcher says. ValueError if the program says otherwise."""
    own, size = int(mpi.variable("RANK") or 0), int(mpi.variable("WORLD_SIZE") or 1)
    # PyTorch's MPI backend takes whatever rank and size the program gives: so may scripts written for it.
    for what, given, found in (("world_size", world_size, size), ("rank", rank, own)):
        if given not in (-1, 0, found):
            raise ValueError(f"init_process_group: {what} is {given}, but MPI's launcher says {found}. Leave it out.")
    return own, size


def _from_environment(name: str) -> int:
    value = os.environ.get(name)
    if value is None:
        raise ValueError(
            f"Error initializing torch.distributed using env:// rendezvous: environment variable {name} expected, but not "
            "set"
        )
    return int(value)


def _place(init_method: str | None, rank: int, world_size: int) -> tuple[int, int]:
    """Rank and size as given, in the URL, or in the environment."""
    query = parse_qs(urlparse(init_method or "").query)
    rank = int(query["rank"][0]) if "rank" in query else rank
    world_size = int(query["world_size"][0]) if "world_size" in query else world_size
    if init_method is None or init_method.startswith("env://"):
        rank = _from_environment("RANK") if rank < 0 else rank
        world_size = _from_environment("WORLD_SIZE") if world_size < 0 else world_size
        for name in ("MASTER_ADDR", "MASTER_PORT"):
            if name not in os.environ:
                _from_environment(name)
    return rank, world_size


def destroy_process_group(group: Any = None) -> None:
    """Forget a group; without argument, the default one and all others. AssertionError if there is none."""
    if group is None or group is _State.group:
        if not is_initialized():
            raise AssertionError("Process group has not been initialized")
        default_group().transport.free()
        _set_default(None)
    elif isinstance(group, ProcessGroup):
        group.transport.free()

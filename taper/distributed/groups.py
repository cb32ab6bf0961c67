"""Process groups: which processes compute together, and what carries their tensors."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import numpy as np

from ..backends.cuda import communicators
from . import mpi, nccl
from .alone import Alone
from .constants import default_pg_timeout
from .reduction import Backend, ReduceOp
from .watch import current

reduce_op = ReduceOp


class ProcessGroup:
    """A group of processes. `ranks` are its members' numbers in the world, `title` is how messages call it.

    transport carries CPU tensors and objects, what gpus() makes (None: nothing does) GPU tensors: it is made when the first
    one comes, for by then the program has chosen its GPU.
    """

    def __init__(
        self, transport: Any, ranks: list[int], backend: str, timeout: timedelta, title: str, gpus: Any = None
    ):
        self.transport, self.ranks, self.backend, self.timeout, self.title = transport, ranks, backend, timeout, title
        self._gpus, self._carries_gpus = gpus, None

    def rank(self) -> int:
        """This process's number in the group."""
        return self.transport.rank

    def size(self) -> int:
        """The number of processes."""
        return self.transport.size

    @property
    def has_gpus(self) -> bool:
        """Whether it carries GPU tensors."""
        return self._gpus is not None

    def carrier(self, array: Any) -> Any:
        """What carries an array. RuntimeError where nothing does."""
        if not isinstance(array, np.ndarray):
            if self._gpus is None:
                raise RuntimeError(
                    "No backend type associated with device type cuda: this group carries CPU tensors. Make it with "
                    "backend='nccl'."
                )
            if self._carries_gpus is None:
                self._carries_gpus = self._gpus()
            return self._carries_gpus
        if self.backend == Backend.NCCL:
            raise RuntimeError(
                "No backend type associated with device type cpu: this group carries GPU tensors. Make it with "
                "backend='cpu:gloo,cuda:nccl'."
            )
        return self.transport

    def name(self) -> str:
        """The backend's name."""
        return self.backend

    @property
    def group_name(self) -> str:
        """A name that all members know the group by."""
        return self.title

    @property
    def group_desc(self) -> str:
        """What the group is for."""
        return self.title

    def local(self, rank: int) -> int:
        """The number in the group of a process of the world. ValueError for one that is no member."""
        if rank not in self.ranks:
            raise ValueError(f"Global rank {rank} is not part of group {self.title}, whose ranks are {self.ranks}")
        return self.ranks.index(rank)

    def __repr__(self) -> str:
        return f"<ProcessGroup {self.title}: {self.backend}, ranks {self.ranks}>"


class _State:
    group: ProcessGroup | None = None
    made = 0


def _set_default(group: ProcessGroup | None) -> None:
    _State.group = group


class _World(type):
    @property
    def WORLD(cls) -> ProcessGroup | None:
        """The group of all processes; None before `init_process_group`."""
        return _State.group


class group(metaclass=_World):
    """`group.WORLD`: the group of all processes."""


class GroupMember(metaclass=_World):
    """`GroupMember.WORLD`, and what stands for a group of which this process is no member."""

    NON_GROUP_MEMBER = -100


def is_available() -> bool:
    """Whether process groups can be made: True."""
    return True


def is_initialized() -> bool:
    """Whether `init_process_group` was called."""
    return _State.group is not None


def is_nccl_available() -> bool:
    """Whether there is NCCL: CuPy with it, and a GPU."""
    return communicators.problem_here() is None


def is_gloo_available() -> bool:
    """Whether groups can be made under the name gloo: True. It stands for MPI, or for one process alone."""
    return True


def is_mpi_available() -> bool:
    """Whether there is MPI: mpi4py is installed."""
    return mpi.is_available()


def is_ucc_available() -> bool:
    """Whether there is UCC: False."""
    return False


def is_xccl_available() -> bool:
    """Whether there is XCCL: False."""
    return False


def is_backend_available(backend: str) -> bool:
    """Whether groups can be made with a backend: with gloo, with mpi where mpi4py is installed, with nccl for GPUs."""
    name = backend.lower()
    if name == Backend.NCCL:
        return is_nccl_available()
    return name == Backend.GLOO or (name == Backend.MPI and is_mpi_available())


def is_torchelastic_launched() -> bool:
    """Whether a launcher started this process."""
    return os.getenv("TORCHELASTIC_RUN_ID") is not None


def default_group() -> ProcessGroup:
    """The default group. ValueError if there is none."""
    if _State.group is None:
        raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")
    return _State.group


def chosen(group: Any) -> ProcessGroup | None:
    """A group as collectives take it: the default one for None; None where this process is no member."""
    if group is None:
        return default_group()
    default_group()
    return None if group == GroupMember.NON_GROUP_MEMBER else group


def get_rank(group: Any = None) -> int:
    """This process's number in a group, -1 if it is no member. ValueError before `init_process_group`."""
    found = chosen(group)
    return -1 if found is None else found.rank()


def get_world_size(group: Any = None) -> int:
    """The number of processes in a group, -1 if this one is no member. ValueError before `init_process_group`."""
    found = chosen(group)
    return -1 if found is None else found.size()


def get_backend(group: Any = None) -> str:
    """The backend's name. ValueError before `init_process_group`, and for a group of others."""
    return _member(group).name()


def _member(group: Any) -> ProcessGroup:
    found = chosen(group)
    if found is None:
        raise ValueError("Invalid process group specified: this process is no member of it")
    return found


def get_global_rank(group: Any, group_rank: int) -> int:
    """The number in the world of a group's member."""
    found = _member(group)
    if not 0 <= group_rank < found.size():
        raise ValueError(f"Group rank {group_rank} is not part of group {found.title}")
    return found.ranks[group_rank]


def get_group_rank(group: Any, global_rank: int) -> int:
    """The number in a group of a process of the world."""
    return _member(group).local(global_rank)


def get_process_group_ranks(group: Any = None) -> list[int]:
    """The numbers in the world of a group's members."""
    return list(_member(group).ranks)


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """This process's number on its machine: LOCAL_RANK, or the fallback. RuntimeError for neither."""
    if "LOCAL_RANK" in os.environ:
        return int(os.environ["LOCAL_RANK"])
    if fallback_rank is not None:
        return int(fallback_rank)
    raise RuntimeError(
        "LOCAL_RANK is not in the environment. Consider passing fallback_rank to allow `get_node_local_rank` to work."
    )


def new_group(
    ranks: list[int] | None = None,
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    use_local_synchronization: bool = False,
    group_desc: str | None = None,
    device_id: Any = None,
) -> Any:
    """A group of some of the processes, by their numbers in the world; all processes call this, in the same order.

    Returns `GroupMember.NON_GROUP_MEMBER` to those that are not in it. ValueError for processes that are not there or
    are named twice, RuntimeError for a backend that is not there.
    """
    world = default_group()
    members = list(range(world.size())) if ranks is None else sorted(ranks)
    if any(not 0 <= r < world.size() for r in members):
        raise ValueError("The new group's rank should be within the world_size set by init_process_group")
    if len(set(members)) != len(members):
        raise ValueError(f"The new group names a rank twice: {members}")
    name = world.backend if backend is None else checked_backend(backend)
    _State.made += 1
    title = group_desc or f"group {_State.made}"
    if world.rank() not in members:
        return GroupMember.NON_GROUP_MEMBER
    watch = current()
    if watch is None:
        transport: Any = Alone()
    else:
        with watch.waiting(f"new_group({members})"):
            transport = world.transport.subset(members)
    wanted = backend if backend is not None else Backend.NCCL if world.has_gpus else name
    title = f"{title} (ranks {members})"
    return ProcessGroup(transport, members, name, timeout or default_pg_timeout, title, gpus_for(wanted, transport))


def gpus_for(backend: str | None, transport: Any) -> Any:
    """What makes the carrier of GPU tensors, for a backend that has one; None for others, or where there is no NCCL."""
    names = [part.rpartition(":")[2] for part in Backend(backend or "cpu:gloo,cuda:nccl").split(",")]
    if Backend.NCCL not in names or not is_nccl_available():
        return None
    return lambda: nccl.Transport(communicators.CupyDevice(), transport)


def checked_backend(backend: str | None) -> str:
    """The name of the backend for the CPU in what `init_process_group` takes. RuntimeError if there is none of them."""
    asked = Backend(backend or Backend.GLOO)
    names = [part.rpartition(":")[2] for part in asked.split(",")]
    for name in names:
        if is_backend_available(name):
            return Backend(name)
    if names == [Backend.MPI]:
        raise RuntimeError(
            'Distributed package doesn\'t have MPI built in: mpi4py is not installed. `pip install "taper[mpi]"` brings '
            "it and an MPI."
        )
    if Backend.NCCL in names:
        raise RuntimeError(
            f"Distributed package doesn't have NCCL built in: {communicators.problem_here()}, or choose by taper.cuda.is_available()."
        )
    raise RuntimeError(f"Distributed package doesn't have {asked.upper()} built in. Use backend='mpi' or 'gloo'.")


def new_subgroups(
    group_size: int | None = None,
    group: Any = None,
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    group_desc: str | None = None,
) -> tuple:
    """(this process's group, all groups) of `group_size` neighbours each; by default those of one machine."""
    world = default_group()
    size = int(os.environ.get("LOCAL_WORLD_SIZE", world.size())) if group_size is None else group_size
    if size <= 0:
        raise ValueError(f"The arg 'group_size' ({size}) must be positive")
    if world.size() < size:
        raise ValueError(f"The arg 'group_size' ({size}) must not exceed the world size ({world.size()})")
    if world.size() % size:
        raise ValueError(f"The world size ({world.size()}) must be divisible by 'group_size={size}'")
    rows = [list(range(start, start + size)) for start in range(0, world.size(), size)]
    return new_subgroups_by_enumeration(rows, timeout, backend, pg_options, group_desc)


def new_subgroups_by_enumeration(
    ranks_per_subgroup_list: list[list[int]],
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    group_desc: str | None = None,
) -> tuple:
    """(this process's group or None, all groups), one for each list of ranks. ValueError if a rank is in two."""
    if not ranks_per_subgroup_list:
        raise ValueError("The arg 'ranks_per_subgroup_list' cannot be empty")
    flat = [r for ranks in ranks_per_subgroup_list for r in ranks]
    if len(set(flat)) != len(flat):
        raise ValueError(f"The arg 'ranks_per_subgroup_list' names a rank in two groups: {ranks_per_subgroup_list}")
    mine, made = None, []
    for ranks in ranks_per_subgroup_list:
        found = new_group(ranks, timeout, backend, pg_options, group_desc=group_desc)
        made.append(found)
        if get_rank() in ranks:
            mine = found
    return mine, made

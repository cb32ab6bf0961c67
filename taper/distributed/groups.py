"""The process group: made from arguments or from the environment, of one process."""

from __future__ import annotations

import os
from enum import IntEnum
from typing import Any
from urllib.parse import parse_qs, urlparse


class ReduceOp(IntEnum):
    """How the processes' tensors become one."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7
    PREMUL_SUM = 8


reduce_op = ReduceOp


class Backend(str):
    """The name of a library of collectives, in lower case."""

    UNDEFINED = "undefined"
    GLOO = "gloo"
    NCCL = "nccl"
    UCC = "ucc"
    MPI = "mpi"
    XCCL = "xccl"
    backend_list = [UNDEFINED, GLOO, NCCL, XCCL, UCC, MPI]

    def __new__(cls, name: str):
        if not isinstance(name, str):
            raise ValueError(f"Backend constructor parameter must be string-ish but got {type(name)}")
        return super().__new__(cls, name.lower())


class ProcessGroup:
    """A group of processes: this one."""

    def __init__(self, backend: str = Backend.GLOO):
        self.backend = backend

    def rank(self) -> int:
        """This process's number: 0."""
        return 0

    def size(self) -> int:
        """The number of processes: 1."""
        return 1

    def name(self) -> str:
        """The backend's name."""
        return self.backend


class _State:
    group: ProcessGroup | None = None


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
    """Whether there is NCCL: False."""
    return False


def is_gloo_available() -> bool:
    """Whether groups can be made under the name gloo: True."""
    return True


def is_mpi_available() -> bool:
    """Whether there is MPI: False."""
    return False


def is_ucc_available() -> bool:
    """Whether there is UCC: False."""
    return False


def is_xccl_available() -> bool:
    """Whether there is XCCL: False."""
    return False


def is_backend_available(backend: str) -> bool:
    """Whether groups can be made with a backend: with gloo."""
    return backend.lower() == Backend.GLOO


def is_torchelastic_launched() -> bool:
    """Whether a launcher started this process."""
    return os.getenv("TORCHELASTIC_RUN_ID") is not None


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


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: Any = None,
    world_size: int = -1,
    rank: int = -1,
    store: Any = None,
    group_name: str = "",
    pg_options: Any = None,
    device_id: Any = None,
) -> None:
    """Make the default group. Rank and size come from the arguments, or from RANK and WORLD_SIZE.

    ValueError if they are nowhere, or a group is there already; RuntimeError for a backend that is not there;
    NotImplementedError for more than one process.
    """
    if is_initialized():
        raise ValueError("trying to initialize the default process group twice!")
    name = Backend(backend or Backend.GLOO)
    names = [part.rpartition(":")[2] for part in name.split(",")]
    if not any(is_backend_available(n) for n in names):
        kind = name.upper()
        raise RuntimeError(
            f"Distributed package doesn't have {kind} built in. Use backend='gloo', or choose by "
            "taper.cuda.is_available()."
        )
    rank, world_size = _place(init_method, rank, world_size)
    if world_size != 1:
        raise NotImplementedError(
            f"taper.distributed has groups of one process, not of {world_size}. Start one process (WORLD_SIZE=1); Taper's "
            "threads use all cores."
        )
    if rank != 0:
        raise ValueError(f"rank {rank} is not in a world of one process")
    _State.group = ProcessGroup(Backend.GLOO)


def destroy_process_group(group: Any = None) -> None:
    """Forget a group; without argument, the default one. AssertionError if there is none."""
    if group is None or group is _State.group:
        if not is_initialized():
            raise AssertionError("Process group has not been initialized")
        _State.group = None


def default_group() -> ProcessGroup:
    """The default group. ValueError if there is none."""
    if _State.group is None:
        raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")
    return _State.group


def get_rank(group: Any = None) -> int:
    """This process's number in a group, -1 if it is no member. ValueError before `init_process_group`."""
    if group == GroupMember.NON_GROUP_MEMBER:
        return -1
    return default_group().rank()


def get_world_size(group: Any = None) -> int:
    """The number of processes in a group, -1 if this one is no member. ValueError before `init_process_group`."""
    if group == GroupMember.NON_GROUP_MEMBER:
        return -1
    return default_group().size()


def get_backend(group: Any = None) -> str:
    """The backend's name. ValueError before `init_process_group`."""
    return default_group().name()


def get_global_rank(group: Any, group_rank: int) -> int:
    """The number in the world of a group's member."""
    if group_rank != 0:
        raise ValueError(f"Group rank {group_rank} is not part of group {group}")
    return 0


def get_group_rank(group: Any, global_rank: int) -> int:
    """The number in a group of a process of the world."""
    if global_rank != 0:
        raise ValueError(f"Global rank {global_rank} is not part of group {group}")
    return 0


def get_process_group_ranks(group: Any = None) -> list[int]:
    """The numbers in the world of a group's members."""
    default_group()
    return [0]


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """This process's number on its machine: LOCAL_RANK, or the fallback. RuntimeError for neither."""
    if "LOCAL_RANK" in os.environ:
        return int(os.environ["LOCAL_RANK"])
    if fallback_rank is not None:
        return int(fallback_rank)
    raise RuntimeError(
        "LOCAL_RANK is not in the environment. Consider passing fallback_rank to allow `get_node_local_rank` to work."
    )


def new_group(ranks: list[int] | None = None, *args: Any, **kwargs: Any) -> Any:
    """A group of some of the processes. ValueError for processes that are not there."""
    default_group()
    if ranks is not None and any(r != 0 for r in ranks):
        raise ValueError("The new group's rank should be within the world_size set by init_process_group")
    return ProcessGroup() if ranks is None or ranks else GroupMember.NON_GROUP_MEMBER


def new_subgroups(group_size: int | None = None, *args: Any, **kwargs: Any) -> tuple:
    """(this process's group, all groups) of `group_size` processes."""
    made = new_group()
    return made, [made]

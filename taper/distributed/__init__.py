"""Processes that compute together, with torch.distributed's interface: MPI carries the tensors and starts the processes.

`taper launch -n 4 script.py` starts four processes of a script; `init_process_group` makes them one group. A process
alone is a group of one, and needs no MPI.
"""

from __future__ import annotations

from . import constants
from .bucket import GradBucket
from .collectives import (
    all_gather,
    all_gather_coalesced,
    all_gather_into_tensor,
    all_reduce,
    all_reduce_coalesced,
    all_to_all,
    all_to_all_single,
    barrier,
    broadcast,
    gather,
    monitored_barrier,
    reduce,
    reduce_scatter,
    reduce_scatter_tensor,
    scatter,
)
from .constants import default_pg_timeout
from .device_mesh import DeviceMesh, init_device_mesh
from .errors import DistBackendError, DistError, DistNetworkError, DistStoreError
from .groups import (
    GroupMember,
    ProcessGroup,
    get_backend,
    get_global_rank,
    get_group_rank,
    get_node_local_rank,
    get_process_group_ranks,
    get_rank,
    get_world_size,
    group,
    is_available,
    is_backend_available,
    is_gloo_available,
    is_initialized,
    is_mpi_available,
    is_nccl_available,
    is_torchelastic_launched,
    is_ucc_available,
    is_xccl_available,
    new_group,
    new_subgroups,
    new_subgroups_by_enumeration,
    reduce_op,
)
from .objects import (
    all_gather_object,
    broadcast_object_list,
    gather_object,
    recv_object_list,
    scatter_object_list,
    send_object_list,
)
from .point_to_point import P2POp, batch_isend_irecv, irecv, isend, recv, send
from .reduction import Backend, ReduceOp, get_default_backend_for_device
from .rendezvous import destroy_process_group, init_process_group
from .work import Work

_all_gather_base = all_gather_single = all_gather_into_tensor
_reduce_scatter_base = reduce_scatter_single = reduce_scatter_tensor

# What needs several processes can be imported, and says so when used.
_REFUSED = ("TCPStore", "FileStore", "HashStore", "PrefixStore", "Store")
_ROOMS = (
    *("algorithms", "autograd", "checkpoint", "device_mesh", "distributed_c10d", "elastic", "fsdp", "launcher", "nn"),
    *("optim", "pipelining", "rpc", "run", "tensor", "utils"),
)


def __getattr__(name: str):
    from importlib import import_module
    from importlib.util import find_spec

    from ..refusal import refused

    if name in _REFUSED:
        return refused(f"distributed.{name}", "MPI brings processes together: use groups and collectives.")
    if name in _ROOMS and find_spec(f"{__name__}.{name}") is not None:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")

"""Processes that compute together. Taper has groups of one process: collectives give what PyTorch's give there.

`init_process_group` with a world of more than one process raises NotImplementedError.
"""

from __future__ import annotations

from . import constants
from .collectives import (
    Work,
    all_gather,
    all_gather_coalesced,
    all_gather_into_tensor,
    all_gather_object,
    all_reduce,
    all_reduce_coalesced,
    all_to_all,
    all_to_all_single,
    barrier,
    batch_isend_irecv,
    broadcast,
    broadcast_object_list,
    gather,
    gather_object,
    irecv,
    isend,
    monitored_barrier,
    recv,
    reduce,
    reduce_scatter,
    reduce_scatter_tensor,
    scatter,
    scatter_object_list,
    send,
)
from .groups import (
    Backend,
    GroupMember,
    ProcessGroup,
    ReduceOp,
    destroy_process_group,
    get_backend,
    get_global_rank,
    get_group_rank,
    get_node_local_rank,
    get_process_group_ranks,
    get_rank,
    get_world_size,
    group,
    init_process_group,
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
    reduce_op,
)

_gather_base = _all_gather_base = all_gather_into_tensor
_reduce_scatter_base = reduce_scatter_tensor

# What needs several processes can be imported, and says so when used.
_REFUSED = ("DeviceMesh", "init_device_mesh", "TCPStore", "FileStore", "HashStore", "PrefixStore", "Store", "P2POp")
_ROOMS = (
    *("algorithms", "autograd", "checkpoint", "device_mesh", "distributed_c10d", "elastic", "fsdp", "launcher", "nn"),
    *("optim", "pipelining", "rpc", "run", "tensor", "utils"),
)


def __getattr__(name: str):
    from importlib import import_module
    from importlib.util import find_spec

    from ..refusal import refused

    if name in _REFUSED:
        return refused(f"distributed.{name}", "Taper's process groups have one process; use one process.")
    if name in _ROOMS and find_spec(f"{__name__}.{name}") is not None:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")

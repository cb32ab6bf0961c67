"""`torch.distributed.fsdp`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ...refusal import room

_INSTEAD = "Every process holds the whole model: use nn.parallel.DistributedDataParallel, and ZeroRedundancyOptimizer to shard the optimizer."

_ROOMS = (
    "api",
    "fully_sharded_data_parallel",
    "sharded_grad_scaler",
    "wrap",
)
_find = room(
    __name__,
    _INSTEAD,
    (
        "BackwardPrefetch",
        "CPUOffload",
        "CPUOffloadPolicy",
        "FSDPModule",
        "FullOptimStateDictConfig",
        "FullStateDictConfig",
        "FullyShardedDataParallel",
        "LocalStateDictConfig",
        "MixedPrecision",
        "MixedPrecisionPolicy",
        "OffloadPolicy",
        "OptimStateKeyType",
        "ShardedOptimStateDictConfig",
        "ShardedStateDictConfig",
        "ShardingStrategy",
        "StateDictType",
        "fully_shard",
        "register_fsdp_forward_method",
    ),
)


def __getattr__(name: str):
    if name in _ROOMS:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    return _find(name)

"""`torch.distributed.fsdp.fully_sharded_data_parallel`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ...refusal import room

_INSTEAD = "Taper's process groups have one process, which holds the whole model: train the module itself."

__getattr__ = room(
    __name__,
    _INSTEAD,
    (
        "BackwardPrefetch",
        "CPUOffload",
        "FullOptimStateDictConfig",
        "FullStateDictConfig",
        "FullyShardedDataParallel",
        "MixedPrecision",
        "ShardedOptimStateDictConfig",
        "ShardedStateDictConfig",
        "ShardingStrategy",
        "StateDictType",
    ),
)

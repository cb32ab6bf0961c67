"""`torch.distributed._composable.fsdp`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ...refusal import room

_INSTEAD = "Every process holds the whole model: use nn.parallel.DistributedDataParallel, and ZeroRedundancyOptimizer to shard the optimizer."

__getattr__ = room(
    __name__,
    _INSTEAD,
    (
        "CPUOffloadPolicy",
        "FSDPModule",
        "MixedPrecisionPolicy",
        "fully_shard",
    ),
)

"""`torch.distributed.fsdp.wrap`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ...refusal import room

_INSTEAD = "Every process holds the whole model: use nn.parallel.DistributedDataParallel, and ZeroRedundancyOptimizer to shard the optimizer."

__getattr__ = room(
    __name__,
    _INSTEAD,
    (
        "CustomPolicy",
        "ModuleWrapPolicy",
        "always_wrap_policy",
        "enable_wrap",
        "lambda_auto_wrap_policy",
        "size_based_auto_wrap_policy",
        "transformer_auto_wrap_policy",
        "wrap",
    ),
)

"""`torch.distributed.optim`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ..refusal import room

_INSTEAD = "Use ZeroRedundancyOptimizer, or the optimizer itself."

__getattr__ = room(
    __name__,
    _INSTEAD,
    (
        "DistributedOptimizer",
        "PostLocalSGDOptimizer",
        "ZeroRedundancyOptimizer",
    ),
)

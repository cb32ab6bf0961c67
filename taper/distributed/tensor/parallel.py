"""`torch.distributed.tensor.parallel`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ...refusal import room

_INSTEAD = "Layers are not split over processes: use fully_shard, which shares parameters among them, or DistributedDataParallel."

__getattr__ = room(
    __name__,
    _INSTEAD,
    (
        "ColwiseParallel",
        "ParallelStyle",
        "PrepareModuleInput",
        "RowwiseParallel",
        "SequenceParallel",
        "loss_parallel",
        "parallelize_module",
    ),
)

"""`torch.distributed.tensor.parallel`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ...refusal import room

_INSTEAD = "Taper's process groups have one process: use plain tensors."

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

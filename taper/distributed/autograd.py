"""`torch.distributed.autograd`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ..refusal import room

_INSTEAD = "Call backward() in every process: DistributedDataParallel averages the gradients."

__getattr__ = room(
    __name__,
    _INSTEAD,
    (
        "backward",
        "context",
        "get_gradients",
    ),
)

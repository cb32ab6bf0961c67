"""`torch.distributed.algorithms.ddp_comm_hooks.powerSGD_hook`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ....refusal import room

_INSTEAD = "Use nn.parallel.DistributedDataParallel; taper.utils.checkpoint saves memory of activations."

__getattr__ = room(
    __name__,
    _INSTEAD,
    (
        "PowerSGDState",
        "batched_powerSGD_hook",
        "powerSGD_hook",
    ),
)

"""`torch.distributed._tensor`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ..refusal import room

_INSTEAD = "Use plain tensors and the collectives of taper.distributed."

__getattr__ = room(
    __name__,
    _INSTEAD,
    (
        "DTensor",
        "DeviceMesh",
        "Partial",
        "Replicate",
        "Shard",
        "distribute_module",
        "distribute_tensor",
        "init_device_mesh",
    ),
)

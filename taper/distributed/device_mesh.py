"""`torch.distributed.device_mesh`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ..refusal import room

_INSTEAD = "Use plain tensors and the collectives of taper.distributed."

__getattr__ = room(
    __name__,
    _INSTEAD,
    (
        "DeviceMesh",
        "init_device_mesh",
    ),
)

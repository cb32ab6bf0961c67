"""`torch.distributed.launcher.api`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ...refusal import room

_INSTEAD = "Start processes with `taper launch -n N script.py`."

__getattr__ = room(
    __name__,
    _INSTEAD,
    (
        "LaunchConfig",
        "elastic_launch",
        "launch_agent",
    ),
)

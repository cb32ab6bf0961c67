"""`torch.distributed.algorithms.ddp_comm_hooks`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ....refusal import room

_INSTEAD = "Taper's process groups have one process; checkpoint with taper.utils.checkpoint."

_ROOMS = (
    "default_hooks",
    "post_localSGD_hook",
    "powerSGD_hook",
)
_find = room(
    __name__,
    _INSTEAD,
    (
        "DDPCommHookType",
        "register_ddp_comm_hook",
    ),
)


def __getattr__(name: str):
    if name in _ROOMS:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    return _find(name)

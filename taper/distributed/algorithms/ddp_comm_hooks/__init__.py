"""Hooks of DistributedDataParallel. Those of `default_hooks` are there; the others' names say what to use instead."""

from __future__ import annotations

from ....refusal import room

_INSTEAD = "Use one of default_hooks with DistributedDataParallel.register_comm_hook."

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

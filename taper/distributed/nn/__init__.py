"""`torch.distributed.nn`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ...refusal import room

_INSTEAD = "Taper's process groups have one process: use the module or tensor itself."

_ROOMS = ("functional",)
_find = room(
    __name__,
    _INSTEAD,
    (
        "RemoteModule",
        "all_gather",
        "all_reduce",
    ),
)


def __getattr__(name: str):
    if name in _ROOMS:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    return _find(name)

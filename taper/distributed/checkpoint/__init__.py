"""`torch.distributed.checkpoint`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ...refusal import room

_INSTEAD = "Save and load with taper.save and taper.load."

_ROOMS = (
    "default_planner",
    "format_utils",
    "optimizer",
    "state_dict",
    "state_dict_loader",
)
_find = room(
    __name__,
    _INSTEAD,
    (
        "DefaultLoadPlanner",
        "DefaultSavePlanner",
        "FileSystemReader",
        "FileSystemWriter",
        "StorageReader",
        "load",
        "load_state_dict",
        "save",
        "save_state_dict",
    ),
)


def __getattr__(name: str):
    if name in _ROOMS:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    return _find(name)

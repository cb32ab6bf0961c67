"""Checkpoints of several processes. What reads and writes files lies above processes: names are looked up when used."""

from __future__ import annotations

from importlib import import_module

from ...refusal import room

_WRITTEN = "taper.serialization.sharded"
_THERE = ("FileSystemReader", "FileSystemWriter", "async_save", "load", "save")
_ROOMS = (
    "default_planner",
    "format_utils",
    "optimizer",
    "state_dict",
    "state_dict_loader",
    "state_dict_saver",
)
_find = room(
    __name__,
    "Use save, load and async_save of taper.distributed.checkpoint.",
    ("DefaultLoadPlanner", "DefaultSavePlanner", "StorageReader", "load_state_dict", "save_state_dict"),
)


def __getattr__(name: str):
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    if name in _THERE:
        return getattr(import_module(_WRITTEN), name)
    return _find(name)

"""`torch.distributed.tensor`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ...refusal import room

_INSTEAD = "Use plain tensors and the collectives of taper.distributed."

_ROOMS = (
    "experimental",
    "parallel",
)
_find = room(
    __name__,
    _INSTEAD,
    (
        "DTensor",
        "Replicate",
        "Shard",
        "distribute_tensor",
    ),
)


def __getattr__(name: str):
    if name in _ROOMS:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    return _find(name)

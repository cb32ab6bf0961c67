"""`torch.distributed.algorithms`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ...refusal import room

_INSTEAD = "Use nn.parallel.DistributedDataParallel; taper.utils.checkpoint saves memory of activations."

_ROOMS = (
    "_checkpoint",
    "ddp_comm_hooks",
    "join",
    "model_averaging",
)
_find = room(__name__, _INSTEAD, ("Join",))


def __getattr__(name: str):
    if name in _ROOMS:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    return _find(name)

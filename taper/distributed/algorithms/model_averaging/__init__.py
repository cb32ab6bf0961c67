"""`torch.distributed.algorithms.model_averaging`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ....refusal import room

_INSTEAD = "Use nn.parallel.DistributedDataParallel; taper.utils.checkpoint saves memory of activations."

_ROOMS = ("averagers",)
_find = room(__name__, _INSTEAD, ())


def __getattr__(name: str):
    if name in _ROOMS:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    return _find(name)

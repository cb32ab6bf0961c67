"""`torch.ao`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ..refusal import room

_INSTEAD = "Taper does not quantize: compute in float32, or in bfloat16 with taper.autocast."

_ROOMS = (
    "pruning",
    "quantization",
)
_find = room(__name__, _INSTEAD, ("nn",))


def __getattr__(name: str):
    if name in _ROOMS:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    return _find(name)

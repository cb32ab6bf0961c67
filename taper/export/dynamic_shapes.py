"""`torch.export.dynamic_shapes`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ..refusal import room

_INSTEAD = "taper.compile makes one program of a function."

__getattr__ = room(__name__, _INSTEAD, ("Dim",))

"""`torch.distributed.nn.functional`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ...refusal import room

_INSTEAD = "Taper's process groups have one process: use the module or tensor itself."

__getattr__ = room(__name__, _INSTEAD, ("all_gather",))

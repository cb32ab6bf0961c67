"""`torch.distributed.rpc.functions`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ...refusal import room

_INSTEAD = "Use send, recv and the object collectives of taper.distributed."

__getattr__ = room(__name__, _INSTEAD, ("async_execution",))

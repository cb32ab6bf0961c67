"""`torch.distributed.checkpoint.optimizer`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ...refusal import room

_INSTEAD = "Use save, load and async_save of taper.distributed.checkpoint."

__getattr__ = room(__name__, _INSTEAD, ("load_sharded_optimizer_state_dict",))

"""`torch.distributed.algorithms.ddp_comm_hooks.post_localSGD_hook`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ....refusal import room

_INSTEAD = "Use nn.parallel.DistributedDataParallel; taper.utils.checkpoint saves memory of activations."

__getattr__ = room(__name__, _INSTEAD, ("PostLocalSGDState",))

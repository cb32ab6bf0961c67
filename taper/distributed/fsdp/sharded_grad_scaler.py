"""`torch.distributed.fsdp.sharded_grad_scaler`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ...refusal import room

_INSTEAD = "Loss scaling is for float16 on GPUs: with bfloat16 (MixedPrecisionPolicy) leave it out."

__getattr__ = room(__name__, _INSTEAD, ("ShardedGradScaler",))

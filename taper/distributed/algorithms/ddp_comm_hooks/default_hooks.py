"""`torch.distributed.algorithms.ddp_comm_hooks.default_hooks`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ....refusal import room

_INSTEAD = "Taper's process groups have one process; checkpoint with taper.utils.checkpoint."

__getattr__ = room(
    __name__,
    _INSTEAD,
    (
        "allreduce_hook",
        "bf16_compress_hook",
        "bf16_compress_wrapper",
        "fp16_compress_hook",
        "fp16_compress_wrapper",
    ),
)

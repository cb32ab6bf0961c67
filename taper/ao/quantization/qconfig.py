"""`torch.ao.quantization.qconfig`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ...refusal import room

_INSTEAD = "Taper does not quantize: compute in float32, or in bfloat16 with taper.autocast."

__getattr__ = room(
    __name__,
    _INSTEAD,
    (
        "default_dynamic_qconfig",
        "per_channel_dynamic_qconfig",
    ),
)

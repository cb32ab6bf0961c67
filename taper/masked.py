"""`torch.masked`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from .refusal import room

_INSTEAD = "Keep values and mask as two tensors, and use where and masked_fill."

__getattr__ = room(
    __name__,
    _INSTEAD,
    (
        "MaskedTensor",
        "as_masked_tensor",
        "masked_tensor",
    ),
)

"""`torch.utils.mobile_optimizer`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ..refusal import room

_INSTEAD = "Taper runs where Python runs."

__getattr__ = room(__name__, _INSTEAD, ("optimize_for_mobile",))

"""`torch.nn.attention.flex_attention`, which is not part of Taper: its names say what to use instead."""

from __future__ import annotations

from ...refusal import room

_INSTEAD = "Give taper.nn.functional.scaled_dot_product_attention a mask: booleans, or numbers to add to the scores."

__getattr__ = room(__name__, _INSTEAD, ("BlockMask", "create_block_mask", "create_mask", "flex_attention"))

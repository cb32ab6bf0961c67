"""`torch.nested`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from .refusal import room

_INSTEAD = "Pad sequences with taper.nn.utils.rnn.pad_sequence and mask them, or pack them with pack_sequence."

__getattr__ = room(
    __name__, _INSTEAD, ("as_nested_tensor", "nested_tensor", "nested_tensor_from_jagged", "to_padded_tensor")
)

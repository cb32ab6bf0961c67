"""`torch.distributed.checkpoint.state_dict`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ...refusal import room

_INSTEAD = "Save and load with taper.save and taper.load."

__getattr__ = room(
    __name__,
    _INSTEAD,
    (
        "StateDictOptions",
        "get_model_state_dict",
        "get_optimizer_state_dict",
        "get_state_dict",
        "set_model_state_dict",
        "set_optimizer_state_dict",
        "set_state_dict",
    ),
)

"""`torch.distributed._functional_collectives`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ..refusal import room

_INSTEAD = "Use the functions of taper.distributed."

__getattr__ = room(
    __name__,
    _INSTEAD,
    (
        "AsyncCollectiveTensor",
        "all_gather_tensor",
        "all_reduce",
        "reduce_scatter_tensor",
    ),
)

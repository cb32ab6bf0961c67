"""`torch.numa.binding`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ..refusal import room

_INSTEAD = "The operating system places Taper's memory."

__getattr__ = room(
    __name__,
    _INSTEAD,
    (
        "AffinityMode",
        "NumaOptions",
    ),
)

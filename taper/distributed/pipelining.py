"""`torch.distributed.pipelining`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ..refusal import room

_INSTEAD = "Call the stages one after the other, or send their outputs with taper.distributed.send."

__getattr__ = room(
    __name__,
    _INSTEAD,
    (
        "PipelineStage",
        "Schedule1F1B",
        "ScheduleGPipe",
        "SplitPoint",
        "pipeline",
    ),
)

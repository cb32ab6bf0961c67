"""`torch.fx.experimental.optimization`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ...refusal import room

_INSTEAD = "Programs are captured by taper.compile; hooks on modules see what flows through them."

__getattr__ = room(__name__, _INSTEAD, ("fuse",))

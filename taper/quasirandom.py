"""`torch.quasirandom`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from .refusal import room

_INSTEAD = "Draw the points with scipy.stats.qmc.Sobol and make them a tensor with taper.from_numpy."

__getattr__ = room(__name__, _INSTEAD, ("SobolEngine",))

"""The last dimensions of an array made anew from elements of theirs: padding and interpolation."""

from __future__ import annotations

from ..backends.cpu.resampling import transposed
from .operator import op

resample = op(
    "resample",
    lambda xp, x, *, taps: xp.resample(x, taps),
    x=lambda xp, g, taps: xp.resample(g, tuple(map(transposed, taps))),
)
"""taps: for each of the last dimensions, which elements make each of its new ones, with what weights (None: the same)."""

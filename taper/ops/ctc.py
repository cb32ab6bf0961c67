"""Connectionist temporal classification: one operator, whose gradient is its own."""

from __future__ import annotations

from .operator import op

ctc = op(
    "ctc_loss",
    lambda xp, x, *, rows, lengths, blank: xp.ctc(x, rows, lengths, blank),
    aux=("slope",),
    x=lambda xp, g, slope: xp.reshape(g, (1, -1, 1)) * slope,
)
"""x (T, N, C) log-probabilities; rows: the N target sequences; the losses (N,)."""

"""Connectionist temporal classification: one operator, whose gradient comes with its value."""

from __future__ import annotations

from .operator import op

ctc = op(
    "ctc_loss",
    lambda xp, x, labels, lengths, label_lengths, *, blank, zero_infinity: xp.ctc(
        x, labels, lengths, label_lengths, blank, zero_infinity
    ),
    aux=("slope",),
    x=lambda xp, g, slope: xp.reshape(g, (1, -1, 1)) * slope,
)
"""x (T, N, C) log-probabilities, labels (N, S) the targets, padded; lengths of both for each of the N losses."""


def _no_second_derivative(xp, g):
    raise NotImplementedError(
        "derivative for ctc_loss's own derivative is not implemented: it cannot be differentiated twice"
    )


ctc_slope = op(
    "ctc_slope",
    lambda xp, x, labels, lengths, label_lengths, *, blank, zero_infinity: xp.ctc(
        x, labels, lengths, label_lengths, blank, zero_infinity
    )[1],
    grad_name="CtcLossBackwardBackward0",
    x=_no_second_derivative,
)
"""The gradient of the losses, which is not differentiable again."""

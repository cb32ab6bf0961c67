"""Passing tensors on unchanged, so that one node sees the gradients of all of them."""

from __future__ import annotations

from .operator import op

pass_through = op(
    "pass_through",
    lambda xp, *xs: xs,
    outputs=None,
    half_native=True,
    grad_name="BackwardHookFunctionBackward",
    joint=lambda xp, g: g,
)

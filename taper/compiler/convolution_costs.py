"""Which kernels of a convolution cost less where images lie channels last."""

from __future__ import annotations

from functools import lru_cache
from math import prod

from ..native.conv import cycles, pixel_cycles, plan_convolution, plan_pixels, plan_winograd
from ..native.machine import host as this_machine
from .lower.access import steps_of
from .lower.geometry import arranged
from .lower.instructions import LLVM

TURNING, GATHERING = 2.5, 4.0
"""Cycles for each element of a result that is turned round in memory, and of weights whose taps Winograd's kernels gather."""


@lru_cache(4096)
def pixels_pay(
    op: str, shape, x_shape, y_shape, weights_last: bool, winograd: bool, dtype: str, stride, padding, dilation, groups
) -> bool:
    """Whether the kernels whose rows are pixels take less than the others, whose result is turned round."""
    x_steps, y_steps = (steps_of((n, *rest, c)) for n, c, *rest in (x_shape, y_shape))
    x_steps = (x_steps[0], x_steps[-1], *x_steps[1:-1])
    y_steps = (y_steps[0], y_steps[-1], *y_steps[1:-1]) if weights_last else steps_of(y_shape)
    options = stride, padding, dilation, groups
    sought = arranged(op, shape, x_shape, y_shape, x_steps, y_steps, LLVM[dtype], *options)
    pixels = plan_pixels(sought, this_machine())
    if pixels is None:
        return False
    cost = cycles(plan_convolution(sought, this_machine()))
    fewer = plan_winograd(sought, this_machine()) if winograd else None
    if fewer is not None:
        cost = min(cost, fewer.cost + weights_last * GATHERING * prod(y_shape))
    return pixel_cycles(pixels) < cost + TURNING * prod(shape)

"""Tensors passed on unchanged through one node."""

from __future__ import annotations

from taper.autograd.dispatch import apply
from taper.ops.hooks import pass_through

from ..case import Case, real

CASES = [
    Case(
        "pass_through",
        lambda T, x, y: apply(pass_through, x * 2, y * x),
        inputs=(real(2, 3), real(2, 3, seed="y")),
        numpy=lambda x, y: (x * 2, y * x),
        oracle=False,
    ),
]

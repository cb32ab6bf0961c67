"""Matrix products and their derivatives."""

from __future__ import annotations

from .operator import op


def _mH(xp, x):
    """The conjugate transpose of the last two axes."""
    x = xp.matrix_transpose(x)
    return xp.conj(x) if x.dtype.kind == "c" else x


matmul = op(
    "matmul",
    lambda xp, x, y: xp.matmul(x, y),
    broadcasts=True,
    grad_name="MmBackward0",
    x=lambda xp, g, y: xp.matmul(g, _mH(xp, y)),
    y=lambda xp, g, x: xp.matmul(_mH(xp, x), g),
)
"""The product of stacks of matrices, both with two dimensions or more; leading dimensions broadcast."""

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

linear = op(
    "linear",
    lambda xp, x, w, b: xp.affine(x, w, b),
    grad_name="AddmmBackward0",
    x=lambda xp, g, w: xp.matmul(g, xp.conj(w) if w.dtype.kind == "c" else w),
    w=lambda xp, g, x: xp.matmul(_mH(xp, _rows(xp, g)), _rows(xp, x)),
    b=lambda xp, g: xp.column_sums(_rows(xp, g)),
)
"""x @ w.T + b for rows x, with any leading dimensions; b may be None."""


def _rows(xp, x):
    """All leading dimensions as one."""
    return x if x.ndim == 2 else xp.reshape(x, (-1, x.shape[-1]))

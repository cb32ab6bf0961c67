"""Matrix products and their derivatives (Giles 2008, "An extended collection of matrix derivative results", 2.2.2)."""

from __future__ import annotations

import math

from .operator import op


def adjoint(xp, x):
    """The conjugate transpose of the last two axes."""
    return conj(xp, xp.matrix_transpose(x))


def conj(xp, x):
    """The conjugate of x; x itself where it is real."""
    return xp.conj(x) if x.dtype.kind == "c" else x


def _product(name: str, grad_name: str):
    return op(
        name,
        lambda xp, x, y: xp.matmul(x, y),
        broadcasts=True,
        grad_name=grad_name,
        x=lambda xp, g, y: xp.matmul(g, adjoint(xp, y)),
        y=lambda xp, g, x: xp.matmul(adjoint(xp, x), g),
    )


matmul = _product("matmul", "MmBackward0")
"""The product of stacks of matrices, both with two dimensions or more; leading dimensions broadcast."""

bmm = _product("bmm", "BmmBackward0")
"""The same of two stacks with one leading dimension."""

mv = op(
    "mv",
    lambda xp, x, y: xp.matmul(x, y),
    x=lambda xp, g, y: xp.expand_dims(g, 1) * conj(xp, y),
    y=lambda xp, g, x: xp.matmul(adjoint(xp, x), g),
)
"""A matrix times a vector."""

dot = op(
    "dot",
    lambda xp, x, y: xp.matmul(x, y),
    x=lambda xp, g, y: g * conj(xp, y),
    y=lambda xp, g, x: g * conj(xp, x),
)
"""The sum of products of two vectors, without conjugation."""

linear = op(
    "linear",
    lambda xp, x, w, b: xp.affine(x, w, b),
    grad_name="AddmmBackward0",
    first=2,
    x=lambda xp, g, w: xp.reshape(xp.matmul(_rows(xp, g), conj(xp, w)), (*g.shape[:-1], w.shape[1])),
    w=lambda xp, g, x: xp.matmul(xp.matrix_transpose(_rows(xp, g)), conj(xp, _rows(xp, x))),
    b=lambda xp, g: xp.column_sums(_rows(xp, g)),
)
"""x @ w.T + b for rows x, with any leading dimensions; b may be None."""


def _rows(xp, x):
    """All leading dimensions as one."""
    return x if x.ndim == 2 else xp.reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))


def _added(name: str):
    return op(
        name,
        lambda xp, c, x, y, *, beta, alpha: xp.add_product(c, x, y, beta, alpha),
        broadcasts=True,
        c=lambda xp, g, beta: g if beta == 1 else g * _conj_number(beta),
        x=lambda xp, g, y, alpha: xp.matmul(_scaled(g, alpha), adjoint(xp, y)),
        y=lambda xp, g, x, alpha: xp.matmul(adjoint(xp, x), _scaled(g, alpha)),
    )


def _scaled(g, alpha):
    return g if alpha == 1 else g * _conj_number(alpha)


def _conj_number(value):
    return value.conjugate() if isinstance(value, complex) else value


addmm = _added("addmm")
"""beta * c + alpha * x @ y of matrices; with beta 0 the values of c do not matter."""

baddbmm = _added("baddbmm")
"""The same of stacks of matrices."""

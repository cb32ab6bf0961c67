"""Weights that are orthogonal matrices, as a parametrisation."""

from __future__ import annotations

from ... import dtypes
from ...linalg import householder_product, solve
from ...tensor import allclose, cat, eye, geqrf, matrix_exp, randn, zeros_like
from ...tensor.core import Tensor
from ..module import Module
from .parametrize import register_parametrization

MAPS = ("matrix_exp", "cayley", "householder")


def _of_reflections(a, tau):
    """The orthogonal matrix of a QR factorisation, its columns turned so that R has a positive diagonal."""
    return householder_product(a, tau) * a.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


def _is_orthogonal(q) -> bool:
    n, k = q.size(-2), q.size(-1)
    eps = 10 * n * dtypes.finfo(q.dtype).eps
    return allclose(q.mH @ q, eye(k, dtype=q.dtype, device=q.device), atol=eps)


class _Orthogonal(Module):
    """A matrix as an orthogonal one (of more columns than rows, its transpose), by one of MAPS.

    With use_trivialization the map's result is multiplied by `base`, the matrix that was assigned last: the weight
    starts there, and the map is taken near the unit matrix, where it is well behaved.
    """

    def __init__(self, weight, orthogonal_map: str, *, use_trivialization: bool = True) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x):
        wide = x.size(-2) < x.size(-1)
        if wide:
            x = x.mT
        n, k = x.size(-2), x.size(-1)
        if self.orthogonal_map == "householder":
            below = x.tril(diagonal=-1)
            tau = 2.0 / (1.0 + (below * below).sum(dim=-2))
            q = householder_product(below, tau)
            # The diagonal is 1 or -1 and gets no gradient: it is no parameter of the map.
            q = q * x.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)
        else:
            x = x.tril()
            if n != k:
                x = cat([x, x.new_zeros(n, n - k).expand(*x.shape[:-2], -1, -1)], dim=-1)
            skew = x - x.mH
            if self.orthogonal_map == "matrix_exp":
                q = matrix_exp(skew)
            else:
                unit = eye(n, dtype=skew.dtype, device=skew.device)
                q = solve(unit - 0.5 * skew, unit + 0.5 * skew)
            if n != k:
                q = q[..., :k]
        if hasattr(self, "base"):
            q = self.base @ q
        return q.mT if wide else q

    def right_inverse(self, q):
        if q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {q.shape}."
            )
        given, wide = q, q.size(-2) < q.size(-1)
        if wide:
            q = q.mT
        n, k = q.size(-2), q.size(-1)
        if not hasattr(self, "base"):
            if self.orthogonal_map != "householder":
                raise NotImplementedError(
                    "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                    "use_trivialization=False."
                )
            a, tau = geqrf(q)
            a.diagonal(dim1=-2, dim2=-1).sign_()
            a.diagonal(dim1=-2, dim2=-1)[tau == 0.0] *= -1
            return a.mT if wide else a
        if n != k:
            rest = randn(*q.shape[:-2], n, n - k, dtype=q.dtype, device=q.device)
            q = _of_reflections(*geqrf(cat([q, rest], dim=-1)))
        else:
            q = q.clone() if _is_orthogonal(q) else _of_reflections(*geqrf(q))
        self.base = q
        start = zeros_like(given)
        start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return start


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    """Parametrise a weight by an orthogonal matrix, or a stack of them. Source: arXiv 1901.08428, 1909.09501.

    orthogonal_map: "matrix_exp" (the default for square and for complex matrices), "cayley", or "householder" (the
    default for others). use_trivialization: the weight may be assigned to, and starts at the given one. ValueError for
    no such tensor, fewer than two dimensions, or another map.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        square = weight.size(-2) == weight.size(-1)
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in MAPS:
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    made = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    register_parametrization(module, name, made, unsafe=True)
    return module

"""torch.linalg: functions of vectors, matrices and stacks of matrices."""

from __future__ import annotations

from .autograd.inplace import legacy_name as _legacy_name
from .dtypes import HALF as _HALF
from .errors import LinAlgError
from .tensor.arguments import check_functions
from .tensor.arrangement import diagonal as _diagonal
from .tensor.factorizations import (
    cholesky,
    cholesky_ex,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    householder_product,
    lu,
    lu_factor,
    lu_factor_ex,
    lu_solve,
    qr,
    svd,
    svdvals,
)
from .tensor.indefinite import ldl_factor, ldl_factor_ex, ldl_solve
from .tensor.matrix_functions import matrix_exp, matrix_power, multi_dot, powers, vecdot
from .tensor.matrix_norms import cond, matrix_norm, matrix_rank, norm, vector_norm
from .tensor.products import cross as _cross
from .tensor.products import matmul
from .tensor.systems import (
    det,
    inv,
    inv_ex,
    lstsq,
    pinv,
    slogdet,
    solve,
    solve_ex,
    solve_triangular,
    tensorinv,
    tensorsolve,
)

__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "householder_product",
    "inv",
    "inv_ex",
    "ldl_factor",
    "ldl_factor_ex",
    "ldl_solve",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]


def cross(input, other, *, dim: int = -1, out=None):
    """The cross product along a dimension of size 3; the others broadcast."""
    return _cross(input, other, dim, out=out)


def diagonal(A, *, offset: int = 0, dim1: int = -2, dim2: int = -1):
    """The diagonals of matrices, by default in the last two dimensions. A view."""
    return _diagonal(A, offset, dim1, dim2)


def vander(x, N=None):
    """The powers 0 to N - 1 of elements along a new last dimension; N is the size of the last by default.

    RuntimeError for N < 2.
    """
    n = (x._array.shape[-1] if x._array.ndim else 0) if N is None else N
    if n <= 1:
        raise RuntimeError("N must be greater than 1.")
    if x._array.dtype.kind == "b" or x._array.dtype in _HALF:
        name = _legacy_name(x._array.dtype)
        raise RuntimeError(f"linalg.vander supports floating point, complex, and integer tensors, but got {name}")
    if x._array.dtype.kind in "iu":
        x = x.long()
    return powers(x if x._array.ndim else x.reshape(1), n)


check_functions(globals(), __all__)

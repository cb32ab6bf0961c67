"""Powers, exponentials and long products of matrices."""

from __future__ import annotations

import numpy as np

from ..autograd.casting import in_lower_precision
from ..autograd.dispatch import apply
from ..autograd.outputs import into
from ..autograd.places import beside
from ..errors import warn_once
from ..ops import linalg as ops
from .arrangement import tril
from .creation import ones_like
from .joining import cat
from .matrix_checks import check_floating, check_sides, check_tensor, check_two_dims
from .products import matmul
from .reduction import sum
from .systems import inv

__all__ = ["matrix_power", "matrix_exp", "chain_matmul", "vander", "vecdot"]


def matrix_power(input, n: int, *, out=None):
    """Square matrices to an integer power, by repeated squaring; a negative one inverts them first.

    LinAlgError for the inverse of a singular matrix.
    """
    check_tensor("matrix_power", "input", input)
    if not hasattr(n, "__index__"):
        raise TypeError(f"matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}")
    check_two_dims("linalg.matrix_power", input)
    check_sides("linalg.matrix_power", input)
    if n < 0:
        input, n = inv(input), -n
    if n == 0:
        size = input._array.shape[-1]
        # A zero with the input's history, which no infinity or NaN reaches.
        result = tril(input, -size) + beside(input, np.eye(size, dtype=input._array.dtype))
    else:
        result, square = None, input
        while True:
            if n & 1:
                result = square if result is None else matmul(result, square)
            n >>= 1
            if not n:
                break
            square = matmul(square, square)
        result = result.clone() if result is input else result
    return result if out is None else into(out, result)


def matrix_exp(input):
    """The exponential 1 + A + A A / 2 + ... of square matrices (..., n, n), by scaling and squaring."""
    check_tensor("linalg_matrix_exp", "input", input)
    if input._array.dtype.kind in "biu":
        check_floating("linalg.matrix_exp", input)
    check_two_dims("linalg.matrix_exp", input)
    check_sides("linalg.matrix_exp", input)
    return apply(ops.matrix_exp, input)


def multi_dot(tensors, *, out=None):
    """The product of two matrices or more, in the order that needs the fewest multiplications.

    The first and the last may be vectors. RuntimeError for shapes or types that do not fit.
    """
    tensors = list(tensors)
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    for i, t in enumerate(tensors):
        ndim = t._array.ndim
        if not 0 < ndim < 3:
            raise (
                RuntimeError(f"multi_dot(): the first and last tensors must be 1D or 2D but tensor {i} is {ndim}D")
                if (i in (0, len(tensors) - 1))
                else RuntimeError(f"multi_dot(): tensor {i} must be 2D but got {ndim}D")
            )
        if ndim == 1 and i not in (0, len(tensors) - 1):
            raise RuntimeError(f"multi_dot(): tensor {i} must be 2D but got 1D")
        if t._array.dtype != tensors[0]._array.dtype:
            raise RuntimeError(
                f"multi_dot(): all tensors must have be the same dtype but tensor 0 is {tensors[0].dtype} and "
                f"tensor {i} {t.dtype}"
            )
    for i, (a, b) in enumerate(zip(tensors, tensors[1:])):
        if a._array.shape[-1] != b._array.shape[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(a._array.shape)} and {list(b._array.shape)} "
                "cannot be multiplied"
            )
    first = tensors[0] if tensors[0]._array.ndim == 2 else tensors[0].unsqueeze(0)
    last = tensors[-1] if tensors[-1]._array.ndim == 2 else tensors[-1].unsqueeze(1)
    matrices = [first, *tensors[1:-1], last]
    result = _product(matrices, _split(matrices), 0, len(matrices) - 1)
    if tensors[0]._array.ndim == 1:
        result = result.squeeze(0)
    if tensors[-1]._array.ndim == 1:
        result = result.squeeze(-1)
    return result if out is None else into(out, result)


def _split(matrices):
    """Where to split each product of neighbours: Cormen et al., "Introduction to Algorithms", 15.2."""
    n = len(matrices)
    size = [matrices[0]._array.shape[0], *(m._array.shape[1] for m in matrices)]
    cost = [[0] * n for _ in range(n)]
    split = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            found = [cost[i][k] + cost[k + 1][j] + size[i] * size[k + 1] * size[j + 1] for k in range(i, j)]
            cost[i][j] = min(found)
            split[i][j] = i + found.index(cost[i][j])
    return split


def _product(matrices, split, i: int, j: int):
    if i == j:
        return matrices[i]
    k = split[i][j]
    return matmul(_product(matrices, split, i, k), _product(matrices, split, k + 1, j))


def chain_matmul(*matrices, out=None):
    """The product of matrices in the order that needs the fewest multiplications."""
    warn_once(
        "torch.chain_matmul is deprecated and will be removed in a future PyTorch release. Use torch.linalg.multi_dot "
        "instead, which accepts a list of two or more tensors rather than multiple parameters."
    )
    if len(matrices) == 1:
        return matrices[0]
    return multi_dot(matrices, out=out)


def powers(x, n: int):
    """x**0, x**1, ... x**(n - 1) along a new last dimension."""
    if n < 1:
        return x.unsqueeze(-1)[..., :0]
    ones = ones_like(x).unsqueeze(-1)
    return cat([ones, x.unsqueeze(-1).expand(*x._array.shape, n - 1).cumprod(-1).to(x.dtype)], -1)


def vander(x, N=None, increasing: bool = False):
    """The powers of a vector's elements as a matrix, the highest first unless increasing; len(x) columns, or N."""
    check_tensor("vander", "x", x)
    if x._array.ndim != 1:
        raise RuntimeError(f"x must be a one-dimensional tensor. Its shape is {tuple(x._array.shape)}")
    result = powers(x, x._array.shape[0] if N is None else N)
    return result if increasing else result.flip(1)


@in_lower_precision
def vecdot(x, y, *, dim: int = -1, out=None):
    """The sums of products of conj(x) and y along a dimension; the others broadcast."""
    check_tensor("linalg_vecdot", "x", x)
    check_tensor("linalg_vecdot", "y", y, 2)
    if x._array.dtype != y._array.dtype:
        raise RuntimeError(f"linalg.vecdot: Expected vectors of same dtype but found {x.dtype} and {y.dtype}")
    if x._array.dtype.kind in "biu":
        check_floating("linalg.vecdot", x)
    result = sum(x.conj() * y, dim)
    return result if out is None else into(out, result)

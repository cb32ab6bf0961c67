"""Norms, ranks and condition numbers of matrices, under the names of `linalg`."""

from __future__ import annotations

import math

import numpy as np

from .. import dtypes
from ..autograd.casting import in_float32
from ..autograd.dispatch import apply
from ..autograd.inplace import legacy_name
from ..autograd.outputs import into
from ..autograd.places import beside, brought
from ..autograd.tape import wrap
from ..backends import namespace_of
from ..ops import reduction as reductions
from . import dims
from .factorizations import eigvalsh, svdvals
from .factory import on_host
from .matrix_checks import check_sides, check_tensor, check_two_dims
from .norms import norm as vector_or_all
from .reduction import amax, amin, sum
from .shape import movedim
from .systems import inv_ex

__all__: list[str] = []


def _converted(name: str, x, dtype):
    """x in the dtype asked for, after checking both."""
    check_tensor(name.replace(".", "_"), "A", x)
    if x._array.dtype.kind in "biu":
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {legacy_name(x._array.dtype)}. Convert "
            "first: x.float()."
        )
    if dtype is None:
        return x
    if not (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError(f"{name}: dtype should be floating point or complex, but got {legacy_name(dtype.np)}")
    if x.dtype.is_complex != dtype.is_complex:
        kind = "complex for complex" if x.dtype.is_complex else "real for real"
        raise RuntimeError(f"{name}: dtype should be {kind} inputs, but got {legacy_name(dtype.np)}")
    if dtypes.promote_types(x.dtype.np, dtype.np) != dtype.np:
        raise RuntimeError(
            f"{name}: the dtype of the input ({legacy_name(x.dtype.np)}) should be convertible without narrowing to "
            f"the specified dtype ({legacy_name(dtype.np)})"
        )
    return x.to(dtype)


def vector_norm(x, ord=2, dim=None, keepdim: bool = False, *, dtype=None, out=None):
    """The ord-norm of all elements, or of the vectors along dim: any number, infinity; 0 counts the non-zeros.

    dtype: the type in which to compute. RuntimeError for integers, and for the extreme of nothing.
    """
    check_tensor("linalg_vector_norm", "x", x)
    if isinstance(ord, str) or ord is None:
        raise TypeError(
            f"linalg_vector_norm(): argument 'ord' (position 2) must be Number, not {'str' if ord else 'NoneType'}"
        )
    x = _converted("linalg.vector_norm", x, dtype)
    return vector_or_all(x, float(ord), dim, keepdim, out=out)


def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim: bool = False, *, dtype=None, out=None):
    """The norm of matrices, which lie in the two dimensions `dim`.

    ord: "fro" (root of the sum of squares), "nuc" (sum of the singular values), 2 or -2 (largest or smallest singular
    value), 1 or -1 (largest or smallest sum of a column's absolute values), inf or -inf (of a row's).
    RuntimeError for anything else.
    """
    name = "linalg.matrix_norm"
    check_tensor("linalg_matrix_norm", "A", A)
    check_two_dims(name, A)
    A = _converted(name, A, dtype)
    dim = (dim,) if isinstance(dim, int) else tuple(dim)
    if len(dim) != 2:
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {', '.join(map(str, dim))}")
    rows, columns = (dims.one(d, A._array.ndim) for d in dim)
    if rows == columns:
        raise RuntimeError(f"{name}: dims must be different. Got ({dim[0]}, {dim[1]})")
    if isinstance(ord, str) and ord not in ("fro", "nuc"):
        raise RuntimeError(f"{name}: Order {ord} not supported.")
    if not isinstance(ord, str) and abs(ord) not in (1, 2, math.inf):
        raise RuntimeError(f"{name}: Order {ord} not supported.")
    if ord == "fro":
        return vector_or_all(A, 2.0, (rows, columns), keepdim, out=out)
    if ord in ("nuc", 2, -2):
        values = svdvals(movedim(A, (rows, columns), (-2, -1)))
        result = sum(values, -1) if ord == "nuc" else _extreme(values, -1, ord > 0)
        if keepdim:
            for d in sorted((rows, columns)):
                result = result.unsqueeze(d)
    else:
        inner, outer = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = apply(reductions.norm, A, p=1.0, axis=(inner,), keepdims=True)
        result = _extreme(sums, outer, ord > 0, True)
        result = result if keepdim else result.squeeze((rows, columns))
    return result if out is None else into(out, result)


def _extreme(x, dim: int, largest: bool, keepdim: bool = False):
    """The largest or smallest along a dimension; of nothing, the largest is 0."""
    if x._array.shape[dim] == 0 and largest:
        return sum(x, dim, keepdim)
    return amax(x, dim, keepdim) if largest else amin(x, dim, keepdim)


def norm(A, ord=None, dim=None, keepdim: bool = False, *, out=None, dtype=None):
    """`vector_norm` or `matrix_norm`: of all elements without ord and dim; else of the one or two dimensions meant."""
    check_tensor("linalg_norm", "A", A)
    if dim is not None:
        dim = (dim,) if isinstance(dim, int) else tuple(dim)
        if len(dim) not in (1, 2):
            raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}")
    elif ord is not None and A._array.ndim not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A._array.ndim}D."
        )
    if ord is not None and (isinstance(ord, str) or (len(dim) if dim is not None else A._array.ndim) == 2):
        return matrix_norm(A, ord, (0, 1) if dim is None else dim, keepdim, dtype=dtype, out=out)
    return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype, out=out)


@in_float32
def cond(A, p=None, *, out=None):
    """The condition number of matrices: norm(A) * norm(inverse) in the norm p, by default 2 (then any matrix).

    Infinity for a singular matrix; p as in `matrix_norm`.
    """
    check_tensor("linalg_cond", "input", A)
    if A._array.ndim < 2:
        raise RuntimeError("linalg.cond: The input tensor must have at least 2 dimensions.")
    if p is None or p in (2, -2):
        values = svdvals(A)
        if 0 in values._array.shape[-1:]:
            result = sum(values, -1)
        else:
            largest, smallest = values[..., 0], values[..., -1]
            result = largest / smallest if p != -2 else smallest / largest
        return result if out is None else into(out, result)
    if isinstance(p, str) or abs(p) in (1, math.inf):
        check_sides(f"linalg.cond(ord={p})", A)
    if p not in ("fro", "nuc") and (isinstance(p, str) or abs(p) not in (1, math.inf)):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    if A._array.shape[-1] == 0:
        return sum(A, (-2, -1))
    inverse, info = inv_ex(A)
    singular = info != 0
    sizes = matrix_norm(A, p) * matrix_norm(inverse.masked_fill(singular[..., None, None], 0.0), p)
    worst = math.nan if p == "nuc" else math.inf
    result = sizes.masked_fill(singular, worst)
    return result if out is None else into(out, result)


@in_float32
def matrix_rank(A, tol=None, hermitian: bool = False, *, atol=None, rtol=None, out=None):
    """How many singular values (eigenvalues if hermitian) exceed max(atol, rtol * the largest), an integer.

    rtol is max(m, n) * eps unless atol is given; tol is an older name of atol. Not differentiable.
    """
    check_tensor("linalg_matrix_rank", "input", A)
    check_two_dims("torch.linalg.matrix_rank", A, "input")
    if A._array.dtype.kind in "biu" or A._array.dtype in dtypes.HALF:
        raise RuntimeError(
            f"This function doesn't handle types other than float and double, got {legacy_name(A._array.dtype)}"
        )
    A = A.detach()
    if tol is not None:
        atol, rtol = tol, 0.0
    elif rtol is None:
        default = max(A._array.shape[-2:]) * float(np.finfo(A._array.dtype).eps)
        given = on_host(atol)
        rtol = default if given is None else np.where(np.asarray(given) > 0, 0.0, default)
    values = eigvalsh(A).abs() if hermitian else svdvals(A)
    if values._array.shape[-1] == 0:
        result = beside(values, np.zeros(values._array.shape[:-1], np.int64))
        return result if out is None else into(out, result)
    array = values._array
    atol, rtol = (brought(array, np.asarray(0.0 if t is None else on_host(t), array.dtype)) for t in (atol, rtol))
    limit = np.maximum(atol[..., None], rtol[..., None] * array.max(axis=-1, keepdims=True))
    result = wrap(namespace_of(array).asarray((array > limit).sum(axis=-1)))
    return result if out is None else into(out, result)

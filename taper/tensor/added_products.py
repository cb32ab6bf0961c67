"""Products of matrices and vectors with another tensor added."""

from __future__ import annotations

import functools

from .. import dtypes
from ..autograd.casting import in_lower_precision
from ..autograd.dispatch import apply
from ..autograd.inplace import inplace
from ..autograd.naming import shown_as
from ..autograd.outputs import into
from ..ops import linear as ops
from .products import (
    TYPE_WORDS,
    by,
    cannot_multiply,
    check_expandable,
    check_matrix_vector,
    check_multipliable,
    check_stacks,
    check_tensors,
    check_vectors,
    is_sparse,
    matmul,
    outer,
    type_name,
)
from .shape import permute
from .shape import reshaped as reshape

__all__ = ["addmm", "addmv", "addr", "addbmm", "baddbmm"]


def _numbers(t, **numbers) -> None:
    """RuntimeError for a fractional factor of integers."""
    if t._array.dtype.kind in "biu":
        for name, value in numbers.items():
            if isinstance(value, float):
                raise RuntimeError(f"For integral input tensors, argument {name} must not be a floating point number.")


@in_lower_precision
def addmm(input, mat1, mat2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * mat1 @ mat2, where `input` is expanded to the product's shape.

    With beta=0 the input's values do not matter. RuntimeError for shapes or dtypes that do not fit.
    """
    check_tensors("addmm", input=input, mat1=mat1, mat2=mat2)
    for t, name in ((mat1, "mat1"), (mat2, "mat2")):
        if t._array.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix, got {t._array.ndim}-D tensor")
    a, b = mat1._array.shape, mat2._array.shape
    if a[1] != b[0]:
        raise cannot_multiply("addmm", a, b)
    check_expandable(input, (a[0], b[1]))
    _one_dtype(input, mat1, mat2)
    if is_sparse(mat1._array) or is_sparse(mat2._array):
        result = beta * input + alpha * matmul(mat1, mat2)
        return result if out is None else into(out, result)
    check_multipliable("addmm_impl_cpu_", mat1)
    result = apply(ops.addmm, input, mat1, mat2, beta=beta, alpha=alpha)
    return result if out is None else into(out, result)


def _one_dtype(input, a, b) -> None:
    if not input._array.dtype == a._array.dtype == b._array.dtype:
        other = b if input._array.dtype != b._array.dtype else a
        raise RuntimeError(
            f"self and mat2 must have the same dtype, but got {type_name(input)} and {type_name(other)}. "
            "Convert: x.to(y.dtype)."
        )


@shown_as("AddmvBackward0")
def addmv(input, mat, vec, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * mat @ vec; with beta=0 the input's values do not matter."""
    check_tensors("addmv", input=input, mat=mat, vec=vec)
    check_matrix_vector(input, mat, vec)
    have, shape = input._array.shape, mat._array.shape
    if len(have) == 1 and have[0] not in (1, shape[0]):
        raise RuntimeError(f"size mismatch, got input ({have[0]}), mat ({by(shape)}), vec ({vec._array.shape[0]})")
    return _scaled_sum(input, apply(ops.mv, mat, vec), beta, alpha, out)


@shown_as("AddrBackward0")
def addr(input, vec1, vec2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * outer(vec1, vec2); with beta=0 the input's values do not matter."""
    check_tensors("addr", input=input, vec1=vec1, vec2=vec2)
    check_vectors("addr", vec1=vec1, vec2=vec2)
    common = functools.reduce(dtypes.promote_types, [t._array.dtype for t in (input, vec1, vec2)])
    input, vec1, vec2 = [t.to(dtypes.from_numpy(common)) for t in (input, vec1, vec2)]
    product = outer(vec1, vec2)
    check_expandable(input, product._array.shape)
    if input._array.dtype.kind == product._array.dtype.kind == "b":
        # Numbers are true or false here.
        alpha, beta = bool(alpha), bool(beta)
        product = product if alpha else product & False
        result = product | input if beta else product
        return result if out is None else into(out, result)
    if input._array.dtype.kind in "biu" and product._array.dtype.kind in "biu":
        _numbers(input, beta=beta, alpha=alpha)
    return _scaled_sum(input, product, beta, alpha, out)


def _scaled_sum(input, product, beta, alpha, out):
    """beta * input + alpha * product; with beta 0 the input's values do not matter."""
    dtype = input.dtype
    if product._array.dtype.kind in "iu" and input._array.dtype == product._array.dtype:
        alpha, beta = int(alpha), int(beta)
    product = product if alpha == 1 else product * alpha
    if beta == 0:
        result = product if dtype.category <= product.dtype.category else product.to(dtype)
    elif dtype.kind == "b" and product._array.dtype.kind == "b":
        result = product | input
    else:
        result = product + (input if beta == 1 else input * beta)
    return result if out is None else into(out, result)


@in_lower_precision
def baddbmm(input, batch1, batch2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * batch1 @ batch2, stacks of matrices; with beta=0 the input's values do not matter."""
    check_tensors("baddbmm", input=input, batch1=batch1, batch2=batch2)
    a, b = batch1._array.shape, batch2._array.shape
    if len(a) < 2 or len(b) < 3:
        dim, shape = (1, a) if len(a) < 2 else (2, b)
        raise IndexError(f"baddbmm: Dimension out of range: {dim} of a matrix stack of shape {list(shape)}")
    if len(a) == 3 and len(b) == 3:
        check_expandable(input, (a[0], a[1], b[2]))
    check_stacks(batch1, batch2)
    if not input._array.dtype == batch1._array.dtype == batch2._array.dtype:
        words = [TYPE_WORDS.get(type_name(t), type_name(t)) for t in (input, batch1, batch2)]
        raise RuntimeError(
            f"Input dtypes must be the same, got: input {words[0]}, batch1: {words[1]}, batch2: {words[2]}"
        )
    check_multipliable("baddbmm", batch1)
    result = apply(ops.baddbmm, input, batch1, batch2, beta=beta, alpha=alpha)
    return result if out is None else into(out, result)


@shown_as("AddbmmBackward0")
@in_lower_precision
def addbmm(input, batch1, batch2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * the sum of batch1 @ batch2 over the stack; with beta=0 the input does not matter."""
    check_tensors("addbmm", input=input, batch1=batch1, batch2=batch2)
    check_stacks(batch1, batch2)
    _one_dtype(input, batch1, batch2)
    (count, rows, inside), columns = batch1._array.shape, batch2._array.shape[2]
    check_expandable(input, (rows, columns))
    # The sum over the stack is one product: of the matrices side by side with those below one another.
    side = reshape(permute(batch1, (1, 0, 2)), (rows, count * inside))
    return addmm(input, side, reshape(batch2, (count * inside, columns)), beta=beta, alpha=alpha, out=out)


class AddedProductMethods:
    """Products with something added, as methods."""

    __slots__ = ()

    addmm = addmm
    addmm_ = inplace(addmm)
    addmv = addmv
    addmv_ = inplace(addmv)
    addr = addr
    addr_ = inplace(addr)
    addbmm = addbmm
    addbmm_ = inplace(addbmm)
    baddbmm = baddbmm
    baddbmm_ = inplace(baddbmm)

"""Products of vectors, matrices and stacks of matrices."""

from __future__ import annotations

import math

import numpy as np

from ..autograd import casting
from ..autograd.casting import in_float32, in_lower_precision
from ..autograd.dispatch import SHORTCUTS, apply
from ..autograd.inplace import assign, legacy_name
from ..autograd.modes import is_grad_enabled
from ..autograd.naming import shown, shown_as
from ..autograd.nodes import node_class
from ..autograd.outputs import EXPECTED, into
from ..autograd.recording import node_of, record_inputs
from ..autograd.tape import Variable, wrap
from ..backends import cpu
from ..backends.quiet import QUIET, enter, leave
from ..dtypes import float32, float64
from ..errors import warn_once
from ..ops import linear as ops
from . import dims
from .arithmetic import mul
from .arrangement import diagonal
from .shape import permute, unsqueeze
from .shape import reshaped as reshape

__all__ = [
    "matmul",
    "mm",
    "bmm",
    "mv",
    "dot",
    "vdot",
    "inner",
    "outer",
    "ger",
    "kron",
    "cross",
    "tensordot",
    "trace",
]

F32, F64 = float32.np, float64.np
TYPE_WORDS = {
    **{"Float": "float", "Double": "double", "Long": "long int", "Int": "int", "Short": "short int", "Bool": "bool"},
    **{"Char": "signed char", "Byte": "unsigned char", "Half": "c10::Half", "BFloat16": "c10::BFloat16"},
    **{"ComplexFloat": "c10::complex<float>", "ComplexDouble": "c10::complex<double>"},
}


def type_name(t) -> str:
    return legacy_name(t._array.dtype)


def _same_dtype(a, b) -> None:
    if a._array.dtype != b._array.dtype:
        first, second = (TYPE_WORDS.get(type_name(t), type_name(t)) for t in (a, b))
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {first} != {second}. Convert one: x.to(y.dtype)."
        )


def check_tensors(name: str, **values) -> None:
    for i, (argument, value) in enumerate(values.items(), start=1):
        if not isinstance(value, Variable):
            raise TypeError(
                f"{name}(): argument '{argument}' (position {i}) must be Tensor, not {type(value).__name__}"
            )


def check_multipliable(name: str, t) -> None:
    dtype = t._array.dtype
    if dtype.kind == "b" or (dtype.kind == "u" and dtype.itemsize > 1):
        raise NotImplementedError(
            f"\"{name}\" not implemented for '{type_name(t)}'. Convert first: x.int() or x.float()."
        )


def by(shape) -> str:
    return "x".join(map(str, shape))


def cannot_multiply(name: str, a, b) -> RuntimeError:
    """The error of two matrices, or rows and a matrix, whose inner sizes differ."""
    rows = (math.prod(a[:-1]), a[-1])
    fix = " Did you mean b.mT?" if a[-1] == b[-1] else " Did you mean a.mT?" if len(a) > 1 and a[-2] == b[-2] else ""
    return RuntimeError(
        f"mat1 and mat2 shapes cannot be multiplied ({by(rows)} and {by(b)}) in {name} of {tuple(a)} and "
        f"{tuple(b)}.{fix}"
    )


def _matrices(input, other):
    """The product of two matrices of one dtype whose sizes fit: what `apply` does, without what it need not ask."""
    a, b = input._array, other._array
    if (
        a.dtype is not b.dtype
        or (a.dtype is not F32 and a.dtype is not F64)
        or not (a.__class__ is b.__class__ is np.ndarray)
    ):
        return _sparse(a, b, input, other)
    token = enter(QUIET)
    made = cpu.matmul(a, b)
    leave(token)
    result = wrap(made)
    if is_grad_enabled():
        nx, ny = node_of(input), node_of(other)
        if nx is not None or ny is not None:
            mask = (nx is not None) | (ny is not None) << 1
            result._node = record_inputs(ops.matmul, (input, other), (nx, ny), mask)
    return result


def is_sparse(array) -> bool:
    """Whether this is no array and has products of its own."""
    return array.__class__ is not np.ndarray and hasattr(array, "product")


def _sparse(a, b, input, other):
    """The product where one of the matrices is no array, by that one."""
    for x in (a, b):
        if is_sparse(x):
            return x.product(input, other)
    return apply(ops.matmul, input, other)


def matmul(input, other, *, out=None):
    """The matrix product: of vectors a number, of matrices a matrix, of stacks of matrices stacks that broadcast.

    RuntimeError for inner sizes that differ, different dtypes, or zero-dimensional operands.
    """
    if casting.scopes and out is None:
        input, other = casting.lowered(input, other)
    try:
        a, b = input._array, other._array
    except AttributeError:
        check_tensors("matmul", input=input, other=other)
        raise
    if a.ndim == 2 and b.ndim == 2 and a.dtype == b.dtype and a.shape[1] == b.shape[0] and a.dtype.kind not in "bu":
        result = _matrices(input, other)
    elif is_sparse(a) or is_sparse(b):
        result = _sparse(a, b, input, other)
    elif a.ndim == 0 or b.ndim == 0:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {a.ndim}D and {b.ndim}D")
    elif b.ndim == 1:
        result = dot(input, other) if a.ndim == 1 else _by_vector(input, other)
    elif a.ndim == 1:
        result = reshape(matmul(unsqueeze(input, 0), other), (*b.shape[:-2], b.shape[-1]))
        shown(result, "SqueezeBackward4")
    else:
        result = _stacks(input, other)
    return result if out is None else into(out, result)


def _by_vector(input, vec):
    """A matrix, or a stack of them as one, times a vector."""
    shape = input._array.shape
    if len(shape) == 2:
        return mv(input, vec)
    product = mv(reshape(input, (math.prod(shape[:-1]), shape[-1])), vec)
    return shown(reshape(product, shape[:-1]), "UnsafeViewBackward0")


def _stacks(input, other):
    """The product of operands with two dimensions or more."""
    a, b = input._array, other._array
    if b.ndim == 2:
        _same_dtype(input, other)
        check_multipliable("addmm_impl_cpu_", input)
        if a.shape[-1] != b.shape[0]:
            raise cannot_multiply("matmul", a.shape, b.shape)
        # One tall product instead of a stack of small ones.
        rows = reshape(input, (math.prod(a.shape[:-1]), a.shape[-1]))
        return shown(reshape(_matrices(rows, other), (*a.shape[:-1], b.shape[1])), "UnsafeViewBackward0")
    _same_scalar_type(input, other)
    check_multipliable("bmm", input)
    try:
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise _stacks_differ(a.shape, b.shape) from None
    if a.shape[-1] != b.shape[-2]:
        raise _wrong_stack("matmul", (math.prod(lead), a.shape[-1]), (math.prod(lead), b.shape[-2]), a.shape, b.shape)
    return shown(apply(ops.matmul, input, other), "UnsafeViewBackward0")


def _stacks_differ(a, b) -> RuntimeError:
    """The error of leading dimensions that do not broadcast."""
    size = min(len(a), len(b)) - 2
    i = next(i for i in range(1, size + 1) if a[-2 - i] != b[-2 - i] and 1 not in (a[-2 - i], b[-2 - i]))
    return RuntimeError(
        f"The size of tensor a ({a[-2 - i]}) must match the size of tensor b ({b[-2 - i]}) at non-singleton dimension "
        f"{max(len(a), len(b)) - 2 - i}; matmul got shapes {tuple(a)} and {tuple(b)}"
    )


def _same_scalar_type(a, b) -> None:
    if a._array.dtype != b._array.dtype:
        raise RuntimeError(f"expected scalar type {type_name(a)} but found {type_name(b)}. Convert one: x.to(y.dtype).")


def _wrong_stack(name: str, wanted, found, a, b) -> RuntimeError:
    return RuntimeError(
        f"Expected size for first two dimensions of batch2 tensor to be: {list(wanted)} but got: {list(found)}. {name} "
        f"got {tuple(a)} and {tuple(b)}." + (" Did you mean b.mT?" if a[-1] == b[-1] else "")
    )


@in_lower_precision
def mm(input, mat2, *, out=None, out_dtype=None):
    """The product of two matrices, without broadcasting. RuntimeError for operands that are not matrices that fit."""
    check_tensors("mm", input=input, mat2=mat2)
    for t, name in ((input, "self"), (mat2, "mat2")):
        if t._array.ndim != 2:
            raise RuntimeError(
                f"{name} must be a matrix, got {t._array.ndim}-D tensor of shape {tuple(t._array.shape)}"
            )
    result = matmul(input, mat2)
    if out_dtype is not None:
        result = result.to(out_dtype)
    return result if out is None else into(out, result)


@in_lower_precision
def bmm(input, mat2, *, out=None):
    """The products of two stacks of as many matrices, (b, n, m) and (b, m, p). RuntimeError for any other shapes."""
    check_tensors("bmm", input=input, mat2=mat2)
    check_stacks(input, mat2)
    _same_scalar_type(input, mat2)
    check_multipliable("bmm", input)
    result = apply(ops.bmm, input, mat2)
    return result if out is None else into(out, result)


def check_stacks(batch1, batch2) -> None:
    """RuntimeError unless these are two stacks of as many matrices that fit."""
    for t, name in ((batch1, "batch1"), (batch2, "batch2")):
        if t._array.ndim != 3:
            raise RuntimeError(f"{name} must be a 3D tensor, got {t._array.ndim}D of shape {tuple(t._array.shape)}")
    a, b = batch1._array.shape, batch2._array.shape
    if a[0] != b[0] or a[2] != b[1]:
        raise _wrong_stack("bmm", (a[0], a[2]), b[:2], a, b)


def mv(input, vec, *, out=None):
    """A matrix (n, m) times a vector (m). RuntimeError for shapes or dtypes that do not fit."""
    check_tensors("mv", input=input, vec=vec)
    if is_sparse(input._array):
        result = matmul(input, vec)
        return result if out is None else into(out, result)
    check_matrix_vector(vec, input, vec)
    result = apply(ops.mv, input, vec)
    return result if out is None else into(out, result)


def check_matrix_vector(input, mat, vec) -> None:
    a, v = mat._array, vec._array
    if a.ndim != 2 or v.ndim != 1 or input._array.ndim > 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {input._array.ndim}, {a.ndim}, {v.ndim}")
    if a.dtype != v.dtype or input._array.dtype != a.dtype:
        raise RuntimeError(
            f"addmv input tensors must have the same dtype, but got {type_name(input)}, {type_name(mat)}, and "
            f"{type_name(vec)}. Convert: x.to(y.dtype)."
        )
    if a.shape[1] != v.shape[0]:
        raise RuntimeError(f"size mismatch, got input ({a.shape[0]}), mat ({by(a.shape)}), vec ({v.shape[0]})")
    check_multipliable("addmv_impl_cpu", mat)


def dot(input, tensor, *, out=None):
    """The sum of products of two vectors of one length. RuntimeError for anything else, or different dtypes."""
    check_tensors("dot", input=input, tensor=tensor)
    a, b = input._array, tensor._array
    if a.ndim != 1 or b.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {a.ndim}D and {b.ndim}D tensors")
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"dot : expected both vectors to have same dtype, but found {type_name(input)} and {type_name(tensor)}. "
            "Convert one: x.to(y.dtype)."
        )
    n, m = a.shape[0], b.shape[0]
    if n != m:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{n}] and src [{m}] to have the same number of elements, but "
            f"got {n} and {m} elements respectively"
        )
    check_multipliable("dot", input)
    result = apply(ops.dot, input, tensor)
    return result if out is None else into(out, result)


def vdot(input, other, *, out=None):
    """The sum of products of conj(input) and `other`, vectors."""
    check_tensors("vdot", input=input, other=other)
    return dot(input.conj(), other, out=out)


def inner(input, other, *, out=None):
    """The sums of products over the last dimensions. RuntimeError if these differ."""
    check_tensors("inner", input=input, other=other)
    a, b = input._array, other._array
    if a.ndim == 0 or b.ndim == 0:
        return mul(input, other, out=out)
    if a.shape[-1] != b.shape[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(a.shape)} and {list(b.shape)}"
        )
    result = tensordot(input, other, ([-1], [-1]))
    return result if out is None else into(out, result, EXPECTED)


def outer(input, vec2, *, out=None):
    """The matrix of products of two vectors' elements. RuntimeError for operands that are not vectors."""
    check_tensors("outer", input=input, vec2=vec2)
    check_vectors("outer", self=input, vec2=vec2)
    return mul(unsqueeze(input, 1), vec2, out=out)


ger = outer


def check_vectors(operation: str, **vectors) -> None:
    for name, t in vectors.items():
        if t._array.ndim != 1:
            raise RuntimeError(f"{operation}: Expected 1-D argument {name}, but got {t._array.ndim}-D")


@shown_as("UnsafeViewBackward0")
def kron(input, other, *, out=None):
    """The Kronecker product: every element of `input` times all of `other`. Missing leading dimensions count as 1."""
    check_tensors("kron", input=input, other=other)
    a, b = input._array.shape, other._array.shape
    n = max(len(a), len(b))
    a, b = (1,) * (n - len(a)) + tuple(a), (1,) * (n - len(b)) + tuple(b)
    left = reshape(input, tuple(v for size in a for v in (size, 1)))
    right = reshape(other, tuple(v for size in b for v in (1, size)))
    result = reshape(left * right, tuple(p * q for p, q in zip(a, b)))
    return result if out is None else into(out, result)


@shown_as("LinalgCrossBackward0")
def cross(input, other, dim=None, *, out=None):
    """The cross product along a dimension of size 3, by default the first of that size; the others broadcast.

    RuntimeError if there is no such dimension, the ranks or the dtypes differ.
    """
    check_tensors("cross", input=input, other=other)
    a, b = input._array, other._array
    if dim is None:
        warn_once(
            "Using torch.cross without specifying the dim arg is deprecated. Please either pass the dim explicitly or "
            "simply use torch.linalg.cross, whose default is the last dimension."
        )
        dim = next((i for i, n in enumerate(a.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError(f"no dimension of size 3 in input, whose shape is {tuple(a.shape)}")
    if a.ndim != b.ndim:
        raise RuntimeError(f"linalg.cross: inputs must have the same number of dimensions. Got {a.shape} and {b.shape}")
    axis = dims.one(dim, a.ndim)
    if not a.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if a.shape[axis] != 3 or b.shape[axis] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {a.shape[axis]} and {b.shape[axis]}"
        )
    check_multipliable("cross", input)
    _same_scalar_type(input, other)
    result = input.roll(-1, axis) * other.roll(-2, axis) - input.roll(-2, axis) * other.roll(-1, axis)
    return result if out is None else into(out, result)


@shown_as("TraceBackward0")
@in_float32
def trace(input):
    """The sum of a matrix's diagonal. RuntimeError for anything but a matrix."""
    check_tensors("trace", input=input)
    if input._array.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input._array.ndim}")
    check_multipliable("trace", input)
    return diagonal(input).sum()


def tensordot(a, b, dims=2, out=None):
    """The sum of products over pairs of dimensions: the last `dims` of a with the first of b, or two lists of them.

    RuntimeError for sizes or dtypes that differ.
    """
    check_tensors("tensordot", a=a, b=b)
    sa, sb = a._array.shape, b._array.shape
    left, right = _paired(dims, len(sa), len(sb))
    if a._array.dtype != b._array.dtype:
        raise RuntimeError(f"both inputs should have same dtype, got {type_name(a)} and {type_name(b)}")
    for i, j in zip(left, right):
        if sa[i] == sb[j]:
            continue
        if 1 not in (sa[i], sb[j]):
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {sa[i]} in dim {i} and second has size "
                f"{sb[j]} in dim {j}; tensordot got {tuple(sa)} and {tuple(sb)}"
            )
        # A dimension of size 1 stands for equal values: the other is summed.
        dtype = a.dtype
        a, b = (a, b.sum(j, True, dtype=dtype)) if sa[i] == 1 else (a.sum(i, True, dtype=dtype), b)
    sa, sb = a._array.shape, b._array.shape
    free_a, free_b = [i for i in range(len(sa)) if i not in left], [i for i in range(len(sb)) if i not in right]
    n = math.prod(sa[i] for i in left)
    rows, columns = [sa[i] for i in free_a], [sb[i] for i in free_b]
    x = reshape(permute(a, (*free_a, *left)), (math.prod(rows), n))
    y = reshape(permute(b, (*right, *free_b)), (n, math.prod(columns)))
    result = reshape(matmul(x, y), (*rows, *columns))
    return result if out is None else into(out, result)


def _paired(wanted, ndim_a: int, ndim_b: int) -> tuple[list[int], list[int]]:
    """The dimensions that `tensordot` sums, of either operand, as numbers from 0."""
    if isinstance(wanted, Variable):
        wanted = wanted.tolist()
    if isinstance(wanted, int):
        if wanted < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={wanted}")
        if wanted > min(ndim_a, ndim_b):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={wanted}")
        return list(range(ndim_a - wanted, ndim_a)), list(range(wanted))
    left, right = ([d] if isinstance(d, int) else list(d) for d in wanted)
    if len(left) != len(right):
        raise RuntimeError(f"both dimension lists should have same length, got {left} and {right}")
    for listed, ndim in ((left, ndim_a), (right, ndim_b)):
        if listed and not ndim:
            raise IndexError(f"Dimension specified as {listed[0]} but tensor has no dimensions")
    return list(dims.several(left, ndim_a, "tensordot") or ()), list(dims.several(right, ndim_b, "tensordot") or ())


def check_expandable(input, shape) -> None:
    """RuntimeError unless `input` can be expanded to the product's shape."""
    have = input._array.shape
    if len(have) > len(shape):
        raise RuntimeError(
            f"expand(input{{{list(have)}}}, size={list(shape)}): the number of sizes provided ({len(shape)}) must be "
            f"greater or equal to the number of dimensions in the tensor ({len(have)})"
        )
    for i in range(1, len(have) + 1):
        if have[-i] not in (1, shape[-i]):
            raise RuntimeError(
                f"The expanded size of the tensor ({shape[-i]}) must match the existing size ({have[-i]}) at "
                f"non-singleton dimension {len(shape) - i}.  Target sizes: {list(shape)}.  Tensor sizes: {list(have)}"
            )


def linear(input, weight, bias=None, *, out=None):
    """input @ weight.T + bias: weight is (outputs, inputs), bias (outputs), input any leading dimensions and (inputs).

    A one-dimensional weight gives one output without its dimension. RuntimeError for shapes or dtypes that do not fit.
    """
    if out is not None:
        return into(out, linear(input, weight, bias))
    if casting.scopes:
        input, weight, bias = casting.lowered(input, weight, bias)
    try:
        x, w = input._array, weight._array
    except AttributeError:
        check_tensors("linear", input=input, weight=weight)
        raise
    if is_sparse(x):
        return x.linear(input, weight, bias)
    if w.ndim == 2 and x.ndim and x.dtype == w.dtype and x.shape[-1] == w.shape[1] and x.dtype.kind not in "bu":
        if bias is None or (bias._array.dtype == w.dtype and bias._array.shape == w.shape[:1]):
            return _affine(input, weight, bias)
    if x.ndim == 0 or w.ndim == 0:
        raise RuntimeError(f"both arguments to linear need to be at least 1D, but they are {x.ndim}D and {w.ndim}D")
    if w.ndim > 2:
        raise RuntimeError(
            f"t() expects a tensor with <= 2 dimensions, but self is {w.ndim}D: linear's weight is {w.shape}"
        )
    if w.ndim == 1 and x.ndim == 2 and bias is not None:
        raise RuntimeError(f"mat2 must be a matrix, got 1-D tensor: linear's weight is {w.shape}, beside a bias")
    if w.ndim == 2 and x.shape[-1] != w.shape[1]:
        rows = (math.prod(x.shape[:-1]), x.shape[-1])
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({by(rows)} and {by(w.shape[::-1])}) in linear: the input is "
            f"{tuple(x.shape)}, its last dimension must be {w.shape[1]}."
        )
    if w.ndim == 2:
        if bias is not None and x.dtype != w.dtype:
            raise RuntimeError(
                f"mat1 and mat2 must have the same dtype, but got {type_name(input)} and {type_name(weight)}. Convert: "
                "x.to(y.dtype)."
            )
        _same_dtype(input, weight)
        check_multipliable("addmm_impl_cpu_", input)
        product = apply(ops.linear, input, weight, None)
    else:
        product = matmul(input, weight)
    if bias is None:
        return product
    if bias._array.dtype != w.dtype:
        raise RuntimeError(
            f"self and mat2 must have the same dtype, but got {type_name(bias)} and {type_name(weight)}. Convert: "
            "x.to(y.dtype)."
        )
    check_expandable(bias, product._array.shape)
    return product + bias


def _affine(input, weight, bias):
    """`linear` of arguments that fit: what `apply` does, without what it need not ask."""
    x, w = input._array, weight._array
    if (w.dtype is not F32 and w.dtype is not F64) or not (x.__class__ is w.__class__ is np.ndarray):
        return apply(ops.linear, input, weight, bias)
    token = enter(QUIET)
    made = cpu.affine(x, w, None if bias is None else bias._array)
    leave(token)
    result = wrap(made)
    if is_grad_enabled():
        nx, nw, nb = node_of(input), node_of(weight), None if bias is None else node_of(bias)
        if nx is not None or nw is not None or nb is not None:
            mask = (nx is not None) | (nw is not None) << 1 | (nb is not None) << 2
            node = result._node = record_inputs(ops.linear, (input, weight, bias), (nx, nw, nb), mask)
            if bias is None or x.ndim != 2:
                node.__class__ = _linear_class(x.ndim, bias is None)
    return result


def _linear_class(ndim: int, plain: bool) -> type:
    """The class of a linear layer's node, as PyTorch names it: what is not a matrix is seen as one, and seen back."""
    if not plain:
        return node_class("ViewBackward0")
    return node_class("SqueezeBackward4" if ndim == 1 else "MmBackward0" if ndim == 2 else "UnsafeViewBackward0")


SHORTCUTS.update({_matrices.__code__: "matmul", _affine.__code__: "linear"})


def _operand(other):
    """What stands beside a tensor in `@`: a tensor or an array; None for anything else."""
    if isinstance(other, Variable):
        return other
    return wrap(other) if isinstance(other, np.ndarray) else None


def __matmul__(self, other):
    other = _operand(other)
    return NotImplemented if other is None else matmul(self, other)


def __rmatmul__(self, other):
    other = _operand(other)
    return NotImplemented if other is None else matmul(other, self)


def __imatmul__(self, other):
    return assign(self, matmul(self, other))


class ProductMethods:
    """Products as methods."""

    __slots__ = ()

    matmul = matmul
    mm = mm
    bmm = bmm
    mv = mv
    dot = dot
    vdot = vdot
    inner = inner
    outer = ger = outer
    kron = kron
    cross = cross
    trace = trace
    __matmul__ = __matmul__
    __rmatmul__ = __rmatmul__
    __imatmul__ = __imatmul__

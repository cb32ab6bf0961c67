"""Products of vectors, matrices and tensors."""

from __future__ import annotations

import string

import numpy as np

from ..autograd.dispatch import apply, into
from ..autograd.inplace import assign, inplace, legacy_name
from ..autograd.tape import Variable, wrap
from ..errors import mismatch
from ..ops import linear as ops
from .arithmetic import mul
from .shape import diagonal, expand, permute, reshape, unsqueeze

__all__ = [
    *("matmul", "mm", "bmm", "mv", "dot", "vdot", "inner", "outer", "ger", "kron", "cross", "addmm", "addmv", "addr"),
    *("addbmm", "baddbmm", "einsum", "tensordot", "chain_matmul", "trace", "matrix_power"),
]


def _same_dtype(a, b, what: str = "m1 and m2") -> None:
    if a._array.dtype != b._array.dtype:
        raise RuntimeError(
            f"expected {what} to have the same dtype, but got: {_c(a)} != {_c(b)}. Convert one: x.to(y.dtype)."
        )


def _c(t) -> str:
    """A dtype in the words of PyTorch's message."""
    return {"Float": "float", "Double": "double", "Long": "long long", "Int": "int"}.get(legacy_name(t._array.dtype), legacy_name(t._array.dtype))


def _tensors(name: str, *values) -> None:
    for i, v in enumerate(values, start=1):
        if not isinstance(v, Variable):
            raise TypeError(f"{name}(): argument {i} must be Tensor, not {type(v).__name__}")


def _inner(name: str, a, b) -> RuntimeError:
    """The error of inner sizes that differ."""
    fix = ""
    if len(a) >= 2 and len(b) >= 2:
        if a[-1] == b[-1]:
            fix = " Did you mean b.mT?"
        elif a[-2] == b[-2]:
            fix = " Did you mean a.mT?"
    if len(a) <= 2 and len(b) <= 2:
        rows = lambda s: "x".join(map(str, s if len(s) == 2 else (1, *s)))
        return RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({rows(a)} and {rows(b)}) in {name}.{fix}")
    return RuntimeError(
        f"Expected size for first two dimensions of batch2 tensor to be: [{a[0]}, {a[-1]}] but got: {list(b[:2])}; {name} got "
        f"{tuple(a)} and {tuple(b)}.{fix}"
    )


def matmul(input, other, *, out=None):
    """The matrix product: of vectors a number, of matrices a matrix, of stacks of matrices stacks that broadcast.

    RuntimeError for inner sizes that differ, different dtypes, or zero-dimensional operands.
    """
    if not isinstance(input, Variable) or not isinstance(other, Variable):
        _tensors("matmul", input, other)
    a, b = input._array, other._array
    if a.ndim == 2 and b.ndim == 2 and a.dtype == b.dtype and a.shape[1] == b.shape[0]:
        result = apply(ops.matmul, input, other)
        return result if out is None else into(out, result)
    if a.ndim == 0 or b.ndim == 0:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {a.ndim}D and {b.ndim}D"
        )
    _same_dtype(input, other, "m1 and m2" if a.ndim > 1 and b.ndim > 1 else "both vectors")
    if a.dtype.kind == "b":
        raise NotImplementedError("\"addmm_impl_cpu_\" not implemented for 'Bool'. Convert first: x.int().")
    inner = b.shape[-2] if b.ndim > 1 else b.shape[0]
    if a.shape[-1] != inner:
        if a.ndim == b.ndim == 1:
            raise RuntimeError(
                f"inconsistent tensor size, expected tensor [{a.shape[0]}] and src [{b.shape[0]}] to have the same number of "
                f"elements, but got {a.shape[0]} and {b.shape[0]} elements respectively"
            )
        if a.ndim == 2 and b.ndim == 1:
            raise RuntimeError(f"size mismatch, got input ({a.shape[0]}), mat ({a.shape[0]}x{a.shape[1]}), vec ({b.shape[0]})")
        raise _inner("matmul", a.shape, b.shape)
    x = unsqueeze(input, 0) if a.ndim == 1 else input
    y = unsqueeze(other, 1) if b.ndim == 1 else other
    try:
        np.broadcast_shapes(x._array.shape[:-2], y._array.shape[:-2])
    except ValueError:
        raise mismatch(
            "matmul", "The size of tensor a must match the size of tensor b in the leading dimensions", a=a.shape, b=b.shape
        ) from None
    if y._array.ndim == 2 and x._array.ndim > 2:
        # One tall product instead of a stack of small ones.
        lead = x._array.shape[:-1]
        result = reshape(apply(ops.matmul, reshape(x, -1, x._array.shape[-1]) if x._array.size else x, y), *lead, y._array.shape[1])
    else:
        result = apply(ops.matmul, x, y)
    if a.ndim == 1:
        result = result.squeeze(-2)
    if b.ndim == 1:
        result = result.squeeze(-1)
    return result if out is None else into(out, result)


def _ranked(name: str, *wanted) -> None:
    """RuntimeError unless each tensor has its number of dimensions."""
    for i, (t, ndim, words) in enumerate(wanted, start=1):
        if t._array.ndim != ndim:
            raise RuntimeError(words or f"{name}: argument {i} must be {ndim}D, got {t._array.ndim}D of shape {tuple(t._array.shape)}")


def mm(input, mat2, *, out=None, out_dtype=None):
    """The product of two matrices, without broadcasting."""
    _tensors("mm", input, mat2)
    _ranked("mm", (input, 2, "self must be a matrix"), (mat2, 2, "mat2 must be a matrix"))
    return matmul(input, mat2, out=out)


def bmm(input, mat2, *, out=None):
    """The products of two stacks of as many matrices."""
    _tensors("bmm", input, mat2)
    _ranked("bmm", (input, 3, "batch1 must be a 3D tensor"), (mat2, 3, "batch2 must be a 3D tensor"))
    a, b = input._array.shape, mat2._array.shape
    if a[0] != b[0] or a[2] != b[1]:
        raise _inner("bmm", a, b)
    return matmul(input, mat2, out=out)


def mv(input, vec, *, out=None):
    """A matrix times a vector."""
    _ranked("mv", (input, 2, None), (vec, 1, None))
    return matmul(input, vec, out=out)


def dot(input, tensor, *, out=None):
    """The sum of products of two vectors of one length."""
    _tensors("dot", input, tensor)
    if input._array.ndim != 1 or tensor._array.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {input._array.ndim}D and {tensor._array.ndim}D tensors")
    if input._array.dtype != tensor._array.dtype:
        raise RuntimeError(
            f"dot : expected both vectors to have same dtype, but found {legacy_name(input._array.dtype)} and "
            f"{legacy_name(tensor._array.dtype)}"
        )
    return matmul(input, tensor, out=out)


def vdot(input, other, *, out=None):
    """The sum of products of conj(input) and `other`, vectors."""
    return dot(input.conj(), other, out=out)


def inner(input, other, *, out=None):
    """The sums of products over the last dimensions."""
    a, b = input._array, other._array
    if a.ndim == 0 or b.ndim == 0:
        return mul(input, other, out=out)
    if a.shape[-1] != b.shape[-1]:
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(a.shape)} and {list(b.shape)}"
        )
    return tensordot(input, other, ([-1], [-1]), out=out)


def outer(input, vec2, *, out=None):
    """The matrix of products of two vectors' elements."""
    _ranked("outer", (input, 1, "outer: Expected 1-D argument self, but got %d-D" % input._array.ndim), (vec2, 1, None))
    return mul(unsqueeze(input, 1), vec2, out=out)


ger = outer


def kron(input, other, *, out=None):
    """The Kronecker product."""
    a, b = input._array.shape, other._array.shape
    n = max(len(a), len(b))
    a, b = (1,) * (n - len(a)) + tuple(a), (1,) * (n - len(b)) + tuple(b)
    left = reshape(input, [v for size in a for v in (size, 1)])
    right = reshape(other, [v for size in b for v in (1, size)])
    result = reshape(left * right, [p * q for p, q in zip(a, b)])
    return result if out is None else into(out, result)


def cross(input, other, dim=None, *, out=None):
    """The cross product along a dimension of size 3 (by default the first of that size)."""
    from . import dims

    a, b = input, other
    shape = np.broadcast_shapes(a._array.shape, b._array.shape)
    a, b = expand(a, *shape), expand(b, *shape)
    if dim is None:
        dim = next((i for i, n in enumerate(shape) if n == 3), None)
        if dim is None:
            raise RuntimeError("linalg.cross: no dimension of size 3 in input")
    axis = dims.one(dim, len(shape))
    if shape[axis] != 3:
        raise RuntimeError(f"linalg.cross: inputs dimension {dim} must have length 3. Got {shape[axis]} and {shape[axis]}")
    result = a.roll(-1, axis) * b.roll(-2, axis) - a.roll(-2, axis) * b.roll(-1, axis)
    return result if out is None else into(out, result)


def _scaled_sum(input, product, beta, alpha, out):
    """beta * input + alpha * product; with beta 0 the input's values do not matter."""
    product = product if alpha == 1 else product * alpha
    if beta == 0:
        result = product
    else:
        result = product + (input if beta == 1 else input * beta)
    return result if out is None else into(out, result)


def addmm(input, mat1, mat2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * mat1 @ mat2."""
    _ranked("addmm", (mat1, 2, f"mat1 must be a matrix, got {mat1._array.ndim}-D tensor"), (mat2, 2, f"mat2 must be a matrix, got {mat2._array.ndim}-D tensor"))
    _same_dtype(input, mat1, "self and mat1")
    return _scaled_sum(input, matmul(mat1, mat2), beta, alpha, out)


def addmv(input, mat, vec, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * mat @ vec."""
    return _scaled_sum(input, mv(mat, vec), beta, alpha, out)


def addr(input, vec1, vec2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * outer(vec1, vec2)."""
    return _scaled_sum(input, outer(vec1, vec2), beta, alpha, out)


def baddbmm(input, batch1, batch2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * batch1 @ batch2, stacks of matrices."""
    return _scaled_sum(input, bmm(batch1, batch2), beta, alpha, out)


def addbmm(input, batch1, batch2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * the sum of batch1 @ batch2 over the stack."""
    return _scaled_sum(input, bmm(batch1, batch2).sum(0), beta, alpha, out)


def trace(input):
    """The sum of a matrix's diagonal."""
    if input._array.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input._array.ndim}")
    return diagonal(input).sum()


def chain_matmul(*matrices, out=None):
    """The product of matrices in the order that needs the fewest multiplications."""
    from ..linalg import multi_dot

    return multi_dot(matrices, out=out)


def matrix_power(input, n: int, *, out=None):
    """A square matrix to an integer power; a negative one inverts it first."""
    from ..linalg import inv
    from .creation import eye

    if n < 0:
        input, n = inv(input), -n
    result, square = None, input
    while n:
        if n & 1:
            result = square if result is None else matmul(result, square)
        n >>= 1
        if n:
            square = matmul(square, square)
    if result is None:
        size = input._array.shape[-1]
        result = expand(eye(size, dtype=input.dtype), *input._array.shape).clone()
    return result if out is None else into(out, result)


def tensordot(a, b, dims=2, out=None):
    """The sum of products over pairs of dimensions: the last `dims` of a with the first of b, or two lists of them."""
    if isinstance(dims, Variable):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a._array.ndim, b._array.ndim):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        left, right = list(range(a._array.ndim - dims, a._array.ndim)), list(range(dims))
    else:
        left, right = ([d] if isinstance(d, int) else list(d) for d in dims)
    left = [d % a._array.ndim for d in left]
    right = [d % b._array.ndim for d in right]
    if len(left) != len(right):
        raise RuntimeError("both dimension lists should have same length")
    sa, sb = a._array.shape, b._array.shape
    for i, j in zip(left, right):
        if sa[i] != sb[j]:
            raise RuntimeError(f"contracted dimensions need to match, but first has size {sa[i]} in dim {i} and second has size {sb[j]} in dim {j}")
    free_a, free_b = [i for i in range(len(sa)) if i not in left], [i for i in range(len(sb)) if i not in right]
    n = int(np.prod([sa[i] for i in left], dtype=np.int64))
    x = reshape(permute(a, free_a + left), int(np.prod([sa[i] for i in free_a], dtype=np.int64)), n)
    y = reshape(permute(b, right + free_b), n, int(np.prod([sb[i] for i in free_b], dtype=np.int64)))
    result = reshape(matmul(x, y), [sa[i] for i in free_a] + [sb[i] for i in free_b])
    return result if out is None else into(out, result)


def einsum(equation, *operands):
    """Sums of products in Einstein's notation: `einsum("bij,bjk->bik", a, b)`, or `einsum(a, [0, 1], b, [1, 2], [0, 2])`.

    "..." stands for any leading dimensions, which broadcast. RuntimeError for an equation that does not fit.
    """
    if isinstance(equation, Variable):
        equation, operands = _from_sublists((equation, *operands))
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = operands[0]
    operands = list(operands)
    equation = equation.replace(" ", "")
    inputs, arrow, output = equation.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise RuntimeError(
            "einsum(): more operands were provided than specified in the equation" if len(operands) > len(terms)
            else "einsum(): fewer operands were provided than specified in the equation"
        )
    names, sizes, broadcast = [], {}, 0
    for term, x in zip(terms, operands):
        labels = _labels(term, x._array.ndim)
        broadcast = max(broadcast, sum(isinstance(v, int) for v in labels))
        names.append(labels)
        for label, n in zip(labels, x._array.shape):
            if sizes.get(label, 1) not in (1, n) and n != 1:
                raise RuntimeError(
                    f"einsum(): operands do not broadcast with remapped shapes [original->remapped]: subscript {label} has "
                    f"size {n} which does not broadcast with previously seen size {sizes[label]}"
                )
            sizes[label] = max(sizes.get(label, 1), n) if n else 0
    ellipsis = list(range(-broadcast, 0))
    if arrow:
        result = []
        for part in _tokens(output):
            result += ellipsis if part == "..." else [part]
        for label in result:
            if label not in sizes:
                raise RuntimeError(f"einsum(): output subscript {label} does not appear in the equation for any input operand")
        if len(set(result)) != len(result):
            raise RuntimeError("einsum(): output subscript appears more than once in the output")
    else:
        seen = [label for labels in names for label in labels if isinstance(label, str)]
        result = ellipsis + sorted(label for label in set(seen) if seen.count(label) == 1)
    pairs = [_diagonals(x, labels) for x, labels in zip(operands, names)]
    x, labels = pairs[0]
    for k, (y, other) in enumerate(pairs[1:], start=2):
        needed = set(result).union(*[set(l) for _, l in pairs[k:]])
        x, labels = _contracted(x, labels, y, other, needed, sizes)
    gone = [i for i, label in enumerate(labels) if label not in result]
    if gone:
        x = x.sum(gone)
        labels = [label for label in labels if label in result]
    x = permute(x, [labels.index(label) for label in result])
    return x


def _from_sublists(arguments):
    """The equation that operands with lists of numbers mean."""
    letters = string.ascii_letters
    word = lambda items: "".join("..." if i is Ellipsis else letters[i] for i in items)
    operands, terms = list(arguments[:-1:2] if len(arguments) % 2 else arguments[::2]), []
    terms = [word(items) for items in arguments[1::2]]
    equation = ",".join(terms)
    if len(arguments) % 2:
        equation += "->" + word(arguments[-1])
    return equation, operands


def _tokens(term: str) -> list[str]:
    parts, i = [], 0
    while i < len(term):
        if term.startswith("...", i):
            parts.append("...")
            i += 3
        elif term[i].isalpha() and term[i].isascii():
            parts.append(term[i])
            i += 1
        else:
            raise RuntimeError(f"einsum(): invalid subscript given at index {i} in the equation string, subscripts must be in [a-zA-Z]")
    return parts


def _labels(term: str, ndim: int) -> list:
    """One label for each dimension: letters, and negative numbers for those under an ellipsis."""
    parts = _tokens(term)
    named = len([p for p in parts if p != "..."])
    if parts.count("...") > 1:
        raise RuntimeError("einsum(): found '...' for operand for which an ellipsis was already found")
    if named > ndim or ("..." not in parts and named != ndim):
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({named}) does not match the number of dimensions ({ndim}) "
            "for operand"
        )
    labels: list = []
    for p in parts:
        labels += list(range(named - ndim, 0)) if p == "..." else [p]
    return labels


def _diagonals(x, labels):
    """A label that appears twice in one operand takes the diagonal."""
    labels = list(labels)
    while True:
        twice = next((label for label in labels if labels.count(label) > 1), None)
        if twice is None:
            return x, labels
        i = labels.index(twice)
        j = labels.index(twice, i + 1)
        x = diagonal(x, 0, i, j)
        del labels[j], labels[i]
        labels.append(twice)


def _contracted(x, left, y, right, needed, sizes):
    """Two operands as one: a batched matrix product over the labels that nothing else needs."""
    both = [label for label in left if label in right]
    # A size of 1 that broadcasts against another cannot be summed by a product.
    summed = [
        label for label in both
        if label not in needed and x._array.shape[left.index(label)] == y._array.shape[right.index(label)]
    ]
    batch = [label for label in both if label not in summed]
    only_x, only_y = [label for label in left if label not in both], [label for label in right if label not in both]
    for gone, which in ((only_x, 0), (only_y, 1)):
        drop = [label for label in gone if label not in needed]
        if drop and which == 0:
            x = x.sum([left.index(label) for label in drop])
            left = [label for label in left if label not in drop]
            only_x = [label for label in only_x if label not in drop]
        elif drop:
            y = y.sum([right.index(label) for label in drop])
            right = [label for label in right if label not in drop]
            only_y = [label for label in only_y if label not in drop]
    x = permute(x, [left.index(label) for label in batch + only_x + summed])
    y = permute(y, [right.index(label) for label in batch + summed + only_y])
    size_x, size_y = x._array.shape, y._array.shape
    nb, nx, ns = len(batch), len(only_x), len(summed)
    product = lambda values: int(np.prod(values, dtype=np.int64))
    if not summed:
        a = reshape(x, *size_x, *(1,) * len(only_y))
        b = reshape(y, *size_y[:nb], *(1,) * nx, *size_y[nb:])
        return mul(a, b), batch + only_x + only_y
    a = reshape(x, *size_x[:nb], product(size_x[nb : nb + nx]), product(size_x[nb + nx :]))
    b = reshape(y, *size_y[:nb], product(size_y[nb : nb + ns]), product(size_y[nb + ns :]))
    z = matmul(a, b)
    return reshape(z, *z._array.shape[:-2], *size_x[nb : nb + nx], *size_y[nb + ns :]), batch + only_x + only_y


def linear(input, weight, bias=None):
    """input @ weight.T + bias, for rows of `weight.shape[1]` features with any leading dimensions."""
    x, w = input._array, weight._array
    if w.ndim == 2 and x.ndim and x.dtype == w.dtype and x.shape[-1] == w.shape[1]:
        if bias is None or (bias._array.dtype == w.dtype and bias._array.shape == w.shape[:1]):
            return apply(ops.linear, input, weight, bias)
    _tensors("linear", input, weight)
    if w.ndim == 2 and x.ndim and x.shape[-1] != w.shape[1]:
        rows = int(np.prod(x.shape[:-1], dtype=np.int64))
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{x.shape[-1]} and {w.shape[1]}x{w.shape[0]}) in linear: the "
            f"input is {tuple(x.shape)}, its last dimension must be {w.shape[1]}."
        )
    if x.dtype != w.dtype:
        _same_dtype(input, weight, "mat1 and mat2")
    if bias is not None and bias._array.dtype != w.dtype:
        _same_dtype(weight, bias, "mat1 and bias")
    result = matmul(input, weight.t() if w.ndim == 2 else weight)
    return result if bias is None else result + bias


def __matmul__(self, other):
    if not isinstance(other, Variable):
        if isinstance(other, np.ndarray):
            return matmul(self, wrap(other))
        return NotImplemented
    return matmul(self, other)


def __rmatmul__(self, other):
    return matmul(wrap(other), self) if isinstance(other, np.ndarray) else NotImplemented


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
    trace = trace
    matrix_power = matrix_power
    __matmul__ = __matmul__
    __rmatmul__ = __rmatmul__
    __imatmul__ = __imatmul__

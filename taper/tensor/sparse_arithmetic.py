"""Arithmetic of sparse tensors: what is computed from their elements alone, as zero stays zero."""

from __future__ import annotations

import numpy as np

from ..autograd.dispatch import apply
from ..autograd.tape import Variable, wrap
from .creation import zeros
from .joining import cat

KEEPS_ZERO = frozenset(
    "abs asin asinh atan atanh ceil deg2rad erf erfinv expm1 floor frac isinf isnan isneginf isposinf log1p neg rad2deg relu "
    "round sign signbit sgn sin sinh sqrt square tan tanh trunc".split()
)
"""Operators of one tensor that make zero of zero: they work on the elements that are there."""


def of_elements(operator, inputs: tuple, attrs: dict):
    """An operator on a sparse tensor, or on a dense and a sparse one. NotImplementedError where zeros would not stay zero."""
    first, *others = inputs
    if isinstance(first, SparseArithmetic):
        if operator.name in KEEPS_ZERO and not others:
            mine = first._distinct()
            return mine._with(apply(operator, mine._elements, **attrs))
        if operator.name in ("add", "sub", "mul", "div"):
            return getattr(first, operator.name)(*others)
    elif operator.name in ("add", "sub") and isinstance(first, Variable):
        return apply(
            operator, first, *(t.to_dense() if isinstance(t, SparseArithmetic) else t for t in others), **attrs
        )
    elif operator.name == "mul" and isinstance(others[0], SparseArithmetic):
        return others[0].mul(first)
    raise NotImplementedError(
        f"Could not run '{operator.name}' with arguments from the 'SparseCPU' backend: this operator does not take sparse "
        "tensors. Use x.to_dense() first, or work on x.values()."
    )


class SparseArithmetic:
    """Sums, products by numbers and functions of a sparse tensor, also in place."""

    __slots__ = ()

    def add(self, other, *, alpha=1):
        """The sum with a sparse tensor of the same shape. RuntimeError for a dense one."""
        if not isinstance(other, SparseArithmetic):
            raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
        if other._array.shape != self._array.shape:
            raise RuntimeError(
                f"add: expected 'self' and 'other' to have same size, but {list(self._array.shape)} != "
                f"{list(other._array.shape)}"
            )
        scaled = other._elements if alpha == 1 else other._elements * alpha
        return self.made(cat([self._places, other._places], 1), cat([self._elements, scaled], 0), self._array.shape)

    __add__ = add

    def __radd__(self, other):
        """The sum with a dense tensor, dense."""
        return other + self.to_dense()

    def sub(self, other, *, alpha=1):
        """The difference to a sparse tensor of the same shape."""
        return self.add(other, alpha=-alpha)

    __sub__ = sub

    def mul(self, other):
        """The product with a number, or with a tensor of the same shape element by element."""
        if isinstance(other, SparseArithmetic):
            mine = self.coalesce()
            theirs = other.to_dense()
            return mine._with(mine._elements * theirs[tuple(mine._places)])
        if isinstance(other, Variable) and other._array.ndim:
            return self._with(self._elements * other.expand(self._array.shape)[tuple(self._places)])
        return self._with(self._elements * other)

    __mul__ = __rmul__ = mul

    def div(self, other):
        """The quotient by a number."""
        return self._with(self._elements / other)

    __truediv__ = div

    def neg(self):
        """All elements with the other sign."""
        return self._with(-self._elements)

    __neg__ = neg

    def sum(self, dim=None, keepdim=False, *, dtype=None):
        """The sum of all elements, or over dimensions, dense."""
        return self._elements.sum(dtype=dtype) if dim is None else self.to_dense().sum(dim, keepdim, dtype=dtype)

    def pow(self, exponent):
        """The elements to a power greater than zero, a number."""
        if isinstance(exponent, Variable) or exponent <= 0:
            raise NotImplementedError(
                "pow of a sparse tensor takes a number greater than zero. Use x.to_dense() first."
            )
        mine = self._distinct()
        return mine._with(mine._elements**exponent)

    __pow__ = pow

    def floor_divide(self, other):
        """The quotients by a number, rounded down."""
        mine = self._distinct()
        return mine._with(mine._elements // other)

    __floordiv__ = floor_divide

    def norm(self, p="fro", dim=None, keepdim=False, dtype=None):
        """The norm of all elements."""
        if dim is not None:
            raise NotImplementedError("norm of a sparse tensor is that of all elements. Use x.to_dense() first.")
        return self._distinct()._elements.reshape(-1).norm(2 if p in (None, "fro") else p, dtype=dtype)

    def any(self):
        """Whether an element is not zero."""
        return self._distinct()._elements.any()

    def index_select(self, dim: int, index):
        """The slices at these numbers along a dimension."""
        dim = dim % self._array.ndim
        if dim >= self.sparse_dim():
            elements = self._elements.index_select(dim - self.sparse_dim() + 1, index)
            shape = (*self._array.shape[: self.sparse_dim()], *elements.shape[1:])
            return self.made(self._places, elements, shape, self._is_coalesced)
        here, wanted = self._places._array[dim], np.asarray(index._array).reshape(-1)
        if wanted.size and (wanted.min() < 0 or wanted.max() >= self._array.shape[dim]):
            raise IndexError(
                f"index_select(): index out of range for a tensor of size {self._array.shape} at dimension {dim}"
            )
        slot, element = np.nonzero(wanted[:, None] == here[None, :])
        places = self._places._array[:, element].copy()
        places[dim] = slot
        shape = (*self._array.shape[:dim], wanted.size, *self._array.shape[dim + 1 :])
        return self.made(wrap(places), self._elements.index_select(0, wrap(element)), shape)

    def _distinct(self):
        """The same with every place once."""
        return self.coalesce()

    def _become(self, other):
        """Take over what another sparse tensor is."""
        self._array = other._array
        self.__dict__.update(other.__dict__)
        return self

    def add_(self, other, *, alpha=1):
        """`add`, written into this tensor; returns it."""
        return self._become(self.add(other, alpha=alpha))

    def sub_(self, other, *, alpha=1):
        """`sub`, written into this tensor; returns it."""
        return self._become(self.sub(other, alpha=alpha))

    def mul_(self, other):
        """`mul`, written into this tensor; returns it."""
        return self._become(self.mul(other))

    def div_(self, other):
        """`div`, written into this tensor; returns it."""
        return self._become(self.div(other))

    def neg_(self):
        """`neg`, written into this tensor; returns it."""
        return self._become(self.neg())

    def zero_(self):
        """No elements from now on; returns the tensor."""
        return self._become(self.emptied())

    def copy_(self, src, non_blocking: bool = False):
        """The elements of another sparse tensor from now on. RuntimeError for a dense one."""
        if not isinstance(src, SparseArithmetic):
            raise RuntimeError("copy_() between dense and sparse Tensors is not implemented! Use to_sparse() first.")
        return self._become(src.clone())

    def emptied(self):
        """A sparse tensor of this shape and dtype without elements."""
        places = wrap(np.zeros((self.sparse_dim(), 0), np.int64))
        return self.made(
            places, zeros((0, *self._elements.shape[1:]), dtype=self._elements.dtype), self._array.shape, True
        )

    __iadd__, __isub__, __imul__, __itruediv__ = add_, sub_, mul_, div_

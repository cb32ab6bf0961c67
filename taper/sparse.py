"""Sparse tensors in coordinate form: products, sums, softmax; the older constructors."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dtypes
from .autograd.tape import wrap
from .refusal import refused
from .tensor import cat, matmul, zeros
from .tensor.size import Size
from .tensor.sparse_coordinates import SparseTensor, sparse_coo_tensor

__all__ = ["addmm", "check_sparse_tensor_invariants", "log_softmax", "mm", "sampled_addmm", "softmax", "spdiags", "sum"]

_INSTEAD = "Use taper.sparse_coo_tensor or taper.sparse_csr_tensor."
SparseSemiStructuredTensor = refused("sparse.SparseSemiStructuredTensor", _INSTEAD)
to_sparse_semi_structured = refused("sparse.to_sparse_semi_structured", _INSTEAD)


def mm(mat1, mat2, reduce: str | None = None):
    """The product of two matrices of which one is sparse: dense if the other one is."""
    if reduce not in (None, "sum"):
        raise NotImplementedError(f"sparse.mm: reduce={reduce!r} is not implemented; use scatter_reduce")
    return matmul(mat1, mat2)


spmm = dsmm = hspmm = mm


def addmm(mat, mat1, mat2, *, beta=1, alpha=1):
    """beta * mat + alpha * (mat1 @ mat2), mat1 being sparse."""
    return beta * mat + alpha * mm(mat1, mat2)


def sampled_addmm(input, mat1, mat2, *, beta=1.0, alpha=1.0, out=None):
    """beta * input + alpha * (mat1 @ mat2) at the places of a sparse matrix `input` only, in its layout."""
    if out is not None:
        raise NotImplementedError("sparse.sampled_addmm: out= is not part of Taper: use the result")
    places = input._places
    rows, columns = mat1.index_select(0, places[0]), mat2.index_select(1, places[1]).t()
    return input._with(beta * input._elements + alpha * (rows * columns).sum(1))


def sum(input, dim=None, dtype=None):
    """The sum of a sparse tensor's elements, or over dimensions, as a sparse tensor while places are left."""
    made = input.sum() if dim is None else input.to_dense().sum(dim).to_sparse()
    return made if dtype is None else made.to(dtype)


def _over_rows(input, dim: int, log: bool):
    """softmax over the elements of each line along a dimension, those that are not there being minus infinity."""
    mine = input.coalesce()
    dim = dim % mine.sparse_dim()
    places = mine._indices()._array
    others = np.delete(places, dim, axis=0)
    _, group = np.unique(others, axis=1, return_inverse=True) if len(others) else (None, np.zeros(places.shape[1], int))
    group = wrap(np.asarray(group).reshape(-1).astype(np.int64))
    count = int(group.max().item()) + 1 if group.numel() else 0
    values = mine._values()
    top = zeros(count, dtype=values.dtype).scatter_reduce(0, group, values.detach(), "amax", include_self=False)
    shifted = values - top[group]
    total = zeros(count, dtype=values.dtype).index_add(0, group, shifted.exp())
    made = shifted - total.log()[group]
    return mine._with(made if log else made.exp())


def softmax(input, dim: int, *, dtype=None):
    """The softmax over the elements that are there, along a dimension."""
    return _over_rows(input if dtype is None else input.to(dtype), dim, False)


def log_softmax(input, dim: int, *, dtype=None):
    """The logarithm of `softmax`."""
    return _over_rows(input if dtype is None else input.to(dtype), dim, True)


def spdiags(diagonals, offsets, shape, layout=None):
    """The sparse matrix of a shape with rows of `diagonals` on its diagonals of these offsets."""
    rows, columns = shape
    places, elements = [], []
    table = diagonals if diagonals.dim() == 2 else diagonals.unsqueeze(0)
    for line, offset in zip(table, offsets.reshape(-1).tolist()):
        j = np.arange(min(columns, table.shape[1]))
        i = j - offset
        held = (i >= 0) & (i < rows)
        places.append(np.stack([i[held], j[held]]))
        elements.append(line[wrap(j[held])])
    return sparse_coo_tensor(wrap(np.concatenate(places, 1)), cat(elements), shape)


class check_sparse_tensor_invariants:
    """Whether constructors check what they are given: they always do."""

    @staticmethod
    def is_enabled() -> bool:
        """True."""
        return True

    @staticmethod
    def enable() -> None:
        """Nothing to do."""

    @staticmethod
    def disable() -> None:
        """Accepted and without effect."""

    def __init__(self, enable: bool = True):
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error) -> None:
        pass


class _Legacy(type):
    """The older constructors `sparse.FloatTensor(indices, values, size)`."""

    dtype: Any

    def __instancecheck__(cls, obj) -> bool:
        return isinstance(obj, SparseTensor) and obj.dtype is cls.dtype

    def __call__(cls, *args, device=None):
        if args and isinstance(args[0], (int, Size)):
            size = args[0] if isinstance(args[0], Size) else args
            return sparse_coo_tensor(size=size, dtype=cls.dtype, device=device)
        return sparse_coo_tensor(*args, dtype=cls.dtype, device=device)


def _legacy(name: str, dtype):
    return _Legacy(name, (), {"dtype": dtype, "__doc__": f"Sparse tensors of {dtype!r}."})


FloatTensor = _legacy("FloatTensor", dtypes.float32)
DoubleTensor = _legacy("DoubleTensor", dtypes.float64)
HalfTensor = _legacy("HalfTensor", dtypes.float16)
LongTensor = _legacy("LongTensor", dtypes.int64)
IntTensor = _legacy("IntTensor", dtypes.int32)

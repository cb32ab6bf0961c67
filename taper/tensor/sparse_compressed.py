"""Sparse matrices by compressed rows (CSR) or columns (CSC): where each row's elements begin, and their columns.

They compute as the coordinate form does, by the places that the compressed indices stand for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.leaves import AccumulateGrad
from ..autograd.tape import Variable, wrap
from . import formats
from .core import Tensor
from .creation import as_tensor
from .factory import place
from .sparse_coordinates import SparseArray, SparseTensor, _indented, to_sparse

__all__ = ["sparse_compressed_tensor", "sparse_csc_tensor", "sparse_csr_tensor"]

_WORDS = {
    formats.sparse_csr: ("crow_indices", "col_indices", "row"),
    formats.sparse_csc: ("ccol_indices", "row_indices", "col"),
}
"""What the compressed and the plain indices are called, and what is compressed."""


def _axis(layout) -> int:
    """The dimension that is compressed."""
    return 0 if layout is formats.sparse_csr else 1


class CompressedTensor(SparseTensor):
    """A sparse matrix of layout sparse_csr or sparse_csc. It is never uncoalesced, and has no `indices()`."""

    __slots__ = ()
    is_sparse = False
    layout: Any

    @staticmethod
    def of(compressed, plain, values, shape, layout) -> CompressedTensor:
        """The matrix of checked indices."""
        t = Tensor.__new__(CompressedTensor)
        t._array = SparseArray(tuple(shape), values._array.dtype)
        t._node, t._counter = None, None
        t.layout = layout
        t._compressed, t._plain, t._elements, t._is_coalesced = compressed, plain, values, False
        starts = np.diff(compressed._array)
        lines = np.repeat(np.arange(len(starts), dtype=np.int64), starts)
        both = (lines, plain._array.astype(np.int64))
        t._places = wrap(np.stack(both if _axis(layout) == 0 else both[::-1]))
        return t

    @property
    def is_sparse_csr(self) -> bool:
        """Whether the rows are compressed."""
        return self.layout is formats.sparse_csr

    def _with(self, values) -> CompressedTensor:
        return CompressedTensor.of(self._compressed, self._plain, values, self._array.shape, self.layout)

    def sparse_dim(self) -> int:
        """2"""
        return 2

    def values(self):
        """The elements, line after line."""
        return self._elements

    def _asked(self, name: str):
        words = _WORDS[self.layout]
        if name not in words:
            raise RuntimeError(f"{name} expected another sparse tensor layout but got {self.layout}.")
        return self._compressed if name == words[0] else self._plain

    def crow_indices(self):
        """Where each row's elements begin, and where the last end, (rows + 1,). RuntimeError for CSC."""
        return self._asked("crow_indices")

    def col_indices(self):
        """The column of each element. RuntimeError for CSC."""
        return self._asked("col_indices")

    def ccol_indices(self):
        """Where each column's elements begin, and where the last end, (columns + 1,). RuntimeError for CSR."""
        return self._asked("ccol_indices")

    def row_indices(self):
        """The row of each element. RuntimeError for CSR."""
        return self._asked("row_indices")

    def _coordinates(self, *args, **kwargs):
        raise RuntimeError(
            f"expected sparse coordinate tensor layout but got {self.layout}. Use x.to_sparse(), or x.values()."
        )

    indices = _indices = coalesce = is_coalesced = _coordinates  # pyright: ignore

    def _in_order(self) -> SparseTensor:
        """The coordinate form, its places sorted by rows."""
        made = SparseTensor.made(self._places, self._elements, self._array.shape)
        if self.layout is not formats.sparse_csr:
            order = wrap(np.lexsort((self._places._array[1], self._places._array[0])))
            made = SparseTensor.made(self._places[:, order], self._elements[order], self._array.shape)
        made._is_coalesced = True
        return made

    def to_sparse(self, *args, layout=None, **kwargs):
        """The coordinate form, or another layout."""
        if layout is not None:
            return to_sparse(self, layout=layout)
        return SparseTensor.made(self._places, self._elements, self._array.shape, self.is_sparse_csr)

    def to_sparse_coo(self, *args, **kwargs):
        """The coordinate form."""
        return self.to_sparse()

    def _times_sparse(self, other):
        return in_layout(self._in_order()._times_sparse(other), self.layout)

    def transpose(self, dim0: int, dim1: int):
        """Rows and columns exchanged: the indices stay, the layout is the other one."""
        if {dim0 % 2, dim1 % 2} != {0, 1}:
            return self
        turned = formats.sparse_csc if self.layout is formats.sparse_csr else formats.sparse_csr
        return CompressedTensor.of(self._compressed, self._plain, self._elements, self._array.shape[::-1], turned)

    def add(self, other, *, alpha=1):
        """The sum with a sparse matrix in this layout, or with a dense one, dense."""
        if not isinstance(other, SparseTensor):
            return self.to_dense() + other * alpha
        return in_layout(self._in_order().add(_coo(other), alpha=alpha), self.layout)

    __add__ = add

    def mul(self, other):
        """The product with a number, or with a matrix of the same shape element by element."""
        if isinstance(other, CompressedTensor):
            return in_layout(self._in_order().mul(_coo(other)), self.layout)
        return super().mul(other)

    __mul__ = __rmul__ = mul

    def _distinct(self):
        return self

    def emptied(self):
        return in_layout(self._in_order().emptied(), self.layout)

    def clone(self, *, memory_format=None):
        """A copy."""
        parts = (self._compressed.clone(), self._plain.clone(), self._elements.clone())
        return CompressedTensor.of(*parts, self._array.shape, self.layout)

    def __repr__(self, *, tensor_contents=None) -> str:
        compressed, plain, _ = _WORDS[self.layout]
        shown = self.dtype not in (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool_)
        text = (
            f"tensor({compressed}={_indented(self._compressed, len(compressed) + 8)},\n"
            f"       {plain}={_indented(self._plain, len(plain) + 8)},\n"
            f"       values={_indented(self._elements.detach(), 14)}"
        )
        facts = [
            f"size={tuple(self._array.shape)}",
            f"nnz={self._nnz()}",
            *([f"dtype={self.dtype!r}"] if shown else []),
        ]
        line = len(text) - text.rfind("\n") + 1
        for fact in (*facts, f"layout={self.layout}"):
            wide = line + len(fact) + 2 > 80
            text += (",\n       " if wide else ", ") + fact
            line = len(fact) + 7 if wide else line + len(fact) + 2
        if isinstance(self._elements._node, AccumulateGrad):
            text += ", requires_grad=True"
        elif self.requires_grad:
            text += f",\n       grad_fn=<{self._elements.grad_fn.name()}>"
        return text + ")"

    def __reduce_ex__(self, protocol):
        parts = (self._compressed, self._plain, self._elements.detach())
        return CompressedTensor.of, (*parts, self._array.shape, self.layout)


def _coo(t: SparseTensor) -> SparseTensor:
    return t._in_order() if isinstance(t, CompressedTensor) else t


def in_layout(t: SparseTensor, layout) -> SparseTensor:
    """A sparse tensor in the layout sparse_coo, sparse_csr or sparse_csc. NotImplementedError for blocks."""
    if layout is t.layout:
        return t
    if layout is formats.sparse_coo:
        return _coo(t)
    if layout not in _WORDS:
        raise NotImplementedError(
            f"to_sparse: Taper has the layouts sparse_coo, sparse_csr and sparse_csc, not {layout}"
        )
    mine = _coo(t).coalesce()
    if mine.sparse_dim() != 2 or mine.dense_dim():
        raise NotImplementedError(
            f"to_sparse: {layout} is for matrices, and this tensor has {mine._array.ndim} dimensions: keep it in sparse_coo"
        )
    axis = _axis(layout)
    places, values = mine._places._array, mine._elements
    if axis:
        order = np.lexsort((places[0], places[1]))
        places, values = places[:, order], values[wrap(order)]
    starts = np.zeros(mine._array.shape[axis] + 1, np.int64)
    np.cumsum(np.bincount(places[axis], minlength=mine._array.shape[axis]), out=starts[1:])
    return CompressedTensor.of(wrap(starts), wrap(places[1 - axis].copy()), values, mine._array.shape, layout)


def sparse_compressed_tensor(
    compressed_indices,
    plain_indices,
    values,
    size=None,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
):
    """A sparse matrix of `layout`, sparse_csr or sparse_csc, from its indices and elements.

    compressed_indices: (lines + 1,), where each line's elements begin and the last end; plain_indices, values: (elements,).
    size: the shape, by default the smallest. RuntimeError for indices that do not fit; NotImplementedError for blocks and for
    batches of matrices.
    """
    place(device)
    if layout not in _WORDS:
        if layout in (formats.sparse_bsr, formats.sparse_bsc):
            raise NotImplementedError(f"sparse_compressed_tensor: {layout} is not part of Taper: use sparse_csr")
        raise RuntimeError(f"sparse_compressed_tensor: expected sparse compressed tensor layout but got {layout}")
    compressed, plain = _indices_of(compressed_indices), _indices_of(plain_indices)
    elements = as_tensor(values) if dtype is None else as_tensor(values).to(dtype)
    if compressed.dim() > 1:
        raise NotImplementedError(
            "sparse_compressed_tensor: batches of matrices are not part of Taper: make a list of them"
        )
    line, across, what = _WORDS[layout]
    if compressed.dim() != 1 or plain.dim() != 1 or elements.dim() != 1 or compressed.numel() < 1:
        raise RuntimeError(
            f"{line} must have dimensionality >= 1, and {across} and values as many dimensions, but got {compressed.dim()}, "
            f"{plain.dim()} and {elements.dim()}"
        )
    if compressed.dtype != plain.dtype:
        raise RuntimeError(
            f"{line} and {across} must have the same dtype, bot got {compressed.dtype} and {plain.dtype}"
        )
    if plain.numel() != elements.numel():
        raise RuntimeError(
            f"number of elements of {across} must be that of values: {plain.numel()}, {elements.numel()}"
        )
    axis = _axis(layout)
    starts, across_array = compressed._array, plain._array
    if size is None:
        shape = (len(starts) - 1, int(across_array.max()) + 1 if across_array.size else 0)
        shape = shape[::-1] if axis else shape
    else:
        shape = tuple(int(n) for n in size)
    if len(shape) != 2:
        raise RuntimeError(f"size must have length 2, but got {len(shape)}")
    if len(starts) != shape[axis] + 1:
        raise RuntimeError(
            f"{line}.shape[-1] must be equal to the number of {what}s + 1: {len(starts)} is not {shape[axis] + 1}"
        )
    if starts[0] != 0 or starts[-1] != len(across_array):
        raise RuntimeError(f"`{line}[..., 0] == 0` and `{line}[..., -1] == nnz` is not satisfied.")
    counts = np.diff(starts)
    if counts.size and (counts.min() < 0 or counts.max() > shape[1 - axis]):
        raise RuntimeError(f"`0 <= {line}[..., 1:] - {line}[..., :-1] <= {shape[1 - axis]}` is not satisfied.")
    if across_array.size and (across_array.min() < 0 or across_array.max() >= shape[1 - axis]):
        raise RuntimeError(f"`0 <= {across} < {shape[1 - axis]}` is not satisfied.")
    lines = np.repeat(np.arange(len(counts)), counts)
    flat = lines * max(shape[1 - axis], 1) + across_array
    if (np.diff(flat) <= 0).any():
        raise RuntimeError(
            f"`{across}[..., {line}[..., i - 1]:{line}[..., i]] for all i are sorted and distinct` is not satisfied."
        )
    return CompressedTensor.of(compressed, plain, elements, shape, layout)._recording(requires_grad)


def _indices_of(data) -> Variable:
    found = as_tensor(data)
    return found if found.dtype in (dtypes.int32, dtypes.int64) else found.long()


def sparse_csr_tensor(
    crow_indices,
    col_indices,
    values,
    size=None,
    *,
    dtype=None,
    device=None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
):
    """A sparse matrix by compressed rows: see `sparse_compressed_tensor`."""
    options: dict[str, Any] = {"dtype": dtype, "device": device, "requires_grad": requires_grad}
    return sparse_compressed_tensor(crow_indices, col_indices, values, size, layout=formats.sparse_csr, **options)


def sparse_csc_tensor(
    ccol_indices,
    row_indices,
    values,
    size=None,
    *,
    dtype=None,
    device=None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
):
    """A sparse matrix by compressed columns: see `sparse_compressed_tensor`."""
    options: dict[str, Any] = {"dtype": dtype, "device": device, "requires_grad": requires_grad}
    return sparse_compressed_tensor(ccol_indices, row_indices, values, size, layout=formats.sparse_csc, **options)


def to_sparse_csr(self, dense_dim: int | None = None):
    """A matrix by compressed rows; gradients flow through its values. NotImplementedError for more dimensions."""
    return in_layout(self if isinstance(self, SparseTensor) else to_sparse(self), formats.sparse_csr)


def to_sparse_csc(self, dense_dim: int | None = None):
    """A matrix by compressed columns; gradients flow through its values. NotImplementedError for more dimensions."""
    return in_layout(self if isinstance(self, SparseTensor) else to_sparse(self), formats.sparse_csc)


def _refused(name: str):
    def method(self, *args, **kwargs):
        raise RuntimeError(f"{name} expected sparse row or column compressed tensor layout but got {self.layout}.")

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{name}` of a compressed sparse matrix. RuntimeError for another tensor."
    return method


Tensor.to_sparse_csr, Tensor.to_sparse_csc = to_sparse_csr, to_sparse_csc
for _name in ("crow_indices", "col_indices", "ccol_indices", "row_indices"):
    setattr(Tensor, _name, _refused(_name))
Tensor.is_sparse_csr = False

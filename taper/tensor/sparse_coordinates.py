"""Sparse tensors in coordinate form: the places of elements and the elements, all others being zero.

What a sparse tensor can do is here; any other operator refuses it, as it is no array. Gradients flow through `values`.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.leaves import AccumulateGrad
from ..autograd.recording import node_of
from ..autograd.tape import wrap
from . import formats
from .core import Tensor
from .creation import as_tensor, tensor, zeros
from .factory import element_type, place, place_on_gpu
from .size import Size
from .sparse_arithmetic import SparseArithmetic, of_elements

__all__ = ["SparseTensor", "sparse_coo_tensor"]


class SparseArray:
    """What stands in a sparse tensor's array's place: its shape and dtype, and no elements for operators to read."""

    __slots__ = ("shape", "dtype")

    def __init__(self, shape: tuple, dtype: np.dtype):
        self.shape, self.dtype = shape, dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    base = None  # it shares its memory with no array

    def each(self, operator, inputs: tuple, attrs: dict):
        """What an operator makes of inputs of which one is sparse: `dispatch` asks for it."""
        return of_elements(operator, inputs, attrs)

    def product(self, a, b):
        """The product of a sparse matrix with a dense or sparse one, or with a vector, or the other way round."""
        if isinstance(a, SparseTensor):
            return a._times_sparse(b) if isinstance(b, SparseTensor) else a._times(b)
        return b.t()._times(a.t()).t()

    def __getattr__(self, name: str):
        raise NotImplementedError(
            "This operator does not take sparse tensors. Use x.to_dense() first, or work on x.values()."
        )


class SparseTensor(SparseArithmetic, Tensor):
    """A sparse tensor: `indices()` (dimensions, elements) and `values()` (elements, ...)."""

    __slots__ = ()
    is_sparse = True
    layout = formats.sparse_coo

    @staticmethod
    def made(indices, values, shape, coalesced: bool = False) -> SparseTensor:
        t = Tensor.__new__(SparseTensor)
        t._array = SparseArray(tuple(shape), values._array.dtype)
        t._node, t._counter = None, None
        t._places, t._elements, t._is_coalesced = indices, values, coalesced
        return t

    def _with(self, values) -> SparseTensor:
        return SparseTensor.made(self._places, values, self._array.shape, self._is_coalesced)

    @property
    def requires_grad(self) -> bool:
        """Whether the elements require grad."""
        return node_of(self._elements) is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True):
        """Record what is computed from the elements; their gradient is that of `values()`."""
        self._elements.requires_grad_(requires_grad)
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether the elements are a leaf."""
        return self._elements.is_leaf

    @property
    def grad_fn(self):
        """The node of the elements."""
        return self._elements.grad_fn

    def sparse_dim(self) -> int:
        """The number of dimensions that `indices` gives."""
        return self._places.shape[0]

    def dense_dim(self) -> int:
        """The number of dimensions of one element."""
        return self._elements.dim() - 1

    def _nnz(self) -> int:
        return self._elements.shape[0]

    def _indices(self):
        return self._places

    def _values(self):
        return self._elements

    def is_coalesced(self) -> bool:
        """Whether places are sorted and no place comes twice."""
        return self._is_coalesced

    def indices(self):
        """The places of the elements. RuntimeError before `coalesce`."""
        self._check_coalesced("indices")
        return self._places

    def values(self):
        """The elements. RuntimeError before `coalesce`."""
        self._check_coalesced("values")
        return self._elements

    def _check_coalesced(self, what: str) -> None:
        if not self._is_coalesced:
            raise RuntimeError(f"Cannot get {what} on an uncoalesced tensor, please call .coalesce() first")

    def _flat(self) -> np.ndarray:
        """Each place as one number."""
        sizes = self._array.shape[: self.sparse_dim()]
        places = self._places._array
        if not sizes or not places.shape[1]:
            return np.zeros(places.shape[1], np.int64)
        return np.ravel_multi_index(tuple(places), sizes)

    def coalesce(self):
        """The same tensor with places sorted, and the elements of one place added."""
        if self._is_coalesced:
            return self
        places, inverse = np.unique(self._flat(), return_inverse=True)
        sizes = self._array.shape[: self.sparse_dim()]
        indices = np.stack(np.unravel_index(places, sizes)) if sizes else np.zeros((0, len(places)), np.int64)
        shape = (len(places), *self._elements.shape[1:])
        values = zeros(shape, dtype=self._elements.dtype)
        values = values.index_add(0, wrap(inverse.reshape(-1).astype(np.int64)), self._elements)
        return SparseTensor.made(wrap(np.ascontiguousarray(indices, np.int64)), values, self._array.shape, True)

    def to_dense(self, dtype=None, *, masked_grad=None):
        """The same elements with all the zeros between them."""
        shape = self._array.shape
        k = self.sparse_dim()
        flat = zeros((math.prod(shape[:k]), *shape[k:]), dtype=self._elements.dtype)
        made = flat.index_add(0, wrap(self._flat()), self._elements).reshape(shape)
        return made if dtype is None else made.to(dtype)

    def to_sparse(self, *args, layout=None, **kwargs):
        """Itself, or the same in another layout."""
        return to_sparse(self, layout=layout)

    to_sparse_coo = to_sparse

    def sparse_resize_(self, size, sparse_dim: int, dense_dim: int):
        """Give an empty or growing tensor another shape. RuntimeError where elements would be lost, or dimensions change."""
        size = tuple(int(n) for n in size)
        if sparse_dim + dense_dim != len(size):
            raise RuntimeError(
                f"number of dimensions must be sparse_dim ({sparse_dim}) + dense_dim ({dense_dim}), but got {len(size)}"
            )
        if self._nnz() == 0:
            self._places = wrap(np.zeros((sparse_dim, 0), np.int64))
            self._elements = zeros((0, *size[sparse_dim:]), dtype=self._elements.dtype)
        elif (sparse_dim, dense_dim) != (self.sparse_dim(), self.dense_dim()):
            raise RuntimeError(
                "changing the number of sparse or dense dimensions on a non-empty sparse tensor is not supported: call "
                "sparse_resize_and_clear_ instead"
            )
        elif any(new < old for new, old in zip(size, self._array.shape)):
            raise RuntimeError(
                "shrinking the size of sparse dimensions on a non-empty sparse tensor is not supported: call "
                "sparse_resize_and_clear_ instead"
            )
        self._array = SparseArray(size, self._elements._array.dtype)
        return self

    def sparse_resize_and_clear_(self, size, sparse_dim: int, dense_dim: int):
        """Give the tensor another shape and no elements."""
        self._elements = zeros((0, *self._elements.shape[1:]), dtype=self._elements.dtype)
        self._places = wrap(np.zeros((self.sparse_dim(), 0), np.int64))
        return self.sparse_resize_(size, sparse_dim, dense_dim)

    def _times(self, other):
        """The product with a dense matrix or vector."""
        if self._array.ndim != 2 or self.dense_dim():
            raise RuntimeError(
                f"addmm: matrices expected, got a sparse tensor of shape {tuple(self._array.shape)} with "
                f"{self.dense_dim()} dimensions in its elements"
            )
        rows, columns = self._array.shape
        if other._array.shape[0] != columns:
            raise RuntimeError(
                f"addmm: Argument #3 (dense): Expected dim 0 size {columns}, got {other._array.shape[0]}: mat1 and mat2 "
                f"shapes cannot be multiplied ({rows}x{columns} and {'x'.join(map(str, other._array.shape))})"
            )
        if other.dtype != self.dtype:
            raise RuntimeError(f"addmm: expected the dtypes to be the same, got {self.dtype} and {other.dtype}")
        picked = other.index_select(0, self._places[1])
        weights = self._elements if other._array.ndim == 1 else self._elements.unsqueeze(1)
        made = zeros((rows, *other._array.shape[1:]), dtype=self.dtype)
        return made.index_add(0, self._places[0], weights * picked)

    def _times_sparse(self, other):
        return self._times(other.to_dense()).to_sparse()

    def matmul(self, other):
        """The product with a dense or sparse matrix, or a vector."""
        return self._array.product(self, other)

    mm = mv = __matmul__ = matmul

    def __rmatmul__(self, other):
        return self._array.product(other, self)

    def t(self):
        """The transposed matrix. RuntimeError where a dimension belongs to the elements."""
        if self.sparse_dim() > 2 or self.dense_dim():
            raise RuntimeError(
                f"t() expects a tensor with <= 2 sparse and 0 dense dimensions, but got {self.sparse_dim()} sparse and "
                f"{self.dense_dim()} dense dimensions"
            )
        return self.transpose(0, 1)

    @property
    def T(self):
        """The transposed matrix."""
        return self.t()

    def transpose(self, dim0: int, dim1: int):
        """Two sparse dimensions exchanged."""
        order = list(range(self.sparse_dim()))
        order[dim0], order[dim1] = order[dim1], order[dim0]
        shape = list(self._array.shape)
        shape[dim0], shape[dim1] = shape[dim1], shape[dim0]
        return SparseTensor.made(self._places[tensor(order)], self._elements, shape)

    def to(self, *args, **kwargs):
        """The same in another dtype or on another device."""
        elements = self._elements.to(*args, **kwargs)
        if elements.is_cuda:
            raise NotImplementedError("Sparse tensors are on the CPU only. Use .to_dense().cuda().")
        return self._with(elements)

    def float(self):
        """The same in float32."""
        return self._with(self._elements.float())

    def double(self):
        """The same in float64."""
        return self._with(self._elements.double())

    def half(self):
        """The same in float16."""
        return self._with(self._elements.half())

    def type(self, dtype=None, non_blocking: bool = False, **options):
        """The name of the legacy class, or the same in another dtype."""
        if dtype is None:
            return self._elements.type().replace("torch.", "torch.sparse.")
        return self._with(self._elements.type(dtype))

    def cuda(self, device=None, non_blocking=False, memory_format=None):
        """Refuses: NotImplementedError, or AssertionError where no GPU is usable."""
        place_on_gpu(device)
        raise NotImplementedError("Sparse tensors are on the CPU only. Use .to_dense().cuda().")

    def cpu(self, memory_format=None):
        """Itself."""
        return self

    def clone(self, *, memory_format=None):
        """A copy."""
        return SparseTensor.made(self._places.clone(), self._elements.clone(), self._array.shape, self._is_coalesced)

    def detach(self):
        """The same without history."""
        return self._with(self._elements.detach())

    def detach_(self):
        """Without history from now on."""
        self._elements = self._elements.detach()
        return self

    @property
    def data(self):
        """The same without history."""
        return self.detach()

    def is_contiguous(self, memory_format=None) -> bool:
        """False: there is no memory with the elements in order."""
        return False

    def sparse_mask(self, mask):
        """The elements at the places of another sparse tensor."""
        return mask._with(self.to_dense()[tuple(mask._places)])

    def __getitem__(self, index):
        made = self.to_dense()[index]
        left = made.dim() - self.dense_dim()
        return made.to_sparse(left) if left > 0 else made

    def __len__(self) -> int:
        return self._array.shape[0]

    def numpy(self, *, force: bool = False):
        """TypeError: sparse tensors are no arrays."""
        raise TypeError("can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first.")

    def tolist(self):
        """RuntimeError: use to_dense() first."""
        raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage. Use x.to_dense() first.")

    def size(self, dim=None):
        """The shape, or the size of one dimension."""
        return Size(self._array.shape) if dim is None else self._array.shape[dim]

    def backward(self, *args, **kwargs) -> None:
        """RuntimeError: sum a sparse tensor, or make it dense, before."""
        raise RuntimeError("grad can be implicitly created only for scalar outputs: sum() the sparse tensor first")

    def __repr__(self, *, tensor_contents=None) -> str:
        parts = f"indices={_indented(self._places, 15)},\n       values={_indented(self._elements.detach(), 14)},\n"
        shown = (
            "" if self.dtype in (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool_) else f"dtype={self.dtype!r}, "
        )
        tail = f"       size={tuple(self._array.shape)}, nnz={self._nnz()}, {shown}layout=torch.sparse_coo"
        if isinstance(self._elements._node, AccumulateGrad):
            tail += ", requires_grad=True"
        elif self.requires_grad:
            tail += f",\n       grad_fn=<{self._elements.grad_fn.name()}>"
        return f"tensor({parts}{tail})"

    def __reduce_ex__(self, protocol):
        return SparseTensor.made, (self._places, self._elements.detach(), self._array.shape, self._is_coalesced)

    def __deepcopy__(self, memo):
        return memo.setdefault(id(self), self.detach().clone())


def _indented(t, column: int) -> str:
    """A tensor as it prints, without its dtype."""
    if t.numel() == 0 and t.dim() == 1:
        return "tensor([], size=(0,))"
    shown = re.sub(r",\s+dtype=[\w.]+\)$", ")", repr(t))
    return re.sub(r"\n(?=[^\n])", "\n" + " " * column, shown)


def sparse_coo_tensor(
    indices=None,
    values=None,
    size=None,
    *,
    dtype=None,
    device=None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
    is_coalesced: bool | None = None,
):
    """A sparse tensor from places (dimensions, elements) and elements (elements, ...).

    size: the shape, by default the smallest that holds all places. Places may come several times: their elements count
    together. RuntimeError for places outside of the shape, or another number of them than of elements.
    """
    place(device)
    if indices is None or values is None:
        shape = tuple(size) if size is not None else tuple(indices)
        np_dtype = element_type(dtype, "sparse_coo_tensor")
        return SparseTensor.made(
            wrap(np.zeros((len(shape), 0), np.int64)), wrap(np.zeros(0, np_dtype)), shape, True
        )._recording(requires_grad)
    places = as_tensor(indices).long()
    elements = as_tensor(values) if dtype is None else as_tensor(values).to(dtype)
    if places.dim() == 1:
        places = places.unsqueeze(0)
    if elements.dim() == 0 or places.dim() != 2:
        raise RuntimeError(
            f"indices must be sparse_dim x nnz, but got: {list(places.shape)}, and values nnz x ..., but got "
            f"{list(elements.shape)}"
        )
    if places.shape[1] != elements.shape[0]:
        raise RuntimeError(
            "indices and values must have same nnz, but got nnz from indices: "
            f"{places.shape[1]}, nnz from values: {elements.shape[0]}"
        )
    array = places._array
    if array.size and array.min() < 0:
        raise RuntimeError(f"found negative index {array.min()} for sparse_coo_tensor")
    dense = tuple(elements.shape[1:])
    if size is None:
        shape = (*(int(n) + 1 for n in array.max(axis=1)), *dense) if array.size else (*(0,) * len(array), *dense)
    else:
        shape = tuple(int(n) for n in size)
    if len(shape) != len(array) + len(dense) or shape[len(array) :] != dense:
        raise RuntimeError(
            f"number of dimensions must be sparse_dim ({len(array)}) + dense_dim ({len(dense)}), but got {len(shape)}"
        )
    for i, row in enumerate(array):
        if row.size and row.max() >= shape[i]:
            raise RuntimeError(
                f"size is inconsistent with indices: for dim {i}, size is {shape[i]} but found index {row.max()}"
            )
    made = SparseTensor.made(places.clone(), elements, shape, bool(is_coalesced))
    return made._recording(requires_grad)


def _recording(self, requires_grad: bool) -> SparseTensor:
    if requires_grad:
        self._elements = self._elements.detach().requires_grad_()
    return self


SparseTensor._recording = _recording


def to_sparse(self, sparse_dim: Any = None, *, layout=None, blocksize=None, dense_dim=None):
    """The tensor's elements that are not zero, as a sparse tensor; gradients flow through them.

    sparse_dim: how many dimensions are places, the others belonging to an element. layout: sparse_coo, or for a matrix
    sparse_csr or sparse_csc. NotImplementedError for blocks.
    """
    if layout not in (None, formats.sparse_coo):
        from .sparse_compressed import in_layout

        return in_layout(self if isinstance(self, SparseTensor) else to_sparse(self), layout)
    if isinstance(self, SparseTensor):
        return self
    array = self._array
    k = array.ndim if sparse_dim is None else int(sparse_dim)
    if not min(array.ndim, 1) <= k <= array.ndim:
        raise RuntimeError(f"dense_to_sparse: sparse_dim argument must be in [1, {array.ndim}] range, but {k} is given")
    held = (array != 0).any(axis=tuple(range(k, array.ndim))) if k < array.ndim else array != 0
    places = np.stack(np.nonzero(held)) if k else np.zeros((0, 1), np.int64)
    indices = wrap(np.ascontiguousarray(places, np.int64))
    return SparseTensor.made(indices, self[tuple(indices)] if k else self.unsqueeze(0), array.shape, True)


def needs_sparse(name: str):
    """A method that dense tensors refuse."""

    def method(self, *args, **kwargs):
        raise RuntimeError(f"{name} expected sparse coordinate tensor layout but got Strided. Use x.to_sparse() first.")

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{name}` of a sparse tensor. RuntimeError for this dense one."
    return method


def to_dense(self, dtype=None, *, masked_grad=None):
    """The tensor itself, or in another dtype: it is dense."""
    return self if dtype is None else self.to(dtype)


def sparse_mask(self, mask):
    """The elements at the places of a sparse tensor, as a sparse tensor."""
    return mask._with(self[tuple(mask._places)])


Tensor.to_sparse = Tensor.to_sparse_coo = to_sparse
Tensor.to_dense = to_dense
Tensor.sparse_mask = sparse_mask
for _name in (
    "sparse_resize_",
    "sparse_resize_and_clear_",
    "coalesce",
    "is_coalesced",
    "indices",
    "values",
    "_indices",
    "_values",
):
    setattr(Tensor, _name, needs_sparse(_name))

"""Nested tensors: several tensors that differ in the size of some dimensions, as one with a batch dimension before them.

Operators that work element by element, products with matrices, softmax and sums run on each part; gradients flow to the parts. What
needs one size for all parts refuses them: `to_padded_tensor` makes an ordinary tensor.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import dtypes
from .autograd.tape import Variable
from .tensor import cat, full, matmul, stack, tensor
from .tensor.core import Tensor
from .tensor.formats import jagged, strided
from .tensor.products import linear
from .tensor.size import Size

__all__ = ["as_nested_tensor", "nested_tensor", "nested_tensor_from_jagged", "to_padded_tensor"]

_ALONG = {"softmax", "log_softmax", "layer_norm", "rms_norm", "cumsum", "amax", "amin"}
"""Operators besides elementwise ones that run on each part; their `axis` or `axes` count the batch dimension too."""


class Irregular:
    """The size of a dimension in which parts differ."""

    _numbers = itertools.count(1)

    def __init__(self):
        self.number = next(self._numbers)

    def __repr__(self) -> str:
        return f"j{self.number}"

    def __index__(self) -> int:
        raise RuntimeError("a dimension in which the parts of a nested tensor differ has no size")


class NestedArray:
    """What stands in a nested tensor's array's place: dtype, number of dimensions, and how operators run on the parts."""

    __slots__ = ("parts", "irregular")

    def __init__(self, parts: list, irregular: Irregular):
        self.parts, self.irregular = parts, irregular

    @property
    def dtype(self) -> np.dtype:
        return self.parts[0]._array.dtype if self.parts else np.dtype(np.float32)

    @property
    def ndim(self) -> int:
        return 1 + (self.parts[0].dim() if self.parts else 0)

    @property
    def size(self) -> int:
        return sum(p._array.size for p in self.parts)

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def shape(self) -> tuple:
        sizes = zip(*(p._array.shape for p in self.parts))
        return (len(self.parts), *(s[0] if len(set(s)) == 1 else self.irregular for s in sizes))

    def each(self, operator, inputs: tuple, attrs: dict):
        """An operator on every part. NotImplementedError for one that needs them all at once."""
        from .autograd.dispatch import apply

        where = "axis" if "axis" in attrs else "axes"
        if operator.name in _ALONG and where in attrs:
            attrs = {**attrs, where: _inner_axes(operator.name, attrs[where], self.ndim)}
        elif not operator.broadcasts:
            raise NotImplementedError(
                f"{operator.name}: nested tensors have no such operator. Use to_padded_tensor(0.0), or unbind() and one part "
                "after the other."
            )
        return _mapped(lambda *row: apply(operator, *row, **attrs), inputs)

    def product(self, a, b):
        """The matrix product of each part with a matrix, or with the part of another nested tensor."""
        return _mapped(matmul, (a, b))

    def linear(self, input, weight, bias):
        """`linear` of each part."""
        return _mapped(lambda x: linear(x, weight, bias), (input,))

    def __getattr__(self, name: str):
        raise NotImplementedError(
            "This operator does not take nested tensors. Use x.to_padded_tensor(0.0), or x.unbind() and one part after the other."
        )


def _inner_axes(name: str, axis, ndim: int):
    if axis is None or isinstance(axis, (tuple, list)):
        return axis if axis is None else tuple(_inner_axes(name, a, ndim) for a in axis)
    axis %= ndim
    if axis == 0:
        raise NotImplementedError(
            f"{name}: the dimension of a nested tensor's parts is none to compute along: use unbind()"
        )
    return axis - 1


def _mapped(function, inputs: tuple) -> Any:
    """A function of tensors on each part: of an ordinary tensor with the batch dimension its own row, else the whole."""
    nested = [t for t in inputs if isinstance(t, NestedTensor)]
    first = nested[0]
    count = len(first._array.parts)
    for other in nested[1:]:
        if [p.dim() for p in other._array.parts] != [p.dim() for p in first._array.parts]:
            raise RuntimeError(
                f"the nested tensors have {count} and {len(other._array.parts)} parts of {first.dim() - 1} and "
                f"{other.dim() - 1} dimensions: they must have the same"
            )
    columns = []
    for t in inputs:
        if isinstance(t, NestedTensor):
            columns.append(t._array.parts)
        elif isinstance(t, Variable) and t.dim() == first.dim() and t.dim() and t.shape[0] in (1, count):
            columns.append([t[0 if t.shape[0] == 1 else i] for i in range(count)])
        else:
            columns.append([t] * count)
    made = [function(*row) for row in zip(*columns)]
    return first._of(made)


class NestedTensor(Tensor):
    """Several tensors of as many dimensions as one: `unbind()` gives them."""

    __slots__ = ()
    is_nested = True
    layout: Any = strided

    @staticmethod
    def made(parts: list, layout, irregular: Irregular | None = None) -> NestedTensor:
        t = Tensor.__new__(NestedTensor)
        t._array = NestedArray(parts, irregular or Irregular())  # pyright: ignore
        t._node, t._counter = None, None
        t.layout = layout
        return t

    def _of(self, parts: list) -> NestedTensor:
        """Results for the parts of this one."""
        return NestedTensor.made(parts, self.layout, self._array.irregular)

    def _each(self, function) -> NestedTensor:
        return self._of([function(p) for p in self._array.parts])

    @property
    def shape(self) -> Any:
        """The sizes; where parts differ, what stands for no number. RuntimeError for the layout strided, as in PyTorch."""
        if self.layout is strided:
            raise RuntimeError(
                "nested tensors of the layout strided have no shape: use size(dim), or layout=torch.jagged"
            )
        return Size(self._array.shape)

    def size(self, dim: int | None = None) -> Any:
        """The size of one dimension, or the shape. RuntimeError for one in which parts differ, unless the layout is jagged."""
        if dim is None:
            return self.shape
        if not -self.dim() <= dim < self.dim():
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-self.dim()}, {self.dim() - 1}], but got {dim})"
            )
        found = self._array.shape[dim]
        if isinstance(found, Irregular) and self.layout is strided:
            raise RuntimeError(f"Given dimension {dim % self.dim()} is irregular and does not have a size.")
        return found

    def unbind(self, dim: int = 0) -> tuple:
        """The parts, which share memory with this tensor. RuntimeError for another dimension than 0."""
        if dim % self.dim():
            raise RuntimeError(f"unbind(): only supported for the dimension 0 of a nested tensor, got {dim}")
        return tuple(self._array.parts)

    def __len__(self) -> int:
        return len(self._array.parts)

    def __iter__(self):
        return iter(self._array.parts)

    def __getitem__(self, index):
        if isinstance(index, int):
            return self._array.parts[index]
        if isinstance(index, tuple) and index and isinstance(index[0], int):
            return self._array.parts[index[0]][index[1:]]
        if isinstance(index, tuple) and index and index[0] in (slice(None), ...):
            rest = index if index[0] is ... else index[1:]
            return self._each(lambda p: p[rest])
        raise NotImplementedError(
            "a nested tensor is indexed by a number, or by a slice of all parts and what to take of each"
        )

    def values(self) -> Any:
        """All elements: of the layout jagged the parts one after the other, of strided as a vector."""
        parts = self._array.parts
        if self.layout is strided:
            return cat([p.reshape(-1) for p in parts])
        axis = self._irregular_axis()
        return cat([p.movedim(axis, 0) for p in parts]).movedim(0, axis)

    def _irregular_axis(self) -> int:
        shape = self._array.shape[1:]
        return next((i for i, s in enumerate(shape) if isinstance(s, Irregular)), 0)

    def offsets(self) -> Any:
        """Where each part begins along the dimension in which they differ, and where the last ends. AttributeError for strided."""
        if self.layout is strided:
            raise AttributeError(
                "'Tensor' object has no attribute 'offsets': a nested tensor with layout=torch.jagged has"
            )
        axis = self._irregular_axis()
        return tensor(np.cumsum([0, *(p.shape[axis] for p in self._array.parts)], dtype=np.int64))

    def lengths(self) -> None:
        """None: there are no gaps between parts."""

    def to_padded_tensor(self, padding: float, output_size: Sequence[int] | None = None) -> Any:
        """The parts in one tensor, filled up with `padding` to the largest of each dimension, or to output_size.

        RuntimeError for an output_size of other dimensions; smaller than a part it cuts in the layout jagged, and is refused in strided.
        """
        parts = self._array.parts
        least = [max(sizes) for sizes in zip(*(p.shape for p in parts))]
        sizes = least if output_size is None else [int(n) for n in output_size][1:]
        if output_size is not None and len(sizes) + 1 != self.dim():
            raise RuntimeError(
                f"Length of output_size {len(sizes) + 1} does not match the nested tensor's dims {self.dim()}"
            )
        if self.layout is strided and any(n < m for n, m in zip(sizes, least)):
            raise RuntimeError(
                f"Value in output_size is less than NestedTensor padded size: {[len(parts), *least]}. Truncation is not supported."
            )
        rows = []
        for p in parts:
            if self.layout is jagged and output_size is not None:
                p = p[tuple(slice(n) for n in sizes)]
            for axis, n in enumerate(sizes):
                gap = [*p.shape[:axis], n - p.shape[axis], *p.shape[axis + 1 :]]
                p = cat([p, full(gap, padding, dtype=p.dtype)], axis) if gap[axis] else p
            rows.append(p)
        return stack(rows)

    @property
    def requires_grad(self) -> bool:
        """Whether a part requires grad."""
        return any(p.requires_grad for p in self._array.parts)

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> NestedTensor:
        """Record, or stop recording, operations on the parts."""
        for p in self._array.parts:
            p.requires_grad_(requires_grad)
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether the parts are leaves."""
        return all(p.is_leaf for p in self._array.parts)

    @property
    def grad_fn(self) -> Any:
        """The node of the first part."""
        return self._array.parts[0].grad_fn if self._array.parts else None

    @property
    def grad(self) -> Any:
        """The parts' gradients, nested; None where there are none."""
        found = [p.grad for p in self._array.parts]
        return None if any(g is None for g in found) or not found else self._of(found)

    @grad.setter
    def grad(self, value: Any) -> None:
        for i, p in enumerate(self._array.parts):
            p.grad = None if value is None else value[i]

    def backward(self, gradient: Any = None, *args: Any, **kwargs: Any) -> None:
        """The gradients of all parts, weighted by a nested `gradient`."""
        from .autograd.backward import backward

        if gradient is None:
            raise RuntimeError(
                "grad can be implicitly created only for scalar outputs: give a nested gradient, or sum()"
            )
        backward(tuple(self._array.parts), tuple(gradient.unbind()), *args, **kwargs)

    def detach(self) -> NestedTensor:
        """The parts without history."""
        return self._each(lambda p: p.detach())

    def clone(self, *, memory_format: Any = None) -> NestedTensor:
        """Copies of the parts."""
        return self._each(lambda p: p.clone())

    def contiguous(self, memory_format: Any = None) -> NestedTensor:
        """The parts, each in the order of its memory."""
        return self._each(lambda p: p.contiguous())

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether each part lies in order."""
        return all(p.is_contiguous() for p in self._array.parts)

    def to(self, *args: Any, **kwargs: Any) -> NestedTensor:
        """The same in another dtype or on another device."""
        return self._each(lambda p: p.to(*args, **kwargs))

    def cpu(self, memory_format: Any = None) -> NestedTensor:
        """Itself."""
        return self

    def float(self, memory_format: Any = None) -> NestedTensor:
        """The same in float32."""
        return self.to(dtypes.float32)

    def double(self, memory_format: Any = None) -> NestedTensor:
        """The same in float64."""
        return self.to(dtypes.float64)

    def _inner(self, dim: int, name: str) -> int:
        return _inner_axes(name, dim, self.dim())

    def transpose(self, dim0: int, dim1: int) -> NestedTensor:
        """Two dimensions of each part exchanged."""
        a, b = self._inner(dim0, "transpose"), self._inner(dim1, "transpose")
        return self._each(lambda p: p.transpose(a, b))

    def unsqueeze(self, dim: int) -> NestedTensor:
        """A dimension of size 1 in each part."""
        at = _inner_axes("unsqueeze", dim, self.dim() + 1)
        return self._each(lambda p: p.unsqueeze(at))

    def squeeze(self, dim: int) -> NestedTensor:
        """Each part without a dimension of size 1."""
        at = self._inner(dim, "squeeze")
        return self._each(lambda p: p.squeeze(at))

    def chunk(self, chunks: int, dim: int = 0) -> tuple:
        """Parts of the parts along a dimension."""
        at = self._inner(dim, "chunk")
        return tuple(self._of(list(row)) for row in zip(*(p.chunk(chunks, at) for p in self._array.parts)))

    def _reshaped(self, sizes: tuple, name: str) -> NestedTensor:
        sizes = tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
        if len(sizes) < 2 or sizes[0] not in (-1, len(self)):
            raise RuntimeError(
                f"{name}: the first dimension of a nested tensor is its {len(self)} parts, got {sizes[:1]}"
            )
        axis = self._irregular_axis()
        rows = []
        for p in self._array.parts:
            inner = [p.shape[axis] if isinstance(n, Irregular) else n for n in sizes[1:]]
            # As in PyTorch, -1 stands for the dimension in which parts differ.
            rest = math.prod(n for i, n in enumerate(inner) if n != -1)
            inner = [p.shape[axis] if n == -1 and rest * p.shape[axis] == p.numel() else n for n in inner]
            rows.append(p.reshape(inner))
        return self._of(rows)

    def reshape(self, *sizes: Any) -> NestedTensor:
        """Each part in another shape; the first size is that of the batch, -1 that of the irregular dimension."""
        return self._reshaped(sizes, "reshape")

    def view(self, *sizes: Any) -> NestedTensor:
        """Each part in another shape; the first size is that of the batch, -1 that of the irregular dimension."""
        return self._reshaped(sizes, "view")

    def _reduced(self, name: str, dim: Any, keepdim: bool, **options: Any) -> Any:
        parts = self._array.parts
        if dim is None:
            if name == "sum":
                return stack([p.sum(**options) for p in parts]).sum()
            return self.sum(**options) / sum(p.numel() for p in parts)
        axes = _inner_axes(name, dim, self.dim())
        made = [getattr(p, name)(axes, keepdim, **options) for p in parts]
        same = len({tuple(m.shape) for m in made}) == 1
        irregular = any(isinstance(n, Irregular) for n in self._array.shape)
        # Without the dimension in which parts differ there is nothing nested about them.
        gone = {a % (self.dim() - 1) for a in (axes if isinstance(axes, tuple) else (axes,))}
        return stack(made) if same and irregular and self._irregular_axis() in gone else self._of(made)

    def sum(self, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
        """The sum of all elements, or over dimensions of each part: an ordinary tensor if what is left has one shape."""
        return self._reduced("sum", dim, keepdim, dtype=dtype)

    def mean(self, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
        """The mean of all elements, or over dimensions of each part."""
        return self._reduced("mean", dim, keepdim, dtype=dtype)

    def numpy(self, *, force: bool = False) -> Any:
        """RuntimeError: nested tensors are no arrays."""
        raise RuntimeError("can't convert a nested tensor to numpy. Use to_padded_tensor(0.0), or unbind() first.")

    def tolist(self) -> Any:
        """RuntimeError: ask the parts."""
        raise RuntimeError(".tolist() is not supported for nested tensors: use [t.tolist() for t in x.unbind()]")

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        if self.layout is jagged:
            recorded = ", requires_grad=True" if self.requires_grad and self.is_leaf else ""
            grad_fn = f", grad_fn=<{self.grad_fn.name()}>" if self.grad_fn is not None else ""
            return (
                f"NestedTensor(size={tuple(self._array.shape)}, offsets={self.offsets()!r}{grad_fn}{recorded}, "
                f"contiguous={self.is_contiguous()})"
            )
        parts = ",\n".join("  " + repr(p.detach()).replace("\n", "\n  ") for p in self._array.parts)
        return f"nested_tensor([\n{parts}\n])" + (", requires_grad=True" if self.requires_grad and self.is_leaf else "")

    def __reduce_ex__(self, protocol: Any):
        return NestedTensor.made, ([p.detach() for p in self._array.parts], self.layout)

    def __deepcopy__(self, memo: dict) -> NestedTensor:
        return memo.setdefault(id(self), self.detach().clone().requires_grad_(self.requires_grad))


def _parts(tensor_list: Any, dtype: Any, device: Any, name: str) -> list:
    if not isinstance(tensor_list, (list, tuple)):
        raise TypeError(f"Only lists (List[Tensor] and List[List...[Scalar]]) are accepted in {name}")
    made = [(t if isinstance(t, Variable) else tensor(t)).to(dtype=dtype, device=device) for t in tensor_list]
    for i, t in enumerate(made):
        if t.dim() != made[0].dim():
            raise RuntimeError(
                f"All Tensors given to {name} must have the same dimension. Found dimension {t.dim()} for Tensor at index {i} and "
                f"dimension {made[0].dim()} for Tensor at index 0."
            )
    return made


def _laid_out(layout: Any) -> Any:
    if layout not in (None, strided, jagged):
        raise RuntimeError(f"Specified layout is unsupported for nested tensors: {layout}")
    return strided if layout is None else layout


def nested_tensor(
    tensor_list: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> NestedTensor:
    """A nested tensor of copies of tensors, or of what makes tensors: a leaf.

    layout: torch.strided, or torch.jagged for parts that differ in one dimension. TypeError for what is no list, RuntimeError for
    tensors of different numbers of dimensions.
    """
    parts = [p.detach().clone() for p in _parts(tensor_list, dtype, device, "nested_tensor")]
    return NestedTensor.made(parts, _laid_out(layout)).requires_grad_(requires_grad)


def as_nested_tensor(ts: Any, dtype: Any = None, device: Any = None, layout: Any = None) -> NestedTensor:
    """A nested tensor of tensors, with their history: gradients flow to them. Of one tensor its rows are the parts."""
    if isinstance(ts, NestedTensor):
        return ts if layout in (None, ts.layout) else NestedTensor.made(list(ts.unbind()), layout)
    if isinstance(ts, Variable):
        ts = list(ts.unbind(0))
    return NestedTensor.made(_parts(ts, dtype, device, "as_nested_tensor"), _laid_out(layout))


def nested_tensor_from_jagged(
    values: Any,
    offsets: Any = None,
    lengths: Any = None,
    jagged_dim: int | None = None,
    min_seqlen: int | None = None,
    max_seqlen: int | None = None,
) -> NestedTensor:
    """Views of `values` as the parts of a nested tensor of layout jagged.

    offsets: (parts + 1,), where each part begins along jagged_dim - 1 (0 by default), or lengths: (parts,), how long each is; with
    both there may be gaps. RuntimeError without either.
    """
    if offsets is None:
        if lengths is None:
            raise RuntimeError("nested_tensor_from_jagged(): At least one of offsets or lengths is required.")
        offsets = tensor(np.cumsum([0, *lengths.tolist()], dtype=np.int64))
    axis = 0 if jagged_dim is None else jagged_dim - 1
    starts = offsets.tolist()
    sizes = [b - a for a, b in zip(starts, starts[1:])] if lengths is None else lengths.tolist()
    return NestedTensor.made([values.narrow(axis, a, n) for a, n in zip(starts, sizes)], jagged)


def to_padded_tensor(input: Any, padding: float, output_size: Any = None) -> Any:
    """`input.to_padded_tensor(padding, output_size)`. NotImplementedError for a tensor that is not nested."""
    return input.to_padded_tensor(padding, output_size)

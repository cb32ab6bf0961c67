"""Memory: how tensors lie in it, copies of them, and views of it by strides."""

from __future__ import annotations

import math
import warnings
from operator import index

import numpy as np

from ..autograd.dispatch import apply
from ..autograd.places import memory_of
from ..autograd.recording import node_of
from ..autograd.tape import address, alias, changed, counter_of, elsewhere
from ..autograd.viewing import viewed
from ..backends import namespace_of
from ..backends.transfer import place_of
from ..ops import movement as ops
from . import dims
from .factory import made_at, size_of
from .formats import RANKS, check_memory_format, preserve_format
from .shape import reshaped_in_place
from .size import Size
from .storage import storage, untyped_storage

__all__ = ["clone", "as_strided", "as_strided_", "detach", "resize_as_"]


def clone(input, *, memory_format=preserve_format):
    """A copy with its own memory, in the same memory order if that is dense. Differentiable."""
    array = input._array
    if memory_format is not preserve_format and memory_format is not None:
        if memory_format in RANKS:
            return _channels_last(input, memory_format, copy=True)
        check_memory_format(memory_format)
    # Of an expanded tensor, each element becomes its own.
    kept = memory_format is preserve_format and not array.flags.c_contiguous and 0 not in array.strides
    return apply(ops.clone, input, order="K" if kept else "C")


def contiguous(self, memory_format=None):
    """The tensor itself if its elements lie in order, else a copy that does."""
    if memory_format in RANKS:
        return _channels_last(self, memory_format, copy=False)
    if memory_format is not None:
        check_memory_format(memory_format)
    return self if self._array.flags.c_contiguous else apply(ops.clone, self, order="C")


def _channels_last(x, memory_format, copy: bool):
    """x with its channels beside each other in memory."""
    ndim = x._array.ndim
    if ndim != RANKS[memory_format]:
        raise RuntimeError(f"required rank {RANKS[memory_format]} tensor to use {memory_format.name} format")
    if not copy and is_contiguous(x, memory_format):
        return x
    moved = viewed(ops.permute, x, axes=(0, *range(2, ndim), 1))
    return viewed(ops.permute, apply(ops.clone, moved, order="C"), axes=(0, ndim - 1, *range(1, ndim - 1)))


def is_contiguous(self, memory_format=None) -> bool:
    """Whether the elements lie in memory in the order of their indices, or with channels last."""
    array = self._array
    if memory_format in RANKS:
        ndim = array.ndim
        return ndim == RANKS[memory_format] and array.transpose(0, *range(2, ndim), 1).flags.c_contiguous
    return array.flags.c_contiguous


def detach(input):
    """The same memory without history."""
    return alias(input, input._array)


def as_strided(input, size, stride, storage_offset=None):
    """A view of the memory by shape, strides and offset, in elements. RuntimeError where it leaves the memory."""
    size, stride = tuple([index(n) for n in size]), tuple([index(n) for n in stride])
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    if size and min(size) < 0:
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(size)} and strides={list(stride)}")
    if stride and min(stride) < 0:
        raise RuntimeError(f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}")
    array = input._array
    own = storage_offset_of(array)
    offset = own if storage_offset is None else storage_offset
    last = 0 if 0 in size else offset + sum((n - 1) * s for n, s in zip(size, stride)) + 1
    have = memory_of(array)[0].nbytes // array.itemsize
    if last > have or offset < 0:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize "
            f"{array.itemsize} requiring a storage size of {last * array.itemsize} are out of bounds "
            "for storage of size "
            f"{have * array.itemsize}"
        )
    there = dict(x_strides=tuple([s // array.itemsize for s in array.strides]), x_offset=own)
    return viewed(ops.strided, input, shape=size, strides=stride, offset=offset, **there)


def unfold(self, dimension: int, size: int, step: int):
    """Windows of `size` elements along a dimension, every `step`, as a new last dimension. A view."""
    axis = dims.one(dimension, self._array.ndim)
    length = self._array.shape[axis] if self._array.ndim else 1
    size, step = index(size), index(step)
    if size > length:
        raise RuntimeError(f"maximum size for tensor at dimension {axis} is {length} but size is {size}")
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    return viewed(ops.unfold, self, axis=axis, size=size, step=step)


def size(self, dim=None):
    """The shape, or the size of one dimension."""
    return Size(self._array.shape) if dim is None else self._array.shape[_real_dim(dim, self._array.ndim)]


def _real_dim(dim, ndim: int) -> int:
    dim = index(dim)
    if ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return dims.one(dim, ndim)


def stride(self, dim=None):
    """Steps in memory between neighbours, in elements: of all dimensions, or of one."""
    array = self._array
    steps = [s // array.itemsize for s in array.strides]
    # An inserted dimension steps over all that lies in the next one; NumPy gives it a stride of 0.
    for i in range(len(steps) - 1, -1, -1):
        if steps[i] == 0 and array.shape[i] == 1:
            steps[i] = steps[i + 1] * array.shape[i + 1] if i + 1 < len(steps) else 1
    return tuple(steps) if dim is None else steps[_real_dim(dim, array.ndim)]


def storage_offset_of(array: np.ndarray) -> int:
    """Where in its memory an array starts, in elements."""
    return memory_of(array)[1] // array.itemsize


def storage_offset(self) -> int:
    """Where in its memory the tensor starts, in elements."""
    return storage_offset_of(self._array)


def data_ptr(self) -> int:
    """The address of the first element; 0 for a tensor without elements."""
    return address(self._array) if self._array.size else 0


def dim(self) -> int:
    """The number of dimensions."""
    return self._array.ndim


def element_size(self) -> int:
    """The size of an element in bytes."""
    return self._array.itemsize


def is_set_to(self, tensor) -> bool:
    """Whether both tensors are the same view of the same memory."""
    a, b = self._array, tensor._array
    return data_ptr(self) == data_ptr(tensor) and (a.shape, a.strides, a.dtype) == (b.shape, b.strides, b.dtype)


def dim_order(self, *, ambiguity_check: bool = False) -> tuple[int, ...]:
    """The dimensions in the order in which they lie in memory, outermost first.

    ambiguity_check: RuntimeError where sizes of 1 or equal strides leave the order open.
    """
    array = self._array
    order = sorted(range(array.ndim), key=lambda i: -array.strides[i])
    if 0 in array.strides:
        order = list(range(array.ndim))
    steps = [array.strides[i] for i in order]
    if ambiguity_check and (1 in array.shape or len(set(steps)) < len(steps)):
        raise RuntimeError(
            "The tensor does not have unique dim order, or cannot map to exact one of the given memory formats."
        )
    return tuple(order)


def resize_(self, *sizes, memory_format=None):
    """Give this tensor another shape; new memory beyond the old is uninitialised. Returns it."""
    shape = size_of(sizes, "resize_")
    if node_of(self) is not None:
        raise RuntimeError("cannot resize variables that require grad")
    n = math.prod(shape)
    owner = memory_of(self._array)[0]
    start = storage_offset_of(self._array)
    if owner.flags.c_contiguous and owner.dtype == self._array.dtype and start + n <= owner.size:
        self._array = owner.reshape(-1)[start : start + n].reshape(shape)
    else:
        with elsewhere((self._array,)):
            old = self._array.reshape(-1)
            grown = namespace_of(old).empty(n, dtype=old.dtype)
            grown[: old.size] = old[:n]
            self._array = grown.reshape(shape)
    changed(self)
    return self


def resize(self, *sizes):
    """This tensor in another shape of as many elements. Deprecated for `reshape`."""
    warnings.warn("non-inplace resize is deprecated", stacklevel=2)
    shape = size_of(sizes, "resize")
    if math.prod(shape) != self._array.size:
        raise RuntimeError(
            f"requested resize to {'x'.join(map(str, shape))} ({math.prod(shape)} elements in total), but the given tensor has "
            f"a size of {'x'.join(map(str, self._array.shape))} ({self._array.size} elements). autograd's resize can only "
            "change the shape of a given tensor, while preserving the number of elements."
        )
    return self.reshape(shape)


def resize_as_(self, other, memory_format=None):
    """Give this tensor the shape of `other`; new memory beyond the old is uninitialised. Returns it."""
    return resize_(self, other._array.shape)


def set_(self, source=None, storage_offset=0, size=None, stride=None):
    """Let this tensor be another view of the memory of `source`, by default the same one; returns it."""
    if source is None:
        self._array = made_at(place_of(self._array), np.empty, 0, dtype=self._array.dtype)
        return self
    if source._array.dtype != self._array.dtype:
        raise RuntimeError(f"set_: the source is {source.dtype} and the tensor {self.dtype}: they must have one dtype")
    if size is not None:
        if stride is None:
            stride = [math.prod(size[i + 1 :]) for i in range(len(size))]
        source = as_strided(source, size, stride, storage_offset)
    self._array = source._array
    self._counter = counter_of(source)
    return self


as_strided_ = reshaped_in_place(as_strided, "as_strided_")


class MemoryMethods:
    """Memory as methods."""

    __slots__ = ()

    clone = clone
    contiguous = contiguous
    is_contiguous = is_contiguous
    as_strided = as_strided
    as_strided_ = as_strided_
    unfold = unfold
    size = size
    stride = stride
    storage = storage
    untyped_storage = untyped_storage
    storage_offset = storage_offset
    data_ptr = data_ptr
    dim = ndimension = dim
    element_size = element_size
    is_set_to = is_set_to
    dim_order = dim_order
    resize = resize
    resize_ = resize_
    resize_as_ = resize_as_
    set_ = set_

    def numel(self) -> int:
        """The number of elements."""
        return self._array.size

    nelement = numel

    @property
    def nbytes(self) -> int:
        """The size of all elements in bytes."""
        return self._array.nbytes

"""Joining tensors, and splitting them into views."""

from __future__ import annotations

import itertools
from operator import index

import numpy as np

from .. import dtypes
from ..autograd.dispatch import apply
from ..autograd.inplace import legacy_name
from ..autograd.modes import is_grad_enabled
from ..autograd.naming import shown_as
from ..autograd.nodes import OutputOf
from ..autograd.places import beside
from ..autograd.recording import node_of, record
from ..autograd.tape import Variable, View, counter_of, wrap
from ..ops import indexing, movement
from . import dims
from .arrangement import atleast_1d, atleast_2d, atleast_3d
from .outputs import placed
from .shape import reshaped, unsqueeze

__all__ = [
    "cat",
    "concat",
    "concatenate",
    "stack",
    "hstack",
    "vstack",
    "row_stack",
    "dstack",
    "column_stack",
    "split",
    "split_with_sizes",
    "chunk",
    "tensor_split",
    "hsplit",
    "vsplit",
    "dsplit",
    "unbind",
    "block_diag",
]


def _common(tensors, name: str) -> list:
    """The tensors in one dtype. TypeError for what is no tensor."""
    found = list(tensors) if isinstance(tensors, (tuple, list)) else tensors
    if not isinstance(found, list):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(tensors).__name__}"
        )
    for i, x in enumerate(found):
        if not isinstance(x, Variable):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}")
    if not found:
        return found
    first = found[0]._array.dtype
    if not all([x._array.dtype is first for x in found]):
        common = dtypes.result_type([x._array for x in found])
        found = [x if x._array.dtype == common else apply(movement.astype, x, dtype=common) for x in found]
    return found


def cat(tensors, dim: int = 0, *, out=None, axis: int | None = None):
    """The tensors one after the other along an existing dimension; all other sizes must be equal (RuntimeError)."""
    found = _common(tensors, "cat")
    dim = dim if axis is None else axis
    if not found:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    shape = found[0]._array.shape
    if shape and shape != (0,) and all([x._array.shape == shape for x in found]):
        result = apply(movement.cat, *found, axis=dims.one(dim, len(shape)))
        return _joined_in(out, result, found)
    # A tensor of shape (0,) fits beside every other, for the sake of old programs.
    sized = [x for x in found if x._array.shape != (0,)]
    if not sized:
        sized, dim = found, 0
    ndim = sized[0]._array.ndim
    if any(x._array.ndim == 0 for x in sized):
        raise RuntimeError("zero-dimensional tensor (at position 0) cannot be concatenated")
    axis = dims.one(dim, ndim)
    shape = sized[0]._array.shape
    for i, x in enumerate(sized[1:], start=1):
        other = x._array.shape
        if len(other) != ndim:
            raise RuntimeError(f"Tensors must have same number of dimensions: got {ndim} and {len(other)}")
        for d in range(ndim):
            if d != axis and other[d] != shape[d]:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {axis}. Expected size {shape[d]} but got size "
                    f"{other[d]} for tensor number {i} in the list."
                )
    return _joined_in(out, apply(movement.cat, *sized, axis=axis), sized)


def _joined_in(out, result, tensors):
    """The result, put into `out` if there is one. TypeError for one that does not hold such numbers."""
    if isinstance(out, Variable) and dtypes.category(result._array.dtype) > dtypes.category(out._array.dtype):
        name = legacy_name(out._array.dtype)
        raise TypeError(f"torch.cat(): input types can't be cast to the desired output type {name}")
    return placed(out, result, *tensors, exact=False)


concat = concatenate = cat


def stack(tensors, dim: int = 0, *, out=None, axis: int | None = None):
    """The tensors, of one shape, along a new dimension. RuntimeError for other shapes, IndexError for a wrong dim."""
    found = _common(tensors, "stack")
    dim = dim if axis is None else axis
    if not found:
        raise RuntimeError("stack expects a non-empty TensorList")
    shape = found[0]._array.shape
    axis = dims.one(dim, len(shape) + 1)
    for i, x in enumerate(found):
        if x._array.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(x._array.shape)} at "
                f"entry {i}"
            )
    result = apply(movement.stack, *found, axis=axis)
    return result if out is None else _joined_in(out, result, found)


def _each(function, tensors, name: str) -> list:
    """`function` of every tensor. TypeError for a tensor instead of several, RuntimeError for none."""
    if not isinstance(tensors, (tuple, list)):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(tensors).__name__}"
        )
    if not tensors:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return [function(x) for x in tensors]


def hstack(tensors, *, out=None):
    """Side by side: along the second dimension, vectors along the first."""
    found = _each(atleast_1d, tensors, "hstack")
    return cat(found, 0 if found[0]._array.ndim == 1 else 1, out=out)


def vstack(tensors, *, out=None):
    """One below the other: along the first dimension, vectors as rows."""
    return cat(_each(atleast_2d, tensors, "vstack"), 0, out=out)


row_stack = vstack


def dstack(tensors, *, out=None):
    """One behind the other: along the third dimension."""
    return cat(_each(atleast_3d, tensors, "dstack"), 2, out=out)


def column_stack(tensors, *, out=None):
    """Side by side, vectors as columns."""
    return cat(_each(_as_column, tensors, "column_stack"), 1, out=out)


def _as_column(x):
    return reshaped(x, (x._array.size, 1)) if x._array.ndim <= 1 else x


def split(tensor, split_size_or_sections, dim: int = 0):
    """Pieces along a dimension, views: of one size (the last may be smaller), or of the sizes in a list.

    RuntimeError if the sizes do not add up to the dimension's.
    """
    array, size = tensor._array, split_size_or_sections
    if size.__class__ is bool or (
        not isinstance(size, (list, tuple, int)) and (isinstance(size, float) or getattr(size, "ndim", 0))
    ):
        raise TypeError(
            f"split_with_sizes(): argument 'split_sizes' (position 2) must be tuple of ints, not {type(size).__name__}"
        )
    if array.ndim == 0:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    if isinstance(size, int) and size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    axis = dims.one(dim, array.ndim)
    n = array.shape[axis]
    if isinstance(split_size_or_sections, (list, tuple)):
        sizes = [index(s) for s in split_size_or_sections]
        if sum(sizes) != n or any(s < 0 for s in sizes):
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at "
                f"dimension {axis}), but "
                f"got split_sizes={sizes}"
            )
    else:
        size = index(size)
        if size == 0 and n:
            raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
        sizes = [size] * (n // size) + ([n % size] if n % size else []) if n else [0]
    starts = itertools.accumulate(sizes, initial=0)
    lead = (slice(None),) * axis
    parts = [(*lead, slice(start, start + n)) for start, n in zip(starts, sizes)]
    return _pieces(indexing.split, indexing.part_slice, tensor, parts, {"sizes": tuple(sizes), "axis": axis})


def split_with_sizes(input, split_sizes, dim: int = 0):
    """Pieces of the given sizes along a dimension, views."""
    if not isinstance(split_sizes, (list, tuple)):
        raise TypeError(
            f"split_with_sizes(): argument 'split_sizes' must be tuple of ints, not {type(split_sizes).__name__}"
        )
    return split(input, split_sizes, dim)


def chunk(input, chunks: int, dim: int = 0):
    """At most `chunks` pieces of equal size along a dimension (the last may be smaller), views."""
    if not hasattr(chunks, "__index__") or getattr(chunks, "ndim", 0):
        raise TypeError(f"chunk(): argument 'chunks' (position 2) must be int, not {type(chunks).__name__}")
    chunks = index(chunks)
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    if input._array.ndim == 0:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    n = input._array.shape[dims.one(dim, input._array.ndim)]
    size = -(-n // chunks)
    return split(input, size, dim) if n else split(input, [0] * chunks, dim)


def _where_to_cut(given, sections, indices, name: str):
    found = [v for v in (given, sections, indices) if v is not None]
    if len(found) != 1 or isinstance(found[0], float):
        raise TypeError(f"{name}() takes a number of sections, or a tuple of positions")
    return found[0]


def tensor_split(input, indices_or_sections=None, dim: int = 0, *, sections=None, indices=None):
    """Pieces along a dimension, views: as many as a number says, nearly equal, or cut at positions."""
    indices_or_sections = _where_to_cut(indices_or_sections, sections, indices, "tensor_split")
    if input._array.ndim == 0:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    n = input._array.shape[dims.one(dim, input._array.ndim)]
    if isinstance(indices_or_sections, Variable):
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, int):
        count = indices_or_sections
        if count <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {count}")
        if count > 2**30:
            raise RuntimeError(f"tensor_split: can't allocate memory for {count} tensors")
        sizes = [n // count + (i < n % count) for i in range(count)]
        return split(input, sizes, dim)
    cuts = [0, *[slice(None, c).indices(n)[1] for c in indices_or_sections], n]
    pieces = [(a, max(a, b)) for a, b in zip(cuts, cuts[1:])]
    axis = dims.one(dim, input._array.ndim)
    return tuple(input[(slice(None),) * axis + (slice(a, b),)] for a, b in pieces)


def hsplit(input, indices_or_sections=None, *, sections=None, indices=None):
    """Cut along the second dimension, vectors along the first."""
    where = _where_to_cut(indices_or_sections, sections, indices, "hsplit")
    return _cut(input, where, 0 if input._array.ndim == 1 else 1, "hsplit")


def vsplit(input, indices_or_sections=None, *, sections=None, indices=None):
    """Cut along the first dimension of a tensor with two or more."""
    return _cut(input, _where_to_cut(indices_or_sections, sections, indices, "vsplit"), 0, "vsplit", 2)


def dsplit(input, indices_or_sections=None, *, sections=None, indices=None):
    """Cut along the third dimension."""
    return _cut(input, _where_to_cut(indices_or_sections, sections, indices, "dsplit"), 2, "dsplit", 3)


def _cut(x, where, dim: int, name: str, least: int = 1):
    if isinstance(where, Variable):
        if where._array.ndim:
            raise TypeError(f"{name}() takes a number of sections, or a tuple of positions, not a tensor")
        where = int(where)
    if x._array.ndim < least:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {least} "
            f"dimension{'s' if least > 1 else ''}, but got a tensor with "
            f"{x._array.ndim} dimensions!"
        )
    if isinstance(where, int) and (where <= 0 or x._array.shape[dim] % where):
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension "
            f"{x._array.shape[dim]} is "
            f"not divisible by the split_size {where}!"
        )
    return tensor_split(x, where, dim)


def unbind(input, dim: int = 0):
    """The slices along a dimension, views without it."""
    axis = dims.one(dim, input._array.ndim)
    if input._array.ndim == 0:
        raise IndexError(f"Dimension specified as {axis} but tensor has no dimensions")
    lead = (slice(None),) * axis
    parts = [(*lead, i, ...) for i in range(input._array.shape[axis])]
    return _pieces(indexing.unbind, indexing.part_select, input, parts, {"axis": axis})


def _pieces(operator, each, x, parts: list[tuple], attrs: dict) -> tuple:
    """The views of x at several indices, recorded as the results of one operator: `apply` for many small pieces."""
    array, counter, recording = x._array, counter_of(x), is_grad_enabled()
    made = []
    for part in parts:
        piece = wrap(array[part])
        piece._counter = counter
        piece._view = View(x, each, {"index": part}, counter[0], recording)
        made.append(piece)
    edge = node_of(x) if recording and made else None
    if edge is not None:
        node = record(operator, (x,), attrs, (edge,), made, ())
        node.results = [(piece._array.shape, array.dtype) for piece in made]
        for i, piece in enumerate(made):
            piece._node = OutputOf(node, i)
    return tuple(made)


@shown_as("BlockDiagBackward0")
def block_diag(*tensors):
    """Matrices along the diagonal of one, zeros elsewhere."""
    if not tensors:
        return wrap(np.zeros((1, 0), dtypes.get_default_dtype().np))
    blocks = _common([unsqueeze(x, 0) if x._array.ndim == 1 else x for x in tensors], "block_diag")
    blocks = [reshaped(b, (1, 1)) if b._array.ndim == 0 else b for b in blocks]
    width = sum(b._array.shape[1] for b in blocks)
    rows, left = [], 0
    for b in blocks:
        if b._array.ndim != 2:
            raise RuntimeError(f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Got {b._array.ndim}")
        height, wide = b._array.shape
        pads = [beside(b, np.zeros((height, n), b._array.dtype)) for n in (left, width - left - wide)]
        rows.append(cat([pads[0], b, pads[1]], 1))
        left += wide
    return cat(rows, 0)


def _split_method(self, split_size, dim: int = 0):
    """Pieces along a dimension, views: of one size (the last may be smaller), or of the sizes in a list."""
    return split(self, split_size, dim)


class JoiningMethods:
    """Splitting as methods."""

    __slots__ = ()

    split = _split_method
    split_with_sizes = split_with_sizes
    chunk = chunk
    tensor_split = tensor_split
    hsplit = hsplit
    vsplit = vsplit
    dsplit = dsplit
    unbind = unbind

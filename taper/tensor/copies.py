"""Views as copies: the functions whose names end in `_copy`, and the splits of which every piece may be written to."""

from __future__ import annotations

from ..autograd.outputs import EXPECTED, into
from . import arrangement, joining, selection, shape
from .memory import as_strided, clone, detach, unfold

__all__ = [
    "alias_copy",
    "as_strided_copy",
    "detach_copy",
    "diagonal_copy",
    "expand_copy",
    "narrow_copy",
    "permute_copy",
    "select_copy",
    "split_copy",
    "split_with_sizes_copy",
    "squeeze_copy",
    "t_copy",
    "transpose_copy",
    "unbind_copy",
    "unfold_copy",
    "unsafe_chunk",
    "unsafe_split",
    "unsafe_split_with_sizes",
    "unsqueeze_copy",
    "view_copy",
]


def _copied(view, out):
    result = clone(view, memory_format=None)
    return result if out is None else into(out, result, EXPECTED)


def _each_copied(views, out):
    """Copies of several views; written into the tensors of `out` there is nothing to return."""
    copies = tuple([clone(view, memory_format=None) for view in views])
    if out is None:
        return copies
    if len(out) != len(copies):
        raise RuntimeError(f"expected {len(copies)} tensors in out=, but got {len(out)}")
    for place, copy in zip(out, copies):
        into(place, copy, EXPECTED)
    return None


def alias_copy(input, *, out=None):
    """A copy."""
    return _copied(input, out)


def detach_copy(input, *, out=None):
    """A copy without history."""
    return _copied(detach(input), out)


def as_strided_copy(input, size, stride, storage_offset=None, *, out=None):
    """A copy of the memory's elements at the places that shape, strides and offset say."""
    return _copied(as_strided(input, size, stride, storage_offset), out)


def diagonal_copy(input, offset: int = 0, dim1: int = 0, dim2: int = 1, *, out=None):
    """A copy of a diagonal."""
    return _copied(arrangement.diagonal(input, offset, dim1, dim2), out)


def expand_copy(input, size, *, implicit: bool = False, out=None):
    """A copy in which dimensions of size 1 are repeated to the given sizes."""
    return _copied(shape.expanded(input, size), out)


def narrow_copy(input, dim: int, start: int, length: int, *, out=None):
    """A copy of `length` slices from `start` on along a dimension. RuntimeError out of range."""
    if input._array.ndim and dim >= input._array.ndim:
        raise RuntimeError(f"narrow_copy: expected dim to be below {input._array.ndim}, but got {dim}")
    return _copied(selection.narrow(input, dim, start, length), out)


def permute_copy(input, dims, *, out=None):
    """A copy with the dimensions in another order."""
    return _copied(shape.permute(input, dims), out)


def select_copy(input, dim: int, index: int, *, out=None):
    """A copy of one slice along a dimension, without it."""
    return _copied(selection.select(input, dim, index), out)


def squeeze_copy(input, dim=None, *, out=None):
    """A copy without the dimensions of size 1, or without those named."""
    return _copied(shape.squeeze(input) if dim is None else shape.squeeze(input, dim), out)


def t_copy(input, *, out=None):
    """A copy of a matrix transposed."""
    return _copied(shape.t(input), out)


def transpose_copy(input, dim0: int, dim1: int, *, out=None):
    """A copy with two dimensions exchanged."""
    return _copied(shape.transpose(input, dim0, dim1), out)


def unfold_copy(input, dimension: int, size: int, step: int, *, out=None):
    """A copy of the windows along a dimension, as a new last dimension."""
    return _copied(unfold(input, dimension, size, step), out)


def unsqueeze_copy(input, dim: int, *, out=None):
    """A copy with a new dimension of size 1."""
    return _copied(shape.unsqueeze(input, dim), out)


def view_copy(input, size, *, out=None):
    """A copy in another shape, or read as another dtype."""
    if isinstance(size, (tuple, list)):
        return _copied(shape.reshape(input, size), out)
    return _copied(shape.view(input, size), out)


def unbind_copy(input, dim: int = 0, *, out=None):
    """Copies of the slices along a dimension, without it."""
    return _each_copied(joining.unbind(input, dim), out)


def split_copy(input, split_size: int, dim: int = 0, *, out=None):
    """Copies of the pieces of one size along a dimension."""
    return _each_copied(joining.split(input, split_size, dim), out)


def split_with_sizes_copy(input, split_sizes, dim: int = 0, *, out=None):
    """Copies of the pieces of the given sizes along a dimension."""
    return _each_copied(joining.split_with_sizes(input, split_sizes, dim), out)


def unsafe_split(tensor, split_size, dim: int = 0):
    """`split` into copies, which may be changed in place."""
    return _each_copied(joining.split(tensor, split_size, dim), None)


def unsafe_split_with_sizes(input, split_sizes, dim: int = 0):
    """`split_with_sizes` into copies, which may be changed in place."""
    return _each_copied(joining.split_with_sizes(input, split_sizes, dim), None)


def unsafe_chunk(input, chunks: int, dim: int = 0):
    """`chunk` into copies, which may be changed in place."""
    return _each_copied(joining.chunk(input, chunks, dim), None)


class CopyMethods:
    """Copies of views as methods."""

    __slots__ = ()

    narrow_copy = narrow_copy
    unsafe_split = unsafe_split
    unsafe_split_with_sizes = unsafe_split_with_sizes
    unsafe_chunk = unsafe_chunk

"""Scattering: values written, added or reduced into a tensor at positions along a dimension; parts replaced."""

from __future__ import annotations

import numpy as np

from ..autograd.casting import in_float32
from ..autograd.dispatch import apply
from ..autograd.inplace import inplace, legacy_name
from ..autograd.naming import shown_as
from ..autograd.outputs import into
from ..autograd.places import memory_of
from ..autograd.tape import Variable, wrap
from ..autograd.viewing import viewed
from ..backends import namespace_of
from ..ops import indexing as ops
from . import dims
from .indexing import index_put
from .memory import as_strided, clone, storage_offset_of
from .outputs import placed
from .selection import check_bounds, check_index, check_ranks, length, masked_fill, number_like, outside, select, vector
from .shape import check_tensor, expanded, reshaped
from .writing import copy_

__all__ = [
    "scatter",
    "scatter_add",
    "scatter_reduce",
    "put",
    "index_put",
    "index_add",
    "index_copy",
    "index_fill",
    "index_reduce",
    "select_scatter",
    "slice_scatter",
    "diagonal_scatter",
    "as_strided_scatter",
]


def _checked(x, dim: int, index, src, name: str) -> tuple:
    """The axis, and the part of `src` beside the index, of a call that may go on. RuntimeError if it may not."""
    axis = dims.one(dim, x._array.ndim)
    check_tensor(src, name)
    check_index(index, name)
    if src._array.dtype != x._array.dtype:
        raise RuntimeError(
            f"{name}(): Expected self.dtype to be equal to src.dtype: they are {x.dtype} and {src.dtype}"
        )
    if index._array.size == 0:
        return axis, src
    check_ranks(x, index, name, axis)
    have, want = src._array.shape or (1,), index._array.shape or (1,)
    if src._array.ndim and len(have) < len(want) and all(n >= m for n, m in zip(have, want)):
        raise IndexError(
            f"Dimension out of range: {name} got an index of {len(want)} dimensions and a src of {len(have)}"
        )
    if len(have) != len(want):
        raise RuntimeError(
            f"Index tensor must have the same number of dimensions as src tensor; {name} got "
            f"{len(want)} and {len(have)}"
        )
    if any(n < m for n, m in zip(have, want)):
        raise RuntimeError(
            f"Expected index {list(want)} to be no larger than src {list(have)} in all dimensions ({name})"
        )
    check_bounds(index._array, length(x, axis), name, axis)
    if have != want:
        src = viewed(ops.part_slice, src, index=tuple([slice(m) for m in want]))
    return axis, src


def scatter(input, dim: int, index, src=None, *, value=None, reduce: str | None = None, out=None):
    """`input` with result[index[i][j]][j] = src[i][j] for dim 0, and so on. reduce: "add" or "multiply" into it."""
    if (src is None) == (value is None):
        raise TypeError("scatter() needs one of src and value")
    src = value if src is None else src
    if not isinstance(src, Variable):
        number = number_like(src, input, "scatter")
        src = wrap(namespace_of(number._array).broadcast_to(number._array, index._array.shape))
    axis, src = _checked(input, dim, index, src, "scatter")
    if reduce is not None and reduce not in ("add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    if index._array.size == 0:
        result = clone(input)
    elif reduce is None:
        result = apply(ops.scatter, input, src, index, axis=axis)
    else:
        how = {"add": "sum", "multiply": "prod"}[reduce]
        result = apply(ops.reduce_at, input, src, index, axis=axis, how=how, include_self=True)
    return result if out is None else into(out, result)


def scatter_add(input, dim: int, index, src, *, out=None):
    """`input` with src[i][j] added at [index[i][j]][j] for dim 0, and so on."""
    axis, src = _checked(input, dim, index, src, "scatter_add")
    result = apply(ops.scatter_add, input, src, index, axis=axis) if index._array.size else clone(input)
    return result if out is None else into(out, result)


def scatter_reduce(input, dim: int, index, src, reduce: str, *, include_self: bool = True, out=None):
    """As `scatter_add`, with reduce "sum", "prod", "mean", "amax" or "amin", with or without input's own values."""
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}.")
    axis, src = _checked(input, dim, index, src, "scatter_reduce")
    if input._array.dtype.kind == "b" and reduce == "mean":
        raise NotImplementedError("\"scatter_gather_tensor_cpu_reduce_mean\" not implemented for 'Bool'")
    if input._array.dtype.kind == "c" and reduce in ("amax", "amin"):
        raise NotImplementedError(f"scatter_reduce: complex numbers have no order, so no {reduce}")
    if index._array.size:
        result = apply(ops.reduce_at, input, src, index, axis=axis, how=reduce, include_self=include_self)
    else:
        result = clone(input)
    return result if out is None else into(out, result)


def put(input, index, source, accumulate: bool = False):
    """`input` with `source` written, or added, at positions counted in a row over the whole tensor."""
    if index._array.dtype != np.int64:
        raise RuntimeError(f"put_(): Expected a long tensor for index, but got {index.dtype}")
    if index._array.size != source._array.size:
        raise IndexError(
            f"put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source._array.size}, index.numel() = {index._array.size}"
        )
    if input._array.dtype != source._array.dtype:
        raise RuntimeError(
            f"put_(): self and source expected to have the same dtype, but got {input.dtype} and {source.dtype}"
        )
    n, array = input._array.size, index._array
    if array.size and namespace_of(array).found((array < -n) | (array >= n)):
        raise IndexError(f"out of range: tried to access an index outside [{-n}, {n - 1}] on a tensor of {n} elements.")
    flat = reshaped(input, (n,))
    made = index_put(flat, (reshaped(index, (array.size,)),), reshaped(source, (array.size,)), accumulate)
    return reshaped(made, input._array.shape)


def _aligned(input, dim: int, index, source, name: str) -> tuple:
    """The axis and the vector of positions of a call whose source has one slice for each. An error if it has not."""
    axis = dims.one(dim, input._array.ndim)
    index = vector(index, name)
    check_index(index, name, long_only=name == "index_copy_")
    if source._array.dtype != input._array.dtype:
        raise RuntimeError(
            f"{name}(): self ({input.type()}) and source ({source.type()}) must have the same scalar type"
        )
    mine, theirs = input._array.shape, source._array.shape
    copies = name == "index_copy_"
    if copies and mine and theirs and len(mine) != len(theirs):
        raise IndexError(
            f"{name}(): When source and destination are not scalars, their dimensionality must match. "
            "Source dimensionality "
            f"({len(theirs)}), destination dimensionality ({len(mine)})"
        )
    n = (theirs or (1,))[axis] if axis < max(len(theirs), 1) else 0
    if index._array.size != n:
        wrong = IndexError if copies else RuntimeError
        raise wrong(
            f"{name}(): Number of indices ({index._array.size}) should be equal to source.size(dim): ({n}), for dim: "
            f"{axis}"
        )
    if (
        not copies
        and len(mine) != len(theirs)
        or any(i != axis and m != n for i, (m, n) in enumerate(zip(mine, theirs)))
    ):
        words = (
            "Source/destination tensor must have same slice shapes"
            if copies
            else "source tensor shape must match self tensor shape, excluding the specified dimension"
        )
        raise RuntimeError(
            f"{words}. Got self.shape = {list(mine)} source.shape = {list(theirs)}; {name} at dimension {axis}"
        )
    limit = length(input, axis)
    if outside(index._array, limit):
        # PyTorch has a loop of its own for the first and the last dimension.
        if name == "index_add_" and len(mine) > 1 and axis in (0, len(mine) - 1):
            found = index._array
            bad = int(found.max()) if found.max() >= limit else int(found.min())
            raise RuntimeError(f"index {bad} is out of bounds for dimension {axis} with size {limit} ({name})")
        raise IndexError(f"index out of range in self: {name} along dimension {axis} of size {limit}")
    return axis, index


def _put_along(x, axis: int, index, values, accumulate: bool):
    """Slices written or added along a dimension."""
    if x._array.ndim == 0:
        values = reshaped(values, (1,)) if values._array.ndim == 0 else values
        return reshaped(_put_along(reshaped(x, (1,)), 0, index, values, accumulate), ())
    spec = (*(slice(None),) * axis, None)
    return apply(ops.put_at, x, values, index, spec=spec, accumulate=accumulate)


@shown_as("IndexAddBackward0")
def index_add(input, dim: int, index, source, *, alpha=1, out=None):
    """`input` with alpha times the slices of `source` added at the positions `index` along a dimension."""
    axis, index = _aligned(input, dim, index, source, "index_add_")
    result = _put_along(input, axis, index, source if alpha == 1 else source * alpha, True)
    return result if out is None else into(out, result)


@shown_as("IndexCopyBackward0")
@in_float32
def index_copy(input, dim: int, index, source, *, out=None):
    """`input` with the slices of `source` written at the positions `index` along a dimension."""
    axis, index = _aligned(input, dim, index, source, "index_copy_")
    result = _put_along(input, axis, index, source, False)
    return result if out is None else into(out, result)


@shown_as("IndexFillBackward0")
def index_fill(input, dim: int, index, value):
    """`input` with a number in the slices at the positions `index` along a dimension."""
    axis = dims.one(dim, input._array.ndim)
    if index._array.dtype != np.int64:
        raise IndexError(f"index_fill_(): Expected dtype int64 for index, but got {index.dtype}.")
    if isinstance(value, Variable):
        if value._array.ndim:
            raise RuntimeError(
                f"Only supports 0-dimension value tensor but got tensor with {value._array.ndim} dimensions."
            )
        value = value.to(input.dtype)
    else:
        value = number_like(value, input, "index_fill_")
    if index._array.ndim > 1:
        raise RuntimeError(f"Index has to be a vector/scalar: index_fill_ got shape {list(index._array.shape)}")
    limit, array = length(input, axis), index._array
    if array.size and namespace_of(array).found((array < -limit) | (array >= limit)):
        raise IndexError(f"index out of range in self: index_fill_ along dimension {axis} of size {limit}")
    mask = namespace_of(array).zeros(limit, dtype=bool)
    mask[array] = True
    shape = (-1, *(1,) * (input._array.ndim - axis - 1)) if input._array.ndim else ()
    return masked_fill(input, wrap(mask.reshape(shape)), value)


@shown_as("IndexReduceBackward0")
def index_reduce(input, dim: int, index, source, reduce: str, *, include_self: bool = True, out=None):
    """`input` with the slices of `source` reduced into it ("prod", "mean", "amax", "amin") at the positions `index`."""
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    axis, index = _aligned(input, dim, index, source, "index_reduce_")
    kind = input._array.dtype.kind
    if (kind in "bc" and input._array.ndim < 2) or (kind == "b" and reduce == "mean"):
        raise NotImplementedError(f"\"index_func_\" not implemented for '{legacy_name(input._array.dtype)}'")
    shape = source._array.shape
    wide = expanded(reshaped(index, tuple([-1 if i == axis else 1 for i in range(len(shape))])), shape)
    result = scatter_reduce(input, axis, wide, source, reduce, include_self=include_self)
    return result if out is None else into(out, result)


def _with_part(x, part, src, name: str):
    """A copy of x of which a part is replaced."""
    made = clone(x)
    target = part(made)
    if target._array.shape != src._array.shape:
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(src._array.shape)}, slice size = "
            f"{list(target._array.shape)} ({name})"
        )
    copy_(target, src)
    return made


def select_scatter(input, src, dim: int, index: int):
    """A copy with `src` in place of one slice along a dimension."""
    return _with_part(input, lambda x: select(x, dim, index), src, "select_scatter")


def slice_scatter(input, src, dim: int = 0, start=None, end=None, step: int = 1, *, out=None):
    """A copy with `src` in place of the slices start:end:step along a dimension."""
    axis = dims.one(dim, input._array.ndim)
    part = (*(slice(None),) * axis, slice(start, end, step))
    result = _with_part(input, lambda x: viewed(ops.part_slice, x, index=part), src, "slice_scatter")
    return placed(out, result)


def as_strided_scatter(input, src, size, stride, storage_offset=None):
    """A copy with `src` in place of the elements that `as_strided` with these arguments would show."""
    array = input._array
    memory = memory_of(array)[0].nbytes // array.itemsize
    whole = clone(as_strided(input, (memory,), (1,), 0))
    offset = storage_offset_of(array)
    place = as_strided(whole, size, stride, offset if storage_offset is None else storage_offset)
    if place._array.shape != src._array.shape:
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(src._array.shape)}, slice size = {list(size)} (as_strided_scatter)"
        )
    copy_(place, src)
    return as_strided(whole, array.shape, [s // array.itemsize for s in array.strides], offset)


def diagonal_scatter(input, src, offset: int = 0, dim1: int = 0, dim2: int = 1):
    """A copy with `src` in place of a diagonal."""
    return _with_part(input, lambda x: x.diagonal(offset, dim1, dim2), src, "diagonal_scatter")


class ScatteringMethods:
    """Scattering as methods."""

    __slots__ = ()

    scatter = scatter
    scatter_ = inplace(scatter)
    scatter_add = scatter_add
    scatter_add_ = inplace(scatter_add)
    scatter_reduce = scatter_reduce
    scatter_reduce_ = inplace(scatter_reduce)
    put = put
    put_ = inplace(put)
    index_add = index_add
    index_add_ = inplace(index_add)
    index_copy = index_copy
    index_copy_ = inplace(index_copy)
    index_fill = index_fill
    index_fill_ = inplace(index_fill)
    index_reduce = index_reduce
    index_reduce_ = inplace(index_reduce)
    select_scatter = select_scatter
    slice_scatter = slice_scatter
    diagonal_scatter = diagonal_scatter
    as_strided_scatter = as_strided_scatter

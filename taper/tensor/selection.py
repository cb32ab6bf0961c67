"""Selection: by masks and conditions, and by positions along a dimension; the reverse, scattering."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..autograd.dispatch import apply, into
from ..autograd.inplace import inplace
from ..autograd.tape import Variable, wrap
from ..ops import indexing as ops
from ..ops.movement import astype
from . import dims
from .conversion import to
from .indexing import index_put
from .joining import unbind
from .shape import broadcast_tensors, copy_, expand, reshape

__all__ = [
    *("where", "masked_select", "masked_fill", "masked_scatter", "nonzero", "argwhere", "gather", "scatter"),
    *("scatter_add", "scatter_reduce", "take", "take_along_dim", "index_select", "index_add", "index_copy", "index_fill"),
    *("narrow", "select", "select_scatter", "slice_scatter", "diagonal_scatter", "repeat_interleave", "index_put", "put"),
    *("index_reduce", "one_hot"),
]


def where(condition, input=None, other=None, *, out=None):
    """`input` where the condition holds, else `other`; with the condition alone, the indices where it holds."""
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    if condition._array.dtype.kind != "b":
        if condition._array.dtype != np.uint8:
            raise RuntimeError(f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype}")
        condition = condition.bool()
    plain = [t._array if isinstance(t, Variable) else t for t in (input, other)]
    common = dtypes.result_type(plain)
    sides = []
    for t in (input, other):
        if not isinstance(t, Variable):
            t = wrap(np.asarray(t).astype(common))
        elif t._array.dtype != common:
            t = apply(astype, t, dtype=common)
        sides.append(t)
    result = _broadcasting("where", ops.where, condition, *sides)
    return result if out is None else into(out, result)


def _broadcasting(name: str, operator, *inputs, **attrs):
    """Apply an operator whose shapes may not fit."""
    try:
        np.broadcast_shapes(*[t._array.shape for t in inputs])
    except ValueError:
        shapes = ", ".join(str(tuple(t._array.shape)) for t in inputs)
        raise RuntimeError(
            f"The size of tensor a must match the size of tensor b at non-singleton dimension; {name} got shapes {shapes}."
        ) from None
    return apply(operator, *inputs, **attrs)


def _mask(mask, name: str):
    if mask._array.dtype.kind != "b":
        raise RuntimeError(f"{name} only supports boolean masks, but got mask with dtype {mask.dtype}. Convert it: mask.bool().")
    return mask


def masked_select(input, mask, *, out=None):
    """The elements where `mask` (broadcast) is set, in one dimension."""
    if mask._array.dtype.kind != "b":
        raise RuntimeError(f"masked_select: expected BoolTensor for mask, got {mask.dtype}. Convert it: mask.bool().")
    input, mask = broadcast_tensors(input, mask)
    result = apply(ops.masked_select, input, mask)
    return result if out is None else into(out, result)


def masked_fill(input, mask, value):
    """`input` with a number (or a tensor without dimensions) where `mask` (broadcast) is set."""
    _mask(mask, "masked_fill")
    if isinstance(value, Variable):
        if value._array.ndim:
            raise RuntimeError(
                f"masked_fill only supports a 0-dimensional value tensor, but got tensor with {value._array.ndim} dimension(s)."
            )
        value = to(value, input.dtype)
    else:
        if isinstance(value, complex) and input._array.dtype.kind != "c":
            raise RuntimeError("value cannot be converted to type without overflow")
        value = wrap(np.asarray(value).astype(input._array.dtype))
    return _broadcasting("masked_fill", ops.masked_fill, input, mask, value)


def masked_scatter(input, mask, source):
    """`input` with the elements of `source`, in order, where `mask` (broadcast) is set."""
    _mask(mask, "masked_scatter")
    input, mask = broadcast_tensors(input, mask)
    count = int(mask._array.sum())
    if source._array.size < count:
        raise RuntimeError(f"masked_scatter: mask has {count} elements set, source has {source._array.size}: it needs as many")
    values = apply(ops.put_masked, reshape(source, -1)[:count], mask, shape=mask._array.shape)
    return apply(ops.where, mask, values, input)


def nonzero(input, *, out=None, as_tuple: bool = False):
    """The indices of the nonzero elements: rows of an (n, dimensions) tensor, or a tuple of one tensor a dimension."""
    if as_tuple:
        if input._array.ndim == 0:
            return (wrap(np.flatnonzero(input._array)),)
        return unbind(apply(ops.nonzero, input), 1)
    if input._array.ndim == 0:
        return wrap(np.zeros((int(bool(input._array)), 0), np.int64))
    result = apply(ops.nonzero, input)
    return result if out is None else into(out, result)


def argwhere(input):
    """The indices of the nonzero elements, as rows."""
    return nonzero(input)


def _index(index, name: str):
    if index._array.dtype.kind not in "iu" or index._array.dtype.itemsize < 4:
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index, but got {index.dtype}. Convert it: index.long().")
    return index


def _check_bounds(index, limit: int, name: str, axis: int, negative: bool = False) -> None:
    """Refuse positions outside [0, limit)."""
    array = index._array
    if array.size:
        low, high = int(array.min()), int(array.max())
        if high >= limit or low < (-limit if negative else 0):
            bad = high if high >= limit else low
            raise RuntimeError(f"index {bad} is out of bounds for dimension {axis} with size {limit} ({name})")


def _check_ranks(x, index, name: str, axis: int, bounded: bool = True) -> None:
    """The index must have as many dimensions as x and be no larger, except along the axis."""
    a, b = x._array, index._array
    if max(a.ndim, 1) != max(b.ndim, 1):
        raise RuntimeError(f"Index tensor must have the same number of dimensions as input tensor; {name} got {b.ndim} and {a.ndim}")
    if bounded:
        for d in range(b.ndim if a.ndim else 0):
            if d != axis and b.shape[d] > a.shape[d]:
                raise RuntimeError(
                    f"Size does not match at dimension {d} expected index {list(b.shape)} to be no larger than self "
                    f"{list(a.shape)} apart from dimension {axis} ({name})"
                )


def gather(input, dim: int, index, *, sparse_grad: bool = False, out=None):
    """result[i][j] = input[index[i][j]][j] for dim 0, and so on: elements picked along a dimension."""
    axis = dims.one(dim, input._array.ndim)
    _index(index, "gather")
    if index._array.size == 0:
        result = wrap(np.empty(index._array.shape, input._array.dtype))
        return result if out is None else into(out, result)
    _check_ranks(input, index, "gather", axis)
    _check_bounds(index, input._array.shape[axis] if input._array.ndim else 1, "gather", axis)
    result = apply(ops.gather, input, index, axis=axis)
    return result if out is None else into(out, result)


def take_along_dim(input, indices, dim=None, *, out=None):
    """Elements picked along a dimension, both broadcast; of all elements in a row for dim None."""
    if dim is None:
        return gather(reshape(input, -1), 0, reshape(indices, -1), out=out)
    axis = dims.one(dim, input._array.ndim)
    if input._array.ndim != indices._array.ndim:
        raise RuntimeError(
            f"torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{input._array.ndim} dimensions for input, and {indices._array.ndim} dimensions for indices"
        )
    a, b = list(input._array.shape), list(indices._array.shape)
    a[axis] = b[axis] = 1
    common = list(np.broadcast_shapes(a, b))
    wide = [*common[:axis], -1, *common[axis + 1 :]]
    return gather(expand(input, *wide), dim, expand(indices, *wide), out=out)


def scatter(input, dim: int, index, src=None, *, value=None, reduce: str | None = None, out=None):
    """`input` with result[index[i][j]][j] = src[i][j] for dim 0, and so on. reduce: "add" or "multiply" into it."""
    if src is None:
        src = value
    axis = dims.one(dim, input._array.ndim)
    _index(index, "scatter")
    if index._array.size == 0:
        return input.clone()
    _check_ranks(input, index, "scatter", axis)
    _check_bounds(index, input._array.shape[axis] if input._array.ndim else 1, "scatter", axis)
    if not isinstance(src, Variable):
        src = wrap(np.full(index._array.shape, src).astype(input._array.dtype))
    elif src._array.dtype != input._array.dtype:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    else:
        _check_source(src, index)
    if reduce is not None:
        if reduce not in ("add", "multiply"):
            raise RuntimeError("reduce argument must be either add or multiply.")
        result = scatter_reduce(input, dim, index, src, {"add": "sum", "multiply": "prod"}[reduce])
    else:
        result = apply(ops.scatter, input, src, index, axis=axis)
    return result if out is None else into(out, result)


def _check_source(src, index) -> None:
    if max(src._array.ndim, 1) != max(index._array.ndim, 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
    if any(i > s for i, s in zip(index._array.shape, src._array.shape)):
        raise RuntimeError(
            f"Expected index {list(index._array.shape)} to be no larger than src {list(src._array.shape)} in all dimensions"
        )


def scatter_add(input, dim: int, index, src, *, out=None):
    """`input` with src[i][j] added at [index[i][j]][j] for dim 0, and so on."""
    axis = dims.one(dim, input._array.ndim)
    _index(index, "scatter_add")
    if src._array.dtype != input._array.dtype:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    if index._array.size == 0:
        return input.clone()
    _check_ranks(input, index, "scatter_add", axis)
    _check_source(src, index)
    _check_bounds(index, input._array.shape[axis] if input._array.ndim else 1, "scatter_add", axis)
    result = apply(ops.scatter_add, input, src, index, axis=axis)
    return result if out is None else into(out, result)


def scatter_reduce(input, dim: int, index, src, reduce: str, *, include_self: bool = True, out=None):
    """As `scatter_add`, with reduce "sum", "prod", "mean", "amax" or "amin", with or without input's own values."""
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError("reduce argument must be either sum, prod, mean, amax or amin, got " + str(reduce))
    axis = dims.one(dim, input._array.ndim)
    _index(index, "scatter_reduce")
    _check_ranks(input, index, "scatter_reduce", axis)
    _check_source(src, index)
    _check_bounds(index, input._array.shape[axis] if input._array.ndim else 1, "scatter_reduce", axis)
    result = apply(ops.reduce_at, input, src, index, axis=axis, how=reduce, include_self=include_self)
    return result if out is None else into(out, result)


def take(input, index):
    """The elements at positions counted in a row over the whole tensor, in the shape of `index`."""
    if index._array.dtype != np.int64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {index.type().removeprefix('torch.').removesuffix('Tensor')}")
    n, array = input._array.size, index._array
    if array.size and (array.min() < -n or array.max() >= n):
        raise IndexError("out of range: tried to access index " + str(int(array.max())) + f" on a tensor of {n} elements.")
    return reshape(input, -1)[index]


def put(input, index, source, accumulate: bool = False):
    """`input` with `source` written, or added, at positions counted in a row over the whole tensor."""
    if index._array.size != source._array.size:
        raise RuntimeError(
            f"put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source._array.size}, index.numel() = {index._array.size}"
        )
    flat = index_put(reshape(input, -1).clone(), (reshape(index, -1),), reshape(source, -1), accumulate)
    return reshape(flat, input._array.shape)


def _vector(index, name: str):
    if index._array.ndim > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector, but got dim: {index._array.ndim}")
    _index(index, name)
    return reshape(index, -1)


def index_select(input, dim: int, index, *, out=None):
    """The slices at the positions `index`, a vector, along a dimension. IndexError or RuntimeError out of range."""
    axis = dims.one(dim, input._array.ndim)
    if index._array.ndim > 1:
        raise IndexError(f"index_select(): Index is supposed to be a vector, but got dim: {index._array.ndim} instead")
    index = _vector(index, "index_select")
    if input._array.ndim == 0:
        result = reshape(input, 1)[index].squeeze(0)
    else:
        limit, array = input._array.shape[axis], index._array
        if array.size and (array.min() < 0 or array.max() >= limit):
            raise IndexError("index out of range in self")
        result = apply(ops.index_select, input, index, axis=axis)
    return result if out is None else into(out, result)


def _aligned(input, dim: int, index, source, name: str):
    axis = dims.one(dim, input._array.ndim)
    index = _vector(index, name)
    if source._array.dtype != input._array.dtype:
        raise RuntimeError(f"{name}(): self ({input.type()}) and source ({source.type()}) must have the same scalar type")
    if source._array.ndim and index._array.size != source._array.shape[axis]:
        raise RuntimeError(
            f"{name}(): Number of indices ({index._array.size}) should be equal to source.size(dim) ({source._array.shape[axis]})"
        )
    limit, array = (input._array.shape[axis] if input._array.ndim else 1), index._array
    if array.size and (array.min() < 0 or array.max() >= limit):
        raise (IndexError if name == "index_copy_" else RuntimeError)("index out of range in self")
    return axis, index


def _at(index, axis: int) -> tuple:
    return (*(slice(None),) * axis, index)


def _along(x, axis: int, index, values, accumulate: bool):
    """Slices written or added along a dimension."""
    if x._array.ndim == 0:
        return reshape(_along(reshape(x, 1), 0, index, reshape(values, -1), accumulate), ())
    spec = (*(slice(None),) * axis, None)
    return apply(ops.put_at, x, values, index, spec=spec, accumulate=accumulate)


def index_add(input, dim: int, index, source, *, alpha=1, out=None):
    """`input` with alpha times the slices of `source` added at the positions `index` along a dimension."""
    axis, index = _aligned(input, dim, index, source, "index_add_")
    source = source if alpha == 1 else source * alpha
    result = _along(input, axis, index, source, True)
    return result if out is None else into(out, result)


def index_copy(input, dim: int, index, source, *, out=None):
    """`input` with the slices of `source` written at the positions `index` along a dimension."""
    axis, index = _aligned(input, dim, index, source, "index_copy_")
    result = _along(input, axis, index, source, False)
    return result if out is None else into(out, result)


def index_fill(input, dim: int, index, value):
    """`input` with a number in the slices at the positions `index` along a dimension."""
    axis = dims.one(dim, input._array.ndim)
    index = _vector(index, "index_fill_")
    limit, array = (input._array.shape[axis] if input._array.ndim else 1), index._array
    if array.size and (array.min() < -limit or array.max() >= limit):
        raise IndexError("index out of range in self")
    value = to(value, input.dtype) if isinstance(value, Variable) else wrap(np.asarray(value).astype(input._array.dtype))
    if value._array.ndim:
        raise RuntimeError(f"Only supports 0-dimension value tensor but got tensor with {value._array.ndim} dimensions.")
    return _along(input, axis, index, value, False)


def index_reduce(input, dim: int, index, source, reduce: str, *, include_self: bool = True, out=None):
    """`input` with the slices of `source` reduced into it ("prod", "mean", "amax", "amin") at the positions `index`."""
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    axis, index = _aligned(input, dim, index, source, "index_reduce_")
    wide = reshape(index, *[-1 if i == axis else 1 for i in range(input._array.ndim)])
    result = scatter_reduce(input, dim, expand(wide, *source._array.shape), source, reduce, include_self=include_self)
    return result if out is None else into(out, result)


def narrow(input, dim: int, start, length: int):
    """`length` slices from `start` on along a dimension. A view. RuntimeError or IndexError out of range."""
    if isinstance(start, Variable):
        start = int(start)
    if input._array.ndim == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    axis = dims.one(dim, input._array.ndim)
    n = input._array.shape[axis]
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -n <= start <= n:
        raise IndexError(f"start out of range (expected to be in range of [-{n}, {n}], but got {start})")
    start += n if start < 0 else 0
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return input[_at(slice(start, start + length), axis)]


def select(input, dim: int, index: int):
    """One slice along a dimension, without it. A view."""
    if input._array.ndim == 0:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    axis = dims.one(dim, input._array.ndim)
    n = input._array.shape[axis]
    if not -n <= index < n:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input._array.shape)} at dimension {axis}"
        )
    return input[_at(int(index), axis)]


def _with_part(x, part, src, name: str):
    """A copy of x of which a part is replaced."""
    made = x.clone()
    target = part(made)
    if target._array.shape != src._array.shape:
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = {list(src._array.shape)}, slice size = "
            f"{list(target._array.shape)} ({name})"
        )
    copy_(target, src)
    return made


def select_scatter(input, src, dim: int, index: int):
    """A copy with `src` in place of one slice along a dimension."""
    return _with_part(input, lambda x: select(x, dim, index), src, "select_scatter")


def slice_scatter(input, src, dim: int = 0, start=None, end=None, step: int = 1):
    """A copy with `src` in place of the slices start:end:step along a dimension."""
    axis = dims.one(dim, input._array.ndim)
    return _with_part(input, lambda x: x[_at(slice(start, end, step), axis)], src, "slice_scatter")


def diagonal_scatter(input, src, offset: int = 0, dim1: int = 0, dim2: int = 1):
    """A copy with `src` in place of a diagonal."""
    return _with_part(input, lambda x: x.diagonal(offset, dim1, dim2), src, "diagonal_scatter")


def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each element (or slice along `dim`) repeated, a number of times or one number for each."""
    if repeats is None:
        return wrap(np.repeat(np.arange(input._array.size), input._array))
    if dim is None:
        input, dim = reshape(input, -1), 0
    axis = dims.one(dim, input._array.ndim)
    n = input._array.shape[axis] if input._array.ndim else 1
    if isinstance(repeats, Variable):
        counts = repeats._array.reshape(-1)
        if counts.dtype.kind not in "iu":
            raise RuntimeError("repeats has to be Long or Int tensor")
    else:
        counts = np.asarray(repeats).reshape(-1)
    if counts.size and counts.min() < 0:
        raise RuntimeError("repeats can not be negative")
    if counts.size not in (1, n):
        raise RuntimeError(f"repeats must have the same size as input along dim, but got repeats.size(0) = {counts.size} and input.size({axis}) = {n}")
    if input._array.ndim == 0:
        input = reshape(input, 1)
    counts = np.broadcast_to(counts, (n,))
    return apply(ops.repeat_interleave, input, counts=counts, axis=axis)


def one_hot(input, num_classes: int = -1):
    """int64 vectors of `num_classes` zeros with a one at each class index; the number is inferred for -1."""
    array = input._array
    if array.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if array.size == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return wrap(np.zeros((*array.shape, num_classes), np.int64))
    if array.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    largest = int(array.max())
    if num_classes == -1:
        num_classes = largest + 1
    elif num_classes < 1:
        raise RuntimeError("num_classes should be positive")
    elif largest >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return apply(ops.one_hot, input, classes=num_classes)


def where_method(self, condition, y):
    """This tensor where the condition holds, else `y`."""
    return where(condition, self, y)


class SelectionMethods:
    """Selection and scattering as methods."""

    __slots__ = ()

    where = where_method
    masked_select = masked_select
    masked_fill = masked_fill
    masked_fill_ = inplace(masked_fill)
    masked_scatter = masked_scatter
    masked_scatter_ = inplace(masked_scatter)
    nonzero = nonzero
    argwhere = argwhere
    gather = gather
    scatter = scatter
    scatter_ = inplace(scatter)
    scatter_add = scatter_add
    scatter_add_ = inplace(scatter_add)
    scatter_reduce = scatter_reduce
    scatter_reduce_ = inplace(scatter_reduce)
    take = take
    take_along_dim = take_along_dim
    put = put
    put_ = inplace(put)
    index_select = index_select
    index_add = index_add
    index_add_ = inplace(index_add)
    index_copy = index_copy
    index_copy_ = inplace(index_copy)
    index_fill = index_fill
    index_fill_ = inplace(index_fill)
    index_reduce = index_reduce
    index_reduce_ = inplace(index_reduce)
    narrow = narrow
    select = select
    select_scatter = select_scatter
    slice_scatter = slice_scatter
    diagonal_scatter = diagonal_scatter
    repeat_interleave = repeat_interleave

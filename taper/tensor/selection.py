"""Selection: by masks and conditions, by positions along a dimension, by ranges."""

from __future__ import annotations

import operator

import numpy as np

from .. import dtypes
from ..autograd.dispatch import apply
from ..autograd.inplace import inplace, legacy_name
from ..autograd.naming import shown_as
from ..autograd.outputs import into
from ..autograd.places import beside, brought
from ..autograd.refusals import cannot_broadcast
from ..autograd.tape import Variable, elsewhere, wrap
from ..autograd.viewing import viewed
from ..backends import namespace_of
from ..backends.making import making
from ..errors import warn_once
from ..ops import indexing as ops
from ..ops.movement import astype
from . import dims
from .joining import unbind
from .outputs import placed
from .shape import broadcast_tensors, check_tensor, expanded, reshaped
from .writing import number_as, number_for

I64 = dtypes.int64.np

__all__ = [
    "where",
    "masked_select",
    "masked_fill",
    "masked_scatter",
    "nonzero",
    "nonzero_static",
    "argwhere",
    "unravel_index",
    "gather",
    "take",
    "take_along_dim",
    "index_select",
    "narrow",
    "select",
    "repeat_interleave",
]


def where(condition, input=None, other=None, *, out=None):
    """`input` where the condition holds, else `other`; with the condition alone, the indices where it holds."""
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    if input is None or other is None:
        raise TypeError("where() received an invalid combination of arguments: give both input and other, or neither")
    kind = condition._array.dtype
    if kind.kind != "b":
        if kind != np.uint8:
            raise RuntimeError(
                f"where expected condition to be a boolean tensor, but got a tensor with dtype {legacy_name(kind)}"
            )
        warn_once(
            "where received a uint8 condition tensor. This behavior is deprecated and will be removed in a future version "
            "of PyTorch. Use a boolean condition instead."
        )
        condition = condition.bool()
    if not (isinstance(input, Variable) and isinstance(other, Variable) and input._array.dtype == other._array.dtype):
        common = dtypes.result_type([t._array if isinstance(t, Variable) else t for t in (input, other)])
        input, other = [
            _as(t if isinstance(t, Variable) else number_for(t, common, "where"), common) for t in (input, other)
        ]
    result = _broadcasting(ops.where, condition, input, other)
    return result if out is None else into(out, result)


def _as(value, dtype):
    """A tensor or a number as a tensor of a NumPy dtype."""
    if isinstance(value, Variable):
        return value if value._array.dtype == dtype else apply(astype, value, dtype=dtype)
    return number_as(value, dtype)


def number_like(value, like, name: str):
    """A number as a tensor of the dtype of `like`. RuntimeError if that cannot hold it."""
    number = _as(number_for(value, like._array.dtype, name), like._array.dtype)
    return beside(like, number._array) if number._array.__class__ is np.ndarray else number


def _broadcasting(operator, *inputs):
    """Apply an operator whose shapes may not fit."""
    try:
        if len({t._array.shape for t in inputs} - {()}) > 1:
            np.broadcast_shapes(*[t._array.shape for t in inputs])
    except ValueError as error:
        raise cannot_broadcast(operator, error, *[t._array for t in inputs]) from None
    return apply(operator, *inputs)


def _check_mask(mask, name: str) -> None:
    if mask._array.dtype.kind != "b":
        raise RuntimeError(
            f"{name} only supports boolean masks, but got mask with dtype {mask.dtype}. Convert it: mask.bool()."
        )


def masked_select(input, mask, *, out=None):
    """The elements where `mask` (broadcast) is set, in one dimension."""
    if mask._array.dtype.kind != "b":
        raise RuntimeError(f"masked_select: expected BoolTensor for mask, got {mask.dtype}. Convert it: mask.bool().")
    input, mask = broadcast_tensors(input, mask)
    return placed(out, apply(ops.masked_select, input, mask), input, mask, single=True)


def masked_fill(input, mask, value):
    """`input` with a number (or a tensor without dimensions) where `mask` (broadcast) is set."""
    check_tensor(input, "masked_fill")
    _check_mask(mask, "masked_fill")
    if isinstance(value, Variable):
        if value._array.ndim:
            raise RuntimeError(
                "masked_fill only supports a 0-dimensional value tensor, but got tensor with "
                f"{value._array.ndim} dimension(s)."
            )
        if value._array.dtype.kind == "c" != input._array.dtype.kind:
            value = value.item()
    if isinstance(value, Variable):
        value = _as(value, input._array.dtype)
    else:
        value = number_like(value, input, "masked_fill")
    return _broadcasting(ops.masked_fill, input, mask, value)


def masked_scatter(input, mask, source):
    """`input` with the elements of `source`, in order, where `mask` (broadcast) is set."""
    _check_mask(mask, "masked_scatter")
    if input._array.dtype != source._array.dtype:
        raise RuntimeError(
            "masked_scatter: expected self and source to have same dtypes but got "
            f"{legacy_name(input._array.dtype)} and "
            f"{legacy_name(source._array.dtype)}"
        )
    input, mask = broadcast_tensors(input, mask)
    if making.constant is not None:
        return _captured_masked_scatter(input, mask, source)
    count = int(namespace_of(mask._array).count_nonzero(mask._array))
    if source._array.size < count:
        raise RuntimeError(
            "Number of elements of source < number of ones in mask: masked_scatter has "
            f"{source._array.size} for {count}"
        )
    flat = viewed(ops.part_slice, reshaped(source, (source._array.size,)), index=(slice(count),))
    return apply(ops.where, mask, apply(ops.put_masked, flat, mask, shape=mask._array.shape), input)


def _captured_masked_scatter(input, mask, source):
    """`masked_scatter` of a captured step, which does not know how many elements it will take."""
    flat, chosen = reshaped(source, (source._array.size,)), mask._array
    with elsewhere((chosen,)):
        xp = namespace_of(chosen)
        numbers = xp.cumsum(xp.astype(chosen.reshape(-1), I64), axis=0)
        xp.found(numbers[-1:] > flat._array.size)
        if 0 in (chosen.size, flat._array.size):
            return input.clone()
        places = wrap(xp.clip(numbers - 1, 0, flat._array.size - 1).reshape(chosen.shape))
    return apply(ops.where, mask, apply(ops.take_at, flat, places, spec=(None,)), input)


def nonzero(input, *, out=None, as_tuple: bool = False):
    """The indices of the nonzero elements: rows of an (n, dimensions) tensor, or a tuple of one tensor a dimension."""
    if as_tuple and out is not None:
        raise RuntimeError("nonzero does not support the out kwarg when as_tuple is True")
    if as_tuple and input._array.ndim == 0:
        input = reshaped(input, (1,))
    result = apply(ops.nonzero, input)
    if as_tuple:
        return unbind(result, 1)
    return placed(out, result, input)


def nonzero_static(input, *, size: int, fill_value: int = -1, out=None):
    """The first `size` rows of `nonzero`; where there are fewer, the rest is `fill_value`."""
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    found = apply(ops.nonzero, input)._array[:size]
    with elsewhere((found,)):
        rows = namespace_of(found).full((size, input._array.ndim), fill_value, dtype=np.int64)
        rows[: len(found)] = found
    return placed(out, wrap(rows), input)


def unravel_index(indices, shape):
    """Positions counted in a row, as a tuple with the index of each dimension of `shape`.

    ValueError for positions outside and negative sizes, TypeError for what are no integers.
    """
    if not isinstance(indices, Variable) or indices._array.dtype.kind not in "iu":
        kind = indices.dtype if isinstance(indices, Variable) else type(indices).__name__
        raise TypeError(f"expected 'indices' to be integer dtype, but got {kind}")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    for n in sizes:
        if not isinstance(n, int):
            raise TypeError(f"expected 'shape' sequence to only contain ints, but got {type(n)}")
    if any(n < 0 for n in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {sizes}")
    made, step, indices = [], 1, indices.long()
    for n in reversed(sizes):
        made.append(indices // step % n)
        step *= n
    return tuple(reversed(made))


def argwhere(input):
    """The indices of the nonzero elements, as rows."""
    return nonzero(input)


def check_index(index, name: str, long_only: bool = False) -> None:
    """RuntimeError for an index of another type than int64 (or int32)."""
    dtype = index._array.dtype
    if dtype is not I64 and dtype != np.int64 and (long_only or dtype != np.int32):
        raise RuntimeError(
            f"{name}(): Expected dtype int32/int64 for index, but got {index.dtype}. Convert it: index.long()."
        )


def check_bounds(index: np.ndarray, limit: int, name: str, axis: int) -> None:
    """RuntimeError for positions outside [0, limit)."""
    if outside(index, limit):
        bad = int(index.max()) if index.max() >= limit else int(index.min())
        raise RuntimeError(f"index {bad} is out of bounds for dimension {axis} with size {limit} ({name})")


def outside(index: np.ndarray, limit: int) -> bool:
    """Whether some position is not in [0, limit)."""
    return namespace_of(index).outside(index, limit)


def check_ranks(x, index, name: str, axis: int) -> None:
    """RuntimeError unless the index has as many dimensions as x and is no larger, except along the axis."""
    a, b = x._array.shape or (1,), index._array.shape or (1,)
    if len(a) != len(b):
        raise RuntimeError(
            f"Index tensor must have the same number of dimensions as input tensor; {name} got {len(b)} and {len(a)}"
        )
    if any([m > n and d != axis for d, (m, n) in enumerate(zip(b, a))]):
        raise RuntimeError(
            f"Size does not match: expected index {list(b)} to be no larger than self {list(a)} apart "
            f"from dimension {axis} "
            f"({name})"
        )


def length(x, axis: int) -> int:
    """The size along an axis; a number counts as one element."""
    return x._array.shape[axis] if x._array.ndim else 1


def gather(input, dim: int, index, *, sparse_grad: bool = False, out=None):
    """result[i][j] = input[index[i][j]][j] for dim 0, and so on: elements picked along a dimension."""
    axis = dims.one(dim, input._array.ndim)
    if index._array.size:
        check_index(index, "gather")
        check_ranks(input, index, "gather", axis)
        check_bounds(index._array, length(input, axis), "gather", axis)
        result = apply(ops.gather, input, index, axis=axis)
    else:
        # Nothing is picked, whatever the shapes.
        flat = viewed(ops.part_slice, reshaped(input, (input._array.size,)), index=(slice(0, 0),))
        result = reshaped(flat, index._array.shape)
    return placed(out, result, input, index)


def take_along_dim(input, indices, dim=None, *, out=None):
    """Elements picked along a dimension, both broadcast; of all elements in a row for dim None."""
    if indices._array.dtype != np.int64:
        raise RuntimeError(
            f"torch.take_along_dim(): dtype of indices should be Long but got {legacy_name(indices._array.dtype)}"
        )
    if dim is None:
        return gather(reshaped(input, (-1,)), 0, reshaped(indices, (-1,)), out=out)
    axis = dims.one(dim, input._array.ndim)
    if input._array.ndim != indices._array.ndim:
        raise RuntimeError(
            f"torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{input._array.ndim} dimensions for input, and {indices._array.ndim} dimensions for indices"
        )
    a, b = list(input._array.shape), list(indices._array.shape)
    # Positions outside wrap around.
    indices = wrap(np.mod(indices._array, max(a[axis], 1))) if a else indices
    a[axis : axis + 1] = b[axis : axis + 1] = [1] if a else []
    common = np.broadcast_shapes(a, b)
    wide = (*common[:axis], -1, *common[axis + 1 :]) if common else ()
    return gather(expanded(input, wide), axis, expanded(indices, wide), out=out)


@shown_as("TakeBackward0")
def take(input, index, *, out=None):
    """The elements at positions counted in a row over the whole tensor, in the shape of `index`."""
    check_tensor(index, "take")
    if index._array.dtype != np.int64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {legacy_name(index._array.dtype)}")
    n, array = input._array.size, index._array
    if array.size and namespace_of(array).found((array < -n) | (array >= n)):
        bad = array.max() if array.max() >= n else array.min()
        raise IndexError(f"out of range: tried to access index {bad} on a tensor of {n} elements.")
    return placed(out, apply(ops.take_at, reshaped(input, (n,)), index, spec=(None,)), input, index)


def vector(index, name: str):
    """A vector of positions. IndexError for more dimensions; a number counts as one position."""
    check_tensor(index, name)
    if index._array.ndim > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector, but got dim: {index._array.ndim}")
    return index if index._array.ndim else reshaped(index, (1,))


def index_select(input, dim: int, index, *, out=None):
    """The slices at the positions `index`, a vector, along a dimension. IndexError out of range."""
    check_tensor(index, "index_select")
    axis = dims.one(dim, input._array.ndim)
    check_index(index, "index_select")
    index = vector(index, "index_select")
    limit = length(input, axis)
    if outside(index._array, limit):
        # PyTorch looks at the positions in two places, of which one knows dimension 1 alone.
        kind, words = (
            (RuntimeError, "INDICES element is out of DATA bounds")
            if axis == 1
            else (IndexError, "index out of range in self")
        )
        raise kind(f"{words}: index_select along dimension {axis} of size {limit}")
    if input._array.ndim:
        result = apply(ops.index_select, input, index, axis=axis)
    else:
        if index._array.size != 1:
            n = index._array.size
            raise RuntimeError(f"index_select(): Index to scalar can have only 1 value, got {n} value(s)")
        result = reshaped(apply(ops.index_select, reshaped(input, (1,)), index, axis=0), ())
    return placed(out, result, input, index, single=True)


def _along(axis: int, part) -> tuple:
    return (*(slice(None),) * axis, part, ...)


def narrow(input, dim: int, start, length: int):
    """`length` slices from `start` on along a dimension. A view. RuntimeError or IndexError out of range."""
    if isinstance(start, Variable):
        if start._array.ndim or start._array.dtype.kind not in "iu":
            raise RuntimeError("start must be an 0-dim integral Tensor.")
        start = int(start)
    if not hasattr(start, "__index__"):
        raise TypeError(f"narrow(): argument 'start' (position 2) must be Tensor or int, not {type(start).__name__}")
    if input._array.ndim == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    axis = dims.one(dim, input._array.ndim)
    n = input._array.shape[axis]
    if not -n <= start <= n:
        raise IndexError(f"start out of range (expected to be in range of [-{n}, {n}], but got {start})")
    start += n if start < 0 else 0
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return viewed(ops.part_slice, input, index=_along(axis, slice(start, start + length)))


def select(input, dim: int, index: int):
    """One slice along a dimension, without it. A view. IndexError out of range."""
    if input._array.ndim == 0:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    axis, at = dims.one(dim, input._array.ndim), operator.index(index)
    n = input._array.shape[axis]
    if not -n <= at < n:
        raise IndexError(
            f"select(): index {at} out of range for tensor of size {list(input._array.shape)} at dimension {axis}"
        )
    return viewed(ops.part_select, input, index=_along(axis, at))


def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each element (or slice along `dim`) repeated, a number of times or one number for each.

    With one argument, a vector of counts: each position as often as its count says.
    """
    if repeats is None:
        if input._array.ndim != 1:
            raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
        counts = _counts(input)
        with elsewhere((counts,)):
            return wrap(namespace_of(counts).run_numbers(counts, counts, counts.size))
    if dim is None:
        input, dim = reshaped(input, (input._array.size,)), 0
    axis = dims.one(dim, input._array.ndim)
    n = length(input, axis)
    if isinstance(repeats, Variable):
        counts = _counts(repeats)
        if counts.ndim > 1:
            raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
    elif hasattr(repeats, "__index__"):
        counts = brought(input._array, np.asarray(int(repeats)))
    else:
        raise TypeError(f"repeat_interleave(): argument 'repeats' must be Tensor or int, not {type(repeats).__name__}")
    if counts.size and counts.min() < 0:
        raise RuntimeError("repeats can not be negative")
    if counts.size != 1 and counts.size != n:
        raise RuntimeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {counts.size} and "
            f"input.size({axis}) = {n}"
        )
    counts = namespace_of(counts).broadcast_to(counts, (n,))
    if output_size is not None and output_size != counts.sum():
        raise RuntimeError(f"repeat_interleave: output_size={output_size}, but the repeats add up to {counts.sum()}")
    return apply(ops.repeat_interleave, input if input._array.ndim else reshaped(input, (1,)), counts=counts, axis=axis)


def _counts(repeats) -> np.ndarray:
    counts = repeats._array
    if counts.dtype not in (np.int64, np.int32):
        raise NotImplementedError(f"repeat_interleave: repeats has to be a Long or Int tensor, not {repeats.dtype}")
    if counts.size and counts.min() < 0:
        raise RuntimeError("repeats can not be negative")
    return counts


def one_hot(input, num_classes: int = -1):
    """int64 vectors of `num_classes` zeros with a one at each class index; the number is inferred for -1."""
    array = input._array
    if array.dtype != np.int64:
        raise RuntimeError(
            f"one_hot is only applicable to index tensor of type LongTensor, not {input.dtype}. "
            "Convert it: input.long()."
        )
    if array.size == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return beside(input, np.zeros((*array.shape, num_classes), np.int64))
    if namespace_of(array).found(array < 0):
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = int(array.max()) + 1
    elif num_classes < 1:
        raise RuntimeError("num_classes should be positive")
    elif namespace_of(array).found(array >= num_classes):
        largest = int(array.max())
        raise RuntimeError(f"Class values must be smaller than num_classes: {largest} is not below {num_classes}.")
    return apply(ops.one_hot, input, classes=num_classes)


def _where_method(self, condition, y):
    """This tensor where the condition holds, else `y`."""
    return where(condition, self, y)


class SelectionMethods:
    """Selection as methods."""

    __slots__ = ()

    where = _where_method
    masked_select = masked_select
    masked_fill = masked_fill
    masked_fill_ = inplace(masked_fill)
    masked_scatter = masked_scatter
    masked_scatter_ = inplace(masked_scatter)
    nonzero = nonzero
    nonzero_static = nonzero_static
    argwhere = argwhere
    gather = gather
    take = take
    take_along_dim = take_along_dim
    index_select = index_select
    narrow = narrow
    select = select
    repeat_interleave = repeat_interleave

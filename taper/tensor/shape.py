"""Shape: views and copies of the same elements in another shape, order or dtype; writing whole tensors."""

from __future__ import annotations

import itertools
import math
from operator import index

import numpy as np

from .. import dtypes
from ..autograd.dispatch import apply, into, memory_owner, viewed
from ..autograd.inplace import assign, check_writable
from ..autograd.modes import is_grad_enabled
from ..autograd.tape import Variable, alias, changed, counter_of, node_of, wrap
from ..backends.quiet import QUIET, enter, leave
from ..ops import movement as ops
from . import dims
from . import storage as memory
from .creation import tensor
from .factory import size_of
from .formats import channels_last, channels_last_3d, preserve_format
from .size import Size

__all__ = [
    *("reshape", "flatten", "unflatten", "ravel", "squeeze", "unsqueeze", "transpose", "swapaxes", "swapdims", "t"),
    *("permute", "movedim", "moveaxis", "adjoint", "broadcast_to", "broadcast_tensors", "broadcast_shapes", "tile"),
    *("clone", "as_strided", "flip", "fliplr", "flipud", "roll", "rot90", "diagonal", "diag", "diag_embed", "diagflat"),
    *("tril", "triu", "tril_indices", "triu_indices", "meshgrid", "cartesian_prod", "combinations", "atleast_1d"),
    *("atleast_2d", "atleast_3d", "permute_copy", "view_copy", "detach"),
]


_one, _several = dims.one, dims.several  # where `dims` is an argument's name


def _inferred(shape, size: int, name: str = "reshape") -> tuple[int, ...]:
    """A shape in which one -1 stands for what is left. RuntimeError if the shape does not hold `size` elements."""
    shape = tuple([n if n.__class__ is int else index(n) for n in shape])
    unknown = [i for i, n in enumerate(shape) if n == -1]
    if not unknown:
        if math.prod(shape) != size or any(n < 0 for n in shape):
            if any(n < -1 for n in shape):
                raise RuntimeError(f"invalid shape dimension {min(shape)} at index {shape.index(min(shape))} of shape {list(shape)}")
            raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {size}")
        return shape
    if len(unknown) > 1:
        raise RuntimeError("only one dimension can be inferred")
    if any(n < -1 for n in shape):
        raise RuntimeError(f"invalid shape dimension {min(shape)} at index {shape.index(min(shape))} of shape {list(shape)}")
    known = -math.prod(shape)
    if known == 0:
        if size:
            raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {size}")
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified dimension size -1 can be "
            "any value and is ambiguous"
        )
    if size % known:
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {size}")
    return (*shape[: unknown[0]], size // known, *shape[unknown[0] + 1 :])


def _sizes(shape: tuple):
    """Sizes given as arguments or as one sequence."""
    return shape[0] if len(shape) == 1 and not hasattr(shape[0], "__index__") else shape


def _tensor(value, name: str) -> None:
    if not isinstance(value, Variable):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(value).__name__}")


def reshape(input, *shape, **named):
    """The same elements in another shape, of which one size may be -1: a view where the memory allows, else a copy."""
    if named:
        shape = (named["shape"],)
    _tensor(input, "reshape")
    array = input._array
    return apply(ops.reshape, input, shape=_inferred(_sizes(shape), array.size))


def view(input, *shape, **named):
    """The same memory in another shape, or read as another dtype. RuntimeError where that is not possible."""
    first = next(iter(named.values())) if named else (shape[0] if shape else ())
    if isinstance(first, dtypes.dtype):
        return _bits(input, first)
    array = input._array
    target = _inferred(first if named else _sizes(shape), array.size)
    if array.size and not array.flags.c_contiguous and memory_owner(array.reshape(target)) is not memory_owner(array):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return viewed(ops.reshape, input, shape=target)


def _bits(input, dtype: dtypes.dtype):
    """`view(dtype)`: the last dimension shrinks or grows with the size of the elements."""
    array, np_dtype = input._array, dtype.np
    if np_dtype == array.dtype:
        return viewed(ops.reshape, input, shape=array.shape)
    if np_dtype.itemsize != array.itemsize:
        if array.ndim == 0:
            raise RuntimeError(f"self.dim() cannot be 0 to view {input.dtype} as {dtype} (different element sizes)")
        if array.strides[-1] != array.itemsize and array.shape[-1] != 1:
            raise RuntimeError("self.stride(-1) must be 1 to view a tensor as a dtype of another element size")
        if array.shape[-1] * array.itemsize % np_dtype.itemsize:
            raise RuntimeError(
                f"self.size(-1) must be divisible by {np_dtype.itemsize // array.itemsize} to view {input.dtype} as {dtype} "
                f"(different element sizes), but got {array.shape[-1]}"
            )
    return viewed(ops.bits, input, dtype=np_dtype)


def view_as(self, other):
    """This tensor's memory in the shape of `other`."""
    return view(self, *other._array.shape)


def reshape_as(self, other):
    """This tensor's elements in the shape of `other`."""
    return reshape(self, other._array.shape)


def flatten(input, start_dim: int = 0, end_dim: int = -1):
    """The dimensions from start_dim to end_dim as one. A zero-dimensional tensor becomes one of shape (1,)."""
    _tensor(input, "flatten")
    shape = input._array.shape
    start, end = dims.one(start_dim, len(shape)), dims.one(end_dim, len(shape))
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return reshape(input, 1)
    if start == end:
        return input
    return apply(ops.reshape, input, shape=(*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


def unflatten(input, dim: int, sizes):
    """One dimension as several of the given sizes, of which one may be -1."""
    shape = input._array.shape
    axis = dims.one(dim, len(shape))
    sizes = tuple(sizes) if isinstance(sizes, (tuple, list)) else (sizes,)
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    try:
        sizes = _inferred(sizes, shape[axis])
    except RuntimeError:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {axis} ({shape[axis]}) in the "
            "input tensor"
        ) from None
    return view(input, *shape[:axis], *sizes, *shape[axis + 1 :])


def ravel(input):
    """All elements in one dimension."""
    return reshape(input, -1)


def squeeze(input, dim=None):
    """Without the dimensions of size 1: all of them, or those named by `dim`. A view."""
    _tensor(input, "squeeze")
    shape = input._array.shape
    if dim is None:
        kept = [n for n in shape if n != 1]
    else:
        axes = dims.several(dim, len(shape), "squeeze") if isinstance(dim, (tuple, list)) else (dims.one(dim, len(shape)),)
        axes = axes if axes is not None else ()
        kept = [n for i, n in enumerate(shape) if not (i in axes and n == 1)]
    return viewed(ops.squeeze, input, shape=tuple(kept))


def unsqueeze(input, dim: int):
    """With a dimension of size 1 inserted before `dim`. A view."""
    _tensor(input, "unsqueeze")
    shape = input._array.shape
    axis = dims.one(dim, len(shape) + 1)
    return viewed(ops.unsqueeze, input, shape=(*shape[:axis], 1, *shape[axis:]))


def transpose(input, dim0: int, dim1: int):
    """Two dimensions exchanged. A view."""
    _tensor(input, "transpose")
    ndim = input._array.ndim
    a, b = dims.one(dim0, ndim), dims.one(dim1, ndim)
    axes = list(range(ndim))
    if ndim:
        axes[a], axes[b] = b, a
    return viewed(ops.transpose, input, axes=tuple(axes))


swapaxes = swapdims = transpose


def t(input):
    """A matrix transposed; a tensor of fewer dimensions itself. RuntimeError for more. A view."""
    ndim = input._array.ndim
    if ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {ndim}D")
    return viewed(ops.t, input, axes=tuple(range(ndim))[::-1])


def permute(input, *dims_, **named):
    """The dimensions in another order. A view."""
    _tensor(input, "permute")
    order = named["dims"] if named else _sizes(dims_)
    ndim = input._array.ndim
    if len(order) != ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering "
            f"of dimensions i.e. input.dim() = {ndim} is not equal to len(dims) = {len(order)}"
        )
    axes = tuple(dims.one(d, ndim) for d in order)
    if len(set(axes)) != ndim:
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return viewed(ops.permute, input, axes=axes)


permute_copy = lambda input, dims: permute(input, dims).clone()
view_copy = lambda input, size: view(input, size).clone()


def movedim(input, source, destination):
    """Dimensions moved to other places, the rest in order. A view."""
    ndim = input._array.ndim
    source = (source,) if isinstance(source, int) else tuple(source)
    destination = (destination,) if isinstance(destination, int) else tuple(destination)
    if len(source) != len(destination):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(source)} dims) should contain the same number of "
            f"dims as destination ({list(destination)} dims)"
        )
    source, destination = [dims.one(d, ndim) for d in source], [dims.one(d, ndim) for d in destination]
    for name, found in (("source", source), ("destination", destination)):
        if len(set(found)) != len(found):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({found})")
    order = [i for i in range(ndim) if i not in source]
    for target, origin in sorted(zip(destination, source)):
        order.insert(target, origin)
    return viewed(ops.permute, input, axes=tuple(order))


moveaxis = movedim


def adjoint(input):
    """The last two dimensions exchanged, and the conjugate of complex numbers."""
    return transpose(input, -2, -1).conj()


def expand(self, *sizes, implicit: bool = False, **named):
    """Dimensions of size 1 repeated to the given sizes, without copying; -1 keeps a size. RuntimeError if they do not fit."""
    sizes = tuple(named["size"] if named else _sizes(sizes))
    shape = self._array.shape
    lead = len(sizes) - len(shape)
    if lead < 0:
        raise RuntimeError(
            f"expand({self.type()}{{{list(shape)}}}, size={list(sizes)}): the number of sizes provided ({len(sizes)}) must "
            f"be greater or equal to the number of dimensions in the tensor ({len(shape)})"
        )
    target = []
    for i, n in enumerate(sizes):
        have = shape[i - lead] if i >= lead else None
        if n == -1:
            if have is None:
                raise RuntimeError(
                    f"The expanded size of the tensor ({n}) isn't allowed in a leading, non-existing dimension {i}"
                )
            n = have
        elif have not in (None, 1, n):
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({have}) at non-singleton dimension "
                f"{i}.  Target sizes: {list(sizes)}.  Tensor sizes: {list(shape)}"
            )
        elif n < 0:
            raise RuntimeError(f"The expanded size of the tensor ({n}) must not be negative")
        target.append(index(n))
    return _expanded(self, tuple(target))


def _expanded(x, shape: tuple[int, ...]):
    made = apply(ops.expand, x, shape=shape)
    if not made._array.flags.writeable and x._array.flags.writeable:
        made._array = np.lib.stride_tricks.as_strided(x._array, shape, made._array.strides)
    return made


def expand_as(self, other):
    """This tensor expanded to the shape of `other`."""
    return expand(self, *other._array.shape)


def broadcast_to(input, size):
    """The tensor expanded to a shape, as arithmetic would."""
    return expand(input, *size)


def broadcast_shapes(*shapes) -> Size:
    """The shape of arithmetic on tensors of these shapes. RuntimeError if they do not fit."""
    shapes = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    try:
        return Size(np.broadcast_shapes(*shapes))
    except ValueError:
        raise RuntimeError(
            f"Shape mismatch: objects cannot be broadcast to a single shape: {', '.join(map(str, shapes))}"
        ) from None


def broadcast_tensors(*tensors):
    """All tensors expanded to their common shape."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tensors[0]
    shape = broadcast_shapes(*[x._array.shape for x in tensors])
    return tuple(expand(x, *shape) for x in tensors)


def repeat(self, *repeats, **named):
    """The tensor tiled: repeats[i] times along dimension i, new dimensions first. RuntimeError for too few repeats."""
    counts = tuple(named["repeats"] if named else _sizes(repeats))
    if len(counts) < self._array.ndim:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
        )
    if any(n < 0 for n in counts):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(counts)}")
    return apply(ops.repeat, self, counts=counts)


def tile(input, *sizes, **named):
    """The tensor tiled as `repeat` does; too few sizes are filled up with ones in front."""
    counts = tuple(named["dims"] if named else _sizes(sizes))
    return repeat(input, *(1,) * (input._array.ndim - len(counts)), *counts)


def clone(input, *, memory_format=preserve_format):
    """A copy with its own memory, in the same memory order if that is dense. Differentiable."""
    order = "K" if memory_format is preserve_format else "C"
    return apply(ops.clone, input, order=order)


def contiguous(self, memory_format=None):
    """The tensor itself if its elements lie in order, else a copy that does."""
    array = self._array
    if memory_format in (channels_last, channels_last_3d) and array.ndim in (4, 5):
        if is_contiguous(self, memory_format):
            return self
        back = (0, array.ndim - 1, *range(1, array.ndim - 1))
        return permute(clone(permute(self, 0, *range(2, array.ndim), 1), memory_format=None), *back)
    return self if array.flags.c_contiguous else apply(ops.clone, self, order="C")


def is_contiguous(self, memory_format=None) -> bool:
    """Whether the elements lie in memory in the order of their indices."""
    array = self._array
    if memory_format in (channels_last, channels_last_3d):
        return array.ndim in (4, 5) and array.transpose(0, *range(2, array.ndim), 1).flags.c_contiguous
    return array.flags.c_contiguous


def as_strided(input, size, stride, storage_offset=None):
    """A view of the memory by shape, strides and offset, in elements. RuntimeError where it leaves the memory."""
    size, stride = tuple(size), tuple(stride)
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    offset = input.storage_offset() if storage_offset is None else storage_offset
    last = offset + (0 if 0 in size else sum((n - 1) * s for n, s in zip(size, stride)) + 1)
    have = memory_owner(input._array).nbytes // input._array.itemsize
    if last > have:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize "
            f"{input._array.itemsize} requiring a storage size of {last * input._array.itemsize} are out of bounds for "
            f"storage of size {have * input._array.itemsize}"
        )
    return viewed(ops.strided, input, shape=size, strides=stride, offset=offset)


def unfold(self, dimension: int, size: int, step: int):
    """Windows of `size` elements along a dimension, every `step`, as a new last dimension. A view."""
    axis = dims.one(dimension, self._array.ndim)
    length = self._array.shape[axis] if self._array.ndim else 1
    if size > length:
        raise RuntimeError(f"maximum size for tensor at dimension {axis} is {length} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    return viewed(ops.unfold, self, axis=axis, size=size, step=step)


def flip(input, *dims_, **named):
    """The order reversed along dimensions. A copy."""
    order = named["dims"] if named else _sizes(dims_)
    axes = dims.several(tuple(order), input._array.ndim, "flip") or ()
    return apply(ops.flip, input, axes=axes)


def fliplr(input):
    """The order of columns reversed."""
    if input._array.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, 1)


def flipud(input):
    """The order of rows reversed."""
    if input._array.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, 0)


def roll(input, shifts, dims=None):
    """The elements shifted along dimensions, those that leave coming back at the other end."""
    shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    if dims is None or (isinstance(dims, (tuple, list)) and not dims):
        if len(shifts) != 1:
            raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:0")
        return reshape(apply(ops.roll, reshape(input, -1), shifts=shifts, axes=(0,)), input._array.shape)
    axes = _several((dims,) if isinstance(dims, int) else tuple(dims), input._array.ndim, "roll")
    if len(axes) != len(shifts):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(axes)}")
    return apply(ops.roll, input, shifts=shifts, axes=axes)


def rot90(input, k: int = 1, dims=(0, 1)):
    """Turned by k quarter turns in the plane of two dimensions."""
    a, b = (_one(d, input._array.ndim) for d in dims)
    if a == b:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    k %= 4
    if k == 0:
        return clone(input)
    if k == 2:
        return flip(input, a, b)
    return transpose(flip(input, b), a, b) if k == 1 else flip(transpose(input, a, b), b)


def diagonal(input, offset: int = 0, dim1: int = 0, dim2: int = 1):
    """A diagonal of two dimensions as a new last dimension. A view."""
    ndim = input._array.ndim
    a, b = dims.one(dim1, ndim), dims.one(dim2, ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return viewed(ops.diagonal, input, offset=offset, axis1=a, axis2=b)


_diagonal = diagonal


def diag_embed(input, offset: int = 0, dim1: int = -2, dim2: int = -1):
    """Matrices with the last dimension of `input` on a diagonal and zeros elsewhere."""
    array = input._array
    ndim = array.ndim + 1
    a, b = dims.one(dim1, ndim), dims.one(dim2, ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    size = array.shape[-1] + (offset if offset >= 0 else -offset)
    shape = list(array.shape[:-1])
    for axis in sorted((a, b)):
        shape.insert(axis, size)
    return apply(ops.put_diagonal, input, shape=tuple(shape), offset=offset, axis1=a, axis2=b)


def diag(input, diagonal: int = 0, *, out=None):
    """The diagonal of a matrix (a copy), or the matrix with a vector on its diagonal."""
    if input._array.ndim == 1:
        result = diag_embed(input, diagonal)
    elif input._array.ndim == 2:
        result = clone(_diagonal(input, diagonal))
    else:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input._array.ndim}D")
    return result if out is None else into(out, result)


def diagflat(input, offset: int = 0):
    """The matrix with all elements on a diagonal."""
    return diag_embed(reshape(input, -1), offset)


def _triangle(operator, input, diagonal, out):
    if input._array.ndim < 2:
        raise RuntimeError(f"{operator.name}: input tensor must have at least 2 dimensions")
    result = apply(operator, input, k=diagonal)
    return result if out is None else into(out, result)


def tril(input, diagonal: int = 0, *, out=None):
    """The lower triangle, zeros above the diagonal."""
    return _triangle(ops.tril, input, diagonal, out)


def triu(input, diagonal: int = 0, *, out=None):
    """The upper triangle, zeros below the diagonal."""
    return _triangle(ops.triu, input, diagonal, out)


def tril_indices(row: int, col: int, offset: int = 0, *, dtype=dtypes.int64, device="cpu", layout=None):
    """Rows and columns of the lower triangle's elements, a (2, n) tensor."""
    return wrap(np.stack(np.tril_indices(row, offset, col)).astype(dtype.np))


def triu_indices(row: int, col: int, offset: int = 0, *, dtype=dtypes.int64, device="cpu", layout=None):
    """Rows and columns of the upper triangle's elements, a (2, n) tensor."""
    return wrap(np.stack(np.triu_indices(row, offset, col)).astype(dtype.np))


def meshgrid(*tensors, indexing: str | None = None):
    """Coordinates of a grid: each vector expanded over the others' dimensions. indexing: "ij" (rows first) or "xy"."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    if indexing is None:
        indexing = "ij"
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for x in tensors:
        if x._array.ndim > 1:
            raise RuntimeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {x._array.ndim}D")
    swap = indexing == "xy" and len(tensors) >= 2
    if swap:
        tensors = (tensors[1], tensors[0], *tensors[2:])
    sizes = [x._array.size for x in tensors]
    grids = [
        expand(reshape(x, *[n if i == j else 1 for j, n in enumerate(sizes)]), *sizes) for i, x in enumerate(tensors)
    ]
    if swap:
        grids = [transpose(g, 0, 1) for g in grids]
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


def cartesian_prod(*tensors):
    """All tuples of one element of each vector, as rows."""
    if len(tensors) == 1:
        return tensors[0]
    return apply(ops.stack, *[reshape(g, -1) for g in meshgrid(*tensors, indexing="ij")], axis=1)


def combinations(input, r: int = 2, with_replacement: bool = False):
    """All r-element combinations of a vector's elements, as rows."""
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(range(input._array.size), r))
    return input[tensor(rows, dtype=dtypes.int64).reshape(len(rows), r)]


def _at_least(n: int, name: str, extend):
    def function(*tensors):
        if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
            tensors = tensors[0]
        made = tuple(extend(x) for x in tensors)
        return made[0] if len(made) == 1 else made

    function.__name__ = name
    function.__doc__ = f"Tensors of {n} dimensions at least; dimensions of size 1 are added."
    return function


atleast_1d = _at_least(1, "atleast_1d", lambda x: x if x._array.ndim else reshape(x, 1))
atleast_2d = _at_least(2, "atleast_2d", lambda x: x if x._array.ndim > 1 else reshape(x, 1, -1))


def _three(x):
    if x._array.ndim >= 3:
        return x
    return unsqueeze(x, -1) if x._array.ndim == 2 else reshape(x, 1, -1, 1)


atleast_3d = _at_least(3, "atleast_3d", _three)


def detach(input):
    """The same memory without history."""
    return alias(input, input._array)


def size(self, dim=None):
    """The shape, or the size of one dimension."""
    return Size(self._array.shape) if dim is None else self._array.shape[_real_dim(dim, self._array.ndim)]


def _real_dim(dim, ndim: int) -> int:
    if ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return dims.one(dim, ndim)


def stride(self, dim=None):
    """Steps in memory between neighbours, in elements: of all dimensions, or of one."""
    array = self._array
    steps = tuple(s // array.itemsize for s in array.strides)
    return steps if dim is None else steps[_real_dim(dim, array.ndim)]


def storage_offset(self) -> int:
    """Where in its memory the tensor starts, in elements."""
    array = self._array
    if not array.size:
        return 0
    owner = memory_owner(array)
    return (array.__array_interface__["data"][0] - owner.__array_interface__["data"][0]) // array.itemsize


def data_ptr(self) -> int:
    """The address of the first element; 0 for a tensor without elements."""
    return self._array.__array_interface__["data"][0] if self._array.size else 0


def dim(self) -> int:
    """The number of dimensions."""
    return self._array.ndim


def element_size(self) -> int:
    """The size of an element in bytes."""
    return self._array.itemsize


def _plain(t, other=None) -> bool:
    """Whether a write needs no record: nothing involved has history, or nothing is recorded."""
    return not is_grad_enabled() or (node_of(t) is None and (other is None or node_of(other) is None))


def copy_(self, src, non_blocking: bool = False):
    """Write `src`, broadcast and converted, into this tensor; returns it."""
    if not isinstance(src, Variable):
        src = tensor(src)
    if _plain(self, src):
        check_writable(self)
        token = enter(QUIET)
        try:
            source = src._array
            if source.dtype.kind == "c" and self._array.dtype.kind not in "cb":
                source = source.real
            self._array[...] = source
        except ValueError:
            raise _unfit_copy(self, src) from None
        finally:
            leave(token)
        changed(self)
        return self
    if src._array.dtype != self._array.dtype:
        src = apply(ops.astype, src, dtype=self._array.dtype)
    try:
        return assign(self, apply(ops.copy, self, src))
    except ValueError:
        raise _unfit_copy(self, src) from None


def _unfit_copy(t, src) -> RuntimeError:
    return RuntimeError(
        f"copy_: the source's shape {tuple(src._array.shape)} must match, or broadcast to, the target's "
        f"{tuple(t._array.shape)}: The size of tensor a must match the size of tensor b at non-singleton dimension"
    )


def fill_(self, value):
    """Write a number into every element; returns the tensor. RuntimeError for a tensor of several elements."""
    if isinstance(value, Variable):
        if value._array.ndim:
            raise RuntimeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value._array.ndim} dimensions."
            )
        return copy_(self, value)
    if isinstance(value, complex) and self._array.dtype.kind != "c":
        raise RuntimeError("value cannot be converted to type without overflow")
    if not isinstance(value, (bool, int, float, complex, np.generic)):
        raise TypeError(f"fill_(): argument 'value' (position 1) must be Number, not {type(value).__name__}")
    if _plain(self):
        check_writable(self)
        token = enter(QUIET)
        try:
            self._array.fill(value)
        except OverflowError:
            raise RuntimeError(f"value cannot be converted to type {self.dtype.name} without overflow") from None
        finally:
            leave(token)
        changed(self)
        return self
    return assign(self, apply(ops.fill, self, value=value))


def zero_(self):
    """Write zeros; returns the tensor."""
    if _plain(self):
        check_writable(self)
        self._array.fill(0)
        changed(self)
        return self
    return assign(self, apply(ops.fill, self, value=0))


def _reshaped_in_place(function, name: str):
    """The in-place form of a view: the tensor takes over the view's shape and history."""

    def method(self, *args, **kwargs):
        made = function(self, *args, **kwargs)
        if self._view is not None or (is_grad_enabled() and node_of(self) is not None and self.is_leaf):
            if self.is_leaf and self.requires_grad:
                raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
        node = made._node
        self._array = made._array
        if node is not None:
            self._node = node
        changed(self)
        if self._view is not None:
            self._view.version = self._counter[0]
        return self

    method.__name__ = name
    method.__doc__ = f"`{function.__name__}` of this tensor itself; returns it."
    return method


def resize_(self, *sizes, memory_format=None):
    """Give this tensor another shape; new memory beyond the old is uninitialised. Returns it."""
    shape = size_of(sizes, "resize_")
    if self.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    n = math.prod(shape)
    old = np.ascontiguousarray(self._array).reshape(-1)
    if n <= old.size:
        self._array = old[:n].reshape(shape)
    else:
        grown = np.empty(n, old.dtype)
        grown[: old.size] = old
        self._array = grown.reshape(shape)
    changed(self)
    return self


def set_(self, source=None, storage_offset=0, size=None, stride=None):
    """Let this tensor be another view of the memory of `source`; returns it."""
    if source is None:
        self._array = np.empty(0, self._array.dtype)
    else:
        self._array = (source if size is None else as_strided(source, size, stride, storage_offset))._array
        self._counter = counter_of(source)
    return self


class ShapeMethods:
    """Shape as methods and attributes."""

    __slots__ = ()

    reshape = reshape
    reshape_as = reshape_as
    view = view
    view_as = view_as
    flatten = flatten
    unflatten = unflatten
    ravel = ravel
    squeeze = squeeze
    squeeze_ = _reshaped_in_place(squeeze, "squeeze_")
    unsqueeze = unsqueeze
    unsqueeze_ = _reshaped_in_place(unsqueeze, "unsqueeze_")
    transpose = swapaxes = swapdims = transpose
    transpose_ = swapaxes_ = swapdims_ = _reshaped_in_place(transpose, "transpose_")
    t = t
    t_ = _reshaped_in_place(t, "t_")
    permute = permute
    movedim = moveaxis = movedim
    adjoint = adjoint
    expand = expand
    expand_as = expand_as
    broadcast_to = broadcast_to
    repeat = repeat
    tile = tile
    clone = clone
    contiguous = contiguous
    is_contiguous = is_contiguous
    as_strided = as_strided
    unfold = unfold
    flip = flip
    fliplr = fliplr
    flipud = flipud
    roll = roll
    rot90 = rot90
    diagonal = diagonal
    diag = diag
    diag_embed = diag_embed
    diagflat = diagflat
    tril = tril
    triu = triu
    size = size
    stride = stride
    storage_offset = storage_offset
    data_ptr = data_ptr
    storage = memory.storage
    untyped_storage = memory.untyped_storage
    dim = ndimension = dim
    element_size = element_size
    copy_ = copy_
    fill_ = fill_
    zero_ = zero_
    resize_ = resize_
    set_ = set_

    def tril_(self, diagonal: int = 0):
        """`tril`, written into this tensor; returns it."""
        return assign(self, tril(self, diagonal))

    def triu_(self, diagonal: int = 0):
        """`triu`, written into this tensor; returns it."""
        return assign(self, triu(self, diagonal))

    def fill_diagonal_(self, fill_value, wrap: bool = False):
        """Write a number on the main diagonal; returns the tensor."""
        if self._array.ndim < 2:
            raise RuntimeError("dimensions must larger than 1")
        n = min(self._array.shape)
        step = sum(stride(self))
        if wrap and self._array.ndim == 2 and self._array.shape[0] > n:
            n = (self._array.size + step - 1) // step
        fill_(as_strided(self, (n,), (step,), storage_offset(self)), fill_value)
        return self

    def numel(self) -> int:
        """The number of elements."""
        return self._array.size

    nelement = numel

    @property
    def nbytes(self) -> int:
        """The size of all elements in bytes."""
        return self._array.nbytes

    @property
    def T(self):
        """All dimensions in reverse order. A view."""
        return viewed(ops.permute, self, axes=tuple(range(self._array.ndim))[::-1])

    @property
    def mT(self):
        """The last two dimensions exchanged. A view."""
        if self._array.ndim < 2:
            raise RuntimeError(f"tensor.mT is only supported on matrices or batches of matrices. Got {self._array.ndim}-D tensor.")
        return transpose(self, -2, -1)

    @property
    def H(self):
        """A matrix transposed and conjugated."""
        if self._array.ndim not in (0, 2):
            raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {self._array.ndim}-D tensor.")
        return adjoint(self) if self._array.ndim else self

    @property
    def mH(self):
        """The last two dimensions exchanged, and the conjugate."""
        return adjoint(self)

"""Shape: the same elements in another shape, with their dimensions in another order, or expanded. Mostly views."""

from __future__ import annotations

import math
from operator import index

import numpy as np

from .. import dtypes
from ..autograd.dispatch import apply
from ..autograd.inplace import check_inference, is_leaf_node
from ..autograd.modes import is_grad_enabled
from ..autograd.recording import node_of
from ..autograd.refusals import cannot_broadcast
from ..autograd.tape import Variable, changed, wrap
from ..autograd.viewing import viewed
from ..errors import warn_once
from ..ops import movement as ops
from . import dims
from .size import Size

__all__ = [
    "reshape",
    "flatten",
    "unflatten",
    "ravel",
    "squeeze",
    "unsqueeze",
    "transpose",
    "swapaxes",
    "swapdims",
    "t",
    "permute",
    "movedim",
    "moveaxis",
    "adjoint",
    "broadcast_to",
    "broadcast_tensors",
    "broadcast_shapes",
]


def _inferred(shape, size: int) -> tuple[int, ...]:
    """A shape in which one -1 stands for what is left. RuntimeError if the shape does not hold `size` elements."""
    known, unknown = 1, 0
    for n in shape:
        if n.__class__ is not int:
            return _inferred([int(index(n)) for n in shape], size)
        if n < 0:
            unknown += 1
        else:
            known *= n
    shape = tuple(shape)
    if not unknown and known == size:
        return shape
    if unknown == 1 and -1 in shape and known and size % known == 0:
        at = shape.index(-1)
        return (*shape[:at], size // known, *shape[at + 1 :])
    if -1 not in shape:
        raise _unfit(shape, size)
    if shape.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    at = shape.index(-1)
    known = -math.prod(shape)
    if min(shape) < -1 or (size and (known == 0 or size % known)):
        raise _unfit(shape, size)
    if known == 0:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified "
            "dimension size -1 can be "
            "any value and is ambiguous"
        )
    return (*shape[:at], size // known, *shape[at + 1 :])


def _unfit(shape, size: int) -> RuntimeError:
    wrong = [i for i, n in enumerate(shape) if n < -1]
    if wrong:
        return RuntimeError(f"invalid shape dimension {shape[wrong[0]]} at index {wrong[0]} of shape {list(shape)}")
    return RuntimeError(f"shape '{list(shape)}' is invalid for input of size {size}")


def sizes_of(given: tuple, named: dict, keyword: str, name: str):
    """Integers given as `f(2, 3)`, `f((2, 3))` or by keyword. TypeError for none, and for what is no integer."""
    if named:
        found = named.pop(keyword, None)
        if named or given or found is None:
            raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(named), keyword)}'")
    elif len(given) == 1 and not hasattr(given[0], "__index__"):
        found = given[0]
    else:
        found = given
        if not given:
            raise TypeError(f'{name}() missing 1 required positional arguments: "{keyword}"')
    if not isinstance(found, (tuple, list)) or found and not hasattr(found[0], "__index__"):
        kind = type(found[0] if isinstance(found, (tuple, list)) else found).__name__
        raise TypeError(f"{name}(): argument '{keyword}' (position 1) must be tuple of ints, not {kind}")
    if found and found[0].__class__ is bool:
        raise TypeError(f"{name}(): argument '{keyword}' (position 1) must be tuple of ints, not bool")
    return found


def check_tensor(value, name: str) -> None:
    """TypeError for what is no tensor."""
    if not isinstance(value, Variable):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(value).__name__}")


def reshaped(x, shape: tuple[int, ...]):
    """x in a shape that holds its elements: a view where the memory allows it, else a copy."""
    if x._array.flags.c_contiguous:
        return viewed(ops.reshape, x, shape=shape)
    return apply(ops.reshape, x, shape=shape)


def reshape(input, *shape, **named):
    """The same elements in another shape, of which one size may be -1: a view where the memory allows, else a copy."""
    check_tensor(input, "reshape")
    if named or not shape or shape[0].__class__ is not int:
        shape = sizes_of(shape, named, "shape", "reshape")
    return reshaped(input, _inferred(shape, input._array.size))


def view(self, *shape, **named):
    """The same memory in another shape, or read as another dtype. RuntimeError where that is not possible."""
    if named or not shape or shape[0].__class__ is not int:
        first = named.get("dtype") if named else shape[0] if shape else None
        if isinstance(first, dtypes.dtype):
            return _reread(ops.reinterpret, self, first)
        shape = sizes_of(shape, named, "size", "view")
    array = self._array
    target = _inferred(shape, array.size)
    if not array.flags.c_contiguous and array.size and not _is_view(array, target):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return viewed(ops.reshape, self, shape=target)


def _is_view(array: np.ndarray, target: tuple[int, ...]) -> bool:
    """Whether an array, which has elements, can be seen in a shape without copying.

    Neighbouring dimensions that lie in memory as one form a run; the shape must cut every run into whole dimensions.
    """
    runs: list[int] = []
    inner = None
    for n, stride in zip(reversed(array.shape), reversed(array.strides)):
        if n == 1:
            continue
        if runs and stride == inner:
            runs[-1] *= n
        else:
            runs.append(n)
        inner = stride * n
    sizes = [n for n in reversed(target) if n != 1]
    for run in runs:
        while run > 1:
            if not sizes or run % sizes[0]:
                return False
            run //= sizes.pop(0)
    return True


def bits(input, dtype: dtypes.dtype):
    """Complex numbers as pairs of real ones or the reverse: the last dimension is twice, or half, as long."""
    return _reread(ops.bits, input, dtype)


def _reread(operator, input, dtype: dtypes.dtype):
    """The same memory as another dtype: the last dimension shrinks or grows with the size of the elements."""
    array, np_dtype = input._array, dtype.np
    if np_dtype.itemsize != array.itemsize:
        if array.ndim == 0:
            raise RuntimeError(f"self.dim() cannot be 0 to view {input.dtype} as {dtype} (different element sizes)")
        if array.strides[-1] != array.itemsize and array.shape[-1] != 1:
            raise RuntimeError("self.stride(-1) must be 1 to view a tensor as a dtype of another element size")
        if array.shape[-1] * array.itemsize % np_dtype.itemsize:
            raise RuntimeError(
                f"self.size(-1) must be divisible by {np_dtype.itemsize // array.itemsize} to view "
                f"{input.dtype} as {dtype} "
                f"(different element sizes), but got {array.shape[-1]}"
            )
    return viewed(operator, input, dtype=np_dtype)


def view_as(self, other):
    """This tensor's memory in the shape of `other`."""
    return view(self, other._array.shape)


def reshape_as(self, other):
    """This tensor's elements in the shape of `other`."""
    return reshape(self, other._array.shape)


def flatten(input, start_dim: int = 0, end_dim: int = -1):
    """The dimensions from start_dim to end_dim as one. A zero-dimensional tensor becomes one of shape (1,)."""
    check_tensor(input, "flatten")
    shape = input._array.shape
    start, end = dims.one(start_dim, len(shape)), dims.one(end_dim, len(shape))
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return reshaped(input, (1,))
    if start == end:
        return input
    return reshaped(input, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


def unflatten(input, dim: int, sizes):
    """One dimension as several of the given sizes, of which one may be -1. RuntimeError if they do not multiply up."""
    if not isinstance(sizes, (tuple, list)):
        raise TypeError(f"unflatten(): argument 'sizes' (position 2) must be tuple of ints, not {type(sizes).__name__}")
    shape = input._array.shape
    axis = dims.one(dim, len(shape))
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    if not shape:
        raise RuntimeError("unflatten: a tensor without dimensions has none to unflatten")
    try:
        sizes = _inferred(sizes, shape[axis])
    except RuntimeError as error:
        if sizes.count(-1) > 1:
            raise
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {axis} "
            f"({shape[axis]}) in the "
            "input tensor"
        ) from error
    return view(input, (*shape[:axis], *sizes, *shape[axis + 1 :]))


def ravel(input):
    """All elements in one dimension."""
    return reshaped(input, (input._array.size,))


def squeeze(input, *dim, **named):
    """Without the dimensions of size 1: all of them, or those named by `dim` (a number or a tuple). A view."""
    check_tensor(input, "squeeze")
    shape = input._array.shape
    if not dim and not named:
        return viewed(ops.squeeze, input, shape=tuple([n for n in shape if n != 1]))
    if len(dim) + len(named) != 1 or (named and "dim" not in named):
        raise TypeError("squeeze() takes one dim, or a tuple of dims")
    which = named["dim"] if named else dim[0]
    if which is None:
        raise TypeError(
            "squeeze() received an invalid combination of arguments - got (NoneType). Leave dim out for all"
        )
    if isinstance(which, (tuple, list)):
        axes = dims.several(which, len(shape), "squeeze") or ()
        kept = tuple([n for i, n in enumerate(shape) if n != 1 or i not in axes])
        return viewed(ops.squeeze_several, input, shape=kept)
    axis = dims.one(which, len(shape))
    kept = (*shape[:axis], *shape[axis + 1 :]) if shape and shape[axis] == 1 else shape
    return viewed(ops.squeeze_one, input, shape=kept)


def unsqueeze(input, dim: int):
    """With a dimension of size 1 inserted before `dim`. A view."""
    check_tensor(input, "unsqueeze")
    return viewed(ops.unsqueeze, input, axis=dims.one(dim, input._array.ndim + 1))


def transpose(input, dim0: int, dim1: int):
    """Two dimensions exchanged. A view."""
    check_tensor(input, "transpose")
    ndim = input._array.ndim
    a, b = dims.one(dim0, ndim), dims.one(dim1, ndim)
    axes = list(range(ndim))
    if ndim:
        axes[a], axes[b] = b, a
    return viewed(ops.transpose, input, axes=tuple(axes))


def swapaxes(input, axis0: int, axis1: int):
    """Two dimensions exchanged, under NumPy's name. A view."""
    return transpose(input, axis0, axis1)


def swapdims(input, dim0: int, dim1: int):
    """Two dimensions exchanged. A view."""
    return transpose(input, dim0, dim1)


def t(input):
    """A matrix transposed; a tensor of fewer dimensions itself. RuntimeError for more. A view."""
    check_tensor(input, "t")
    ndim = input._array.ndim
    if ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {ndim}D")
    return viewed(ops.t, input, axes=(1, 0) if ndim == 2 else tuple(range(ndim)))


def permute(input, dims):
    """The dimensions in another order, a list of them. A view. RuntimeError unless each is named once."""
    check_tensor(input, "permute")
    if isinstance(dims, int):
        raise TypeError("permute(): argument 'dims' (position 2) must be tuple of ints, not int: permute(x, (1, 0)).")
    return permuted(input, dims)


def permuted(input, *dims_, **named):
    """The dimensions in another order, a list of them or one by one. A view. RuntimeError unless each is named once."""
    order = sizes_of(dims_, named, "dims", "permute")
    ndim = input._array.ndim
    if len(order) != ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length "
            "of the desired ordering "
            f"of dimensions i.e. input.dim() = {ndim} is not equal to len(dims) = {len(order)}"
        )
    axes = tuple([dims.one(d, ndim) for d in order])
    if len(set(axes)) != ndim:
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return viewed(ops.permute, input, axes=axes)


def movedim(input, source, destination):
    """Dimensions moved to other places, the rest in order. A view."""
    ndim = input._array.ndim
    if isinstance(source, int) != isinstance(destination, int):
        raise TypeError("movedim() takes two numbers or two sequences of numbers")
    source = (source,) if isinstance(source, int) else tuple(source)
    destination = (destination,) if isinstance(destination, int) else tuple(destination)
    if len(source) != len(destination):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(source)} dims) should "
            "contain the same number of "
            f"dims as destination ({list(destination)} dims)"
        )
    origins, targets = [dims.one(d, ndim) for d in source], [dims.one(d, ndim) for d in destination]
    for name, found in (("source", origins), ("destination", targets)):
        if len(set(found)) != len(found):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({found})")
    order = [i for i in range(ndim) if i not in origins]
    for target, origin in sorted(zip(targets, origins)) if ndim else ():
        order.insert(target, origin)
    return viewed(ops.permute, input, axes=tuple(order))


moveaxis = movedim


def _matrices(input, name: str):
    """The last two dimensions exchanged; a number itself."""
    if input._array.ndim == 1:
        raise RuntimeError(f"tensor.{name} is only supported on matrices or batches of matrices. Got 1-D tensor.")
    return transpose(input, -2, -1) if input._array.ndim else input


def adjoint(input):
    """The last two dimensions exchanged, and the conjugate of complex numbers."""
    return _conjugated(_matrices(input, "adjoint()"))


def _conjugated(x):
    return x.conj() if x._array.dtype.kind == "c" else x


def expand(self, *sizes, implicit: bool = False, **named):
    """Dimensions of size 1 repeated to the given sizes, without copying; -1 keeps a size. RuntimeError if not."""
    return expanded(self, sizes_of(sizes, named, "size", "expand"))


def expanded(x, sizes):
    """x expanded to sizes, of which -1 keeps what x has."""
    shape = x._array.shape
    lead = len(sizes) - len(shape)
    if lead < 0:
        raise RuntimeError(
            f"expand({x.type()}{{{list(shape)}}}, size={list(sizes)}): the number of sizes provided "
            f"({len(sizes)}) must "
            f"be greater or equal to the number of dimensions in the tensor ({len(shape)})"
        )
    target = []
    for i, n in enumerate(sizes):
        have = shape[i - lead] if i >= lead else None
        if n.__class__ is int and n >= 0 and (have is None or have == n or have == 1):
            target.append(n)
            continue
        if n == -1 and have is None:
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) isn't allowed in a leading, non-existing dimension {i}"
            )
        if n == -1:
            n = have
        elif not hasattr(n, "__index__") or n.__class__ is bool:
            raise TypeError(
                f"expand(): argument 'size' must be tuple of ints, but found {n.__class__.__name__} at pos {i}"
            )
        elif have is not None and have != 1 and have != n:
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({have}) at "
                "non-singleton dimension "
                f"{i}.  Target sizes: {list(sizes)}.  Tensor sizes: {list(shape)}"
            )
        elif n < 0:
            raise RuntimeError(f"The expanded size of the tensor ({n}) must not be negative")
        target.append(index(n))
    return viewed(ops.expand, x, shape=tuple(target))


def expand_as(self, other):
    """This tensor expanded to the shape of `other`."""
    return expanded(self, other._array.shape)


def broadcast_to(input, size):
    """The tensor expanded to a shape, as arithmetic would."""
    return expanded(input, size)


def broadcast_shapes(*shapes) -> Size:
    """The shape of arithmetic on tensors of these shapes. RuntimeError if they do not fit, ValueError for negative sizes."""
    sequences = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    if any(n < 0 for s in sequences for n in s):
        raise ValueError(f"Attempting to broadcast a dimension with negative length! The shapes are {sequences}.")
    try:
        return Size(np.broadcast_shapes(*sequences))
    except ValueError:
        raise RuntimeError(
            f"Shape mismatch: objects cannot be broadcast to a single shape: {', '.join(map(str, sequences))}"
        ) from None


def broadcast_tensors(*tensors):
    """All tensors expanded to their common shape; one that has it already comes back itself."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    try:
        shape = np.broadcast_shapes(*[x._array.shape for x in tensors])
    except ValueError as error:
        raise cannot_broadcast(ops.expand, error, *[x._array for x in tensors]) from None
    return tuple([x if x._array.shape == shape else expanded(x, shape) for x in tensors])


def reshaped_in_place(function, name: str):
    """The in-place form of a view: the tensor takes over the view's shape and history."""

    def method(self, *args, **kwargs):
        check_inference(self)
        node = node_of(self)
        if is_grad_enabled() and node is not None and is_leaf_node(node):
            raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
        made = function(self, *args, **kwargs)
        if self._view is not None:
            # A view becomes a view of what it was, so that its base is still found.
            before = wrap(self._array, node)
            before._counter, before._view = self._counter, self._view
            made._view.parent = before
            self._view = made._view
        self._array = made._array
        self._reshaped = True
        if is_grad_enabled():
            self._node = made._node
        changed(self)
        if self._view is not None:
            self._view.version = self._counter[0]
            self._view.parent._view.version = self._counter[0]
        return self

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{function.__name__}` of this tensor itself; returns it."
    return method


def sum_to_size(self, *size):
    """The sum over the dimensions along which `size` has to be expanded to give this tensor's shape.

    RuntimeError if it cannot be.
    """
    size = size[0] if len(size) == 1 and isinstance(size[0], (tuple, list)) else size
    for n in size:
        if not hasattr(n, "__index__"):
            raise TypeError(
                f"sum_to_size(): argument 'size' (position 1) must be tuple of ints, not {type(n).__name__}"
            )
    shape = self._array.shape
    extra = len(shape) - len(size)
    if extra < 0 or any(n not in (1, m) for n, m in zip(size, shape[extra:])):
        raise RuntimeError(f"size {{{list(size)}}} is not expandable to size {{{list(shape)}}}.")
    axes = [i for i, m in enumerate(shape) if i < extra or size[i - extra] == 1 != m]
    return reshape(self.sum(axes, keepdim=True) if axes or not shape else self, size)


class ShapeMethods:
    """Shapes as methods and attributes."""

    __slots__ = ()

    reshape = reshape
    reshape_as = reshape_as
    sum_to_size = sum_to_size
    view = view
    view_as = view_as
    flatten = flatten
    unflatten = unflatten
    ravel = ravel
    squeeze = squeeze
    squeeze_ = reshaped_in_place(squeeze, "squeeze_")
    unsqueeze = unsqueeze
    unsqueeze_ = reshaped_in_place(unsqueeze, "unsqueeze_")
    transpose = transpose
    transpose_ = reshaped_in_place(transpose, "transpose_")
    swapaxes = swapaxes
    swapaxes_ = reshaped_in_place(swapaxes, "swapaxes_")
    swapdims = swapdims
    swapdims_ = reshaped_in_place(swapdims, "swapdims_")
    t = t
    t_ = reshaped_in_place(t, "t_")
    permute = permuted
    movedim = moveaxis = movedim
    adjoint = adjoint
    expand = expand
    expand_as = expand_as
    broadcast_to = broadcast_to

    @property
    def T(self):
        """All dimensions in reverse order. A view."""
        if self._array.ndim not in (0, 2):
            warn_once(
                "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it will "
                "throw an error in a future release. Consider `x.mT` to transpose batches of matrices or "
                "`x.permute(*torch.arange(x.ndim - 1, -1, -1))` to reverse the dimensions of a tensor."
            )
        return viewed(ops.permute, self, axes=tuple(range(self._array.ndim))[::-1])

    @property
    def mT(self):
        """The last two dimensions exchanged. A view."""
        return _matrices(self, "mT")

    @property
    def H(self):
        """A matrix transposed and conjugated."""
        if self._array.ndim not in (0, 2):
            raise RuntimeError(
                f"tensor.H is only supported on matrices (2-D tensors). Got {self._array.ndim}-D tensor."
            )
        return _conjugated(_matrices(self, "H"))

    @property
    def mH(self):
        """The last two dimensions exchanged, and the conjugate."""
        return _conjugated(_matrices(self, "mH"))

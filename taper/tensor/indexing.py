"""`x[...]` and `x[...] = value`: numbers, slices, None, Ellipsis, masks, lists and tensors of positions.

Numbers, slices, None and Ellipsis make a view; then masks and positions gather a copy, with NumPy's broadcasting. Where
arrays of positions stand side by side their dimensions take their place, otherwise they come first.
"""

from __future__ import annotations

from operator import index as as_int

import numpy as np

from ..autograd.dispatch import apply
from ..autograd.inplace import assign, check_writable, legacy_name, refuse_overlap
from ..autograd.modes import is_grad_enabled
from ..autograd.recording import node_of
from ..autograd.tape import Variable, changed, elsewhere, wrap
from ..autograd.viewing import viewed
from ..backends import namespace_of
from ..backends.transfer import moved, place_of
from ..errors import warn
from ..ops import indexing as ops
from ..ops.movement import astype
from .joining import unbind
from .shape import reshaped
from .writing import check_overlap, copy_, fill_, number_as, number_for, put, unrecorded

__all__: list[str] = []

_FULL = slice(None)


def __getitem__(self, index):
    cls = index.__class__
    array = self._array
    if cls is int:
        if array.ndim == 0:
            raise _no_dimensions()
        if not -array.shape[0] <= index < array.shape[0]:
            raise _out_of_bounds(index, 0, array.shape[0])
        return viewed(ops.part_select, self, index=(index, ...))
    if cls is slice and array.ndim and _plain_slice(index):
        return viewed(ops.part_slice, self, index=(index,))
    if cls is tuple:
        operator = _plain_parts(index)
        if operator is not None:
            try:
                return viewed(operator, self, index=index if Ellipsis in index else (*index, ...))
            except IndexError:
                operator = None  # found and named below
    if isinstance(index, Variable) and array.ndim and index._array.ndim and index._array.dtype.kind == "i":
        view, spec, positions = self, (None,), (_positions(index),)
    else:
        basic, spec, positions = _parsed(array, index)
        view = self if basic is None else viewed(_named(basic), self, index=basic)
        if spec is None:
            return viewed(ops.alias, self) if view is self else view
        _check_masks(view._array, spec, positions)
    try:
        return apply(ops.take_at, view, *positions, spec=spec)
    except IndexError as error:
        raise _explained(error, view._array, spec, positions) from None


def _plain_slice(s: slice) -> bool:
    """Whether start and stop are numbers of Python's, or missing, and the step goes forward."""
    return (
        (s.step is None or (s.step.__class__ is int and s.step > 0))
        and (s.start is None or s.start.__class__ is int)
        and (s.stop is None or s.stop.__class__ is int)
    )


def _plain_parts(index: tuple):
    """The operator of an index of numbers, slices, None and Ellipsis alone, as NumPy takes them; None for any other."""
    operator = ops.part_slice
    for p in index:
        cls = p.__class__
        if cls is int:
            operator = ops.part_select
        elif cls is slice:
            if not _plain_slice(p):
                return None
            if p != _FULL:
                operator = ops.part_slice
        elif p is None:
            operator = ops.part_none
        elif p is not Ellipsis:
            return None
    return operator


def _named(basic: tuple):
    """The operator under whose name PyTorch records this view: that of its last step."""
    for part in reversed(basic):
        if part is None:
            return ops.part_none
        if part.__class__ is not slice:
            return ops.part_select
        if part != _FULL:
            return ops.part_slice
    return ops.part_slice


def _no_dimensions() -> IndexError:
    return IndexError(
        "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ "
        "to convert a 0-dim "
        "tensor to a number"
    )


def _out_of_bounds(index: int, dim: int, size: int) -> IndexError:
    return IndexError(f"index {index} is out of bounds for dimension {dim} with size {size}")


def _parsed(array: np.ndarray, index):
    """An index as its view part (a tuple or None), and the spec and positions of its gathering part (or None, None)."""
    if isinstance(index, list) and _is_tuple(index):
        warn(
            "Using a non-tuple sequence for multidimensional indexing is deprecated: write x[tuple(index)], or "
            "x[taper.tensor(index)] if it is one index"
        )
    parts = list(map(_part, index if _is_tuple(index) else (index,)))
    consumed = 0
    for p in parts:
        if isinstance(p, Variable):
            consumed += p._array.ndim if p._array.dtype.kind == "b" else 1
        elif p is not None and p is not Ellipsis and not isinstance(p, bool):
            consumed += 1
    if consumed > array.ndim:
        if array.ndim == 0 and any(p.__class__ is int for p in parts):
            raise _no_dimensions()
        raise IndexError(f"too many indices for tensor of dimension {array.ndim}")
    at = next((i for i, p in enumerate(parts) if p is Ellipsis), len(parts))
    rest = [_FULL] * (array.ndim - consumed)
    # A second Ellipsis stands for nothing.
    parts = parts[:at] + rest + [p for p in parts[at:] if p is not Ellipsis]

    basic, spec, positions = [], [], []
    dim = 0
    for p in parts:
        if p is None:
            basic.append(None)
            spec.append(_FULL)
        elif isinstance(p, bool):
            # A mask without dimensions: a new dimension of size 1, or 0.
            basic.append(None)
            spec.append(None)
            positions.append(wrap(np.zeros(1 if p else 0, np.int64)))
        elif isinstance(p, int):
            if not -array.shape[dim] <= p < array.shape[dim]:
                raise _out_of_bounds(p, dim, array.shape[dim])
            basic.append(p)
            dim += 1
        elif isinstance(p, slice):
            basic.append(p)
            spec.append(_FULL)
            dim += 1
        elif not isinstance(p, Variable):
            basic.append(p)  # a position that a captured step computes
            dim += 1
        else:
            count = p._array.ndim if p._array.dtype.kind == "b" else 1
            basic += [_FULL] * count
            spec.append(None)
            positions.append(p)
            dim += count
    while basic and basic[-1].__class__ is slice and basic[-1] == _FULL:
        basic.pop()
    while spec and spec[-1] is _FULL:
        spec.pop()
    view = (*basic, ...) if basic else None
    return (view, tuple(spec), tuple(positions)) if positions else (view, None, None)


def _is_tuple(index) -> bool:
    """Whether an index is a tuple, or a short list that PyTorch takes for one: with a sequence, slice or None in it."""
    if isinstance(index, tuple):
        return True
    if not isinstance(index, list) or len(index) >= 32:
        return False
    return any(
        p is None or p is Ellipsis or isinstance(p, (list, tuple, slice, Variable, np.ndarray, str, range))
        for p in index
    )


def _positions(t):
    """A tensor of positions. IndexError for a type that cannot be one."""
    if t._array.dtype.itemsize < 4:
        raise IndexError(
            f"tensors used as indices must be long, int, byte or bool tensors, not {t.dtype}. Use index.long()."
        )
    return t


def _part(p):
    """One entry of an index as None, Ellipsis, bool, int, slice, or a tensor of bools or integers."""
    if p is None or p is Ellipsis or p.__class__ is int or p.__class__ is bool:
        return p
    if isinstance(p, slice):
        start, stop, step = (v if v is None else as_int(v) for v in (p.start, p.stop, p.step))
        if step is not None and step <= 0:
            raise ValueError("step must be greater than zero")
        return slice(start, stop, step)
    if isinstance(p, Variable):
        array = p._array
        if array.dtype.kind == "b":
            return p if array.ndim else bool(array)
        if array.dtype == np.uint8:
            warn("indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.")
            return p.bool()
        if array.dtype.kind not in "iu":
            raise IndexError(
                f"tensors used as indices must be long, int, byte or bool tensors, not {p.dtype}. Use index.long()."
            )
        return _positions(p) if array.ndim else _position(array)
    if isinstance(p, np.ndarray):
        return _part(wrap(p))
    if isinstance(p, (list, tuple, range)):
        return _listed(p)
    if isinstance(p, np.bool_):
        return bool(p)
    if hasattr(p, "__index__"):
        return as_int(p)
    if isinstance(p, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type(p).__name__}'")
    raise IndexError(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got "
        f"{type(p).__name__})"
    )


def _position(array):
    """An array of one position as a number; as it is where a captured step has yet to compute it."""
    known = getattr(array, "known", None)
    return array if known is not None and known() is None else int(array)


def _listed(p):
    """A list of positions as a tensor; as PyTorch does, numbers are cut to whole ones."""
    array = np.asarray([_unwrapped(v) for v in p] if isinstance(p, (list, tuple)) else p)
    if array.dtype.kind in "US":
        raise TypeError("new(): invalid data type 'str'")
    if array.dtype.kind not in "biuf":
        raise IndexError(
            f"tensors used as indices must be long, int, byte or bool tensors, not a {type(p).__name__} like {p}"
        )
    if array.dtype.kind != "b" or array.size == 0:
        array = array.astype(np.int64)
    return wrap(array)


def _unwrapped(value):
    """An item of a list of positions as NumPy takes it."""
    if isinstance(value, Variable):
        return value._array
    return [_unwrapped(v) for v in value] if isinstance(value, (list, tuple)) else value


def _check_masks(array: np.ndarray, spec: tuple, positions: tuple) -> None:
    """IndexError for a mask that has not the shape of what it selects from."""
    dim, rest = 0, iter(positions)
    for part in spec:
        if part is not None:
            dim += 1
            continue
        p = next(rest)._array
        if p.dtype.kind != "b":
            dim += 1
            continue
        for i, n in enumerate(p.shape):
            if array.shape[dim + i] != n:
                raise IndexError(
                    f"The shape of the mask {list(p.shape)} at index {i} does not match the shape of "
                    "the indexed tensor "
                    f"{list(array.shape)} at index {dim + i}"
                )
        dim += p.ndim


def _explained(error: IndexError, array: np.ndarray, spec: tuple, positions: tuple) -> IndexError:
    """NumPy's complaint in PyTorch's words."""
    dim, rest = 0, iter(positions)
    for part in spec:
        if part is None:
            p = next(rest)._array
            if p.dtype.kind in "iu" and p.size:
                n = array.shape[dim]
                bad = p[(p < -n) | (p >= n)]
                if bad.size:
                    return _out_of_bounds(int(bad.reshape(-1)[0]), dim, n)
            dim += p.ndim if p.dtype.kind == "b" else 1
        else:
            dim += 1
    shapes = ", ".join(str(list(p._array.shape)) for p in positions)
    if "broadcast" in str(error):
        return IndexError(f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}")
    return IndexError(str(error))


def __setitem__(self, index, value):
    array = self._array
    if isinstance(value, np.ndarray):
        value = wrap(value)
    elif not isinstance(value, Variable):
        if not isinstance(value, (int, float, complex, np.generic)) and not hasattr(value, "node_as"):
            raise TypeError(f"can't assign a {type(value).__name__} to a {self.type()}")
        value = number_for(value, array.dtype, "__setitem__")
    cls = index.__class__
    if cls is int:
        if array.ndim == 0:
            raise _no_dimensions()
        if not -array.shape[0] <= index < array.shape[0]:
            raise _out_of_bounds(index, 0, array.shape[0])
        basic, spec, positions = (index, ...), None, None
    elif cls is slice and array.ndim and _plain_slice(index):
        basic, spec, positions = (index,), None, None
    elif index is False:
        return
    else:
        basic, spec, positions = _parsed(array, index)
    if unrecorded(self, value if isinstance(value, Variable) else None):
        view = array if basic is None else array[basic]
        if spec is None:
            check_overlap(view)
            source = value._array if isinstance(value, Variable) else value
            source = moved(source, place_of(array)) if isinstance(value, Variable) else source
            source = _fitted(source, view.ndim)
            if isinstance(value, Variable):
                refuse_overlap(view, source)
            put(view, ..., source)
        else:
            _check_masks(view, spec, positions)
            source = _values(value, array.dtype, positions)
            if isinstance(value, Variable) and place_of(source) != place_of(array):
                if source.ndim:
                    raise RuntimeError(
                        f"Expected all tensors to be on the same device, but got value is on {value.device}, different from "
                        f"other tensors on {self.device} (index_put_)"
                    )
                source = moved(source, place_of(array))
            try:
                with elsewhere((view,)):
                    namespace_of(view).write_at(view, source, tuple([p._array for p in positions]), spec)
            except IndexError as error:
                raise _explained(error, view, spec, positions) from None
            except ValueError as error:
                raise RuntimeError(
                    f"shape mismatch: value tensor of shape {list(getattr(source, 'shape', ()))}: {error}"
                ) from None
        changed(self)
        return
    view = self if basic is None else viewed(_named(basic), self, index=basic)
    if spec is not None:
        _assign_at(view, spec, positions, value)
    elif isinstance(value, Variable):
        if array.dtype.kind in "biu" and value._array.ndim == 0 != view._array.ndim:
            raise _no_gradient(array.dtype)
        shape = value._array.shape
        fitted = _fitted(value._array, view._array.ndim).shape
        copy_(view, value if fitted == shape else reshaped(value, fitted))
    else:
        fill_(view, value)


def _fitted(source, ndim: int):
    """A value without the first dimensions of size 1 that its place does not have."""
    extra = getattr(source, "ndim", 0) - ndim
    if extra > 0 and all(n == 1 for n in source.shape[:extra]):
        return source.reshape(source.shape[extra:])
    return source


def _values(value, dtype, positions):
    """What is to be written at positions, as an array of a dtype or a number. RuntimeError for another dtype."""
    if not isinstance(value, Variable):
        return value
    source = value._array
    if source.dtype != dtype:
        if source.ndim or len(positions) != 1 or positions[0]._array.dtype.kind != "b":
            raise _other_dtype(dtype, source.dtype)
        source = source.astype(dtype)
    return source.reshape(_stripped(source.shape))


def _stripped(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without its first sizes of 1."""
    return next((shape[i:] for i, n in enumerate(shape) if n != 1), ())


def _no_gradient(dtype) -> RuntimeError:
    return RuntimeError(
        f"Autograd not support dtype: {legacy_name(dtype)}: the assigned value requires grad. detach() it."
    )


def _other_dtype(mine, other) -> RuntimeError:
    return RuntimeError(
        f"Index put requires the source and destination dtypes match, got {legacy_name(mine)} for the destination and "
        f"{legacy_name(other)} for the source."
    )


def _assign_at(view, spec: tuple, positions: tuple, value) -> None:
    """An assignment with history to what positions point at."""
    check_writable(view)
    _check_masks(view._array, spec, positions)
    dtype = view._array.dtype
    if not isinstance(value, Variable):
        value = number_as(value, dtype)
    elif value._array.dtype != dtype:
        if value._array.ndim or len(positions) != 1 or positions[0]._array.dtype.kind != "b":
            raise _other_dtype(dtype, value._array.dtype)
        if dtype.kind in "biu":
            raise _no_gradient(dtype)
        value = apply(astype, value, dtype=dtype)
    assign(view, _put_at(view, value, spec, positions, False))


def _put_at(x, value, spec: tuple, positions: tuple, accumulate: bool):
    """x with values written, or added, at positions: the recorded operation."""
    shape = _stripped(value._array.shape)
    if shape != value._array.shape:
        value = reshaped(value, shape)
    try:
        return apply(ops.put_at, x, value, *positions, spec=spec, accumulate=accumulate)
    except IndexError as error:
        raise _explained(error, x._array, spec, positions) from None
    except RuntimeError as error:
        if "broadcast" not in str(error):
            raise
        where = iter(positions)
        place = x._array[tuple(next(where)._array if part is None else part for part in spec)]
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(shape)} cannot be broadcast to indexing result of shape "
            f"{list(place.shape)}"
        ) from None


def __iter__(self):
    if self._array.ndim == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(unbind(self, 0))


def __len__(self) -> int:
    if self._array.ndim == 0:
        raise TypeError("len() of a 0-d tensor")
    return self._array.shape[0]


def __contains__(self, element) -> bool:
    if not isinstance(element, (Variable, int, float, complex)):
        raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")
    value = element._array if isinstance(element, Variable) else element
    return bool((self._array == value).any())


def __reversed__(self):
    return self if self._array.ndim == 0 else self.flip(0)


def index_put(input, indices, values, accumulate: bool = False):
    """A copy of `input` with `values` written, or added, where the tuple of tensors `indices` points."""
    return _index_put(input, indices, values, accumulate)


def _index_put(x, indices, values, accumulate: bool):
    if values._array.dtype != x._array.dtype:
        raise _other_dtype(x._array.dtype, values._array.dtype)
    if len(indices) > x._array.ndim:
        raise IndexError(f"too many indices for tensor of dimension {x._array.ndim} (got {len(indices)})")
    spec: list = []
    positions = []
    for p in indices:
        if p is None:
            spec.append(_FULL)
            continue
        p = _part(p) if isinstance(p, Variable) and p._array.ndim else p
        if not isinstance(p, Variable):
            raise TypeError(f"index_put(): argument 'indices' must be tuple of Tensors, not {type(p).__name__}")
        spec.append(None)
        positions.append(p)
    if not positions:
        raise IndexError("index_put: at least one index must be given")
    _check_masks(x._array, tuple(spec), tuple(positions))
    return _put_at(x, values, tuple(spec), tuple(positions), accumulate)


def index_put_(input, indices, values, accumulate: bool = False):
    """`index_put`, written into this tensor; returns it."""
    if is_grad_enabled() and node_of(input) is not None:
        check_writable(input)
    return assign(input, _index_put(input, indices, values, accumulate))


class IndexingMethods:
    """Indexing, iteration, length, membership."""

    __slots__ = ()

    __getitem__ = __getitem__
    __setitem__ = __setitem__
    __iter__ = __iter__
    __len__ = __len__
    __contains__ = __contains__
    __reversed__ = __reversed__
    index_put = index_put
    index_put_ = index_put_

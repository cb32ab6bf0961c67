"""`x[...]` and `x[...] = value`: numbers, slices, None, Ellipsis, masks, lists and tensors of positions.

Numbers, slices, None and Ellipsis make a view; then masks and positions gather a copy, with NumPy's broadcasting. Where
arrays of positions stand side by side their dimensions take their place, otherwise they come first.
"""

from __future__ import annotations

import warnings
from operator import index as as_int

import numpy as np

from ..autograd.dispatch import apply, viewed
from ..autograd.inplace import assign, check_writable
from ..autograd.modes import is_grad_enabled
from ..autograd.tape import Variable, changed, node_of, wrap
from ..backends.quiet import QUIET, enter, leave
from ..ops import indexing as ops
from ..ops.movement import astype
from .joining import unbind
from .shape import copy_, unsqueeze

__all__: list[str] = []

_FULL = slice(None)


def __getitem__(self, index):
    cls = index.__class__
    if cls is int:
        array = self._array
        if array.ndim == 0:
            raise _no_dimensions()
        if not -array.shape[0] <= index < array.shape[0]:
            raise _out_of_bounds(index, 0, array.shape[0])
        return viewed(ops.part_select, self, index=(index, ...))
    if cls is slice and (index.step is None or index.step.__class__ is int and index.step > 0):
        if self._array.ndim and _plain_slice(index):
            return viewed(ops.part_slice, self, index=(index,))
    basic, arrays = _parsed(self._array, index)
    made = self if basic is None else viewed(_named(basic), self, index=basic)
    if arrays is None:
        return viewed(ops.part_slice, self, index=(...,)) if made is self else made
    spec, positions = arrays
    if any(p._array.dtype.kind == "b" for p in positions):
        _check_masks(made._array, spec, positions)
    try:
        return apply(ops.take_at, made, *positions, spec=spec)
    except IndexError as error:
        raise _explained(error, made._array, spec, positions) from None


def _plain_slice(s: slice) -> bool:
    """Whether start and stop are numbers of Python's, or missing."""
    return (s.start is None or s.start.__class__ is int) and (s.stop is None or s.stop.__class__ is int)


def _named(basic: tuple):
    """The operator under whose name PyTorch records this view: that of its last step."""
    for part in reversed(basic):
        if part is None:
            return ops.part_none
        if part.__class__ is int:
            return ops.part_select
        if part.__class__ is slice and part != _FULL:
            return ops.part_slice
    return ops.part_slice


def _no_dimensions() -> IndexError:
    return IndexError(
        "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim "
        "tensor to a number"
    )


def _out_of_bounds(index: int, dim: int, size: int) -> IndexError:
    return IndexError(f"index {index} is out of bounds for dimension {dim} with size {size}")


def _parsed(array: np.ndarray, index):
    """An index as its view part (a tuple, or None) and its gathering part (spec and positions, or None)."""
    parts = index if isinstance(index, tuple) else (index,)
    parts = [_part(p) for p in parts]
    consumed = 0
    for p in parts:
        if isinstance(p, (int, slice)) and not isinstance(p, bool):
            consumed += 1
        elif isinstance(p, Variable):
            kind = p._array.dtype.kind
            consumed += p._array.ndim if kind == "b" else 1
    ellipses = sum(p is Ellipsis for p in parts)
    if ellipses > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    if consumed > array.ndim:
        if array.ndim == 0 and any(isinstance(p, int) and not isinstance(p, bool) for p in parts):
            raise _no_dimensions()
        raise IndexError(f"too many indices for tensor of dimension {array.ndim}")
    rest = [_FULL] * (array.ndim - consumed)
    if ellipses:
        at = next(i for i, p in enumerate(parts) if p is Ellipsis)
        parts[at : at + 1] = rest
    else:
        parts += rest

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
        elif p._array.dtype.kind == "b" and p._array.ndim == 0:
            basic.append(None)
            spec.append(None)
            positions.append(wrap(np.zeros(1 if p._array else 0, np.int64)))
        else:
            count = p._array.ndim if p._array.dtype.kind == "b" else 1
            basic += [_FULL] * count
            spec.append(None)
            positions.append(p)
            dim += count
    while basic and basic[-1] == _FULL and basic[-1].__class__ is slice:
        basic.pop()
    while spec and spec[-1] == _FULL and spec[-1].__class__ is slice:
        spec.pop()
    view = (*basic, ...) if basic else None
    return view, ((tuple(spec), tuple(positions)) if positions else None)


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
        kind = p._array.dtype.kind
        if kind in "fcV":
            raise IndexError(
                f"tensors used as indices must be long, int, byte or bool tensors, not {p.dtype}. Convert it: index.long()."
            )
        if p._array.dtype == np.uint8:
            warnings.warn(
                "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.",
                UserWarning,
                stacklevel=4,
            )
            return p.bool()
        if kind != "b" and p._array.ndim == 0:
            return int(p._array)
        return p
    if isinstance(p, (list, tuple, range, np.ndarray)):
        array = np.asarray([_plain(v) for v in p] if isinstance(p, (list, tuple)) else p)
        if array.size == 0 and not isinstance(p, np.ndarray):
            array = array.astype(np.int64)
        if array.dtype.kind not in "biu":
            raise IndexError(f"tensors used as indices must be long, int, byte or bool tensors, not a {type(p).__name__} of {array.dtype}")
        return _part(wrap(array)) if array.ndim or array.dtype.kind == "b" else int(array)
    if isinstance(p, np.bool_):
        return bool(p)
    if hasattr(p, "__index__"):
        return as_int(p)
    raise IndexError(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got "
        f"{type(p).__name__})"
    )


def _plain(value):
    """An item of a list of positions as NumPy takes it."""
    if isinstance(value, Variable):
        return value._array
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


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
                    f"The shape of the mask {list(p.shape)} at index {i} does not match the shape of the indexed tensor "
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
    if isinstance(value, np.ndarray):
        value = wrap(value)
    elif not isinstance(value, (Variable, int, float, complex, np.generic)):
        raise TypeError(f"can't assign a {type(value).__name__} to a {self.type()}")
    basic, arrays = _parsed(self._array, index)
    recording = is_grad_enabled() and (node_of(self) is not None or (isinstance(value, Variable) and node_of(value) is not None))
    if recording:
        _record_assignment(self, basic, arrays, value)
        return
    check_writable(self)
    source = value._array if isinstance(value, Variable) else value
    target = self._array if basic is None else self._array[basic]
    source = _leading_ones_dropped(source, target.ndim if arrays is None else None)
    token = enter(QUIET)
    try:
        if arrays is None:
            if target.dtype.kind not in "cb" and getattr(source, "dtype", target.dtype).kind == "c":
                source = source.real
            target[...] = source
        else:
            spec, positions = arrays
            _check_masks(target, spec, positions)
            parts = iter([p._array for p in positions])
            where = tuple(next(parts) if part is None else part for part in spec)
            target[where] = source
    except IndexError as error:
        raise _explained(error, target, *arrays) if arrays is not None else error from None
    except (ValueError, OverflowError) as error:
        raise _unfit(error, target, source) from None
    finally:
        leave(token)
    changed(self)


def _leading_ones_dropped(source, ndim: int | None):
    """PyTorch lets a value have more dimensions than its place if the first ones have size 1."""
    if ndim is not None and getattr(source, "ndim", 0) > ndim:
        extra = source.ndim - ndim
        if all(n == 1 for n in source.shape[:extra]):
            return source.reshape(source.shape[extra:])
    return source


def _unfit(error: Exception, target: np.ndarray, source) -> RuntimeError:
    if isinstance(error, OverflowError):
        return RuntimeError(f"value cannot be converted to type {target.dtype} without overflow")
    return RuntimeError(
        f"shape mismatch: value tensor of shape {list(np.shape(source))} cannot be broadcast to indexing result of shape "
        f"{list(target.shape)} ({error})"
    )


def _record_assignment(x, basic, arrays, value) -> None:
    """An assignment with history."""
    target = x if basic is None else viewed(_named(basic), x, index=basic)
    if not isinstance(value, Variable):
        value = wrap(np.asarray(value).astype(x._array.dtype))
    elif value._array.dtype != x._array.dtype:
        value = apply(astype, value, dtype=x._array.dtype)
    if arrays is None:
        extra = value._array.ndim - target._array.ndim
        if extra > 0 and all(n == 1 for n in value._array.shape[:extra]):
            value = value.reshape(value._array.shape[extra:])
        copy_(target, value)
        return
    spec, positions = arrays
    _check_masks(target._array, spec, positions)
    check_writable(target)
    try:
        result = apply(ops.put_at, target, value, *positions, spec=spec, accumulate=False)
    except IndexError as error:
        raise _explained(error, target._array, spec, positions) from None
    assign(target, result)


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
        raise RuntimeError(
            f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
        )
    value = element._array if isinstance(element, Variable) else element
    return bool((self._array == value).any())


def __reversed__(self):
    return self if self._array.ndim == 0 else self.flip(0)


def index_put(input, indices, values, accumulate: bool = False):
    """A copy of `input` with `values` written, or added, where the tuple of tensors `indices` points."""
    basic, arrays = _parsed(input._array, tuple(indices))
    if arrays is None:
        raise IndexError("index_put: indices must hold at least one tensor")
    spec, positions = arrays
    if values._array.dtype != input._array.dtype:
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {input.dtype} for the destination and "
            f"{values.dtype} for the source."
        )
    target = unsqueeze(input, 0).squeeze(0) if basic is None else viewed(_named(basic), input, index=basic)
    return apply(ops.put_at, target, values, *positions, spec=spec, accumulate=accumulate)


def index_put_(self, indices, values, accumulate: bool = False):
    """`index_put`, written into this tensor; returns it."""
    return assign(self, index_put(self, indices, values, accumulate))


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

"""Making tensors: from data, filled, in ranges, like others.

All factories take dtype= (default: the default floating type, or what the data suggests), device= ("cpu"), and
requires_grad=, and memory_format= where PyTorch has it; layout= and pin_memory= are accepted and change nothing.
"""

from __future__ import annotations

import math

import numpy as np

from .. import dtypes
from ..autograd.outputs import MATCHING, into
from ..autograd.places import beside, brought
from ..autograd.recording import node_of
from ..autograd.tape import Variable, alias, counter_of, wrap
from ..backends import namespace_of
from ..backends.device import CPU
from ..backends.making import making
from ..backends.transfer import place_of
from ..errors import warn
from .factory import check_layout, element_type, leaf, made_at, place, sequence_of, size_of
from .formats import preserve_format
from .literals import array_of, check_array

__all__ = [
    "tensor",
    "as_tensor",
    "asarray",
    "from_numpy",
    "frombuffer",
    "scalar_tensor",
    "zeros",
    "ones",
    "empty",
    "full",
    "empty_strided",
    "empty_permuted",
    "zeros_like",
    "ones_like",
    "empty_like",
    "full_like",
    "arange",
    "range",
    "linspace",
    "logspace",
    "eye",
]


def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A new tensor with a copy of `data`: a number, nested sequences of numbers, an array, or a tensor.

    The dtype is the data's own for arrays and tensors, else bool, int64, the default floating type or its complex type,
    whichever holds all numbers. Raises ValueError for ragged sequences, TypeError for what is no number, RuntimeError
    for a number that `dtype` cannot hold.
    """
    where = place(device)
    wanted = None if dtype is None else element_type(dtype, "tensor")
    if isinstance(data, Variable):
        warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor)."
        )
        if data._array.__class__ is not np.ndarray and place_of(data._array) is not CPU:
            return leaf(data.to(where if device is not None else data.device, dtype, copy=True)._array, requires_grad)
    elif (
        making.shared is not None
        and isinstance(data, np.ndarray)
        and data.flags.c_contiguous
        and data.dtype.kind in "biuf"
    ):
        # While a step is captured: the step copies the array at each call.
        made = wrap(making.shared(data))
        made = (made if wanted is None else made.to(dtype)).clone()
        return made.requires_grad_() if requires_grad else made
    return leaf(array_of(data, wanted, copy=True), requires_grad, where)


def from_numpy(ndarray):
    """A tensor that shares memory with a NumPy array. TypeError for anything else, ValueError for strides that are negative
    or cut through elements.
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    check_array(ndarray)
    if any(s < 0 for s in ndarray.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently "
            "supported. (You can probably work around this by making a copy of your array with array.copy().)"
        )
    if any(s % ndarray.itemsize for s in ndarray.strides):
        raise ValueError(
            "given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate the memory."
        )
    if not ndarray.flags.writeable:
        warn(
            "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This means writing "
            "to this tensor will result in undefined behavior. You may want to copy the array to protect its data or make "
            "it writable before converting it to a tensor."
        )
    array = ndarray if type(ndarray) is np.ndarray else ndarray.view(np.ndarray)
    made = wrap(array if making.shared is None else making.shared(array))
    counter_of(made)
    return made


def as_tensor(data, dtype=None, device=None):
    """`data` as a tensor, sharing memory where it can: a tensor of this dtype is returned itself, an array is shared."""
    where = place(device)
    wanted = None if dtype is None else element_type(dtype, "as_tensor")
    if isinstance(data, Variable):
        data = data if device is None else data.to(where)
        return data if wanted is None or data._array.dtype == wanted else data.to(dtype)
    if isinstance(data, np.ndarray):
        shared = from_numpy(data).to(where)
        return shared if wanted is None or data.dtype == wanted else shared.to(dtype)
    return leaf(array_of(data, wanted, copy=False), False, where)


def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=False):
    """As `as_tensor`, with copy=True (always), False (never: ValueError) or None (where needed); buffers are shared."""
    where = place(device)
    wanted = None if dtype is None else element_type(dtype, "asarray")
    if isinstance(obj, (bytearray, memoryview, bytes)):
        shared = frombuffer(obj, dtype=dtype or dtypes.get_default_dtype())
    elif isinstance(obj, (Variable, np.ndarray)):
        shared = obj if isinstance(obj, Variable) else from_numpy(obj)
        if place_of(shared._array) != where and (device is not None or not isinstance(obj, Variable)):
            if copy is False:
                raise ValueError(f"can't alias tensor with device '{shared.device}' into device '{where}'.")
            shared = shared.to(where)
    else:
        if copy is False:
            raise ValueError("can't alias arbitrary sequence into a tensor.")
        return leaf(array_of(obj, wanted, copy=True), requires_grad, where)
    if copy is False and wanted is not None and shared._array.dtype != wanted:
        raise ValueError(f"can't alias tensor with dtype '{shared.dtype}' into dtype '{dtype}'.")
    if wanted is not None and shared._array.dtype != wanted:
        shared = shared.to(dtype)
    elif copy:
        shared = shared.clone()
    if requires_grad and shared._node is None:
        return alias(shared, shared._array).requires_grad_()
    return shared if requires_grad or node_of(shared) is None else shared.detach()


def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """A 1-D tensor that shares memory with an object with Python's buffer interface."""
    np_dtype = element_type(dtype, "frombuffer")
    size = memoryview(buffer).nbytes
    if size == 0 or count == 0:
        raise ValueError(f"both buffer length ({size}) and count ({count}) must not be 0")
    if not 0 <= offset < size:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({size} bytes) minus 1"
        )
    if count < 0 and (size - offset) % np_dtype.itemsize:
        raise ValueError(
            f"buffer length ({size - offset} bytes) after offset ({offset} bytes) must be a multiple of element size "
            f"({np_dtype.itemsize})"
        )
    if count > 0 and offset + count * np_dtype.itemsize > size:
        raise ValueError(
            f"requested buffer length ({count * np_dtype.itemsize} bytes) after offset ({offset} bytes) must not be "
            f"greater than actual buffer length ({size} bytes)"
        )
    return leaf(np.frombuffer(buffer, np_dtype, count, offset), requires_grad)


def scalar_tensor(s, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """A zero-dimensional tensor of the default floating type."""
    return full((), s, dtype=dtype or dtypes.get_default_dtype(), device=device, requires_grad=requires_grad)


def _written(out, array):
    """An array put into `out`, of its dtype, which takes its shape."""
    return into(out, beside(out, array), MATCHING, warns=False)


def _row_in(out, array):
    """A row of numbers put into `out`, which keeps its shape if it has as many elements."""
    same = isinstance(out, Variable) and out._array.size == array.size
    return _written(out, array.reshape(out._array.shape) if same else array)


def _filled(name, make):
    """A factory of a shape: zeros, ones, empty."""

    def factory(
        *size,
        out=None,
        dtype=None,
        layout=None,
        device=None,
        requires_grad=False,
        pin_memory=False,
        memory_format=None,
        **also,
    ):
        if also:
            if set(also) != {"size"} or size:
                raise TypeError(
                    f"{name}() got an unexpected keyword argument '{min(set(also) - {'size'}, default='size')}'"
                )
            size = (also["size"],)
        elif not size:
            raise TypeError(f'{name}() missing 1 required positional arguments: "size"')
        check_layout(layout, name)
        where = place(device)
        np_dtype = element_type(dtype, name, None if out is None else out._array.dtype)
        array = made_at(where, make, size_of(size, name), dtype=np_dtype)
        if memory_format is not None:
            array = wrap(array).contiguous(memory_format=memory_format)._array
        return leaf(array, requires_grad, where) if out is None else _written(out, array)

    factory.__name__ = factory.__qualname__ = name
    return factory


zeros = _filled("zeros", np.zeros)
zeros.__doc__ = "A tensor of zeros of the shape `size` (numbers or a sequence)."
ones = _filled("ones", np.ones)
ones.__doc__ = "A tensor of ones of the shape `size` (numbers or a sequence)."
empty = _filled("empty", np.empty)
empty.__doc__ = "A tensor of the shape `size` whose elements are whatever the memory held."


def full(size, fill_value, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor of the shape `size` in which every element is `fill_value`, whose type suggests the dtype."""
    check_layout(layout, "full")
    where = place(device)
    if isinstance(fill_value, Variable) and fill_value._array.ndim == 0:
        fill_value = fill_value.item()
    if not isinstance(fill_value, (bool, int, float, complex, np.generic)):
        raise TypeError(f"full(): argument 'fill_value' (position 2) must be Number, not {type(fill_value).__name__}")
    shape = sequence_of(size, "full")
    wanted = None if dtype is None else element_type(dtype, "full")
    if out is not None and wanted is None:
        wanted = out._array.dtype
    value = array_of(fill_value, wanted, copy=True)
    number = value[()] if value.dtype.kind != "V" else float(value)
    array = made_at(where, np.full, shape, number, dtype=value.dtype)
    return leaf(array, requires_grad, where) if out is None else _written(out, array)


def empty_strided(size, stride, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor of the given shape and strides (in elements), whose elements are whatever the memory held."""
    where = place(device)
    np_dtype = element_type(dtype, "empty_strided")
    shape, strides = tuple(size), tuple(stride)
    if len(shape) != len(strides):
        raise RuntimeError(
            f"mismatch in length of strides and shape: {len(strides)} strides for {len(shape)} dimensions"
        )
    n = 0 if 0 in shape else 1 + sum((d - 1) * s for d, s in zip(shape, strides))
    bytes_ = [s * np_dtype.itemsize for s in strides]
    if where is not CPU:
        return as_strided_at(made_at(where, np.empty, n, dtype=np_dtype), shape, bytes_, requires_grad)
    return leaf(np.lib.stride_tricks.as_strided(np.empty(n, np_dtype), shape, bytes_), requires_grad)


def as_strided_at(memory, shape, strides, requires_grad):
    """A leaf over memory of a GPU."""
    return leaf(namespace_of(memory).window(memory, shape, strides), requires_grad)


def empty_permuted(
    size, physical_layout, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """A tensor without overlap whose dimensions lie in memory in the order `physical_layout`, outermost first."""
    check_layout(layout, "empty_permuted")
    where = place(device)
    shape, order = sequence_of(size, "empty_permuted"), tuple(physical_layout)
    if len(order) != len(shape):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. "
            f"len(size) = {len(shape)} is not equal to len(physical_layout) = {len(order)}"
        )
    for i, d in enumerate(order):
        if not 0 <= d < len(shape):
            raise RuntimeError(
                f"Dimension out of range (expected to be between 0 and {len(shape) - 1}, but got {d} at index {i}). "
                "Negative dimensions are not supported here."
            )
    if len(set(order)) != len(order):
        raise RuntimeError("Duplicate dim not allowed")
    array = np.empty([shape[d] for d in order], element_type(dtype, "empty_permuted"))
    return leaf(array.transpose(np.argsort(order)), requires_grad, where)


def _like(name, make):
    """A factory of a tensor of another's shape and, unless given, dtype."""

    def factory(
        input, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, memory_format=None
    ):
        check_layout(layout, name)
        if not isinstance(input, Variable):
            raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
        array = input._array
        np_dtype = element_type(dtype, name, array.dtype)
        if memory_format is not None and memory_format is not preserve_format:
            made = factory(input, dtype=dtype, layout=layout, device=device).contiguous(memory_format=memory_format)
            return leaf(made._array, requires_grad)
        if device is None and array.__class__ is np.ndarray:
            return leaf(make(array, np_dtype, order="K"), requires_grad)
        if hasattr(input, "emptied") and name != "ones_like":
            return input.emptied().to(input.dtype if dtype is None else dtype)._recording(requires_grad)
        where = place_of(array) if device is None else place(device)
        if place_of(array) == where:
            return leaf(made_at(where, make, array, dtype=np_dtype, order="K"), requires_grad)
        axes = sorted(_range(array.ndim), key=lambda i: -abs(array.strides[i]))
        made = made_at(where, _FILLS[name], [array.shape[i] for i in axes], dtype=np_dtype)
        return leaf(made.transpose([axes.index(i) for i in _range(array.ndim)]), requires_grad)

    factory.__name__ = factory.__qualname__ = name
    return factory


_range = range  # the name is a function of this module's
_FILLS = {"zeros_like": np.zeros, "ones_like": np.ones, "empty_like": np.empty}
zeros_like = _like("zeros_like", np.zeros_like)
zeros_like.__doc__ = "Zeros of the shape, dtype and memory order of `input`."
ones_like = _like("ones_like", np.ones_like)
ones_like.__doc__ = "Ones of the shape, dtype and memory order of `input`."
empty_like = _like("empty_like", np.empty_like)
empty_like.__doc__ = "An uninitialised tensor of the shape, dtype and memory order of `input`."


def full_like(
    input,
    fill_value,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=None,
):
    """`fill_value` in every element of a tensor of the shape and dtype of `input`."""
    made = empty_like(input, dtype=dtype, layout=layout, device=device, memory_format=memory_format)
    value = full((), fill_value, dtype=made.dtype, device="cpu")
    made._array[...] = brought(made._array, value._array)
    return leaf(made._array, requires_grad)


def _number(value, name: str):
    """A bound of a range as a Python number."""
    if isinstance(value, Variable):
        return value.item()
    if isinstance(value, np.generic):
        return value.item()
    if not isinstance(value, (int, float)):
        raise TypeError(f"{name}(): bounds and step must be Number, not {type(value).__name__}")
    return value


def arange(*bounds, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, **named):
    """start, start + step, ... up to but without `end`: `arange(end)`, `arange(start, end)`, `arange(start, end, step)`.

    int64 if all bounds are integers, else the default floating type. RuntimeError if `end` cannot be reached.
    """
    where = place(device)
    if len(bounds) == 1 and bounds[0].__class__ is int and bounds[0] >= 0 and dtype is out is None and not named:
        return leaf(np.arange(bounds[0]), requires_grad, where)
    start, end, step = _bounds("arange", bounds, named)
    if dtype is None and out is not None:
        np_dtype = out._array.dtype
    elif dtype is None:
        whole = all(isinstance(v, int) for v in (start, end, step))
        np_dtype = dtypes.int64.np if whole else dtypes.get_default_dtype().np
    else:
        np_dtype = element_type(dtype, "arange")
    if np_dtype == np.int64 and math.isfinite(start) and math.isfinite(end):
        _check_range(start, end, step)
        start, end, step = int(start), int(end), int(step)
        if step == 0:
            raise ValueError("step must be nonzero: it is between -1 and 1, and the tensor of integers")
    if np_dtype.kind == "c":
        raise NotImplementedError('"arange_cpu" not implemented for complex numbers, which have no order')
    _refuse_bool("arange", np_dtype)
    _check_range(start, end, step)
    if np_dtype.kind in "iu" and all(isinstance(v, int) for v in (start, end, step)):
        array = np.arange(start, end, step).astype(np_dtype, copy=False)
    else:
        n = math.ceil((end - start) / step)
        if np_dtype.kind in "iu":
            start, step = int(start), int(step)
        wide = np.float64 if np_dtype.kind in "fV" else np.int64
        array = (np.arange(n) * wide(step) + wide(start)).astype(np_dtype)
    if out is not None and out._array.size not in (0, array.size):
        warn(
            f"The number of elements in the out tensor of shape {list(out._array.shape)} is {out._array.size} which does "
            f"not match the computed number of elements {array.size}. It is resized: give an `out` of that many."
        )
    return leaf(array, requires_grad, where) if out is None else _row_in(out, array)


def _bounds(name: str, given: tuple, named: dict) -> tuple:
    """start, end, step from positional and named arguments."""
    names = ("end",) if len(given) == 1 else ("start", "end", "step")
    values = {"start": 0, "step": 1, **dict(zip(names, given))}
    for key, value in named.items():
        if key not in ("start", "end", "step"):
            raise TypeError(f"{name}() got an unexpected keyword argument '{key}'")
        if key == "end" and len(given) == 1 and "start" not in named:
            values["start"] = values["end"]
        values[key] = value
    if "end" not in values or len(given) > 3:
        raise TypeError(f"{name}() takes (end), (start, end) or (start, end, step)")
    return tuple(_number(values[key], name) for key in ("start", "end", "step"))


def _check_range(start, end, step) -> None:
    if step == 0 or step != step:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")


def range(start=0, end=None, step=1, *, out=None, dtype=None, layout=None, device=None, requires_grad=False):
    """Deprecated: as `arange`, but `end` is included and the type is floating. Use `arange`."""
    warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with "
        "Python's range builtin. Instead, use torch.arange, which produces values in [start, end)."
    )
    if end is None:
        start, end = 0, start
    _check_range(start, end, step)
    n = math.floor((end - start) / step) + 1
    where = place(device)
    array = (np.arange(n) * np.float64(step) + start).astype(element_type(dtype, "range"))
    return leaf(array, requires_grad, where) if out is None else _row_in(out, array)


def linspace(
    start, end, steps, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """`steps` numbers from `start` to `end`, both included, evenly spaced. RuntimeError for negative `steps`."""
    where = place(device)
    start, end = _bounds_of_row("linspace", start, end)
    np_dtype = element_type(dtype, "linspace", _type_between(start, end) if out is None else out._array.dtype)
    _refuse_bool("linspace", np_dtype)
    if np_dtype.kind in "iu":
        start, end = _whole(start, np_dtype), _whole(end, np_dtype)
    array = _evenly(start, end, steps, np_dtype, "linspace")
    return leaf(array, requires_grad, where) if out is None else _row_in(out, array)


def _whole(bound, np_dtype: np.dtype) -> int:
    """A bound as an element of an integer dtype. RuntimeError where it is none; whole negative ones wrap."""
    limits = np.iinfo(np_dtype)
    least = -limits.max if limits.min == 0 and isinstance(bound, int) else limits.min
    if not least <= bound <= limits.max:
        raise RuntimeError(f"value cannot be converted to type {np_dtype.name}_t without overflow: {bound}")
    return int(bound)


def _bounds_of_row(name: str, start, end) -> list:
    """Both ends as numbers. RuntimeError for tensors with dimensions."""
    wide = [
        f"{end_name} with {t._array.ndim} dimension(s)"
        for end_name, t in (("start", start), ("end", end))
        if isinstance(t, Variable)
    ]
    if any(isinstance(t, Variable) and t._array.ndim for t in (start, end)):
        raise RuntimeError(f"{name} only supports 0-dimensional start and end tensors, but got {' and '.join(wide)}.")
    return [t.item() if isinstance(t, (Variable, np.generic)) else t for t in (start, end)]


def _type_between(start, end) -> np.dtype:
    """The default floating type, or its complex type if a bound is complex."""
    default = dtypes.get_default_dtype()
    return (default.to_complex() if isinstance(start, complex) or isinstance(end, complex) else default).np


def _refuse_bool(name: str, np_dtype: np.dtype) -> None:
    if np_dtype.kind == "b":
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for 'Bool'")


_WIDER = {
    np.dtype(np.float32): np.dtype(np.float64),
    np.dtype(np.float64): np.dtype(np.longdouble),
    np.dtype(np.complex64): np.dtype(np.complex128),
}


def _evenly(start, end, steps: int, np_dtype: np.dtype, name: str, fused: bool = True) -> np.ndarray:
    """The two halves from their own end, so that both ends are exact, as PyTorch computes them."""
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)):
        raise TypeError(f"{name}(): argument 'steps' must be int, not {type(steps).__name__}")
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    if steps <= 1:
        return np.full(steps, start).astype(np_dtype)
    if np_dtype.kind in "iu":
        return np.trunc(_evenly(start, end, steps, np.dtype(np.float64), name)).astype(np_dtype)
    number = np_dtype.type
    start, end = number(start), number(end)
    with np.errstate(all="ignore"):
        step = (end - start) / number(steps - 1)
    # PyTorch's linspace multiplies and adds with one rounding, so the two are done in a wider type here.
    wide = _WIDER.get(np_dtype, np_dtype) if fused else np_dtype
    i = np.arange(steps).astype(wide)
    step, start, end = wide.type(step), wide.type(start), wide.type(end)
    with np.errstate(all="ignore"):  # an end may be infinite
        return np.where(np.arange(steps) < steps // 2, start + step * i, end - step * i[::-1]).astype(np_dtype)


def logspace(
    start,
    end,
    steps,
    base=10.0,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """`steps` powers of `base` whose exponents run from `start` to `end`, both included, evenly spaced."""
    where = place(device)
    start, end = _bounds_of_row("logspace", start, end)
    np_dtype = element_type(dtype, "logspace", _type_between(start, end) if out is None else out._array.dtype)
    _refuse_bool("logspace", np_dtype)
    if np_dtype.kind in "iu":
        start, end = int(start), int(end)
    wide = np.dtype(np.complex128 if np_dtype.kind == "c" else np.float64)
    exponents = _evenly(start, end, steps, wide, "logspace", fused=False)
    with np.errstate(all="ignore"):
        array = np.power(wide.type(base), exponents).astype(np_dtype)
    return leaf(array, requires_grad, where) if out is None else _row_in(out, array)


def eye(n, m=None, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """The n x m matrix (m defaults to n) with ones on its diagonal. RuntimeError for negative sizes."""
    where = place(device)
    m = n if m is None else m
    if n < 0 or m < 0:
        raise RuntimeError(f"n and m must be greater or equal to 0, got n={n} and m={m}")
    array = np.eye(n, m, dtype=element_type(dtype, "eye", None if out is None else out._array.dtype))
    return leaf(array, requires_grad, where) if out is None else _written(out, array)


def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False):
    """A copy of `data` in this tensor's dtype."""
    where = place_of(self._array) if device is None else place(device)
    return leaf(array_of(data, element_type(dtype, "new_tensor", self._array.dtype), copy=True), requires_grad, where)


def _new(name, factory):
    """The method that makes a tensor with this tensor's dtype."""

    def method(self, *size, dtype=None, device=None, **options):
        device = place_of(self._array) if device is None else device
        return factory(*size, dtype=self.dtype if dtype is None else dtype, device=device, **options)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{factory.__name__}` with this tensor's dtype unless dtype= is given."
    return method


class CreationMethods:
    """Factories as methods."""

    __slots__ = ()

    new_tensor = new_tensor
    new_zeros = _new("new_zeros", zeros)
    new_ones = _new("new_ones", ones)
    new_empty = _new("new_empty", empty)
    new_full = _new("new_full", full)
    new_empty_strided = _new("new_empty_strided", empty_strided)

"""`cupy.ndarray`: an array that only CuPy's functions take, and whose methods are CuPy's."""

from __future__ import annotations

import functools
import operator
import types

import numpy as np

from . import devices
from .devices import Memory, MemoryPointer
from .names import inside, names

SCALARS = (bool, int, float, complex, np.generic)
CUPY: dict = {}
"""The functions of the module `cupy`, filled when it is made: for NumPy's functions that meet an array."""


class Flags:
    """`array.flags`."""

    __slots__ = ("c_contiguous", "f_contiguous", "owndata")

    def __init__(self, c_contiguous, f_contiguous, owndata):
        self.c_contiguous, self.f_contiguous, self.owndata = c_contiguous, f_contiguous, owndata

    @property
    def forc(self):
        return self.c_contiguous or self.f_contiguous

    @property
    def fnc(self):
        return self.f_contiguous and not self.c_contiguous


class ndarray:
    """An array of one device. `_host` holds its elements, `base` is the array whose memory a view looks at."""

    __slots__ = ("_host", "base", "data", "__weakref__")
    __array_priority__ = 100

    def __init__(self, shape, dtype=float, memptr=None, strides=None, order="C"):
        if memptr is None:
            if strides is not None:
                raise ValueError("memptr is required if strides is given.")
            self._own(np.empty(shape, dtype, order))
            return
        dtype = np.dtype(dtype)
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        whole = _bytes_of(memptr.mem.host)
        start = memptr.ptr - memptr.mem.ptr
        lowest = start + sum(min(0, (n - 1) * s) for n, s in zip(shape, strides or ()))
        highest = start + sum(max(0, (n - 1) * s) for n, s in zip(shape, strides or ()))
        if 0 not in shape and (lowest < 0 or highest + dtype.itemsize > whole.size):
            raise AssertionError(f"a view of shape {shape} and strides {strides} leaves its memory")
        self._host = np.ndarray(shape, dtype, whole, start if whole.size else 0, strides)
        self.base, self.data = None, memptr

    def _own(self, host: np.ndarray) -> None:
        self._host = host
        self.base = None
        self.data = MemoryPointer(Memory(devices.state.device, host), 0)

    # What there is to ask.

    shape = property(lambda self: self._host.shape)
    strides = property(lambda self: self._host.strides)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    device = property(lambda self: self.data.device)

    @shape.setter
    def shape(self, value):
        self._host.shape = value

    @property
    def flags(self):
        f = self._host.flags
        return Flags(f.c_contiguous, f.f_contiguous, self.base is None)

    @property
    def T(self):
        return made(self._host.T, self)

    @property
    def mT(self):
        return made(self._host.mT, self)

    @property
    def real(self):
        return made(self._host.real, self)

    @real.setter
    def real(self, value):
        self._host.real = bare(value)

    @property
    def imag(self):
        return made(self._host.imag, self)

    @imag.setter
    def imag(self, value):
        self._host.imag = bare(value)

    @property
    def __cuda_array_interface__(self):
        facts = dict(self._host.__array_interface__)
        return {**facts, "version": 3, "stream": 1}

    # To NumPy and Python.

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array explicitly."
        )

    def get(self, stream=None, order="C", out=None, blocking=True):
        here(self)
        if out is not None:
            if out.dtype != self.dtype or out.shape != self.shape:
                raise ValueError("Shape mismatch.")
            out[...] = self._host
            return out
        return np.array(self._host, order=order)

    def set(self, arr, stream=None):
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if arr.dtype != self.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        if not self._host.flags.forc:
            raise RuntimeError("Cannot set to non-contiguous array")
        self._host[...] = arr

    def item(self):
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self._host.item()

    def tolist(self):
        return self._host.tolist()

    def tobytes(self, order="C"):
        return self._host.tobytes(order)

    def __int__(self):
        return int(self.item())

    def __float__(self):
        return float(self.item())

    def __complex__(self):
        return complex(self.item())

    def __bool__(self):
        return bool(self._host)

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __repr__(self):
        return repr(self._host)

    def __format__(self, spec):
        return format(self._host, spec)

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        with self.device:
            return self.copy()

    def __reduce__(self):
        return _restored, (self.get(),)

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        return self._host.__dlpack__()

    def __dlpack_device__(self):
        return 2, self.data.device_id

    # Elements.

    def __getitem__(self, index):
        here(self)
        return made(self._host[_indexed(self._host.shape, index)], self)

    def __setitem__(self, index, value):
        here(self)
        if isinstance(value, np.ndarray):
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        if isinstance(value, (list, tuple)):
            raise TypeError("a sequence cannot be assigned to elements of a cupy.ndarray here")
        self._host[_indexed(self._host.shape, index)] = bare(value)

    def fill(self, value):
        if isinstance(value, np.ndarray) and value.ndim:
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        self._host.fill(bare(value))

    def view(self, dtype=None, type=None):
        if dtype is None:
            return made(self._host.view(), self)
        dtype = np.dtype(dtype)
        if (
            dtype.itemsize != self.itemsize
            and self.ndim
            and not self._host.flags.c_contiguous
            and (self._host.strides[-1] != self.itemsize)
        ):
            raise ValueError("To change to a dtype of a different size, the last axis must be contiguous")
        return made(self._host.view(dtype), self)

    def reshape(self, *shape, order="C", copy=None):
        return made(self._host.reshape(*shape, order=order), self)

    def copy(self, order="C"):
        return made(self._host.copy(order))

    def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
        here(self)
        if not copy and self.dtype == np.dtype(dtype):
            return self
        with np.errstate(all="ignore"):
            return made(self._host.astype(dtype, order))

    def scatter_add(self, slices, value):
        scattered(np.add, self, slices, value)

    def scatter_max(self, slices, value):
        scattered(np.maximum, self, slices, value)

    def scatter_min(self, slices, value):
        scattered(np.minimum, self, slices, value)

    # NumPy's functions that meet an array.

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        if method != "__call__" or ufunc.__name__ not in CUPY:
            return NotImplemented
        if "out" in options:
            (options["out"],) = options["out"]
        return CUPY[ufunc.__name__](*inputs, **options)

    def __array_function__(self, function, kinds, args, options):
        path = ".".join(["cupy", *function.__module__.split(".")[1:], function.__name__])
        found = CUPY.get(path.removeprefix("cupy."))
        if found is None or any(kind not in (ndarray, np.ndarray) for kind in kinds):
            return NotImplemented
        return found(*args, **options)


def _bytes_of(host: np.ndarray) -> np.ndarray:
    """The memory of an array that owns it, as bytes."""
    flat = host.reshape(-1) if host.flags.c_contiguous else host.T.reshape(-1)
    return flat.view(np.uint8)


def _restored(host):
    return made(host)


def here(*arrays: ndarray) -> None:
    """An array is worked on where its device is the current one."""
    for a in arrays:
        if a.data.device_id != devices.state.device:
            raise ValueError(
                f"Array device must be same as the current device: array device = {a.data.device_id} while current = "
                f"{devices.state.device}"
            )


def bare(value):
    """NumPy's form of an argument. TypeError for NumPy's arrays, which CuPy does not take."""
    if isinstance(value, ndarray):
        here(value)
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(value, (list, tuple)):
        return type(value)(*map(bare, value)) if hasattr(value, "_fields") else type(value)(map(bare, value))
    if isinstance(value, dict):
        return {k: bare(v) for k, v in value.items()}
    return value


def made(value, source: ndarray | None = None):
    """A result as CuPy gives it: arrays for NumPy's arrays and scalars, views that know whose memory they look at."""
    if isinstance(value, (list, tuple)):
        parts = [made(v, source) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if not isinstance(value, (np.ndarray, np.generic)):
        return value
    if source is not None and isinstance(value, np.ndarray) and value.size:
        start = value.__array_interface__["data"][0] - source.data.mem.ptr
        if 0 <= start < max(source.data.mem.size, 1) and np.may_share_memory(value, source._host):
            if not value.flags.writeable and 0 not in value.strides:
                value.flags.writeable = True  # CuPy's diagonals can be written
            view = ndarray.__new__(ndarray)
            view._host, view.base = value, source if source.base is None else source.base
            view.data = MemoryPointer(source.data.mem, start)
            return view
    array = ndarray.__new__(ndarray)
    array._own(np.array(value, order="K") if isinstance(value, np.generic) or value.base is not None else value)
    return array


def _indexed(shape: tuple, index):
    """An index for NumPy, in which positions out of range come round, as CuPy's kernels let them."""
    parts = index if isinstance(index, tuple) else (index,)
    masks = sum(isinstance(p, ndarray) and p.dtype == bool for p in parts)
    arrays = sum(isinstance(p, ndarray) for p in parts)
    if masks and arrays > 1:
        raise ValueError("currently, CuPy only supports slices that consist of one boolean array.")
    used = sum(
        p.ndim if isinstance(p, ndarray) and p.dtype == bool else p is not None and p is not Ellipsis for p in parts
    )
    found, axis = [], 0
    for p in parts:
        if p is Ellipsis:
            found.append(p)
            axis += len(shape) - used
        elif p is None:
            found.append(p)
        elif isinstance(p, np.ndarray):
            raise TypeError("a NumPy array is no index of a cupy.ndarray here: it would be copied silently")
        elif isinstance(p, ndarray):
            here(p)
            host = p._host
            if host.dtype != bool:
                if host.dtype.kind not in "iu":
                    raise IndexError("arrays used as indices must be of integer or boolean type.")
                host = host.astype(np.int64) % shape[axis] if shape[axis] else host
                axis += 1
            else:
                axis += host.ndim
            found.append(host)
        elif isinstance(p, list):
            found.append([operator.index(v) for v in p])
            axis += 1
        else:
            found.append(p)
            axis += 1
    return tuple(found) if isinstance(index, tuple) else found[0]


SCATTERED = ("int32", "float16", "float32", "float64", "uint32", "uint64", "complex64", "complex128")


def scattered(ufunc, target: ndarray, index, value) -> None:
    """`ufunc.at` for the dtypes for which CuPy has atomic operations."""
    allowed = SCATTERED if ufunc in (np.add, np.subtract) else ("int32", "float32", "float64", "uint32", "uint64")
    if target.dtype.name not in allowed:
        raise TypeError(f"scatter_{ufunc.__name__} does not support {target.dtype}")
    here(target)
    where = _indexed(target.shape, index)
    value = bare(value)
    if not isinstance(value, np.ndarray):
        value = np.asarray(value, target.dtype)
    ufunc.at(target._host, where, value.astype(target.dtype))


def _binary(name: str, function, swapped: bool = False):
    def method(self, other):
        if not isinstance(other, (ndarray, *SCALARS, np.ndarray)):
            return NotImplemented
        a, b = bare(self), bare(other)
        with np.errstate(all="ignore"):
            return made(function(b, a) if swapped else function(a, b))

    method.__name__ = name
    return method


def _in_place(name: str, function):
    def method(self, other):
        with np.errstate(all="ignore"):
            function(bare(self), bare(other), out=self._host)
        return self

    method.__name__ = name
    return method


_OPERATORS = {
    **{"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide, "floordiv": np.floor_divide},
    **{"mod": np.remainder, "pow": np.power, "matmul": np.matmul, "and": np.bitwise_and, "or": np.bitwise_or},
    **{"xor": np.bitwise_xor, "lshift": np.left_shift, "rshift": np.right_shift},
}
for _name, _function in _OPERATORS.items():
    setattr(ndarray, f"__{_name}__", _binary(f"__{_name}__", _function))
    setattr(ndarray, f"__r{_name}__", _binary(f"__r{_name}__", _function, swapped=True))
    if _name != "matmul":
        setattr(ndarray, f"__i{_name}__", _in_place(f"__i{_name}__", _function))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(ndarray, f"__{_name}__", _binary(f"__{_name}__", getattr(operator, _name)))
for _name, _function in {"neg": np.negative, "pos": np.positive, "abs": np.abs, "invert": np.invert}.items():
    setattr(ndarray, f"__{_name}__", functools.partialmethod(lambda self, f: made(f(bare(self))), _function))
ndarray.__hash__ = None


def method(name: str):
    """A method that NumPy has too, with CuPy's parameters."""
    signature = names()[f"cupy.ndarray.{name}"].signature

    def call(self, *args, **options):
        if signature is not None:
            signature.bind(self, *args, **options)
        check_kind(name, options)
        with np.errstate(all="ignore"):
            out = options.pop("out", None)
            result = getattr(bare(self), name)(*map(bare, args), **{k: bare(v) for k, v in options.items()})
        if out is not None:
            out._host[...] = result
            return out
        return made(result, self)

    call.__name__ = name
    return call


def check_kind(name: str, options: dict) -> None:
    if name in ("sort", "argsort") and options.get("kind") not in (None, "stable"):
        raise ValueError("kind can only be None or 'stable'")


for _name, _known in inside("cupy.ndarray").items():
    if _known.kind == "function" and not hasattr(ndarray, _name) and hasattr(np.ndarray, _name):
        setattr(ndarray, _name, method(_name))
for _name in [n for n in vars(ndarray) if not n.startswith("_") and isinstance(vars(ndarray)[n], types.FunctionType)]:
    assert f"cupy.ndarray.{_name}" in names(), f"cupy.ndarray has no {_name}"

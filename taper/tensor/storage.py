"""Storages: the one-dimensional memory that tensors are views of, as `untyped_storage()` and `storage()` show it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from .. import dtypes
from ..autograd.places import memory_of
from ..autograd.tape import address
from ..backends.device import CPU, device
from ..backends.transfer import moved, place_of
from ..errors import warn_once


class UntypedStorage:
    """The memory of a tensor, and of all its views, in bytes."""

    __slots__ = ("_owner",)

    def __init__(self, owner: np.ndarray | int | Sequence[int] = 0, *, device=None):
        self._owner = _memory(owner, np.dtype(np.uint8))

    @classmethod
    def from_buffer(cls, buffer, byte_order: str | None = None) -> UntypedStorage:
        """A copy of an object's bytes."""
        return cls(np.frombuffer(buffer, np.uint8).copy())

    def data_ptr(self) -> int:
        """The address of the first byte; 0 for an empty storage."""
        return address(self._owner) if self._owner.size else 0

    @property
    def _cdata(self) -> int:
        """A number that tells storages apart: equal for tensors that share memory."""
        return self.data_ptr() or id(self._owner)

    def nbytes(self) -> int:
        """The size in bytes."""
        return self._owner.nbytes

    def size(self) -> int:
        """The size in elements, which are bytes for an untyped storage."""
        return self.nbytes() // self.element_size()

    __len__ = size

    def element_size(self) -> int:
        """The size of an element in bytes."""
        return 1

    @property
    def device(self) -> device:
        """Where the memory is."""
        return place_of(self._owner)

    def tolist(self) -> list:
        """The elements as Python numbers."""
        return self._elements().tolist()

    def _elements(self) -> np.ndarray:
        owner = moved(self._owner, CPU)
        flat = owner.reshape(-1) if owner.flags.c_contiguous else owner.T.reshape(-1)
        return flat.view(np.uint8)

    def __getitem__(self, index):
        return self._elements()[index].tolist()

    def __iter__(self):
        return iter(self.tolist())

    def __setitem__(self, index, value) -> None:
        self._elements()[index] = value

    def fill_(self, value):
        """Set all elements; returns the storage."""
        self._elements()[...] = value
        return self

    def copy_(self, source: UntypedStorage, non_blocking: bool | None = None):
        """Take over another storage's elements; returns the storage."""
        self._elements()[...] = source._elements()
        return self

    def cpu(self):
        """The storage itself, which is on the CPU."""
        return self

    def __repr__(self) -> str:
        rows = "".join(f" {x}\n" for x in self.tolist())
        return f"{rows}[torch.storage.{self._kind()} of size {self.size()}]"

    def _kind(self) -> str:
        return "UntypedStorage(device=cpu)"

    def __eq__(self, other) -> bool:
        return isinstance(other, UntypedStorage) and self._cdata == other._cdata

    def __hash__(self) -> int:
        return hash(self._cdata)


class TypedStorage(UntypedStorage):
    """The memory of a tensor, and of all its views, as elements of one dtype."""

    __slots__ = ("dtype",)

    def __init__(self, owner: np.ndarray | int | Sequence = 0, dtype: dtypes.dtype | None = None, *, device=None):
        self.dtype = dtypes.get_default_dtype() if dtype is None else dtype
        self._owner = _memory(owner, self.dtype.np)

    def type(self) -> str:
        """The name of the legacy class of its dtype: torch.FloatStorage."""
        return f"torch.{_WORDS[self.dtype.name]}Storage"

    def _kind(self) -> str:
        return f"TypedStorage(dtype={self.dtype}, device=cpu)"

    def element_size(self) -> int:
        """The size of an element in bytes."""
        return self.dtype.itemsize

    def _elements(self) -> np.ndarray:
        return super()._elements().view(self.dtype.np)

    def untyped(self) -> UntypedStorage:
        """The same memory in bytes."""
        return UntypedStorage(self._owner)


def _memory(what, dtype: np.dtype) -> np.ndarray:
    """New memory for so many elements or for these; an array is taken as it is."""
    if isinstance(what, np.ndarray) or place_of(what) is not CPU:
        return what
    return np.empty(what, dtype) if isinstance(what, int) else np.array(list(what), dtype)


_WORDS = {
    **{
        "float32": "Float",
        "float64": "Double",
        "float16": "Half",
        "bfloat16": "BFloat16",
        "uint8": "Byte",
        "int8": "Char",
    },
    **{"int16": "Short", "int32": "Int", "int64": "Long", "bool": "Bool", "complex64": "ComplexFloat"},
    **{"complex128": "ComplexDouble"},
}


class _LegacyStorage(type):
    """The class of `FloatStorage` and its like: what they make are typed storages, `isinstance` asks for the dtype."""

    dtype: dtypes.dtype

    def __instancecheck__(cls, instance) -> bool:
        return isinstance(instance, TypedStorage) and instance.dtype is cls.dtype

    def __call__(cls, *args, device=None) -> TypedStorage:
        """For a size, for a sequence of numbers, or empty."""
        if len(args) > 1:
            raise TypeError(f"{cls.__name__}(): expected at most one positional argument, got {len(args)}")
        return TypedStorage(*args, dtype=cls.dtype) if args else TypedStorage(0, cls.dtype)

    def from_buffer(cls, buffer, byte_order: str | None = None) -> TypedStorage:
        """A copy of an object's bytes as elements; byte_order: "little", "big" or "native", needed unless elements are bytes."""
        wide = cls.dtype.itemsize > 1
        if wide and byte_order not in ("little", "big", "native"):
            kind = RuntimeError if byte_order is None else ValueError
            raise kind(
                f"{cls.__name__}.from_buffer: invalid byte_order {byte_order!r}: give 'little', 'big' or 'native'"
            )
        numbers = np.frombuffer(buffer, cls.dtype.np).copy()
        swapped = wide and byte_order != "native" and byte_order != sys.byteorder
        return TypedStorage(numbers.byteswap() if swapped else numbers, cls.dtype)


def _legacy(dtype: dtypes.dtype) -> _LegacyStorage:
    return _LegacyStorage(
        f"{_WORDS[dtype.name]}Storage",
        (),
        {"dtype": dtype, "__doc__": f"Storages of {dtype!r}.", "__module__": "torch"},
    )


FloatStorage = _legacy(dtypes.float32)
DoubleStorage = _legacy(dtypes.float64)
HalfStorage = _legacy(dtypes.float16)
BFloat16Storage = _legacy(dtypes.bfloat16)
ByteStorage = _legacy(dtypes.uint8)
CharStorage = _legacy(dtypes.int8)
ShortStorage = _legacy(dtypes.int16)
IntStorage = _legacy(dtypes.int32)
LongStorage = _legacy(dtypes.int64)
BoolStorage = _legacy(dtypes.bool_)
ComplexFloatStorage = _legacy(dtypes.complex64)
ComplexDoubleStorage = _legacy(dtypes.complex128)

__all__ = [
    *("BFloat16Storage", "BoolStorage", "ByteStorage", "CharStorage", "ComplexDoubleStorage", "ComplexFloatStorage"),
    *("DoubleStorage", "FloatStorage", "HalfStorage", "IntStorage", "LongStorage", "ShortStorage", "TypedStorage"),
    "UntypedStorage",
]


def untyped_storage(self) -> UntypedStorage:
    """The memory that this tensor is a view of."""
    return UntypedStorage(memory_of(self._array)[0])


def storage(self) -> TypedStorage:
    """The memory that this tensor is a view of, as elements of its dtype."""
    warn_once(
        "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be the only storage class. "
        "This should only matter to you if you are using storages directly.  To access UntypedStorage directly, use "
        "tensor.untyped_storage() instead of tensor.storage()"
    )
    return TypedStorage(memory_of(self._array)[0], dtypes.from_numpy(self._array.dtype))

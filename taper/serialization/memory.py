"""Memory: storages as PyTorch's files know them, and how tensors lie in them."""

from __future__ import annotations

import math

import numpy as np

from .. import dtypes
from ..autograd.places import memory_of, memory_owner
from ..autograd.tape import address
from ..backends.cuda import driver
from ..backends.device import CPU, device
from ..backends.transfer import moved, place_of
from ..tensor.factory import place_on_gpu
from .damage import Damaged

# fmt: off
STORAGE_CLASSES = {
    "FloatStorage": dtypes.float32,    "DoubleStorage": dtypes.float64,    "HalfStorage": dtypes.float16,
    "BFloat16Storage": dtypes.bfloat16, "LongStorage": dtypes.int64,       "IntStorage": dtypes.int32,
    "ShortStorage": dtypes.int16,      "CharStorage": dtypes.int8,         "ByteStorage": dtypes.uint8,
    "BoolStorage": dtypes.bool_,       "ComplexFloatStorage": dtypes.complex64,
    "ComplexDoubleStorage": dtypes.complex128,
}
# fmt: on
CLASS_OF = {dtype: name for name, dtype in STORAGE_CLASSES.items()}
"""The storage class of a dtype; uint16, uint32 and uint64 have none, and lie in untyped storages."""


class StorageClass:
    """What the name of a storage class means in a file: a dtype, or None for untyped bytes."""

    __slots__ = ("name", "dtype")

    def __init__(self, name: str, dtype: dtypes.dtype | None):
        self.name, self.dtype = name, dtype

    @property
    def itemsize(self) -> int:
        return 1 if self.dtype is None else self.dtype.itemsize


class Storage:
    """Memory that tensors of a file share: bytes, and the dtype under which the file has them (None: untyped).

    A `map_location` function gets one and returns it, or None to leave its place to the default.
    """

    __slots__ = ("memory", "dtype", "location", "place", "_there")

    def __init__(self, memory: np.ndarray, dtype: dtypes.dtype | None, location: str = "cpu", place: device = CPU):
        self.memory, self.dtype, self.location, self.place = memory, dtype, location, place
        self._there = None

    def at(self, place: device) -> Storage:
        """This storage on a device."""
        return self if place == self.place else Storage(self.memory, self.dtype, self.location, place)

    def cpu(self) -> Storage:
        """This storage in the CPU's memory."""
        return self.at(CPU)

    def cuda(self, device=None) -> Storage:
        """This storage on a GPU. An error where none is usable."""
        return self.at(place_on_gpu(device))

    def there(self):
        """The bytes on the storage's device: copied to a GPU once, for all tensors that share them."""
        if self._there is None:
            self._there = moved(self.memory, self.place)
        return self._there

    def nbytes(self) -> int:
        """The size in bytes."""
        return self.memory.nbytes

    def __len__(self) -> int:
        return self.memory.nbytes // (1 if self.dtype is None else self.dtype.itemsize)


def reference(pid: tuple) -> tuple[StorageClass, str, str, int]:
    """What a pickle says of a storage: class, key, location and number of elements."""
    if len(pid) not in (5, 6) or [type(part) for part in pid[1:5]] != [StorageClass, str, str, int] or pid[4] < 0:
        raise Damaged("a reference to a storage is damaged")
    return pid[1:5]


class Held:
    """Where an array lies: the memory that owns it, and offset and strides in elements."""

    __slots__ = ("owner", "offset", "strides", "location", "_place")

    def __init__(self, array: np.ndarray):
        self.location, self._place = str(place_of(array)), None
        if self.location != "cpu":
            array = self._fetched(array)
        owner, size = memory_owner(array), array.itemsize
        offset = _address(array) - _address(owner)
        if not (array.size or 0 <= offset <= owner.nbytes):
            offset = 0
        whole = owner.flags.forc and not (offset % size or owner.nbytes % size)
        if not whole or any(s < 0 or s % size for s in array.strides):
            owner = array = array.copy(order="C")
            offset = 0
        self.owner = owner
        self.offset = offset // size
        self.strides = tuple(s // size for s in array.strides) if array.size else _contiguous(array.shape)

    @property
    def key(self) -> tuple[int, int]:
        """What is equal for tensors that share memory (two empty memories are never shared)."""
        if self._place is not None:
            return self._place
        return (_address(self.owner), self.owner.nbytes) if self.owner.nbytes else (id(self.owner), 0)

    def _fetched(self, array) -> np.ndarray:
        """A view, like that of a GPU's array, of a copy of its memory on the CPU."""
        whole, start = memory_of(array)
        if array.size:
            self._place = (address(whole), whole.nbytes)
        if not whole.flags.forc:
            return moved(array, CPU)
        memory = bytes_of(moved(whole, CPU))
        return np.ndarray(array.shape, array.dtype, memory, start if array.size else 0, array.strides)


def _contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a contiguous tensor as PyTorch has them also where there are no elements: NumPy says 0 there."""
    return tuple(math.prod(max(n, 1) for n in shape[i + 1 :]) for i in range(len(shape)))


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def bytes_of(owner: np.ndarray) -> np.ndarray:
    """The memory of a contiguous array as bytes, not copied."""
    flat = owner if owner.flags.c_contiguous else owner.T
    return flat.reshape(-1).view(np.uint8)


def strided(storage: Storage, dtype: dtypes.dtype, offset: int, shape: tuple, strides: tuple) -> np.ndarray:
    """A view of a storage. Damaged if it would reach outside it."""
    if len(shape) != len(strides):
        raise Damaged(f"a tensor has {len(shape)} sizes and {len(strides)} strides")
    if offset < 0 or any(n < 0 for n in (*shape, *strides)):
        raise Damaged("a tensor has a negative size, stride or offset")
    last = 0 if 0 in shape else offset + sum((n - 1) * s for n, s in zip(shape, strides)) + 1
    have = storage.memory.nbytes // dtype.itemsize
    if last > have:
        raise Damaged(
            f"a {dtype} tensor of size {list(shape)}, strides {list(strides)} and offset {offset} needs a storage of "
            f"{last} elements, but its storage has {have}"
        )
    if 0 in shape:
        offset = min(offset, have)
        strides = tuple(min(s, 1 << 40) for s in strides)
    size = dtype.itemsize
    if storage.place is not CPU:
        return driver.seen(storage.there(), shape, dtype.np, offset * size, tuple(s * size for s in strides))
    try:
        return np.ndarray(shape, dtype.np, storage.memory, offset * size, tuple(s * size for s in strides))
    except (ValueError, OverflowError, MemoryError):
        raise Damaged(f"a tensor of size {list(shape)} and strides {list(strides)} cannot exist in memory") from None

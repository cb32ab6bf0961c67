"""Storages: the one-dimensional memory that tensors are views of, as `untyped_storage()` and `storage()` show it."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..autograd.dispatch import memory_of
from ..autograd.tape import address
from ..backends.device import CPU, device
from ..backends.transfer import moved, place_of


class UntypedStorage:
    """The memory of a tensor, and of all its views, in bytes."""

    __slots__ = ("_owner",)

    def __init__(self, owner: np.ndarray):
        self._owner = owner

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

    def __eq__(self, other) -> bool:
        return isinstance(other, UntypedStorage) and self._cdata == other._cdata

    def __hash__(self) -> int:
        return hash(self._cdata)


class TypedStorage(UntypedStorage):
    """The memory of a tensor, and of all its views, as elements of one dtype."""

    __slots__ = ("dtype",)

    def __init__(self, owner: np.ndarray, dtype: dtypes.dtype):
        super().__init__(owner)
        self.dtype = dtype

    def element_size(self) -> int:
        """The size of an element in bytes."""
        return self.dtype.itemsize

    def _elements(self) -> np.ndarray:
        return super()._elements().view(self.dtype.np)

    def untyped(self) -> UntypedStorage:
        """The same memory in bytes."""
        return UntypedStorage(self._owner)


def untyped_storage(self) -> UntypedStorage:
    """The memory that this tensor is a view of."""
    return UntypedStorage(memory_of(self._array)[0])


def storage(self) -> TypedStorage:
    """The memory that this tensor is a view of, as elements of its dtype."""
    return TypedStorage(memory_of(self._array)[0], dtypes.from_numpy(self._array.dtype))

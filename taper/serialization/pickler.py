"""The pickler: objects as pickle opcodes, tensors as PyTorch writes them: a storage, an offset, a size and strides."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from types import FunctionType
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.tape import Variable
from ..nn.parameter import Parameter, is_lazy
from ..tensor.core import Tensor
from ..tensor.formats import layout
from .memory import CLASS_OF, Held, bytes_of
from .names import Name, file_name
from .sparse import is_sparse, parts_of

_TENSOR_V2 = Name("torch._utils", "_rebuild_tensor_v2")
_TENSOR_V3 = Name("torch._utils", "_rebuild_tensor_v3")
_PARAMETER = Name("torch._utils", "_rebuild_parameter")
_PARAMETER_WITH_STATE = Name("torch._utils", "_rebuild_parameter_with_state")
_WITH_TYPE = Name("torch._tensor", "_rebuild_from_type_v2")
_SPARSE = Name("torch._utils", "_rebuild_sparse_tensor")
_GET_LAYOUT = Name("torch.serialization", "_get_layout")
_UNTYPED = Name("torch.storage", "UntypedStorage")
_TYPED = {dtype: Name("torch", name) for dtype, name in CLASS_OF.items()}

HISTORY = frozenset(("_grad", "_view", "_retains"))
"""Attributes of a tensor that belong to the tape, not to the value."""


class StorageId:
    """A storage as the pickle refers to it."""

    __slots__ = ("kind", "key", "numel", "memory", "location")

    def __init__(self, kind: Name, key: str, numel: int, memory: np.ndarray, location: str):
        self.kind, self.key, self.numel, self.memory, self.location = kind, key, numel, memory, location


_PythonPickler: Any = pickle._Pickler  # type checkers take it for the one in C, which has none of its methods


class Pickler(_PythonPickler):
    """Writes one object; afterwards `storages` has the memory that its tensors lie in, by key.

    It is the pickler in Python because the one in C insists that every global exists under the name that it writes.
    `legacy` files name a view of each storage too, which is always None here.
    """

    dispatch = dict(_PythonPickler.dispatch)

    def __init__(self, file, protocol: int, legacy: bool = False):
        super().__init__(file, protocol)
        self.storages: dict[str, StorageId] = {}
        self._by_place: dict[tuple[int, int], StorageId] = {}
        self._legacy = legacy

    def save(self, obj, save_persistent_id=True) -> None:
        """Write an object, or the reference to it if it was written before."""
        kind = type(obj)
        if id(obj) in self.memo:
            super().save(obj, save_persistent_id)
        elif issubclass(kind, Variable):
            self._save_tensor(obj)
        elif issubclass(kind, type):
            self.save_global(obj)
        else:
            super().save(obj, save_persistent_id)

    def persistent_id(self, obj) -> tuple | None:
        if type(obj) is not StorageId:
            return None
        found = ("storage", obj.kind, obj.key, obj.location, obj.numel)
        return (*found, None) if self._legacy else found

    def save_global(self, obj, name=None) -> None:
        """Write a class, a function or a dtype by its name."""
        known = file_name(obj)
        if known is None:
            super().save_global(obj, name)
        else:
            self._save_name(known)

    def _save_name(self, name: Name) -> None:
        if id(name) in self.memo:
            self.write(self.get(self.memo[id(name)][0]))
        else:
            self.write(pickle.GLOBAL + f"{name.module}\n{name.name}\n".encode())
            self.memoize(name)

    def _save_layout(self, value: layout) -> None:
        self._save_call(_GET_LAYOUT, (repr(value),), value)

    dispatch[Name] = _save_name
    dispatch[dtypes.dtype] = save_global
    dispatch[FunctionType] = save_global
    dispatch[layout] = _save_layout

    def _save_call(self, function: Name, args: tuple, obj) -> None:
        """Write `obj` as the result of a function of PyTorch's."""
        self.save(function)
        self.save(args)
        self.write(pickle.REDUCE)
        self.memoize(obj)

    def _save_tensor(self, t: Any) -> None:
        kind = type(t)
        state = {name: value for name, value in t.__dict__.items() if name not in HISTORY}
        if issubclass(kind, Parameter) and is_lazy(t):
            self.save_reduce(*t.__reduce_ex__(self.proto), obj=t)
        elif issubclass(kind, Parameter):
            args = (t.data, t.requires_grad, OrderedDict())
            self._save_call(*((_PARAMETER_WITH_STATE, (*args, state)) if state else (_PARAMETER, args)), t)
        elif is_sparse(t):
            if self._legacy:
                raise NotImplementedError(
                    "sparse tensors are saved in the zip format only: leave out _use_new_zipfile_serialization=False"
                )
            self._save_call(_SPARSE, parts_of(t), t)
        elif kind is Tensor and not state:
            self._save_call(*self._rebuilding(t), t)
        else:
            function, args = self._rebuilding(t)
            self._save_call(_WITH_TYPE, (function, kind, args, state), t)

    def _rebuilding(self, t: Any) -> tuple[Name, tuple]:
        """The function of PyTorch's that makes a tensor, and what it needs."""
        held = Held(t._array)
        args = (self._stored(held, t.dtype), held.offset, tuple(t.shape), held.strides, t.requires_grad, OrderedDict())
        return (_TENSOR_V2, args) if t.dtype in CLASS_OF else (_TENSOR_V3, (*args, t.dtype))

    def _stored(self, held: Held, dtype: dtypes.dtype) -> StorageId:
        kind = _TYPED.get(dtype, _UNTYPED)
        found = self._by_place.get(held.key)
        if found is None:
            memory, key = bytes_of(held.owner), str(len(self.storages))
            numel = memory.nbytes // (1 if kind is _UNTYPED else dtype.itemsize)
            found = self._by_place[held.key] = self.storages[key] = StorageId(kind, key, numel, memory, held.location)
        elif found.kind is not kind:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different types: one tensor's "
                f"memory is saved as {found.kind} already, and another that shares it is {dtype}. Save a clone of one."
            )
        return found

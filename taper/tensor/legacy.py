"""The legacy constructors: `Tensor(2, 3)`, `FloatTensor([1, 2])`, `LongTensor(4)`, and `isinstance(t, FloatTensor)`."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..autograd.tape import Variable, alias, wrap
from .conversion import legacy_type
from .creation import tensor
from .factory import place, size_of
from .storage import TypedStorage, UntypedStorage


def constructed(name: str, dtype: dtypes.dtype, args: tuple, device=None) -> Variable:
    """What a legacy constructor makes of sizes, of data, or of a tensor."""
    where = place(device)
    if where.type != "cpu":
        return constructed(name, dtype, args, "cpu").to(where)
    if not args:
        return wrap(np.empty(0, dtype.np))
    first = args[0]
    if isinstance(first, UntypedStorage):
        held = first.dtype if isinstance(first, TypedStorage) else dtype
        if held is not dtype and name != "Tensor":
            raise TypeError(f"expected a storage of {dtype!r} (got {held!r})")
        return wrap(first._elements().view(held.np))
    if len(args) == 1 and isinstance(first, Variable):
        if name != "Tensor" and first.dtype != dtype:
            raise TypeError(f"expected {dtype!r} (got {first.dtype!r})")
        return alias(first, first._array)
    if len(args) == 1 and (isinstance(first, np.ndarray) and first.ndim or not hasattr(first, "__index__")):
        if isinstance(first, (float, np.generic)):
            raise TypeError(f"new(): data must be a sequence (got {type(first).__name__})")
        if isinstance(first, np.ndarray) and first.dtype == dtype.np:
            return wrap(first)
        if isinstance(first, tuple) and type(first) is not tuple:
            return wrap(np.empty(first, dtype.np))
        return tensor(first, dtype=dtype)
    return wrap(np.empty(size_of(args, name), dtype.np))


class _LegacyType(type):
    """The class of legacy tensor classes: they have no instances of their own, `isinstance` asks for the dtype."""

    dtype: dtypes.dtype

    def __instancecheck__(cls, obj) -> bool:
        return isinstance(obj, Variable) and obj.dtype is cls.dtype

    def __call__(cls, *args, device=None):
        return constructed(cls.__name__, cls.dtype, args, device)

    def __repr__(cls) -> str:
        return f"<class '{legacy_type(cls.dtype)}'>"


def _legacy(dtype: dtypes.dtype) -> _LegacyType:
    return _LegacyType(
        legacy_type(dtype).removeprefix("torch."), (), {"dtype": dtype, "__doc__": f"Tensors of {dtype!r}."}
    )


FloatTensor = _legacy(dtypes.float32)
DoubleTensor = _legacy(dtypes.float64)
HalfTensor = _legacy(dtypes.float16)
BFloat16Tensor = _legacy(dtypes.bfloat16)
ByteTensor = _legacy(dtypes.uint8)
CharTensor = _legacy(dtypes.int8)
ShortTensor = _legacy(dtypes.int16)
IntTensor = _legacy(dtypes.int32)
LongTensor = _legacy(dtypes.int64)
BoolTensor = _legacy(dtypes.bool_)

__all__ = [
    "FloatTensor",
    "DoubleTensor",
    "HalfTensor",
    "BFloat16Tensor",
    "ByteTensor",
    "CharTensor",
    "ShortTensor",
    "IntTensor",
    "LongTensor",
    "BoolTensor",
]

"""Promotion: Python's numbers beside tensors, and whether anything is to be converted at all."""

from __future__ import annotations

from numpy import asarray

from .. import dtypes
from ..ops.operator import Operator
from .tape import Variable

F32, F64, I64, BOOL = dtypes.float32.np, dtypes.float64.np, dtypes.int64.np, dtypes.bool_.np

SCALARS = frozenset((bool, int, float, complex))
REAL = frozenset((bool, int, float))


def is_settled(inputs: tuple) -> bool:
    """Whether all tensors have float32, or all float64, and numbers are real: nothing is to be converted."""
    common = None
    for t in inputs:
        if isinstance(t, Variable):
            dtype = t._array.dtype
            if dtype is not common:
                if common is not None or (dtype is not F32 and dtype is not F64):
                    return False
                common = dtype
        elif t is not None and t.__class__ not in REAL:
            return False
    return common is not None


def number(operator: Operator, value):
    """A Python number for what stands in a number's place; TypeError for what cannot."""
    if value.__class__ in SCALARS or hasattr(value, "node_as"):
        return value
    item = getattr(value, "item", None)
    if item is not None and getattr(value, "ndim", 1) == 0:
        return item()
    for cls in (bool, int, float, complex):
        if isinstance(value, cls):
            return cls(value)
    if hasattr(value, "__index__"):
        return int(value)
    raise TypeError(
        f"{operator.name}(): argument 'other' must be Tensor or Number, not {value.__class__.__name__}. "
        "Make it a tensor first: taper.as_tensor(value)."
    )


def value_of(number):
    """A number that a captured step reads at each call is, for promotion, what it is now."""
    return number.value if hasattr(number, "node_as") else number


def scalar(value, common):
    """A number as an operand of arrays of dtype `common`, wrapped around where an integer type is too small for it."""
    if hasattr(value, "node_as"):
        return value
    if common.kind in "biu" and value.__class__ is not bool:
        return asarray(int(value)).astype(common) if common.kind != "b" else asarray(bool(value))
    return asarray(value, dtype=common) if common in dtypes.HALF else value


_scalar_arrays: dict = {}


def scalar_array(value, dtype):
    """A Python number as a zero-dimensional array: NumPy takes twice as long over the number itself."""
    made = _scalar_arrays.get((value, dtype))
    if made is None:
        made = asarray(value, dtype)
        if value:  # 0.0 and -0.0 are one key
            if len(_scalar_arrays) > 1000:
                _scalar_arrays.clear()
            _scalar_arrays[value, dtype] = made
    return made

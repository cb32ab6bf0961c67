"""`Variable`, which programs older than PyTorch 0.4 wrap tensors in. Every tensor is one."""

from __future__ import annotations

import warnings

import numpy as np

from .leaves import AccumulateGrad
from .tape import Variable as _Tensor
from .tape import alias, wrap


class _VariableType(type):
    """The class of `Variable`: it has no instances of its own, all tensors count."""

    def __instancecheck__(cls, obj) -> bool:
        return isinstance(obj, _Tensor)

    def __call__(cls, data=None, requires_grad: bool = False, volatile: bool | None = None):
        if volatile:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.", stacklevel=2
            )
        if data is None:
            return wrap(np.empty(0, np.float32))
        if not isinstance(data, _Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        made = alias(data, data._array)
        if requires_grad:
            if data._array.dtype.kind in "biu":
                raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
            made._node = AccumulateGrad(made)
        return made


class Variable(metaclass=_VariableType):
    """`Variable(tensor, requires_grad=False)`: a tensor over the same memory, without history. TypeError for no tensor."""

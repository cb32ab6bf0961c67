"""`Variable`: the former name of a tensor that records."""

from __future__ import annotations

import warnings

from . import tape
from .tape import AccumulateGrad, alias


class _AlsoTensors(type):
    def __instancecheck__(cls, obj) -> bool:
        return isinstance(obj, tape.Variable)


class Variable(metaclass=_AlsoTensors):
    """`Variable(tensor, requires_grad=False)`: the tensor itself, detached. All tensors are instances. Deprecated."""

    def __new__(cls, data=None, requires_grad: bool = False, volatile=None):
        if data is None:
            from .tape import _Upper

            return _Upper.tensor()
        if not isinstance(data, tape.Variable):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        if volatile is not None:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.", stacklevel=2
            )
        made = alias(data, data._array)
        if requires_grad:
            if made._array.dtype.kind in "biu":
                raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
            made._node = AccumulateGrad(made)
        return made

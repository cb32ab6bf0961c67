"""Exchanging what two tensors are."""

from __future__ import annotations

from ..autograd.leaves import AccumulateGrad
from ..autograd.tape import Variable

__all__ = ["swap_tensors"]


def swap_tensors(t1: Variable, t2: Variable) -> None:
    """Let two tensors take each other's class, memory, gradient and attributes. RuntimeError for results with history."""
    for t in (t1, t2):
        if t._node is not None and not isinstance(t._node, AccumulateGrad):
            raise RuntimeError("swap_tensors: a tensor that is used in a graph cannot be swapped")
    needs = t1._node is not None, t2._node is not None
    kinds = type(t1), type(t2)
    for name in ("_array", "_counter"):
        a, b = getattr(t1, name), getattr(t2, name)
        setattr(t1, name, b)
        setattr(t2, name, a)
    held, other = dict(t1.__dict__), dict(t2.__dict__)
    t1.__dict__.clear()
    t1.__dict__.update(other)
    t2.__dict__.clear()
    t2.__dict__.update(held)
    t1.__class__, t2.__class__ = kinds[1], kinds[0]
    t1._node = AccumulateGrad(t1) if needs[1] else None
    t2._node = AccumulateGrad(t2) if needs[0] else None

"""Rebuilding: tensors and parameters from storages, as PyTorch's rebuild functions name them. Nothing is trusted."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from .. import dtypes
from ..autograd.leaves import AccumulateGrad
from ..autograd.recording import node_of
from ..autograd.tape import Variable, wrap
from ..nn.parameter import Parameter, leaf_of
from ..tensor.core import Tensor
from .damage import Damaged
from .memory import Storage, strided
from .pickler import HISTORY


def tensor_v1(storage, offset, size, stride):
    """A tensor as the oldest files have it."""
    return _tensor(storage, None, offset, size, stride, False, None)


def tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks, metadata=None):
    """A tensor in a storage of its dtype."""
    _no_hooks(backward_hooks)
    return _tensor(storage, None, offset, size, stride, requires_grad, metadata)


def tensor_v3(storage, offset, size, stride, requires_grad, backward_hooks, dtype, metadata=None):
    """A tensor in a storage of bytes."""
    _no_hooks(backward_hooks)
    if type(dtype) is not dtypes.dtype:
        raise Damaged("a tensor's dtype is no dtype")
    return _tensor(storage, dtype, offset, size, stride, requires_grad, metadata)


def parameter(data, requires_grad, backward_hooks):
    """A parameter over a tensor's memory."""
    _no_hooks(backward_hooks)
    if not issubclass(type(data), Variable):
        raise Damaged("a parameter holds no tensor")
    _may_require_grad(data._array, requires_grad)
    made = leaf_of(Parameter if type(data) is Tensor else type(data), data._array, requires_grad)
    if not issubclass(type(made), Parameter):
        made._is_param = True
    return made


def parameter_with_state(data, requires_grad, backward_hooks, state):
    """A parameter with attributes of its own."""
    return with_attributes(parameter(data, requires_grad, backward_hooks), state)


def as_class(t, cls):
    """A tensor of another class over the same memory, without running that class's code."""
    if type(t) is cls:
        return t
    if not (issubclass(type(cls), type) and issubclass(cls, Variable)):
        raise Damaged("a tensor's class is no class of tensors")
    if any("__del__" in vars(base) for base in cls.__mro__):
        raise Damaged("a tensor's class has a __del__, which would run later", "Save it as a plain tensor")
    return leaf_of(cls, t._array, node_of(t) is not None)


def with_attributes(t, state):
    """Give a tensor its attributes. What the tape keeps there cannot come from a file."""
    if type(state) is tuple and len(state) == 2 and state[1] is None:
        state = state[0]
    if state is None:
        return t
    if type(state) is not dict or any(type(name) is not str or name in HISTORY for name in state):
        raise Damaged("the attributes of a tensor are not a dictionary of its own attributes")
    t.__dict__.update(state)
    return t


def _tensor(storage, dtype, offset, size, stride, requires_grad, metadata) -> Variable:
    if type(storage) is not Storage:
        raise Damaged("a tensor has no storage")
    dtype = dtype or storage.dtype
    if dtype is None:
        raise Damaged("a tensor in an untyped storage has no dtype")
    for sizes in (size, stride, (offset,)):
        if not issubclass(type(sizes), tuple) or any(type(n) is not int for n in sizes):
            raise Damaged("a tensor's sizes, strides or offset are no integers")
    array = _resolved(strided(storage, dtype, offset, tuple(size), stride), metadata)
    _may_require_grad(array, requires_grad)
    made = wrap(array)
    if requires_grad:
        made._node = AccumulateGrad(made)
    return made


def _may_require_grad(array: np.ndarray, requires_grad) -> None:
    if type(requires_grad) is not bool or (requires_grad and array.dtype.kind in "biu"):
        raise Damaged(f"a tensor of {array.dtype} cannot require gradients")


def _resolved(array: np.ndarray, metadata) -> np.ndarray:
    """PyTorch stores a lazily conjugated or negated view as its base and a mark; Taper's tensors hold the values."""
    if metadata is None:
        return array
    if type(metadata) is not dict or any(type(x) not in (str, bool) for pair in metadata.items() for x in pair):
        raise Damaged("a tensor has metadata that are no marks")
    if not set(metadata) <= {"conj", "neg"}:
        raise Damaged("a tensor has metadata that no version of PyTorch up to 2.13 writes", "Save it as a plain tensor")
    if metadata.get("conj"):
        array = np.asarray(np.conj(array))
    return np.asarray(np.negative(array)) if metadata.get("neg") else array


def _no_hooks(hooks) -> None:
    if hooks is not None and (type(hooks) not in (dict, OrderedDict) or hooks):
        raise Damaged("a tensor has backward hooks, which PyTorch never saves")

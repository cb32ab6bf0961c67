"""Parameters and buffers: tensors that a module registers when they are assigned to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.inplace import check_may_record
from ..autograd.leaves import AccumulateGrad
from ..autograd.tape import Variable, alias
from ..backends.transfer import place_of
from ..tensor.core import Tensor
from ..tensor.factory import element_type, made_at, place
from ..tensor.printing import parameter_repr


class _Marked(type(Tensor)):
    """Lets `isinstance(t, Parameter)` hold for a tensor of another subclass that is marked as one."""

    _mark: str

    def __instancecheck__(cls, instance) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        return "_mark" in cls.__dict__ and isinstance(instance, Variable) and cls._mark in instance.__dict__


class Parameter(Tensor, metaclass=_Marked):
    """A tensor to be learned: it shares the memory of `data`, is a leaf, and records operations by default.

    data: a tensor, or None for an empty one. AttributeError for anything else, as in PyTorch.
    """

    __slots__ = ()
    _title = "torch.nn.parameter.Parameter"
    _mark = "_is_param"

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        if data is None:
            return leaf_of(cls, np.empty(0, element_type(None, "Parameter")), requires_grad)
        if not isinstance(data, Variable):
            raise AttributeError(
                f"'{type(data).__name__}' object has no attribute 'detach': a Parameter is made of a tensor. Use "
                "taper.tensor(data) first."
            )
        if type(data) is Tensor or isinstance(data, Parameter):
            made = leaf_of(cls, data._array, requires_grad)
            made._counter = alias(data, data._array)._counter
            if requires_grad:
                check_may_record(made)
            return made
        made = data.detach().requires_grad_(requires_grad)
        if type(made) is not type(data):
            made = leaf_of(type(data), data._array, requires_grad)
        made._is_param = True
        return made

    def __init__(self, data=None, requires_grad: bool = True):
        pass

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)
        return memo[id(self)]

    def __repr__(self, *, tensor_contents=None) -> str:
        return parameter_repr(self)


def leaf_of(cls: type[Variable], array, requires_grad: bool) -> Any:
    """A leaf of a class of tensors over an array. RuntimeError for an integer array that shall require grad."""
    made = Variable.__new__(cls)
    made._array, made._node, made._counter = array, None, None
    if requires_grad:
        if array.dtype.kind in "biu":
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        made._node = AccumulateGrad(made)
    return made


class Buffer(Tensor, metaclass=_Marked):
    """A tensor that a module registers as a buffer when it is assigned: `self.scale = Buffer(tensor)`.

    persistent: whether `state_dict()` has it. Making one gives an ordinary tensor, marked.
    """

    __slots__ = ()
    _title = "torch.nn.parameter.Buffer"
    _mark = "_is_buffer"
    persistent: bool

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        made = leaf_of(Tensor, np.empty(0, element_type(None, "Buffer")), False) if data is None else data.detach()
        if data is not None and data.requires_grad:
            made.requires_grad_()
        made._is_buffer, made.persistent = True, persistent
        return made


class _Uninitialized(Parameter):
    """What parameters and buffers without a shape have in common."""

    __slots__ = ()
    cls_to_become: type

    def __init__(self, *args, **kwargs):
        pass

    def materialize(self, shape, device=None, dtype=None) -> None:
        """Become an ordinary parameter (or buffer) of this shape, with memory that is not initialised."""
        where = place_of(self._array) if device is None else place(device)
        np_dtype = self._array.dtype if dtype is None else element_type(dtype, "materialize")
        self._array = made_at(where, np.empty, tuple(shape), dtype=np_dtype)
        self.__class__ = self.cls_to_become

    @property
    def shape(self):
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call "
            "`forward` to "
            "initialize the parameters before accessing their attributes."
        )

    def share_memory_(self):
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters "
            "before calling `module.share_memory()`."
        )

    def __repr__(self, *, tensor_contents=None) -> str:
        return f"<{type(self).__name__}>"

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, None, self.dtype)
        return memo[id(self)]

    def __reduce_ex__(self, protocol):
        return type(self), (self.requires_grad, None, self.dtype)


class UninitializedParameter(_Uninitialized):
    """A parameter whose shape is found when the module first sees data; `materialize(shape)` gives it one."""

    __slots__ = ()
    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device=None, dtype=None) -> Any:
        array = made_at(place(device), np.empty, 0, dtype=element_type(dtype, "UninitializedParameter"))
        return leaf_of(cls, array, requires_grad)


class UninitializedBuffer(_Uninitialized):
    """A buffer whose shape is found when the module first sees data; `materialize(shape)` gives it one."""

    __slots__ = ()
    cls_to_become = Tensor

    def __new__(cls, requires_grad: bool = False, device=None, dtype=None, persistent: bool = True) -> Any:
        array = made_at(place(device), np.empty, 0, dtype=element_type(dtype, "UninitializedBuffer"))
        made = leaf_of(cls, array, requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        return made


def is_lazy(param) -> bool:
    """Whether this is a parameter or buffer that has no shape yet."""
    return isinstance(param, _Uninitialized)

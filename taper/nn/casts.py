"""Converting a whole module: dtype, device, requires_grad, gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import dtypes
from ..autograd.modes import no_grad
from ..autograd.tape import Variable
from ..backends.device import device as device_class
from ..tensor import empty_like
from ..tensor.factory import place, place_on_gpu
from ..tensor.formats import RANKS
from .parameter import is_lazy


class CastMethods:
    """Conversions of all parameters and buffers, in place; each returns the module."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    children: Callable[[], Any]
    parameters: Callable[[], Any]

    def _apply(self, fn: Callable, recurse: bool = True):
        """Replace the data of every parameter, gradient and buffer by what `fn` makes of it."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        with no_grad():
            for parameter in self._parameters.values():
                if parameter is None:
                    continue
                parameter.data = fn(parameter).data
                if parameter._grad is not None:
                    parameter._grad.data = fn(parameter._grad).data
            for name, buffer in self._buffers.items():
                if is_lazy(buffer):
                    buffer.data = fn(buffer).data
                elif buffer is not None:
                    self._buffers[name] = fn(buffer)
        return self

    def to(self, *args, **kwargs):
        """All floating parameters and buffers as another dtype, everything on another device, in place.

        `to(device)`, `to(dtype)`, `to(device, dtype)`, `to(tensor)`. TypeError for a dtype that is not floating.
        memory_format: that of parameters and buffers with as many dimensions as the format is for.
        """
        device, dtype, non_blocking, memory_format = _destination(*args, **kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )
        where = None if device is None else place(device)
        if where is None and dtype is None and memory_format is None:
            return self

        ranks = (RANKS[memory_format],) if memory_format in RANKS else RANKS.values()

        def moved(t):
            wanted = dtype if t.is_floating_point() or t.is_complex() else None
            memory_order = memory_format if t.ndim in ranks else None
            return t.to(dtype=wanted, device=where, non_blocking=non_blocking, memory_format=memory_order)

        return self._apply(moved)

    def type(self, dst_type):
        """Everything as another dtype, integers too."""
        return self._apply(lambda t: t.type(dst_type))

    def _float_to(self, dtype: dtypes.dtype):
        return self._apply(lambda t: t.to(dtype) if t.is_floating_point() else t)

    def float(self):
        """Floating parameters and buffers as float32."""
        return self._float_to(dtypes.float32)

    def double(self):
        """Floating parameters and buffers as float64."""
        return self._float_to(dtypes.float64)

    def half(self):
        """Floating parameters and buffers as float16."""
        return self._float_to(dtypes.float16)

    def bfloat16(self):
        """Floating parameters and buffers as bfloat16."""
        return self._float_to(dtypes.bfloat16)

    def cpu(self):
        """Everything on the CPU."""
        return self._apply(lambda t: t.cpu())

    def cuda(self, device=None):
        """Everything on a GPU. AssertionError where none is usable."""
        place_on_gpu(device)
        return self._apply(lambda t: t.cuda(device))

    def xpu(self, device=None):
        """Everything on an Intel GPU. AssertionError: none is usable."""
        raise AssertionError("Torch not compiled with XPU enabled: use the device 'cpu'.")

    def to_empty(self, *, device, recurse: bool = True):
        """Everything on another device with memory that is not initialised."""
        return self._apply(lambda t: empty_like(t, device=device), recurse)

    def share_memory(self):
        """The module: loaders share memory by themselves."""
        return self._apply(lambda t: t.share_memory_())

    def requires_grad_(self, requires_grad: bool = True):
        """Record, or stop recording, operations on all parameters."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients, or fill them with zeros."""
        for parameter in self.parameters():
            gradient = parameter._grad
            if gradient is None:
                continue
            if set_to_none:
                parameter.grad = None
            else:
                if gradient.grad_fn is not None:
                    gradient.detach_()
                else:
                    gradient.requires_grad_(False)
                gradient.zero_()


def _destination(*args, device=None, dtype=None, non_blocking=False, memory_format=None, tensor=None):
    """The device, the dtype, non_blocking and the memory format that the arguments of `to` mean."""
    for arg in (*args, *(() if tensor is None else (tensor,))):
        if isinstance(arg, dtypes.dtype):
            dtype = arg
        elif isinstance(arg, Variable):
            device, dtype = arg.device, arg.dtype
        elif isinstance(arg, bool):
            non_blocking = arg
        elif arg is None:
            continue
        elif isinstance(arg, (str, int, device_class)):
            device = arg
        else:
            raise TypeError(f"to() received an invalid combination of arguments - got ({type(arg).__name__})")
    return device, dtype, non_blocking, memory_format

"""`DataParallel`: a module where it is, with its inputs brought there. Several GPUs take a process each: `distributed`."""

from __future__ import annotations

from typing import Any

from ..module import Module
from .scatter_gather import scatter

__all__ = ["DataParallel", "data_parallel"]


class DataParallel(Module):
    """Holds a module as `.module` and calls it with inputs brought to its GPU. Keys of its state dict begin with "module.".

    It computes on the one GPU where the module is, whatever device_ids says; the numbers are those of several.
    """

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0):
        super().__init__()
        self.module = module
        self.device_ids: list = []

    def forward(self, *inputs, **kwargs):
        return self.module(*beside_parameters(self.module, inputs), **beside_parameters(self.module, kwargs))


def beside_parameters(module: Module, value: Any) -> Any:
    """Nested arguments with their tensors where a module's parameters are, if those are on a GPU."""
    first = next(module.parameters(), None)
    if first is None or not first.is_cuda:
        return value
    (found,) = scatter((value,), first.device)
    return found[0]


def data_parallel(
    module: Module, inputs, device_ids: Any = None, output_device: Any = None, dim: int = 0, module_kwargs: Any = None
):
    """module(*inputs) on several GPUs; without GPUs, just that."""
    arguments = inputs if isinstance(inputs, tuple) else (inputs,) if inputs is not None else ()
    return module(*beside_parameters(module, arguments), **beside_parameters(module, module_kwargs or {}))

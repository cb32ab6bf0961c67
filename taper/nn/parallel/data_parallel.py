"""`DataParallel`: one module on several GPUs; without GPUs, the module itself, as in PyTorch."""

from __future__ import annotations

from typing import Any

from ..module import Module

__all__ = ["DataParallel", "data_parallel"]


class DataParallel(Module):
    """Holds a module as `.module` and calls it. Keys of its state dict begin with "module."."""

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0):
        super().__init__()
        self.module = module
        self.device_ids: list = []

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Module, inputs, device_ids: Any = None, output_device: Any = None, dim: int = 0, module_kwargs: Any = None
):
    """module(*inputs) on several GPUs; without GPUs, just that."""
    arguments = inputs if isinstance(inputs, tuple) else (inputs,) if inputs is not None else ()
    return module(*arguments, **(module_kwargs or {}))

"""Names: what Taper's classes and functions are called in a file, so that PyTorch and Taper read each other's files."""

from __future__ import annotations

import sys
from importlib import import_module
from types import FunctionType

from .. import dtypes
from ..autograd.naming import PACKAGES
from ..backends.device import device
from ..nn import functional
from ..nn.parameter import Parameter
from ..tensor.core import Tensor
from ..tensor.size import Size


class Name:
    """A global of a file: it is written as its module and name, and need not exist here."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str):
        self.module, self.name = module, name

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


_OURS = __name__.partition(".")[0]
tensor = import_module(f"{_OURS}.tensor")  # as an attribute of the package, `tensor` is the function of that name
_PACKAGES = {f"{_OURS}.vision": "torchvision", _OURS: "torch"}
_HOMES = ((functional, "torch.nn.functional"), (tensor, "torch"))
_SPECIAL = {
    Size: Name("torch", "Size"),
    Tensor: Name("torch", "Tensor"),
    device: Name("torch", "device"),
    Parameter: Name("torch.nn.parameter", "Parameter"),
}
_MOVED = {
    "torch.nn.module": "torch.nn.modules.module",
    "torch.nn.modules.attention": "torch.nn.modules.activation",
    "torch.nn.modules.lazy_conv": "torch.nn.modules.conv",
    "torch.nn.modules.linear_cross_entropy": "torch.nn.modules.loss",
    "torch.nn.modules.margin_loss": "torch.nn.modules.loss",
    "torch.nn.modules.parameter_container": "torch.nn.modules.container",
    "torch.nn.modules.rnn_cells": "torch.nn.modules.rnn",
    "torch.distributions.elementwise_transforms": "torch.distributions.transforms",
    "torch.distributions.matrix_transforms": "torch.distributions.transforms",
    "torch.distributed.groups": "torch.distributed.distributed_c10d",
    "torch.optim.adafactor": "torch.optim",
    "torch.optim.muon": "torch.optim",
}
_OPTIMIZERS = ("torch.optim.adam_variants", "torch.optim.adaptive", "torch.optim.resilient", "torch.optim.adam")
"""Files of several optimizers, which PyTorch has in one file each."""
_DTYPES = {d: Name("torch", d.name) for d in dtypes.ALL}
_OTHERS: dict[str, Name] = {}


def file_name(obj) -> Name | None:
    """The name under which a file has one of Taper's dtypes, classes or functions; None for what is not Taper's."""
    if isinstance(obj, dtypes.dtype):
        return _DTYPES[obj]
    if not isinstance(obj, (type, FunctionType)):
        return None
    if obj in _SPECIAL:
        return _SPECIAL[obj]
    module, name = obj.__module__ or "", obj.__qualname__
    for home, public in _HOMES:
        if vars(home).get(name) is obj:
            return _OTHERS.setdefault(f"{public}.{name}", Name(public, name))
    for ours, theirs in _PACKAGES.items():
        if module == ours or module.startswith(ours + "."):
            written = Name(_home_in_torch(theirs + module[len(ours) :], name), name)
            return _OTHERS.setdefault(str(written), written)
    if module.partition(".")[0] in PACKAGES:
        return _OTHERS.setdefault(f"{module}.{name}", Name(module, name))
    return None


def _home_in_torch(module: str, name: str) -> str:
    """Where PyTorch has a class that Taper keeps in a file of another name."""
    if module.startswith("torch.optim.lr_scheduler."):
        return "torch.optim.lr_scheduler"
    if module in _OPTIMIZERS:
        return f"torch.optim.{name.lower()}"
    return _MOVED.get(module, module)


def is_tensor_function(obj) -> bool:
    """Whether this is one of the public functions on tensors, such as `taper.tanh` and `nn.functional.gelu`."""
    return isinstance(obj, FunctionType) and any(vars(home).get(obj.__name__) is obj for home, _ in _HOMES)


def loaded_object(module: str, name: str):
    """What a file calls by a name of PyTorch's or Taper's, if Taper has it loaded; None otherwise. Imports nothing.

    The layers' files have PyTorch's names; where one differs, the package around it has the class too.
    """
    if module == "torch._C._nn":
        module = "torch.nn.functional"
    for ours, theirs in _PACKAGES.items():
        if module == theirs or module.startswith(theirs + "."):
            module = ours + module[len(theirs) :]
            break
    if module != _OURS and not module.startswith(_OURS + "."):
        return None
    exact = module
    while module:
        found = vars(sys.modules[module]).get(name) if module in sys.modules else None
        if isinstance(found, type) or (isinstance(found, FunctionType) and module == exact):
            return found if found.__module__.partition(".")[0] in PACKAGES else None
        module = module.rpartition(".")[0]
    return None

"""Names: what Taper's classes and functions are called in a file, so that PyTorch and Taper read each other's files."""

from __future__ import annotations

import sys
from types import FunctionType

from .. import dtypes, tensor
from ..backends.device import device
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
_PACKAGES = {f"{_OURS}.vision": "torchvision", _OURS: "torch"}
_FUNCTIONS = f"{_OURS}.nn.functional"
_SPECIAL = {
    Size: Name("torch", "Size"),
    Tensor: Name("torch", "Tensor"),
    device: Name("torch", "device"),
    Parameter: Name("torch.nn.parameter", "Parameter"),
}
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
    for ours, theirs in _PACKAGES.items():
        if module == ours or module.startswith(ours + "."):
            if getattr(tensor, name, None) is obj:
                module, theirs = ours, "torch"
            elif module.startswith(_FUNCTIONS):
                module = _FUNCTIONS
            written = Name(theirs + module[len(ours) :], name)
            return _OTHERS.setdefault(str(written), written)
    return None


def loaded_object(module: str, name: str):
    """What a file calls by a name of PyTorch's or Taper's, if Taper has it loaded; None otherwise. Imports nothing.

    The layers' files have PyTorch's names; where one differs, the package around it has the class too.
    """
    for ours, theirs in _PACKAGES.items():
        if module == theirs or module.startswith(theirs + "."):
            module = ours + module[len(theirs) :]
            break
    if module != _OURS and not module.startswith(_OURS + "."):
        return None
    while module:
        found = vars(sys.modules[module]).get(name) if module in sys.modules else None
        if found is not None:
            return found
        module = module.rpartition(".")[0]
    return None

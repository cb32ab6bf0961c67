"""What a program is told that uses a name of PyTorch's which Taper does not have."""

from __future__ import annotations

from types import ModuleType

from ..tensor import Tensor
from .instead import instead
from .names import members
from .rooms import torch_name


def missing_name(full: str, owner: str) -> AttributeError:
    """What is raised for a name that Taper lacks: programs look for AttributeError itself."""
    return AttributeError(f"{owner} has no attribute '{full.rpartition('.')[2]}': {explanation(full)}", name=full)


def missing_module(full: str) -> ModuleNotFoundError:
    """What is raised for a module that Taper lacks, or a name imported from one."""
    return ModuleNotFoundError(f"No module or name '{full}': {explanation(full)}", name=full)


def explanation(full: str) -> str:
    """Taper has no `full`; what to use; where to see all such names."""
    return f"Taper has no {full}. {instead(full)} `taper check` lists all names of a program that Taper lacks."


def absent(module: ModuleType, own):
    """A module's `__getattr__` that explains what is not there, after the module's own one."""
    name = torch_name(module.__name__)

    def __getattr__(attribute: str):
        if attribute[:2] == "__":
            raise AttributeError(f"module '{module.__name__}' has no attribute '{attribute}'")
        if own is not None:
            try:
                return own(attribute)
            except AttributeError:
                pass
        raise missing_name(f"{name}.{attribute}", f"module '{name}'")

    return __getattr__


class _MissingMember:
    """In the place of a method of PyTorch's tensors that Taper's lack."""

    def __init__(self, full: str):
        self.full = full

    def __get__(self, instance, owner=None):
        raise missing_name(self.full, f"'{owner.__name__}' object")


def mark_tensor() -> None:
    """Let tensors say what they lack."""
    for name in members("torch.Tensor"):
        if not hasattr(Tensor, name):
            setattr(Tensor, name, _MissingMember(f"torch.Tensor.{name}"))


def unmark_tensor() -> None:
    """Take the explanations back."""
    for name, value in list(vars(Tensor).items()):
        if isinstance(value, _MissingMember):
            delattr(Tensor, name)

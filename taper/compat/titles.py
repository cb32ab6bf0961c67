"""Under `taper run`, classes say the module in which PyTorch has them: programs print it, compare it and pickle by it."""

from __future__ import annotations

import importlib
from types import ModuleType

from ..serialization.names import Name, file_name
from .rooms import taper_name, torch_name

ROOMS = ("nn", "optim", "utils.data", "distributions", "amp", "vision", "autograd.function", "distributed.groups")
"""The parts of Taper whose classes programs see by name."""


class Titles:
    """What classes said before they were given PyTorch's names, and the modules to which classes were added."""

    def __init__(self):
        self.before: list[tuple[type, str]] = []
        self.added: list[tuple[ModuleType, str]] = []

    def give(self, module: ModuleType) -> None:
        """Give the classes that a module of Taper's defines the names of PyTorch's modules."""
        room = module.__name__.partition(".")[2]
        if not any(room == part or room.startswith(part + ".") for part in ROOMS):
            return
        for key, cls in list(vars(module).items()):
            if isinstance(cls, type) and cls.__module__ == module.__name__ and key == cls.__qualname__:
                title = file_name(cls)
                if title is not None and self._holds(title, module, cls):
                    self.before.append((cls, cls.__module__))
                    cls.__module__ = title.module

    def _holds(self, title: Name, module: ModuleType, cls: type) -> bool:
        """Whether a class is, or now can be, found under its name in PyTorch."""
        if title.module == torch_name(module.__name__):
            return True
        ours = taper_name(title.module)
        try:
            there = importlib.import_module(ours or "")
        except (ImportError, ValueError):
            return False
        if getattr(there.__spec__, "_initializing", False):
            return True  # it is being loaded, and imports the class
        if not hasattr(there, title.name):
            setattr(there, title.name, cls)
            self.added.append((there, title.name))
        return getattr(there, title.name) is cls

    def take_back(self) -> None:
        """Let all classes say again what they said before."""
        for cls, module in self.before:
            cls.__module__ = module
        for there, name in self.added:
            delattr(there, name)
        self.before.clear()
        self.added.clear()

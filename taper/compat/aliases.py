"""The import aliases: a finder that answers PyTorch's module names with Taper's own module objects."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import os
import re
import sys
from types import ModuleType

from .. import __version__
from .missing import absent, mark_tensor, missing_module, unmark_tensor
from .names import table
from .rooms import TOPS, module_exists, taper_name, torch_name
from .titles import Titles


class ApiVersion(str):
    """A version as text that compares as numbers: 2.13 is after 2.9."""

    def _numbers(self, other) -> tuple:
        return tuple(tuple(map(int, re.findall(r"\d+", str(v).partition("+")[0]))) for v in (self, other))

    def __lt__(self, other) -> bool:
        mine, yours = self._numbers(other)
        return mine < yours

    def __le__(self, other) -> bool:
        return self == other or self < other

    def __gt__(self, other) -> bool:
        # What stands behind the plus is Taper's, and comes after the bare number.
        return self != other and not self < other

    def __ge__(self, other) -> bool:
        return not self < other


VERSIONS = {"taper": "2.13.0", "taper.vision": "0.28.0"}
"""The versions of PyTorch and torchvision that Taper follows: programs compare them."""


class _Source(importlib.machinery.SourceFileLoader):
    """Loads a module of Taper's and lets it say what it lacks."""

    def __init__(self, name: str, path: str, mark):
        super().__init__(name, path)
        self.mark = mark

    def exec_module(self, module):
        super().exec_module(module)
        self.mark(module)


class _Aliases(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds PyTorch's names. Taper's module is imported under its own name and then known under both."""

    def __init__(self, script_folder: str | None):
        self.script_folder = script_folder
        self.marked: list[tuple[ModuleType, dict]] = []
        self.specs: dict[str, importlib.machinery.ModuleSpec | None] = {}
        self.titles = Titles()

    def find_spec(self, name, path=None, target=None):
        """A spec for a name of PyTorch's; ModuleNotFoundError for one that Taper does not have."""
        if name.startswith("taper."):
            return self._room(name, path)
        ours = taper_name(name)
        if ours is None or (name.partition(".")[0] == "d2l" and self._own_d2l()):
            return None
        if not module_exists(ours):
            raise missing_module(name)
        return importlib.machinery.ModuleSpec(name, self, origin=ours)

    def _room(self, name: str, path):
        """A module of Taper's own. `from torch import x` comes here for an x that is no attribute either."""
        if path is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None:
            raise missing_module(torch_name(name))
        if isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Source(name, spec.loader.path, self.loaded)
        return spec

    def loaded(self, module: ModuleType) -> None:
        """A module of Taper's has run: it says what it lacks, and its classes say where PyTorch has them."""
        if _speaks(module.__name__):
            self.mark(module)
        self.titles.give(module)

    def _own_d2l(self) -> bool:
        """Whether the script's own folder has a d2l, as a copy of the book's repository does: then that is meant."""
        folder = self.script_folder
        return folder is not None and importlib.machinery.PathFinder.find_spec("d2l", [folder]) is not None

    def create_module(self, spec):
        """Taper's module itself."""
        module = importlib.import_module(spec.origin)
        # The import system is about to overwrite the module's own spec.
        self.specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module):
        """The module has run already: give it back its own spec, and let it say what it lacks."""
        alias = module.__spec__.name
        module.__spec__ = self.specs.pop(alias)
        self.mark(module)

    def mark(self, module: ModuleType) -> None:
        """Let a module say what it lacks."""
        if any(module is known for known, _ in self.marked):
            return
        own = {
            key: module.__dict__[key] for key in ("__getattr__", "__path__", "__version__") if key in module.__dict__
        }
        self.marked.append((module, own))
        module.__getattr__ = absent(module, own.get("__getattr__"))
        # With a path, `from torch.cuda import x` asks the finder for x and gets its explanation.
        module.__path__ = own.get("__path__", [])
        if module.__name__ in VERSIONS:
            module.__version__ = ApiVersion(f"{VERSIONS[module.__name__]}+taper{__version__}")

    def unmark(self) -> None:
        """Give all modules and classes back what they had."""
        self.titles.take_back()
        for module, own in self.marked:
            for key in ("__getattr__", "__path__", "__version__"):
                if key in own:
                    setattr(module, key, own[key])
                elif key in module.__dict__:
                    delattr(module, key)


def _speaks(name: str) -> bool:
    """Whether a module of Taper's has a name of PyTorch's, and so can say what it lacks."""
    theirs = torch_name(name)
    return theirs in table() or theirs in TOPS


_finder: _Aliases | None = None


def installed() -> bool:
    """Whether the aliases are in force."""
    return _finder is not None


def install(script_folder: str | os.PathLike | None = None) -> None:
    """Let `import torch`, `torchvision` and `d2l` find Taper from now on, also in worker processes started by fork.

    A d2l in script_folder comes before Taper's. A second call does nothing. RuntimeError if PyTorch is already imported.
    """
    global _finder
    if _finder is not None:
        return
    for name in TOPS:
        found = sys.modules.get(name)
        if found is not None and not found.__name__.startswith("taper"):
            raise RuntimeError(
                f"{name} is already imported from {getattr(found, '__file__', 'elsewhere')}. Call taper.compat.install() "
                "before the first import of it; in a notebook, restart the kernel."
            )
    _finder = _Aliases(None if script_folder is None else os.fspath(script_folder))
    sys.meta_path.insert(0, _finder)
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "taper":
            _finder.loaded(module)
    mark_tensor()


def uninstall() -> None:
    """Take the aliases back: PyTorch's names mean again what is installed. Modules imported before keep what they have."""
    global _finder
    if _finder is None:
        return
    sys.meta_path.remove(_finder)
    _finder.unmark()
    unmark_tensor()
    for name in [n for n in sys.modules if n.partition(".")[0] in ("torch", "torchvision", "d2l")]:
        if sys.modules[name].__name__.startswith("taper"):
            del sys.modules[name]
    _finder = None

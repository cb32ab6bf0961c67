"""The CPU's kernels on another array library: one source, one module for each library.

Most kernels of `backends/cpu` are plain array code: what they call `np` may be any library with NumPy's names. `Portable`
runs such a module's own source once more with that other library in NumPy's place, so that no formula is written twice.
"""

from __future__ import annotations

import builtins
import importlib.util
from collections.abc import Mapping
from types import CodeType, ModuleType, SimpleNamespace
from typing import Any

_ROOM = f"{__package__}.cpu"


class Portable:
    """Modules of `backends/cpu` over a library.

    library: what their `numpy` is. instead: modules by name that the library has its own form of. better: for a module's
    name, functions and numbers that replace its own, for callers inside the module too.
    """

    def __init__(self, library: Any, instead: Mapping[str, Any], better: Mapping[str, Mapping[str, Any]]):
        self._library, self._better = library, better
        self._modules: dict[str, Any] = dict(instead)

    def __getitem__(self, name: str) -> Any:
        """The module `name` over the library, loaded when it is first asked for."""
        found = self._modules.get(name)
        return self._load(name) if found is None else found

    def _load(self, name: str) -> ModuleType:
        spec = importlib.util.find_spec(f"{_ROOM}.{name}")
        code: CodeType = spec.loader.get_code(spec.name)  # type: ignore[union-attr]
        module = ModuleType(spec.name, None)  # type: ignore[union-attr]
        module.__package__ = _ROOM
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": self._import}
        exec(code, module.__dict__)
        module.__dict__.update(self._better.get(name, {}))
        self._modules[name] = module
        return module

    def _import(self, name: str, scope=None, names=None, fromlist=(), level: int = 0):
        """Python's `import` inside such a module: NumPy is the library, siblings are these modules."""
        if level == 0 and name.partition(".")[0] == "numpy":
            found = self._library
            for part in name.split(".")[1:]:
                found = getattr(found, part)
            return found
        if level == 1:
            return self[name] if name else SimpleNamespace(**{part: self[part] for part in fromlist})
        return builtins.__import__(name, scope, names, fromlist, level)

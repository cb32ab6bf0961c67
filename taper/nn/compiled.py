"""What `taper.compile(module)` returns: a module that runs as a compiled program and shares everything with its original."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .module import Module


class OptimizedModule(Module):
    """A module whose call is compiled. Parameters, buffers and attributes are the original's, found in `_orig_mod`.

    As in PyTorch its state_dict has the prefix `_orig_mod.`; save the original's to keep names unchanged.
    """

    def __init__(self, module: Module, compiled: Callable[[Callable], Callable]):
        super().__init__()
        self._orig_mod = module
        self.training = module.training
        self.__dict__["_call"] = compiled(module.__call__)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(*args, **kwargs)

    @property
    def stages(self) -> Mapping[str, str]:
        """The texts of the program that was used last (see `taper.compile`)."""
        return self._call.stages

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if "_orig_mod" not in self.__dict__.get("_modules", ()):
                raise
            return getattr(self._modules["_orig_mod"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        original = self.__dict__.get("_modules", {}).get("_orig_mod")
        if original is not None and name not in ("training", "_orig_mod") and hasattr(original, name):
            setattr(original, name, value)
        else:
            super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        # A compiled program stays in its process: what is unpickled or copied compiles itself again.
        return {"_orig_mod": self._orig_mod}

    def __setstate__(self, state: dict[str, Any]) -> None:
        module = state.get("_orig_mod")
        if not isinstance(module, Module):
            raise TypeError(f"what is compiled must be a module, not {type(module).__name__}")
        OptimizedModule.__init__(self, module, _compiled)


def _compiled(function: Callable) -> Callable:
    from ..compiler.api import Compiled

    return Compiled(function)

"""`torch.classes`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from .refusal import refused

__path__: list[str] = []

_INSTEAD = "Taper loads no libraries of C++ classes: write the class in Python."

load_library = refused("classes.load_library", _INSTEAD)


def __getattr__(name: str):
    if name.startswith("__"):
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return refused(f"classes.{name}", _INSTEAD)

"""`load` where PyTorch's programs also look for it."""

from __future__ import annotations

from importlib import import_module


def __getattr__(name: str):
    if name in ("load",):
        return getattr(import_module("taper.serialization.sharded"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")

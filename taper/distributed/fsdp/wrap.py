"""Which modules become sharded modules of their own. Modules lie above processes: names are looked up when used."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    found = import_module("taper.nn.parallel.sharded.wrapping")
    if name in found.__all__:
        return getattr(found, name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")

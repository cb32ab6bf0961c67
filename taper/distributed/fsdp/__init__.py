"""Modules whose parameters are shared out among processes. Modules lie above processes: names are looked up when used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_WRITTEN = "taper.nn.parallel.sharded"
_ROOMS = ("api", "fully_sharded_data_parallel", "sharded_grad_scaler", "wrap")


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    found = import_module(_WRITTEN)
    if name in found.__all__:
        return getattr(found, name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")

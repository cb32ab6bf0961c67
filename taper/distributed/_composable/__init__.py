"""`torch.distributed._composable`: the former place of `fully_shard`."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    if name in ("fsdp", "fully_shard"):
        found = import_module(f"{__name__}.fsdp")
        return found if name == "fsdp" else found.fully_shard
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")

"""Optimizers for several processes: `ZeroRedundancyOptimizer`. Other names say what to use instead."""

from __future__ import annotations

from importlib import import_module

from ..refusal import room

_find = room(
    __name__,
    "Use ZeroRedundancyOptimizer, or the optimizer itself.",
    ("DistributedOptimizer", "PostLocalSGDOptimizer"),
)


def __getattr__(name: str):
    if name == "ZeroRedundancyOptimizer":
        # Optimizers lie above processes: this is where PyTorch's programs look for it.
        return import_module("taper.optim.zero").ZeroRedundancyOptimizer
    return _find(name)

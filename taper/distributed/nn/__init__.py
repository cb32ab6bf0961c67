"""Collectives that gradients pass through."""

from __future__ import annotations

from ...refusal import refused
from . import functional as functional
from .functional import all_gather, all_reduce, broadcast


def __getattr__(name: str):
    if name == "RemoteModule":
        return refused(
            "distributed.nn.RemoteModule", "Every process holds the whole model: use DistributedDataParallel."
        )
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


__all__ = ["all_gather", "all_reduce", "broadcast", "functional"]

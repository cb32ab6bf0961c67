"""NVIDIA's library of collectives, which this installation does not have."""

from __future__ import annotations

from ..backends.absent import refusing
from ..backends.cuda import driver

version = refusing("version", driver.unavailable)


def is_available(tensors) -> bool:
    """Whether NCCL can work on these tensors: False."""
    return False

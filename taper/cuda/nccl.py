"""NVIDIA's library of collectives, which this installation does not have."""

from __future__ import annotations

from ..backends.absent import refusing
from ..backends.device import device
from ..tensor.factory import unavailable

version = refusing("version", lambda: unavailable(device("cuda")))


def is_available(tensors) -> bool:
    """Whether NCCL can work on these tensors: False."""
    return False

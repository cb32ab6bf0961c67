"""Exchanging tensors with other libraries without copying, by DLPack."""

from __future__ import annotations

from ..tensor import from_dlpack

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor):
    """The tensor's DLPack capsule."""
    return tensor.__dlpack__()

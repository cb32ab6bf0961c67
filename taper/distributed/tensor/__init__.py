"""Tensors of several processes, each of which holds some rows or all."""

from __future__ import annotations

from importlib import import_module

from ...refusal import room
from ..device_mesh import DeviceMesh, init_device_mesh
from .dtensor import DTensor, distribute_tensor
from .placement import Placement, Replicate, Shard

_ROOMS = ("experimental", "parallel")
_find = room(
    __name__,
    "Tensors are held in rows (Shard(0)) or whole (Replicate()): use distribute_tensor, and fully_shard for modules.",
    ("Partial", "distribute_module", "empty", "full", "ones", "rand", "randn", "zeros"),
)


def __getattr__(name: str):
    return import_module(f"{__name__}.{name}") if name in _ROOMS else _find(name)


__all__ = ["DTensor", "DeviceMesh", "Placement", "Replicate", "Shard", "distribute_tensor", "init_device_mesh"]

"""`torch.distributed._tensor`, the former name of `torch.distributed.tensor`."""

from __future__ import annotations

from .tensor import DeviceMesh, DTensor, Placement, Replicate, Shard, distribute_tensor, init_device_mesh
from .tensor import __getattr__ as __getattr__

__all__ = ["DTensor", "DeviceMesh", "Placement", "Replicate", "Shard", "distribute_tensor", "init_device_mesh"]

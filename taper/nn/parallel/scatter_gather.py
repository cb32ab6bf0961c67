"""Parts of inputs on devices, and outputs as one again. All devices are the CPU."""

from __future__ import annotations

from typing import Any

from ...autograd.tape import Variable
from ...tensor import cat, stack
from ...tensor.factory import place_on_gpu

__all__ = ["gather", "parallel_apply", "replicate", "scatter"]


def _placed(devices: Any) -> list:
    found = list(devices) if isinstance(devices, (list, tuple)) else [devices]
    for device in found:
        place_on_gpu(device)
    return found


def scatter(inputs: Any, target_gpus: Any, dim: int = 0) -> list:
    """For each device a part of every tensor in nested containers; other values are repeated. AssertionError without GPUs."""
    count = len(_placed(target_gpus))

    def parts(value: Any) -> list:
        if isinstance(value, Variable):
            return list(value.chunk(count, dim))
        if isinstance(value, tuple) and value:
            rows = list(zip(*map(parts, value)))
            return [type(value)(*row) for row in rows] if hasattr(value, "_fields") else rows
        if isinstance(value, list) and value:
            return [list(row) for row in zip(*map(parts, value))]
        if isinstance(value, dict) and value:
            return [type(value)(zip(value, row)) for row in zip(*map(parts, value.values()))]
        return [value] * count

    return parts(inputs)


def gather(outputs: Any, target_device: Any, dim: int = 0) -> Any:
    """The devices' outputs as one: tensors one after the other, numbers as a vector."""
    if target_device not in (-1, None):
        place_on_gpu(target_device)
    first = outputs[0]
    if isinstance(first, Variable):
        return stack(list(outputs)) if first.dim() == 0 else cat(list(outputs), dim)
    if first is None:
        return None
    if isinstance(first, dict):
        if not all(len(o) == len(first) for o in outputs):
            raise ValueError("All dicts must have the same number of keys")
        return type(first)((k, gather([o[k] for o in outputs], target_device, dim)) for k in first)
    rows = [gather(column, target_device, dim) for column in zip(*outputs)]
    return type(first)(*rows) if hasattr(first, "_fields") else type(first)(rows)


def replicate(network: Any, devices: Any, detach: bool = False) -> list:
    """The module, once for each device. AssertionError for GPUs, of which there are none."""
    return [network for _ in _placed(devices)]


def parallel_apply(modules: Any, inputs: Any, kwargs_tup: Any = None, devices: Any = None) -> list:
    """Each module called with its own inputs."""
    if len(modules) != len(inputs):
        raise AssertionError(f"The number of modules {len(modules)} is not equal to the number of inputs {len(inputs)}")
    named = kwargs_tup or [{}] * len(modules)
    arguments = [x if isinstance(x, (list, tuple)) else (x,) for x in inputs]
    return [m(*a, **k) for m, a, k in zip(modules, arguments, named)]

"""Parts of inputs on devices, and outputs as one again."""

from __future__ import annotations

from typing import Any

from ...autograd.tape import Variable
from ...tensor import cat, stack
from ...tensor.factory import place_on_gpu

__all__ = ["gather", "parallel_apply", "replicate", "scatter"]


def _placed(devices: Any) -> list:
    return [place_on_gpu(device) for device in (devices if isinstance(devices, (list, tuple)) else [devices])]


def scatter(inputs: Any, target_gpus: Any, dim: int = 0) -> list:
    """For each device a part of every tensor in nested containers; other values are repeated. AssertionError without GPUs."""
    places = _placed(target_gpus)
    count = len(places)

    def parts(value: Any) -> list:
        if isinstance(value, Variable):
            return [part.to(place) for part, place in zip(value.chunk(count, dim), places)]
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
    first = outputs[0]
    if isinstance(first, Variable):
        where = "cpu" if target_device in (-1, None) else place_on_gpu(target_device)
        parts = [part.to(where) for part in outputs]
        return stack(parts) if first.dim() == 0 else cat(parts, dim)
    if first is None:
        return None
    if isinstance(first, dict):
        if not all(len(o) == len(first) for o in outputs):
            raise ValueError("All dicts must have the same number of keys")
        return type(first)((k, gather([o[k] for o in outputs], target_device, dim)) for k in first)
    rows = [gather(column, target_device, dim) for column in zip(*outputs)]
    return type(first)(*rows) if hasattr(first, "_fields") else type(first)(rows)


def replicate(network: Any, devices: Any, detach: bool = False) -> list:
    """The module, for one device. AssertionError without a GPU, NotImplementedError for several."""
    places = _placed(devices)
    if len(places) > 1:
        raise NotImplementedError(
            "DataParallel on several GPUs: use DistributedDataParallel with one process a GPU, as PyTorch advises too."
        )
    return [network.to(places[0])]


def parallel_apply(modules: Any, inputs: Any, kwargs_tup: Any = None, devices: Any = None) -> list:
    """Each module called with its own inputs."""
    if len(modules) != len(inputs):
        raise AssertionError(f"The number of modules {len(modules)} is not equal to the number of inputs {len(inputs)}")
    named = kwargs_tup or [{}] * len(modules)
    arguments = [x if isinstance(x, (list, tuple)) else (x,) for x in inputs]
    return [m(*a, **k) for m, a, k in zip(modules, arguments, named)]

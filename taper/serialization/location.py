"""`map_location`: where a checkpoint's storages go."""

from __future__ import annotations

from collections.abc import Callable

from ..backends.cuda import driver
from ..backends.device import CPU, device
from ..tensor.factory import place
from .memory import Storage

Place = Callable[[Storage, str], Storage]


def placing(map_location) -> Place:
    """The function that puts a storage where `map_location` says: None, a device, its name, a function or a dict."""
    if map_location is None:
        return _at_home
    if isinstance(map_location, (str, device, int)):
        where = place(map_location)
        return lambda storage, location: storage.at(where)
    if isinstance(map_location, dict):
        table = {str(key): value for key, value in map_location.items()}
        return lambda storage, location: _at_home(storage, str(table.get(location, location)))
    if callable(map_location):
        return lambda storage, location: _chosen(map_location(storage, location), storage, location)
    raise TypeError(f"map_location must be a device, its name, a function or a dict, not {type(map_location).__name__}")


def _chosen(answer, storage: Storage, location: str) -> Storage:
    return _at_home(storage, location) if answer is None else answer


def _at_home(storage: Storage, location: str) -> Storage:
    """The storage where it was when it was saved."""
    kind = location.partition(":")[0]
    if kind == "cpu":
        return storage.at(CPU) if isinstance(storage, Storage) else storage
    if kind == "cuda" and driver.count():
        where = device(location)
        if where.index is not None and where.index >= driver.count():
            raise RuntimeError(
                f"Attempting to deserialize object on CUDA device {where.index} but torch.cuda.device_count() is "
                f"{driver.count()}. Please use torch.load with map_location to map your storages to an existing device."
            )
        return storage.at(place(where))
    if kind == "cuda":
        raise RuntimeError(
            "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are "
            "running on a CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your "
            "storages to the CPU."
        )
    raise RuntimeError(
        f"don't know how to restore data location of torch.storage.UntypedStorage (tagged with {location}): pass "
        "map_location='cpu' to load it into the CPU's memory"
    )


def default_restore_location(storage, location: str):
    """The storage, if it was saved from the CPU or where `location` begins with "cpu". RuntimeError for another place."""
    if isinstance(storage, Storage):
        return _at_home(storage, location)
    if location.startswith("cpu"):
        return storage
    raise RuntimeError(
        f"default_restore_location: a storage of tensors is not moved to {location!r}; move the tensors."
    )


def location_tag(storage) -> str:
    """Where a storage is, as files say it: "cpu"."""
    return "cpu"


def normalize_storage_type(storage_type):
    """The storage class itself: PyTorch has the GPU's under other names."""
    return storage_type

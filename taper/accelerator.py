"""`taper.accelerator`: the accelerator of this machine, whatever its kind. There is none: `is_available()` is False."""

from __future__ import annotations

from .backends.absent import refusing


def _none() -> Exception:
    return RuntimeError("Cannot access accelerator device when none is available. Use device='cpu'.")


def is_available() -> bool:
    """Whether there is an accelerator: False."""
    return False


def device_count() -> int:
    """The number of accelerators: 0."""
    return 0


def current_accelerator(check_available: bool = False) -> None:
    """The accelerator's device: None."""


class device_index:
    """A scope in which an accelerator of this number is the current one. RuntimeError without accelerators.

    None as the number changes nothing.
    """

    def __init__(self, device: int | None):
        self.idx = device

    def __enter__(self) -> None:
        if self.idx is not None:
            raise _none()

    def __exit__(self, *error) -> None:
        pass


current_device_index = current_device_idx = refusing("current_device_index", _none)
set_device_index = set_device_idx = refusing("set_device_index", _none)
current_stream = refusing("current_stream", _none)
set_stream = refusing("set_stream", _none)
synchronize = refusing("synchronize", _none)
empty_cache = refusing("empty_cache", _none)
get_memory_info = refusing("get_memory_info", _none)
memory_stats = refusing("memory_stats", _none)
memory_allocated = refusing("memory_allocated", _none)
memory_reserved = refusing("memory_reserved", _none)
max_memory_allocated = refusing("max_memory_allocated", _none)
max_memory_reserved = refusing("max_memory_reserved", _none)
reset_peak_memory_stats = refusing("reset_peak_memory_stats", _none)

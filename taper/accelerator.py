"""`taper.accelerator`: the accelerator of this machine, whatever its kind: a GPU of NVIDIA's, or none.

Without one `is_available()` is False, and what needs one raises RuntimeError.
"""

from __future__ import annotations

from typing import Any

from .backends.absent import needing
from .backends.cuda import driver
from .backends.device import device


def _none() -> Exception:
    return RuntimeError("Cannot access accelerator device when none is available. Use device='cpu'.")


def _of_cuda(name: str):
    """The function of `taper.cuda` that answers for the accelerator, found when it is called: that room is above this one."""

    @needing(driver.count, _none)
    def call(*args: Any, **kwargs: Any):
        from importlib import import_module

        return getattr(import_module("taper.cuda"), name)(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`taper.cuda.{name}`. RuntimeError without an accelerator."
    return call


def is_available() -> bool:
    """Whether there is an accelerator."""
    return driver.count() > 0


def device_count() -> int:
    """The number of accelerators."""
    return driver.count()


def current_accelerator(check_available: bool = False) -> device | None:
    """The accelerator's kind as a device without a number: cuda, or None where there is none."""
    return device("cuda") if driver.count() else None


class device_index:
    """A scope in which an accelerator of this number is the current one. RuntimeError without accelerators.

    None as the number changes nothing.
    """

    def __init__(self, device: int | None):
        self.idx = device
        self._scope: Any = None

    def __enter__(self) -> None:
        if self.idx is not None:
            if not driver.count():
                raise _none()
            self._scope = driver.on(driver.place(device("cuda", self.idx)))
            self._scope.__enter__()

    def __exit__(self, *error) -> None:
        if self._scope is not None:
            self._scope.__exit__(*error)


current_device_index = current_device_idx = _of_cuda("current_device")
set_device_index = set_device_idx = _of_cuda("set_device")
current_stream = _of_cuda("current_stream")
set_stream = _of_cuda("set_stream")
synchronize = _of_cuda("synchronize")
empty_cache = _of_cuda("empty_cache")
get_memory_info = _of_cuda("mem_get_info")
memory_stats = _of_cuda("memory_stats")
memory_allocated = _of_cuda("memory_allocated")
memory_reserved = _of_cuda("memory_reserved")
max_memory_allocated = _of_cuda("max_memory_allocated")
max_memory_reserved = _of_cuda("max_memory_reserved")
reset_peak_memory_stats = _of_cuda("reset_peak_memory_stats")

"""`taper.mtia`: what programs ask of Meta's accelerators, which Taper does not use: `is_available()` is False."""

from __future__ import annotations

from .backends.absent import refusing


def _none() -> Exception:
    return RuntimeError("Cannot execute this without MTIA backend: Taper has no tensors on mtia. Use device='cpu'.")


def is_available() -> bool:
    """Whether tensors can be on an MTIA device: False."""
    return False


def device_count() -> int:
    """The number of MTIA devices: 0."""
    return 0


current_device = refusing("current_device", _none)
set_device = refusing("set_device", _none)
synchronize = refusing("synchronize", _none)
empty_cache = refusing("empty_cache", _none)

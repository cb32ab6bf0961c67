"""`taper.mps`: what programs ask of Apple's GPUs, which Taper does not use: `is_available()` is False."""

from __future__ import annotations

from .backends.absent import refusing, silent


def _none() -> Exception:
    return RuntimeError("Cannot execute this without MPS backend: Taper has no tensors on mps. Use device='cpu'.")


def is_available() -> bool:
    """Whether tensors can be on an Apple GPU: False."""
    return False


def device_count() -> int:
    """The number of Apple GPUs: 0."""
    return 0


manual_seed = silent("manual_seed")
synchronize = refusing("synchronize", _none)
empty_cache = refusing("empty_cache", _none)
seed = refusing("seed", _none)
get_rng_state = refusing("get_rng_state", _none)
set_rng_state = refusing("set_rng_state", _none)
current_allocated_memory = refusing("current_allocated_memory", _none)
driver_allocated_memory = refusing("driver_allocated_memory", _none)
recommended_max_memory = refusing("recommended_max_memory", _none)
set_per_process_memory_fraction = refusing("set_per_process_memory_fraction", _none)

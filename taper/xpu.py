"""`taper.xpu`: what programs ask of Intel's GPUs, which Taper does not use: `is_available()` is False."""

from __future__ import annotations

from .backends.absent import refusing, silent


def _none() -> Exception:
    return AssertionError("Torch not compiled with XPU enabled: Taper has no tensors on xpu. Use device='cpu'.")


def is_available() -> bool:
    """Whether tensors can be on an Intel GPU: False."""
    return False


def device_count() -> int:
    """The number of Intel GPUs: 0."""
    return 0


is_initialized = silent("is_initialized", False)
is_bf16_supported = silent("is_bf16_supported", False)
manual_seed = silent("manual_seed")
manual_seed_all = silent("manual_seed_all")
seed = silent("seed")
seed_all = silent("seed_all")
empty_cache = silent("empty_cache")
memory_allocated = silent("memory_allocated", 0)
memory_reserved = silent("memory_reserved", 0)
max_memory_allocated = silent("max_memory_allocated", 0)
max_memory_reserved = silent("max_memory_reserved", 0)
reset_peak_memory_stats = silent("reset_peak_memory_stats")
current_device = refusing("current_device", _none)
set_device = refusing("set_device", _none)
synchronize = refusing("synchronize", _none)
init = refusing("init", _none)
current_stream = refusing("current_stream", _none)
get_device_name = refusing("get_device_name", _none)
get_device_properties = refusing("get_device_properties", _none)
get_device_capability = refusing("get_device_capability", _none)
get_rng_state = refusing("get_rng_state", _none)
set_rng_state = refusing("set_rng_state", _none)
mem_get_info = refusing("mem_get_info", _none)


def get_rng_state_all() -> list:
    """The states of all Intel GPUs' generators: none."""
    return []


def set_rng_state_all(new_states) -> None:
    """Continue the generators: nothing to do for no states. AssertionError for others."""
    for _ in new_states:
        raise _none()

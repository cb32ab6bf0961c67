"""`taper.cuda`: what programs ask of GPUs. This installation has none: `is_available()` is False.

What needs a device raises AssertionError with the way out; what programs call in passing does nothing.
"""

from __future__ import annotations

from collections import OrderedDict

from ..backends.absent import refusing, silent
from ..backends.device import device as _device
from ..errors import OutOfMemoryError
from ..tensor.factory import unavailable
from ..tensor.random import fork_rng


def _no_gpu() -> Exception:
    return unavailable(_device("cuda"))


def is_available() -> bool:
    """Whether tensors can be on a GPU: False."""
    return False


def device_count() -> int:
    """The number of GPUs: 0."""
    return 0


def is_initialized() -> bool:
    """Whether a GPU has been used: False."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether a GPU computes in bfloat16: False."""
    return False


def is_tf32_supported() -> bool:
    """Whether a GPU computes in TF32: False."""
    return False


def get_arch_list() -> list[str]:
    """The kinds of GPU that this installation can compute on: none."""
    return []


def get_gencode_flags() -> str:
    """The compiler's flags for GPUs: empty."""
    return ""


def get_rng_state_all() -> list:
    """The states of all GPUs' generators: none."""
    return []


def set_rng_state_all(new_states) -> None:
    """Continue the GPUs' generators: nothing to do for no states. AssertionError for others."""
    for _ in new_states:
        raise _no_gpu()


def memory_stats(*args) -> OrderedDict:
    """What is known of a GPU's memory: nothing."""
    return OrderedDict()


current_device = refusing("current_device", _no_gpu)
get_device_name = refusing("get_device_name", _no_gpu)
get_device_properties = refusing("get_device_properties", _no_gpu)
get_device_capability = refusing("get_device_capability", _no_gpu)
set_device = refusing("set_device", _no_gpu)
synchronize = refusing("synchronize", _no_gpu)
init = refusing("init", _no_gpu)
initial_seed = refusing("initial_seed", _no_gpu)
get_rng_state = refusing("get_rng_state", _no_gpu)
set_rng_state = refusing("set_rng_state", _no_gpu)
mem_get_info = refusing("mem_get_info", _no_gpu)
memory_summary = refusing("memory_summary", _no_gpu)
memory_snapshot = refusing("memory_snapshot", _no_gpu)
current_stream = refusing("current_stream", _no_gpu)
default_stream = refusing("default_stream", _no_gpu)
current_blas_handle = refusing("current_blas_handle", _no_gpu)
cudart = refusing("cudart", _no_gpu)
utilization = refusing("utilization", _no_gpu)
can_device_access_peer = refusing("can_device_access_peer", _no_gpu)
set_per_process_memory_fraction = refusing("set_per_process_memory_fraction", _no_gpu)
make_graphed_callables = refusing("make_graphed_callables", _no_gpu)
ipc_collect = refusing("ipc_collect", _no_gpu)
is_current_stream_capturing = silent("is_current_stream_capturing", False)
manual_seed = silent("manual_seed")
manual_seed_all = silent("manual_seed_all")
seed = silent("seed")
seed_all = silent("seed_all")
empty_cache = silent("empty_cache")
memory_allocated = silent("memory_allocated", 0)
memory_reserved = memory_cached = silent("memory_reserved", 0)
max_memory_allocated = silent("max_memory_allocated", 0)
max_memory_reserved = max_memory_cached = silent("max_memory_reserved", 0)
reset_peak_memory_stats = silent("reset_peak_memory_stats")
reset_accumulated_memory_stats = silent("reset_accumulated_memory_stats")
reset_max_memory_allocated = silent("reset_max_memory_allocated")
reset_max_memory_cached = silent("reset_max_memory_cached")


def _tensor_class(word: str):
    def refuse(cls, *args, **kwargs):
        raise TypeError(
            f"type torch.cuda.{word}Tensor not available. Torch not compiled with CUDA enabled: use taper.{word}Tensor"
        )

    return type(f"{word}Tensor", (), {"__new__": refuse, "__doc__": f"GPU tensors of a dtype: none exist ({word})."})


FloatTensor, DoubleTensor, HalfTensor = map(_tensor_class, ("Float", "Double", "Half"))
LongTensor, IntTensor, ShortTensor = map(_tensor_class, ("Long", "Int", "Short"))
ByteTensor, CharTensor, BoolTensor = map(_tensor_class, ("Byte", "Char", "Bool"))
BFloat16Tensor = _tensor_class("BFloat16")

from . import memory, nccl, nvtx, profiler, streams
from .streams import CUDAGraph, Event, Stream, StreamContext, device, device_of, graph, set_stream, stream


def __getattr__(name: str):
    # Mixed precision is a room of its own, opened when asked for.
    if name == "amp":
        from importlib import import_module

        return import_module(f"{__name__}.amp")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")

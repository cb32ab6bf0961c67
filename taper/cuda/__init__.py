"""`taper.cuda`: what programs ask of GPUs.

Where none can be used `is_available()` is False, what needs a device raises AssertionError with the way out, and what
programs call in passing does nothing. Nothing of CuPy is imported before a GPU is asked for.
"""

from __future__ import annotations

from ..backends.absent import refusing
from ..backends.cuda import driver as _driver
from ..errors import OutOfMemoryError
from ..tensor.random import fork_rng
from . import devices, memory, nccl, nvtx, profiler, random, streams
from .devices import (
    can_device_access_peer,
    cudart,
    current_blas_handle,
    current_device,
    device_count,
    get_arch_list,
    get_device_capability,
    get_device_name,
    get_device_properties,
    get_gencode_flags,
    init,
    ipc_collect,
    is_available,
    is_bf16_supported,
    is_initialized,
    is_tf32_supported,
    set_device,
    synchronize,
    utilization,
)
from .memory import *
from .random import (
    get_rng_state,
    get_rng_state_all,
    initial_seed,
    manual_seed,
    manual_seed_all,
    seed,
    seed_all,
    set_rng_state,
    set_rng_state_all,
)
from .streams import (
    CUDAGraph,
    Event,
    ExternalStream,
    Stream,
    StreamContext,
    current_stream,
    default_stream,
    device,
    device_of,
    graph,
    set_stream,
    stream,
)

make_graphed_callables = refusing(
    "make_graphed_callables",
    lambda: (
        NotImplementedError("make_graphed_callables: use taper.compile, which makes one program of a step.")
        if _driver.count()
        else _driver.unavailable()
    ),
)


def is_current_stream_capturing() -> bool:
    """Whether the current stream's work is being recorded."""
    return bool(_driver.count()) and current_stream()._stream.is_capturing()


def _tensor_class(word: str):
    def make(cls, *args, **kwargs):
        if not _driver.count():
            raise TypeError(
                f"type torch.cuda.{word}Tensor not available. Torch not compiled with CUDA enabled: use "
                f"taper.{word}Tensor"
            )
        from .. import tensor

        return getattr(tensor, f"{word}Tensor")(*args, **kwargs).cuda()

    return type(f"{word}Tensor", (), {"__new__": make, "__doc__": f"Tensors of a dtype on a GPU ({word})."})


FloatTensor, DoubleTensor, HalfTensor = map(_tensor_class, ("Float", "Double", "Half"))
LongTensor, IntTensor, ShortTensor = map(_tensor_class, ("Long", "Int", "Short"))
ByteTensor, CharTensor, BoolTensor = map(_tensor_class, ("Byte", "Char", "Bool"))
BFloat16Tensor = _tensor_class("BFloat16")


def __getattr__(name: str):
    # Mixed precision is a room of its own, opened when asked for.
    if name == "amp":
        from importlib import import_module

        return import_module(f"{__name__}.amp")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")

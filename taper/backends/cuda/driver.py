"""CuPy, imported when a GPU is first asked for, and the devices that it finds."""

# CuPy is not there where types are checked.
# pyright: reportMissingImports=false

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy

from ..device import device

INSTALL = "pip install taper[cuda]"

TF32 = [False]
"""Whether products of float32 may be computed in TF32."""

ATTENTION = {"flash": True, "mem_efficient": True, "math": True, "cudnn": True}
"""Which of PyTorch's implementations of attention are allowed; cuDNN's kernels stand for all but "math"."""


def fused_attention() -> bool:
    """Whether attention may be computed by fused kernels."""
    return ATTENTION["flash"] or ATTENTION["mem_efficient"] or ATTENTION["cudnn"]


def apply_tf32() -> None:
    """Tell CuPy, if it is there already, whether products may be computed in TF32."""
    if f"{__package__}.arrays" in sys.modules:
        from cupy._core import set_compute_type
        from cupy._core._routines_linalg import COMPUTE_TYPE_DEFAULT, COMPUTE_TYPE_TF32

        set_compute_type(numpy.float32, COMPUTE_TYPE_TF32 if TF32[0] else COMPUTE_TYPE_DEFAULT)


def installed() -> bool:
    """Whether CuPy can be imported. It is not imported for this."""
    if "cupy" in sys.modules:
        return True
    found = find_spec("cupy")
    # A folder of that name that happens to be on the path is no CuPy.
    return found is not None and found.origin is not None


def library():
    """CuPy itself. AssertionError where it is not installed."""
    if not installed():
        raise unavailable()
    import cupy

    return cupy


def count() -> int:
    """The number of GPUs that can be used: 0 without CuPy, a driver or a device."""
    if not installed():
        return 0
    import cupy

    try:
        return cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError:
        return 0


def in_use() -> bool:
    """Whether a GPU has been asked for."""
    return f"{__package__}.arrays" in sys.modules


def unavailable() -> AssertionError:
    """The error for a GPU that is wanted where none can be used. It says which of both is missing."""
    missing = "it has CuPy, but no driver with a device" if installed() else f"CuPy is not installed ({INSTALL})"
    return AssertionError(
        f"Torch not compiled with CUDA enabled: Taper found no usable GPU: {missing}. Use device='cpu', or choose by "
        "taper.cuda.is_available()."
    )


def namespace() -> ModuleType:
    """The functions of arrays on GPUs. AssertionError where there is none."""
    found = sys.modules.get(f"{__package__}.arrays")
    if found is None:
        if not count():
            raise unavailable()
        found = importlib.import_module(f"{__package__}.arrays")
        if TF32[0]:
            apply_tf32()
    return found


def current() -> int:
    """The number of the current GPU."""
    import cupy

    return cupy.cuda.Device().id


def place(where: device) -> device:
    """A GPU with its number. AssertionError where there is none, RuntimeError for a number beyond those there are."""
    namespace()
    index = current() if where.index is None else where.index
    if not 0 <= index < count():
        raise RuntimeError(
            f"CUDA error: invalid device ordinal. There is no cuda:{index}: the GPUs are 0 to {count() - 1}."
        )
    return device("cuda", index)


def on(where: device):
    """The scope in which a GPU is the current one."""
    import cupy

    return cupy.cuda.Device(where.index)


def to_device(array, where: device, non_blocking: bool = False):
    """A copy of an array, of the CPU's or of another GPU's, on a GPU.

    non_blocking: of pinned memory, the copy is only ordered, and runs beside what the CPU does next.
    """
    import cupy

    with on(where):
        if non_blocking and isinstance(array, numpy.ndarray) and is_pinned(array) and array.flags.c_contiguous:
            return _beside_other_work(array)
        return cupy.array(array, order="K", blocking=True)


_under_way: list[tuple] = []
"""(mark in the stream, source) of copies that may not be finished: until then the source must stay."""


def keep_for(array, stream) -> None:
    """Keep an array until a stream has done what is in it now."""
    import cupy

    _under_way[:] = [(mark, held) for mark, held in _under_way if not mark.done]
    _under_way.append((stream.record(cupy.cuda.Event(disable_timing=True)), array))


def _beside_other_work(array: numpy.ndarray):
    """A copy of pinned memory that the GPU makes while the CPU goes on."""
    import cupy

    made = cupy.empty(array.shape, dtype=array.dtype)
    stream = cupy.cuda.get_current_stream()
    made.set(array, stream=stream)
    keep_for(array, stream)
    return made


def to_host(array, non_blocking: bool = False):
    """A copy of a GPU's array as NumPy's. non_blocking: wait for the device before reading it."""
    with array.data.device:
        return array.get(order="A", blocking=not non_blocking)


def stream(seed: int, where: device):
    """A stream of random numbers on a GPU."""
    from .philox import PhiloxStream

    return PhiloxStream(seed, where.index)


def pinned(array: numpy.ndarray) -> numpy.ndarray:
    """A copy of NumPy's array in memory that GPUs read by themselves."""
    import cupyx

    made = cupyx.empty_like_pinned(array)
    made[...] = array
    return made


def is_pinned(array: numpy.ndarray) -> bool:
    """Whether an array looks at memory that `pinned` made."""
    cupy = sys.modules.get("cupy")
    owner: Any = array
    while isinstance(owner, numpy.ndarray):
        owner = owner.base
    held = owner.obj if isinstance(owner, memoryview) else owner
    return cupy is not None and isinstance(held, cupy.cuda.PinnedMemoryPointer)


def from_dlpack(tensor):
    """Another library's array on a GPU, sharing its memory."""
    namespace()
    import cupy

    return cupy.from_dlpack(tensor)


def seen(memory, shape: tuple, dtype, start: int, strides: tuple):
    """A view of bytes on a GPU by shape, element type, start and strides in bytes."""
    import cupy

    return cupy.ndarray(shape, dtype, memptr=memory.data + start, strides=strides)


_watch: list = []


def watch_memory(grown) -> None:
    """Call grown(number of the GPU) after each allocation of CuPy's pool, from now on in this thread."""
    import cupy

    if _watch:
        return

    class Watch(cupy.cuda.MemoryHook):
        name = "taper"

        def malloc_postprocess(self, **facts):
            grown(facts["device_id"])

    _watch.append(Watch())
    _watch[0].__enter__()


def is_out_of_memory(error: MemoryError) -> bool:
    """Whether it is a GPU's memory that did not suffice."""
    cupy = sys.modules.get("cupy")
    return cupy is not None and isinstance(error, cupy.cuda.memory.OutOfMemoryError)

"""The GPUs of this machine: how many, which is current, what they can."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

from ..backends.absent import needing
from ..backends.cuda import driver
from ..backends.device import device as _device

with_gpu = needing(driver.count, driver.unavailable)


def is_available() -> bool:
    """Whether tensors can be on a GPU: CuPy is installed and finds a driver with a device."""
    return driver.count() > 0


def device_count() -> int:
    """The number of GPUs."""
    return driver.count()


def is_initialized() -> bool:
    """Whether a GPU has been used."""
    return f"{driver.__package__}.arrays" in sys.modules


@with_gpu
def init() -> None:
    """Load what GPUs need now, rather than with the first tensor. AssertionError without a GPU."""
    driver.namespace()


def number_of(device: Any = None) -> int:
    """The number of the GPU meant by a device, a name, a number, or None for the current one."""
    if device is None:
        return driver.current()
    found = _device(device)
    if found.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {found}")
    return driver.place(found).index


@with_gpu
def current_device() -> int:
    """The number of the current GPU."""
    return driver.current()


@with_gpu
def set_device(device: Any) -> None:
    """Make a GPU the current one. A negative number changes nothing."""
    if not isinstance(device, int) or device >= 0:
        driver.on(_device("cuda", number_of(device))).use()


@with_gpu
def synchronize(device: Any = None) -> None:
    """Wait until a GPU has done all its work."""
    with driver.on(_device("cuda", number_of(device))) as found:
        found.synchronize()


class DeviceProperties(SimpleNamespace):
    """What is known of a GPU: `name`, `major` and `minor`, `total_memory` in bytes, `multi_processor_count`, ..."""


@with_gpu
def get_device_properties(device: Any = None) -> DeviceProperties:
    """What is known of a GPU."""
    cupy = driver.library()

    facts = cupy.cuda.runtime.getDeviceProperties(number_of(device))
    return DeviceProperties(
        name=facts["name"].decode(),
        major=facts["major"],
        minor=facts["minor"],
        total_memory=facts["totalGlobalMem"],
        multi_processor_count=facts["multiProcessorCount"],
        warp_size=facts["warpSize"],
        max_threads_per_multi_processor=facts["maxThreadsPerMultiProcessor"],
        regs_per_multiprocessor=facts["regsPerMultiprocessor"],
        shared_memory_per_block=facts["sharedMemPerBlock"],
        shared_memory_per_multiprocessor=facts["sharedMemPerMultiprocessor"],
        L2_cache_size=facts["l2CacheSize"],
        is_integrated=facts["integrated"],
        is_multi_gpu_board=facts["isMultiGpuBoard"],
        gcnArchName=facts["name"].decode(),
    )


@with_gpu
def get_device_name(device: Any = None) -> str:
    """A GPU's name."""
    return get_device_properties(device).name


@with_gpu
def get_device_capability(device: Any = None) -> tuple[int, int]:
    """A GPU's compute capability: (major, minor)."""
    found = get_device_properties(device)
    return found.major, found.minor


@with_gpu
def can_device_access_peer(device: Any, peer_device: Any) -> bool:
    """Whether one GPU can read another's memory."""
    cupy = driver.library()

    return bool(cupy.cuda.runtime.deviceCanAccessPeer(number_of(device), number_of(peer_device)))


@with_gpu
def current_blas_handle() -> int:
    """cuBLAS's handle of the current GPU."""
    cupy = driver.library()

    return cupy.cuda.Device().cublas_handle


@with_gpu
def cudart():
    """CUDA's runtime, as CuPy has it."""
    cupy = driver.library()

    return cupy.cuda.runtime


@with_gpu
def utilization(device: Any = None) -> int:
    """How busy a GPU is. Taper does not ask NVIDIA's management library: use nvidia-smi."""
    raise ModuleNotFoundError("pynvml does not seem to be installed or it can't be imported. Use nvidia-smi.")


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether a GPU computes in bfloat16: from compute capability 8.0 on, or slowly by float32."""
    return is_available() and (including_emulation or get_device_capability() >= (8, 0))


def is_tf32_supported() -> bool:
    """Whether a GPU computes in TF32: from compute capability 8.0 on."""
    return is_available() and get_device_capability() >= (8, 0)


def get_arch_list() -> list[str]:
    """The kinds of GPU that this machine has."""
    return sorted({"sm_{}{}".format(*get_device_capability(i)) for i in range(device_count())})


def get_gencode_flags() -> str:
    """The compiler's flags for this machine's GPUs."""
    return " ".join(f"-gencode compute=compute_{a.removeprefix('sm_')},code={a}" for a in get_arch_list())


def ipc_collect() -> None:
    """Nothing to do: no memory of GPUs is shared between processes."""
    if not is_available():
        raise driver.unavailable()

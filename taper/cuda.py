"""`taper.cuda`: what programs ask of GPUs. This installation has none: `is_available()` is False.

What needs a device raises AssertionError with the way out; what programs call in passing does nothing.
"""

from __future__ import annotations

from .backends.device import device as _device
from .tensor.factory import unavailable


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


def current_device() -> int:
    """The number of the GPU in use. AssertionError without one."""
    raise unavailable(_device("cuda"))


def get_device_name(device=None) -> str:
    """A GPU's name. AssertionError without one."""
    raise unavailable(_device("cuda"))


def get_device_properties(device=None):
    """A GPU's properties. AssertionError without one."""
    raise unavailable(_device("cuda"))


def set_device(device) -> None:
    """Use a GPU. AssertionError without one."""
    raise unavailable(_device("cuda"))


def synchronize(device=None) -> None:
    """Wait for a GPU. AssertionError without one."""
    raise unavailable(_device("cuda"))


def manual_seed(seed: int) -> None:
    """Seed the GPU's stream: nothing to do."""


def manual_seed_all(seed: int) -> None:
    """Seed all GPUs' streams: nothing to do."""


def empty_cache() -> None:
    """Give back unused GPU memory: nothing to do."""


def memory_allocated(device=None) -> int:
    """Bytes of GPU memory in use: 0."""
    return 0


def max_memory_allocated(device=None) -> int:
    """The most bytes of GPU memory that were in use: 0."""
    return 0


def reset_peak_memory_stats(device=None) -> None:
    """Forget the most memory that was in use: nothing to do."""


class _AbsentType(type):
    """The class of a GPU's legacy tensor classes: no tensor is an instance of one, and none can be made."""

    def __instancecheck__(cls, obj) -> bool:
        return False

    def __call__(cls, *args, **options):
        raise TypeError(
            f"type {cls.__module__}.{cls.__name__} not available: this Taper has no GPU. Use torch.{cls.__name__}."
        )


def _absent(name: str) -> _AbsentType:
    return _AbsentType(name, (), {"__module__": "torch.cuda", "__doc__": "Tensors on a GPU: there are none."})


FloatTensor, DoubleTensor, HalfTensor, BFloat16Tensor = map(
    _absent, ("FloatTensor", "DoubleTensor", "HalfTensor", "BFloat16Tensor")
)
ByteTensor, CharTensor, ShortTensor = map(_absent, ("ByteTensor", "CharTensor", "ShortTensor"))
IntTensor, LongTensor, BoolTensor = map(_absent, ("IntTensor", "LongTensor", "BoolTensor"))

"""Settings of PyTorch's checkpoints, as they are in Taper: NotImplementedError for another value."""

from __future__ import annotations

from typing import Any


class _Settled:
    """Settings that can be read, and set to what they are."""

    def __init__(self, **settings: Any):
        self.__dict__.update(settings)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.__dict__:
            raise AttributeError(f"there is no setting '{name}': they are {', '.join(self.__dict__)}")
        if value != self.__dict__[name]:
            raise NotImplementedError(
                f"{name} = {value!r} is not part of Taper, whose checkpoints have {name} = {self.__dict__[name]!r}."
            )


load = _Settled(mmap=False, endianness=None, mmap_flags=2, calculate_storage_offsets=False)
save = _Settled(compute_crc32=True, use_pinned_memory_for_d2h=False, storage_alignment=64)

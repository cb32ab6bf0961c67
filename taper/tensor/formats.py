"""Layouts and memory formats: names that programs pass around. Taper's tensors are all strided."""

from __future__ import annotations


class layout:
    """How elements are stored; `taper.strided` is the layout of every tensor."""

    __slots__ = ("name",)

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self):
        return self.name


class memory_format(layout):
    """The order of dimensions in memory, as `clone` and `contiguous` take it."""

    __slots__ = ()


strided = layout("strided")
sparse_coo = layout("sparse_coo")
sparse_csr = layout("sparse_csr")
sparse_csc = layout("sparse_csc")
sparse_bsr = layout("sparse_bsr")
sparse_bsc = layout("sparse_bsc")
jagged = layout("jagged")

preserve_format = memory_format("preserve_format")
contiguous_format = legacy_contiguous_format = memory_format("contiguous_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")

RANKS = {channels_last: 4, channels_last_3d: 5}
"""The dimensions of the tensors that these formats are for."""


def check_memory_format(value) -> None:
    """TypeError for what is no memory format."""
    if not isinstance(value, memory_format):
        raise TypeError(f"argument 'memory_format' must be torch.memory_format, not {value.__class__.__name__}")


__all__ = [
    "layout",
    "memory_format",
    "strided",
    "sparse_coo",
    "sparse_csr",
    "sparse_csc",
    "sparse_bsr",
    "sparse_bsc",
    "jagged",
    "preserve_format",
    "contiguous_format",
    "legacy_contiguous_format",
    "channels_last",
    "channels_last_3d",
]

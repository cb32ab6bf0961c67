"""`torch.utils.cpp_extension`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ..refusal import room

_INSTEAD = "Taper has no C++: write a function over tensors, which taper.compile fuses into machine code."

__getattr__ = room(
    __name__,
    _INSTEAD,
    (
        "BuildExtension",
        "CUDAExtension",
        "CUDA_HOME",
        "CppExtension",
        "load",
        "load_inline",
    ),
)

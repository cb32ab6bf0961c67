"""`torch.onnx.operators`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ..refusal import room

_INSTEAD = "Save a state dict with taper.save or taper.serialization.safetensors and export it with PyTorch."

__getattr__ = room(
    __name__,
    _INSTEAD,
    (
        "reshape_from_tensor_shape",
        "shape_as_tensor",
    ),
)

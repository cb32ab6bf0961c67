"""`torch.onnx`, which is not part of Taper: its names can be imported, and say what to use instead."""

from __future__ import annotations

from ..refusal import room

_INSTEAD = "Save a state dict with taper.save or taper.serialization.safetensors and export it with PyTorch."

_ROOMS = (
    "operators",
    "symbolic_helper",
    "symbolic_opset11",
)
_find = room(
    __name__,
    _INSTEAD,
    (
        "ONNXProgram",
        "OperatorExportTypes",
        "TensorProtoDataType",
        "TrainingMode",
        "export",
        "register_custom_op_symbolic",
    ),
)


def __getattr__(name: str):
    if name in _ROOMS:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    return _find(name)


def is_in_onnx_export() -> bool:
    """Whether a model is being exported: False."""
    return False

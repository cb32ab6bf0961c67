"""Names of PyTorch's C++ module that programs use: streams, parsing of `to`'s arguments; the rest is left out."""

from __future__ import annotations

from typing import Any

from .. import cpu
from ..backends.device import device as _device
from ..dtypes import dtype as dtype
from ..errors import _LinAlgError as _LinAlgError
from ..refusal import refused
from ..tensor.core import Tensor as TensorBase
from ..tensor.size import Size as Size
from . import _nn as _nn

_TensorBase = TensorBase
_JIT = "Taper has no TorchScript and no graph of one: programs are compiled by taper.compile."
_FILES = "Use taper.save and taper.load."
_QUANTIZED = "Taper does not quantize: compute in float32 or bfloat16."

Node = refused("Node", _JIT)
Graph = refused("Graph", _JIT)
TensorType = refused("TensorType", _JIT)
PyTorchFileReader = refused("PyTorchFileReader", _FILES)
PyTorchFileWriter = refused("PyTorchFileWriter", _FILES)
per_channel_affine = refused("per_channel_affine", _QUANTIZED)
per_channel_symmetric = refused("per_channel_symmetric", _QUANTIZED)
per_tensor_affine = refused("per_tensor_affine", _QUANTIZED)
per_tensor_symmetric = refused("per_tensor_symmetric", _QUANTIZED)


class Stream(cpu.Stream):
    """A queue of a device's work. The CPU's is always empty. RuntimeError for a device that is not there."""

    def __init__(self, device: Any = None, *, priority: int = 0):
        super().__init__(priority)
        self.device = _device("cpu" if device is None else device)
        if self.device.type != "cpu":
            raise RuntimeError(f"no stream of {self.device}: there is no such device. Use device='cpu'.")

    def query(self) -> bool:
        """Whether all work is done: True."""
        return True

    def synchronize(self) -> None:
        """Wait for the work: nothing to do."""

    def __repr__(self) -> str:
        return "torch.Stream device_type=cpu, device_index=-1, stream_id=0"


def get_device_module(device: Any = None) -> Any:
    """The module of a kind of device: `taper.cpu`, `taper.cuda`, ...; the CPU's for None. RuntimeError if there is none."""
    import importlib

    kind = "cpu" if device is None else _device(device).type
    if kind not in ("cpu", "cuda", "mps", "mtia", "xpu"):
        raise RuntimeError(f"Device '{kind}' does not have a corresponding module registered as 'torch.{kind}'.")
    return importlib.import_module(f"taper.{kind}")


def _log_api_usage_once(event: str) -> None:
    """Accepted: nothing is counted."""


def _get_privateuse1_backend_name() -> str:
    """The name of a device that others add: none is added."""
    return "privateuseone"


_has_cuda = has_cuda = _has_mps = _has_xpu = False
has_mkldnn = has_openmp = False

"""Taper: PyTorch's programming model and public API in Python. `import taper as torch` is enough for a program."""

from __future__ import annotations

__version__ = "0.1.0"

from . import dtypes as _dtypes
from .autograd.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .backends.device import device
from .dtypes import (
    bfloat16,
    can_cast,
    complex64,
    complex128,
    dtype,
    finfo,
    float16,
    float32,
    float64,
    get_default_dtype,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    set_default_dtype,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .tensor import *  # noqa: F403
from .tensor import random
from .tensor.size import Size

bool = _dtypes.bool_
half, float, double = float16, float32, float64
short, int, long = int16, int32, int64
cfloat, cdouble = complex64, complex128

from . import autograd, nn, optim, serialization, utils  # noqa: E402
from .serialization import load, save  # noqa: E402
from .tensor import special  # noqa: E402

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
from .tensor import *
from .tensor import random
from .tensor.size import Size
from .tensor.spellings import *

bool = _dtypes.bool_
half, float, double = float16, float32, float64
short, int, long = int16, int32, int64
cfloat, cdouble = complex64, complex128

from . import autograd, backends
from .backends.cpu.large import Native as _Native
from .backends.streams_native import Native as _NativeStreams
from .errors import OutOfMemoryError
from .tensor import special

# These rooms are opened when first asked for, so that `import taper` stays quick.
_ROOMS = (
    *(
        "_C",
        "_dynamo",
        "_higher_order_ops",
        "_inductor",
        "_six",
        "_tensor",
        "_utils",
        "accelerator",
        "amp",
        "ao",
        "classes",
        "compat",
        "compiler",
        "cpu",
        "cuda",
        "distributed",
        "distributions",
    ),
    "export",
    *("fft", "func", "functional", "futures", "fx", "hub", "jit", "library", "linalg", "masked", "mps", "mtia"),
    *(
        "multiprocessing",
        "nested",
        "nn",
        "numa",
        "onnx",
        "optim",
        "overrides",
        "package",
        "profiler",
        "quantization",
        "quasirandom",
    ),
    *("serialization", "signal", "sparse", "testing", "types", "utils", "version", "vision", "viz", "xpu"),
)
_LENT = {"save": "serialization", "load": "serialization"}
_LENT |= dict.fromkeys(("compile", "explain", "CaptureError"), "compiler")
_LENT |= dict.fromkeys(("load_ipython_extension", "unload_ipython_extension"), "compat")
_LENT |= dict.fromkeys(
    (
        *("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "max_pool1d"),
        *("max_pool2d", "max_pool3d", "avg_pool1d", "adaptive_avg_pool1d", "cosine_similarity", "pairwise_distance"),
        *("pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "pdist", "bilinear", "layer_norm", "group_norm"),
        *("conv_tbc",),
    ),
    "nn.functional",
)
_LENT |= dict.fromkeys(
    (
        *("autocast", "clear_autocast_cache", "get_autocast_cpu_dtype", "get_autocast_dtype", "get_autocast_gpu_dtype"),
        *("is_autocast_cache_enabled", "is_autocast_cpu_enabled", "is_autocast_enabled", "set_autocast_cache_enabled"),
        *("set_autocast_cpu_dtype", "set_autocast_cpu_enabled", "set_autocast_dtype", "set_autocast_enabled"),
        "set_autocast_gpu_dtype",
    ),
    "amp.autocast_mode",
)
_LENT |= {"GradScaler": "amp", "vmap": "func", "Future": "futures", "fork": "jit", "wait": "jit"}
_LENT |= {"ScriptModule": "jit", "cond": "_higher_order_ops"}
_LENT |= dict.fromkeys(
    (
        *("get_device_module", "Stream", "Node", "PyTorchFileReader", "PyTorchFileWriter", "TensorType"),
        *("per_channel_affine", "per_channel_symmetric", "per_tensor_affine", "per_tensor_symmetric"),
    ),
    "_C",
)
_LENT |= {"spmm": "sparse", "dsmm": "sparse", "hspmm": "sparse"}
_LENT |= {"is_anomaly_enabled": "autograd"}
_LENT |= dict.fromkeys(("adaptive_max_pool1d", "constant_pad_nd", "conv_tbc", "rms_norm", "rrelu"), "nn.functional")
_LENT["native_channel_shuffle"] = "nn.functional"
_LENT |= dict.fromkeys(
    (
        *("alpha_dropout", "batch_norm", "dropout", "embedding", "feature_alpha_dropout", "grid_sampler"),
        *("grid_sampler_2d", "grid_sampler_3d", "instance_norm", "native_batch_norm", "native_dropout"),
        *("native_group_norm", "native_layer_norm"),
    ),
    "nn.functional.native",
)


_NATIVE = (
    *("run", "elementwise", "rows", "update", "update_way"),
    *("recurrence", "recurrence_grad", "attention", "attention_grad"),
)


def _lend_natively(which: str):
    """The first large array asks for the compiler; until then it is not imported."""

    def first(*args):
        from importlib import import_module

        if import_module(f"{__name__}.compiler.engine").native_available():
            import_module(f"{__name__}.compiler.operators").lend()
        else:
            for name in _NATIVE:
                setattr(_Native, name, None)
        lent = getattr(_Native, which)
        return NotImplemented if lent is None else lent(*args)

    return first


for _which in _NATIVE:
    setattr(_Native, _which, _lend_natively(_which))


def _lend_streams():
    """Many random numbers ask for machine code, which needs no compiler."""
    from importlib import import_module
    from importlib.util import find_spec

    found = import_module(f"{__name__}.native.streams") if find_spec("llvmlite") else None
    _NativeStreams.kernels = found if found is not None and found.readable() else None
    _NativeStreams.load = None


_NativeStreams.load = _lend_streams


def __getattr__(name: str):
    from importlib import import_module

    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    if name in _dtypes.ABSENT or name == "chalf":
        return _dtypes.ABSENT["complex32" if name == "chalf" else name]
    if name in _LENT:
        found = getattr(import_module(f"{__name__}.{_LENT[name]}"), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module 'taper' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS, *_LENT})

"""The GPU's array namespace: CuPy under the array API's names, and what CuPy lacks.

Kernels that are plain array code are the CPU's (`portable.py`). What there is NumPy's own way is written here for CuPy.
Importing this needs CuPy and a device; `driver.namespace()` does it when a GPU is first asked for.
"""

# CuPy is not there where types are checked.
# pyright: reportMissingImports=false

from __future__ import annotations

import sys

import cupy
from cupyx.scipy import special as _special

from .. import NAMESPACES, ON_GPUS
from .. import transfer as _transfer
from ..cpu import large as _large
from ..device import device as _device
from ..portable import Portable as _Portable
from . import (
    choosing,
    cudnn_attention,
    cudnn_convolution,
    elementwise,
    indexing,
    library,
    linear,
    reduce,
    resampling,
    updates,
    views,
)

_EVERYTHING = 1 << 62  # of what the CPU takes in blocks for its caches


def _never(*arguments) -> bool:
    """Whether a native program of the CPU's pays."""
    return False


_portable = _Portable(
    library,
    instead={"elementwise": elementwise, "large": _large, "resampling": resampling},
    better={
        "attention": {"_pays": _never},
        "products": {"_native": _never},
        "recurrence": {"_pays": _never, "_xp": sys.modules[__name__]},
        "choosing": {"where": choosing.where, "kept": choosing.kept, "dropped": choosing.dropped},
        "convolution": {"BLOCK_BYTES": 1 << 28},
        "cross_entropy": {"FEW": 0},
        # Constants that the CPU keeps would stay on the device that was current when they were made.
        "error_functions": {"erf": _special.erf, "erfc": _special.erfc},
        "indexing": {
            **{name: getattr(indexing, name) for name in ("take_at", "add_at", "put_at", "write_at", "add_rows")},
            "_add_flat": indexing.add_flat,
        },
        "linear": {"column_sums": reduce.column_sums},
        "normalization": {"_row_sums": reduce.row_sums, "channel_sums": reduce.channel_sums},
        "pooling": {"BLOCK": _EVERYTHING},
        "reduce": {
            name: getattr(reduce, name)
            for name in (
                *("sum", "prod", "max", "min", "any", "all", "argmax", "argmin", "count_nonzero", "broadcast_to"),
            )
        },
        "softmax": {"FEW": 0},
        "views": {"window": views.window, "diagonal_of": views.diagonal_of},
    },
)
# The flat places of classes would be remembered on the device that was current when they were first asked for.
_portable["cross_entropy"]._starts = _portable["cross_entropy"]._starts.__wrapped__

globals().update({name: value for name, value in vars(library).items() if not name.startswith("_")})
for _name in (
    "attention choosing complex conversion convolution counting cross_entropy ctc cumulative fourier incomplete_integrals "
    "indexing linear loss matrices normalization pooling recurrence reduce softmax sorting special symmetric triangular views "
    "windows"
).split():
    _module = _portable[_name]
    globals().update({name: getattr(_module, name) for name in _module.__all__})

conv, conv_input_grad, conv_weight_grad = cudnn_convolution.over(
    *(getattr(_portable["convolution"], name) for name in ("conv", "conv_input_grad", "conv_weight_grad"))
)
attention, attention_grad = cudnn_attention.over(
    *(getattr(_portable["attention"], name) for name in ("attention", "attention_grad"))
)
affine = linear.over(_portable["linear"].affine)
resample, window, moved = resampling.resample, views.window, _transfer.moved
owner, address, whole, seen_as = views.owner, views.address, views.whole, views.seen_as


update = updates.update


HALF = frozenset(("addmm", "attention", "conv", "conv_input_grad", "conv_weight_grad", "linear", "matmul"))
"""Operators that take half precision as it is: products, which cuBLAS and cuDNN add up in float32."""


def erf(x):
    """2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x. CUDA's own function."""
    return _special.erf(x)


def erfc(x):
    """1 - erf(x), exact where that is small. CUDA's own function."""
    return _special.erfc(x)


def on_gpu() -> bool:
    """Whether a GPU computes with these arrays."""
    return True


def device_of(array) -> _device:
    """Where an array is."""
    return _device("cuda", array.data.device_id)


def elsewhere(arrays):
    """The scope in which the GPU of some arrays is the current one; None if it is. RuntimeError for several GPUs."""
    found = None
    for a in arrays:
        if a.__class__ is cupy.ndarray:
            number = a.data.device_id
            if found is None:
                found = number
            elif number != found:
                raise RuntimeError(
                    "Expected all tensors to be on the same device, but found at least two devices, "
                    f"cuda:{found} and cuda:{number}! Move one with .to(device)."
                )
    return None if found is None or found == cupy.cuda.get_device_id() else cupy.cuda.Device(found)


def are_here(arrays: list) -> bool:
    """Whether all arrays among some values are on the current GPU."""
    number = cupy.cuda.get_device_id()
    for a in arrays:
        if a.__class__ is cupy.ndarray and a.data.device_id != number:
            return False
    return True


def brought(value, array):
    """An array, or a number, of the CPU's where another array is."""
    with array.data.device:
        return cupy.asarray(value)


NAMESPACES[cupy.ndarray] = ON_GPUS[cupy.ndarray] = sys.modules[__name__]

"""What all factories share: sizes as arguments or as a sequence, where a tensor goes, whether it requires grad."""

from __future__ import annotations

from operator import index

import numpy as np

from .. import dtypes
from ..autograd.leaves import AccumulateGrad
from ..autograd.tape import Variable, wrap
from ..backends.cuda import driver
from ..backends.device import CPU, Default, device
from ..backends.making import making
from ..backends.transfer import moved
from .formats import strided


def leaf(array: np.ndarray, requires_grad: bool = False, where: device = CPU) -> Variable:
    """A tensor over an array, brought to a device, recording if asked. RuntimeError for an integer type that shall."""
    if where is not CPU:
        array = moved(array, where)
    made = wrap(array if making.constant is None else making.constant(array))
    if requires_grad:
        if array.dtype.kind in "biu":
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        made._node = AccumulateGrad(made)
    return made


def size_of(size: tuple, name: str) -> tuple[int, ...]:
    """A shape given as `f(2, 3)`, `f((2, 3))` or `f([2, 3])`. RuntimeError for a negative size, TypeError for no ints."""
    if len(size) == 1 and not hasattr(size[0], "__index__"):
        size = size[0]
    try:
        shape = tuple([n if n.__class__ is int else _whole(n) for n in size])
    except TypeError:
        kinds = ", ".join(type(n).__name__ for n in size) if isinstance(size, (tuple, list)) else type(size).__name__
        raise TypeError(f"{name}(): argument 'size' must be tuple of ints, but found element of type {kinds}") from None
    for n in shape:
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: {list(shape)}")
    return shape


def _whole(n) -> int:
    if isinstance(n, bool):
        raise TypeError
    return index(n)


def sequence_of(size, name: str) -> tuple[int, ...]:
    """A shape that must be given as a sequence."""
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"{name}(): argument 'size' must be tuple of ints, not {type(size).__name__}")
    return size_of((size,), name)


def place(where) -> device:
    """The device meant by a factory's `device=`, a GPU with its number; the default one for None.

    RuntimeError for one that this installation cannot use.
    """
    if where is None:
        return Default.place
    found = device(where)
    if found.type == "cpu":
        return CPU
    if found.type == "cuda":
        if isinstance(where, int) and not driver.count():
            raise RuntimeError(f"Cannot access accelerator device {where} when none is available. Use device='cpu'.")
        return driver.place(found)
    raise unavailable(found)


def made_at(where: device, make, *args, **options):
    """What one of NumPy's functions that make arrays makes, made on a device."""
    if where is CPU:
        return make(*args, **options)
    with driver.on(where):
        return getattr(driver.namespace(), make.__name__)(*args, **options)


Default.found = place  # what `with device(...)` means


def on_host(value):
    """A tensor's array as NumPy's, copied from a GPU; anything else as it is."""
    return moved(value._array, CPU) if isinstance(value, Variable) else value


def place_on_gpu(where) -> device:
    """The GPU meant by a number, by a device, or by None. AssertionError where none is usable."""
    return place("cuda" if where is None else f"cuda:{where}" if isinstance(where, int) else where)


def unavailable(found: device) -> Exception:
    """The error for a device that this installation does not have."""
    if found.type == "cuda":
        return driver.unavailable()
    return NotImplementedError(f"Taper has no tensors on device '{found}'. Use device='cpu'.")


def element_type(dtype, name: str, default=None) -> np.dtype:
    """The NumPy dtype of a `dtype=` argument; the default floating type, or `default`, for None."""
    if dtype is None:
        return dtypes.get_default_dtype().np if default is None else default
    try:
        return dtypes.to_numpy(dtype)
    except TypeError:
        raise TypeError(f"{name}(): argument 'dtype' must be torch.dtype, not {type(dtype).__name__}") from None


def check_layout(layout, name: str) -> None:
    """Refuse sparse layouts."""
    if layout is not None and layout is not strided:
        raise NotImplementedError(f"{name}(): Taper has strided tensors only, not {layout}. Leave layout= out.")

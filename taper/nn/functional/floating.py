"""Which dtypes a function takes."""

from __future__ import annotations

import numpy as np

from ... import dtypes
from ...autograd.inplace import cannot_cast, legacy_name


def needs_floating(kernel: str, *tensors) -> None:
    """NotImplementedError, worded as PyTorch's, where none of the tensors has a floating-point dtype."""
    for t in tensors:
        if t._array.dtype.kind in "fV":
            return
    raise NotImplementedError(
        f"\"{kernel}\" not implemented for '{legacy_name(tensors[0]._array.dtype)}'. Use floating-point numbers: "
        "x.float()."
    )


def as_input(input, loss):
    """A result in the input's dtype. RuntimeError where that cannot hold it."""
    found, wanted = loss._array.dtype, input._array.dtype
    if found == wanted:
        return loss
    if dtypes.category(found) > dtypes.category(wanted):
        raise cannot_cast(found, wanted)
    return loss.to(input.dtype)


def fits(input, *parameters) -> None:
    """RuntimeError for parameters of another dtype than the input's; half precision also takes float32 ones."""
    dtype = input._array.dtype
    for p in parameters:
        if p is None or p._array.dtype is dtype or p._array.dtype == dtype:
            continue
        if not (dtype in dtypes.HALF and p._array.dtype == np.float32):
            raise RuntimeError(
                f"mixed dtype (CPU): expect parameter to have scalar type of {legacy_name(dtype)}, got "
                f"{legacy_name(p._array.dtype)}. Convert one of them with .to(dtype)."
            )

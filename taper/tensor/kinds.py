"""Which dtypes a function refuses, in PyTorch's words."""

from __future__ import annotations

import numpy as np

from ..autograd.inplace import legacy_name
from ..dtypes import HALF


def refuse(array, kernel: str, kinds: str) -> None:
    """NotImplementedError for an array of one of NumPy's kinds of dtypes; "h" is half precision, on the CPU."""
    dtype = array.dtype
    if dtype.kind in kinds or ("h" in kinds and dtype in HALF and array.__class__ is np.ndarray):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{legacy_name(dtype)}'. Convert it: x.to(dtype).")

"""Complex numbers from their parts."""

from __future__ import annotations

import numpy as np

__all__ = ["make_complex"]


def make_complex(x, y):
    """x + i y, complex64 for float32 parts and complex128 for float64."""
    x, y = np.broadcast_arrays(x, y)
    out = np.empty(x.shape, np.result_type(x.dtype, y.dtype, np.complex64))
    out.real, out.imag = x, y
    return out

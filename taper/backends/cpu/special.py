"""Special functions of arrays: the names that `torch.special` has and NumPy lacks, or has for float64 alone."""

from __future__ import annotations

import math

import numpy as np

from .bessel_functions import i0, i0e, i1, i1e
from .elementwise import through_float64
from .error_functions import erf, erfc, erfcx, erfinv, log_ndtr, ndtr, ndtri
from .gamma_functions import digamma, lgamma, polygamma, trigamma, zeta

__all__ = [
    "digamma",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "lgamma",
    "log_ndtr",
    "ndtr",
    "ndtri",
    "polygamma",
    "sinc",
    "trigamma",
    "xlogy",
    "zeta",
]


def sinc(x):
    """sin(pi x) / (pi x), 1 at 0. x: any shape, floating or complex. Returns its shape and dtype."""
    return _sinc(x) if x.dtype.kind == "c" else _real_sinc(x)


def _sinc(x):
    angle = math.pi * x
    return np.where(x == 0, angle.dtype.type(1), np.sin(angle) / angle)


_real_sinc = through_float64(_sinc)


def xlogy(x, y):
    """x log(y), with 0 for x = 0 unless y is NaN. x, y: broadcastable, floating. Returns their common dtype."""
    dtype = np.result_type(x, y)
    x, y = np.asarray(x, dtype), np.asarray(y, dtype)
    return np.where((x == 0) & ~np.isnan(y), dtype.type(0), x * np.log(y))

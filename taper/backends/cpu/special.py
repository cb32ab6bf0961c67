"""Special functions of arrays: the names that `torch.special` has and NumPy lacks, or has for float64 alone."""

from __future__ import annotations

import math

import numpy as np

from .airy_functions import airy_ai
from .bessel_functions import i0, i0e, i1, i1e
from .cylinder_functions import (
    bessel_j0,
    bessel_j1,
    bessel_y0,
    bessel_y1,
    modified_bessel_k0,
    modified_bessel_k1,
    scaled_modified_bessel_k0,
    scaled_modified_bessel_k1,
    spherical_bessel_j0,
)
from .elementwise import through_float64
from .error_functions import erf, erfc, erfcx, erfinv, log_ndtr, ndtr, ndtri
from .gamma_functions import digamma, lgamma, polygamma, trigamma, zeta
from .orthogonal_polynomials import (
    chebyshev_polynomial_t,
    chebyshev_polynomial_u,
    chebyshev_polynomial_v,
    chebyshev_polynomial_w,
    hermite_polynomial_h,
    hermite_polynomial_he,
    laguerre_polynomial_l,
    legendre_polynomial_p,
    shifted_chebyshev_polynomial_t,
    shifted_chebyshev_polynomial_u,
    shifted_chebyshev_polynomial_v,
    shifted_chebyshev_polynomial_w,
)

__all__ = [
    "airy_ai",
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "chebyshev_polynomial_t",
    "chebyshev_polynomial_u",
    "chebyshev_polynomial_v",
    "chebyshev_polynomial_w",
    "digamma",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
    "lgamma",
    "log_ndtr",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "ndtr",
    "ndtri",
    "polygamma",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
    "sinc",
    "spherical_bessel_j0",
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

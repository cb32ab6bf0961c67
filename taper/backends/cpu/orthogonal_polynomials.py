"""Orthogonal polynomials by their recurrences: of degree trunc(n) at x, for each x and n; 0 for negative degrees."""

from __future__ import annotations

import math

import numpy as np

__all__ = [
    "chebyshev_polynomial_t",
    "chebyshev_polynomial_u",
    "chebyshev_polynomial_v",
    "chebyshev_polynomial_w",
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
    "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
]

# PyTorch gives NaN for Hermite polynomials beyond these degrees, by the size of a number in bytes.
HERMITE_LIMIT = {4: 128, 8: 512}


def chebyshev_polynomial_t(x, n):
    """Chebyshev's of the first kind. x, n: floating, broadcast. Returns their shape and dtype, as all here do."""
    return _recurrence(x, n, lambda x: x, _chebyshev)


def chebyshev_polynomial_u(x, n):
    """Chebyshev's of the second kind."""
    return _recurrence(x, n, lambda x: 2 * x, _chebyshev)


def chebyshev_polynomial_v(x, n):
    """Chebyshev's of the third kind."""
    return _recurrence(x, n, lambda x: 2 * x - 1, _chebyshev)


def chebyshev_polynomial_w(x, n):
    """Chebyshev's of the fourth kind."""
    return _recurrence(x, n, lambda x: 2 * x + 1, _chebyshev)


def shifted_chebyshev_polynomial_t(x, n):
    """Chebyshev's of the first kind, on [0, 1]."""
    return chebyshev_polynomial_t(2 * x - 1, n)


def shifted_chebyshev_polynomial_u(x, n):
    """Chebyshev's of the second kind, on [0, 1]."""
    return chebyshev_polynomial_u(2 * x - 1, n)


def shifted_chebyshev_polynomial_v(x, n):
    """Chebyshev's of the third kind, on [0, 1]."""
    return chebyshev_polynomial_v(2 * x - 1, n)


def shifted_chebyshev_polynomial_w(x, n):
    """Chebyshev's of the fourth kind, on [0, 1]."""
    return chebyshev_polynomial_w(2 * x - 1, n)


def hermite_polynomial_h(x, n):
    """Hermite's, the physicists'. NaN beyond degree 128, in float64 512."""
    return _limited(_recurrence(x, n, lambda x: 2 * x, lambda k, x, p, q: 2 * x * p - 2 * (k - 1) * q), n)


def hermite_polynomial_he(x, n):
    """Hermite's, the probabilists'. NaN beyond degree 128, in float64 512."""
    return _limited(_recurrence(x, n, lambda x: x, lambda k, x, p, q: x * p - (k - 1) * q), n)


def laguerre_polynomial_l(x, n):
    """Laguerre's."""
    return _recurrence(x, n, lambda x: 1 - x, lambda k, x, p, q: ((2 * k - 1 - x) * p - (k - 1) * q) / k)


def legendre_polynomial_p(x, n):
    """Legendre's."""
    return _recurrence(x, n, lambda x: x, lambda k, x, p, q: ((2 * k - 1) * x * p - (k - 1) * q) / k)


def _chebyshev(k, x, p, q):
    return 2 * x * p - q


def _recurrence(x, n, first, step):
    """first(x) in degree 1, then step(k, x, the one before, the one before that)."""
    dtype = np.result_type(x, n)
    degree = np.trunc(np.asarray(n))
    before, last = np.ones_like(x), first(x)
    out = np.where(degree == 0, before, np.where(degree == 1, last, np.where(degree < 0, 0, last + math.nan)))
    finite = np.where(np.isfinite(degree), degree, 0)
    wanted = {int(n) for n in finite.reshape(-1).tolist()}
    for k in range(2, max(wanted, default=0) + 1):
        before, last = last, step(k, x, last, before)
        if k in wanted:
            out = np.where(degree == k, last, out)
        if k % 1000 == 0 and np.isnan(last).all():
            break
    return out.astype(dtype, copy=False)


def _limited(out, n):
    return np.where(np.trunc(np.asarray(n)) > HERMITE_LIMIT[out.dtype.itemsize], out.dtype.type(math.nan), out)

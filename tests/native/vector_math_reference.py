"""What the vector functions should return: NumPy's and `math`'s in float64, or in long double for float64."""

from __future__ import annotations

import math

import numpy as np

Wide = np.longdouble
LONG_DOUBLE_IS_WIDER = np.finfo(Wide).nmant >= 63
ROOT_PI = np.sqrt(Wide("3.14159265358979323846264338327950288"))


def _each(function):
    """A function of Python floats on whole arrays."""
    return lambda x: np.array([function(v) for v in x.tolist()], np.float64)


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def erfc_wide(x):
    """erfc in long double: a series without cancellation below 2, a continued fraction above."""
    a = np.minimum(np.abs(x), Wide(120))
    term = total = np.where(a < 2, a, 0)
    for n in range(1, 80):
        term = term * 2 * a * a / (2 * n + 1)
        total = total + np.where(a < 2, term, 0)
    near = 1 - 2 / ROOT_PI * np.exp(-a * a) * total
    fraction = tail = np.where(a < 2, 2, a)
    for n in range(100, 0, -1):
        fraction = tail + n / (2 * fraction)
    far = np.exp(-a * a) / (ROOT_PI * fraction)
    y = np.where(a < 2, near, far)
    return np.where(np.isnan(x), x, np.where(x < 0, 2 - y, y))


def erf_wide(x):
    """erf in long double."""
    a = np.where(np.abs(x) < 2, x, 0)
    term = total = a
    for n in range(1, 80):
        term = term * 2 * a * a / (2 * n + 1)
        total = total + term
    return np.where(np.abs(x) < 2, 2 / ROOT_PI * np.exp(-a * a) * total, 1 - erfc_wide(x))


def ndtr_wide(x):
    return erfc_wide(-x / np.sqrt(Wide(2))) / 2


def erfinv_wide(x):
    """The inverse of `erf_wide` by Newton's method on the logarithm of erfc, or on erf near 0."""
    a = np.abs(x)
    inside = a < 1
    a = np.where(inside, a, Wide(0.5))
    near = a < 0.5
    rest = 1 - a
    y = np.where(near, a * ROOT_PI / 2, 0.8 * np.sqrt(-np.log(rest)))
    for _ in range(10):
        slope = 2 / ROOT_PI * np.exp(-y * y)
        with np.errstate(all="ignore"):
            tail = erfc_wide(y)
            step = np.where(near, (erf_wide(y) - a) / slope, -(np.log(tail) - np.log(rest)) * tail / slope)
        y = y - step
    outside = np.where(np.abs(x) == 1, Wide(np.inf), Wide(np.nan))
    return np.copysign(np.where(inside, y, outside), x)


WIDE = {
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log2": np.log2, "log10": np.log10,
    "log1p": np.log1p, "sqrt": np.sqrt, "rsqrt": lambda x: 1 / np.sqrt(x), "tanh": np.tanh, "sigmoid": sigmoid,
    "sinh": np.sinh, "cosh": np.cosh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "sin": np.sin,
    "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "erf": erf_wide,
    "erfc": erfc_wide, "erfinv": erfinv_wide, "ndtr": ndtr_wide, "pow": np.power, "atan2": np.arctan2,
}  # fmt: skip

DOUBLE = WIDE | {
    "erf": _each(math.erf),
    "erfc": _each(math.erfc),
    "ndtr": _each(lambda v: math.erfc(-v / math.sqrt(2)) / 2),
}


def reference(name, arguments):
    """The function's values, in the wider type."""
    table, wide = (DOUBLE, np.float64) if arguments[0].dtype == np.float32 else (WIDE, Wide)
    with np.errstate(all="ignore"):
        return table[name](*(x.astype(wide) for x in arguments))


def ulps(found, expected):
    """How far `found` is from the wider `expected`, in units of the last place of its own type.

    Zeros count with their signs, NaN equals NaN; a result that rounds to infinity may be the greatest number.
    """
    info = np.finfo(found.dtype)
    with np.errstate(all="ignore"):
        rounded = expected.astype(found.dtype)
        same = (np.isnan(rounded) & np.isnan(found)) | ((rounded == found) & (np.signbit(rounded) == np.signbit(found)))
        size = np.maximum(np.abs(expected), info.tiny)
        unit = np.ldexp(Wide(1), np.clip(np.frexp(size)[1] - 1 - info.nmant, -1100, 1100))
        distance = np.abs(found.astype(Wide) - expected) / unit
        edge = (np.abs(found) >= info.max) & (np.abs(rounded) >= info.max) & (found * rounded > 0)
        finite = np.isfinite(found) & np.isfinite(rounded)
        lost_sign = (found == 0) & (rounded == 0) & ~same
        distance = np.where(finite & ~lost_sign, distance, np.where(edge, 1, np.inf))
    return np.where(same & ~finite, 0, distance).astype(np.float64)

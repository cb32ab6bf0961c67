"""The Box-Muller transform, rounded as PyTorch's CPU kernels round it.

For float32 PyTorch evaluates log, sin and cos with the single-precision Cephes polynomials, eight lanes at a time, and its
compiler fuses each multiplication with the addition that follows. So that the bits agree, the same polynomials are
evaluated here in the same order, and a fused multiply-add is the exact product and the sum in float64, rounded once to
float32 (twice rounded about once in 2^29 operations). For float64 PyTorch calls the C library, and so does `math`.
Source: S. L. Moshier, Cephes 2.2 (logf, sinf, cosf); Box and Muller (1958).
"""

from __future__ import annotations

import math

import numpy as np

from .streams_native import exact_kernels, kernels

GROUP = 16
"""Samples are made in groups: eight radii, eight angles."""

_BLOCK = 8192  # pairs that are transformed together: their float64 temporaries then stay in the second-level cache
_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)
_TWO_PI = 2.0 * math.pi
_SPLITTER = 134217729.0  # 2^27 + 1, Dekker


def _single(*constants: float) -> list[float]:
    return np.array(constants, np.float32).tolist()


# fmt: off
_LOG = _single(7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
               -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)
_LN2_LOW, _LN2_HIGH = _single(-2.12194440e-4, 0.693359375)
_SQRT_HALF, _FOUR_OVER_PI, _TWO_PI_SINGLE = _single(math.sqrt(0.5), 4 / math.pi, _TWO_PI)
_MINUS_QUARTER_PI = _single(-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)
_SIN_COS = np.array([_single(-1.9515295891e-4, 2.443315711809948e-5),
                     _single(8.3321608736e-3, -1.388731625493765e-3),
                     _single(-1.6666654611e-1, 4.166664568298827e-2)])[:, :, None, None]
# The signs of sine and cosine in each quarter turn; a rounded product can reach the fifth.
_SIGNS = np.array([[1.0, 1.0, -1.0, -1.0, 1.0], [1.0, -1.0, -1.0, 1.0, 1.0]])
# fmt: on


def fused_multiply_add(a, b: float, c: float):
    """a * b + c with one rounding, in float64; a: a float or a float64 array."""
    product = a * b
    if c == 0.0 or b == 1.0:
        return product + c
    a_high, b_high = _high_half(a), _high_half(b)
    a_low, b_low = a - a_high, b - b_high
    product_error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    total = product + c
    c_seen = total - product
    sum_error = (product - (total - c_seen)) + (c - c_seen)
    return total + (sum_error + product_error)


def _high_half(x):
    scaled = _SPLITTER * x
    return scaled - (scaled - x)


def transform(uniforms: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Normal samples of uniforms' dtype. uniforms: (16 n,) float32 or float64 in [0, 1), which may be overwritten."""
    native = kernels(uniforms.size, 60) if uniforms.dtype == _F32 else None
    if native and native.fused():
        native.normals(uniforms, *_single(mean, std))
        return uniforms
    pairs = uniforms.reshape(-1, 2, GROUP // 2)
    out = np.empty_like(pairs)
    rows = max(1, _BLOCK // (GROUP // 2))
    fill = _fill_float32 if uniforms.dtype == _F32 else _fill_float64
    for start in range(0, len(pairs), rows):
        block = pairs[start : start + rows]
        fill(out[start : start + rows], 1 - block[:, 0], block[:, 1], mean, std)
    return out.reshape(-1)


def _fill_float64(out, u1, u2, mean, std):
    radius = np.sqrt(-2.0 * libm("log", u1))
    theta = _TWO_PI * u2
    out[:, 0] = fused_multiply_add(radius * libm("cos", theta), std, mean)
    out[:, 1] = fused_multiply_add(radius * libm("sin", theta), std, mean)


def libm(name: str, x: np.ndarray) -> np.ndarray:
    """The C library's function of each element of a float64 array: NumPy's vector versions differ in the last bit.

    name: "log", "log1p", "exp", "sin", "cos" or "tan".
    """
    native = exact_kernels(x.size, 45)
    if native and native.finds(name):
        out = np.array(x, order="C")
        native.each(name, out)
        return out
    return np.fromiter(map(_LIBM.get(name) or getattr(math, name), x.ravel().tolist()), _F64, x.size).reshape(x.shape)


def _log(u: float) -> float:
    return math.log(u) if u > 0.0 else -math.inf


def _exp(x: float) -> float:
    return math.exp(x) if x < _EXP_OVERFLOW else math.inf


# Where C has a value, and Python an error.
_LIBM = {"log": _log, "exp": _exp}
_EXP_OVERFLOW = math.log(np.finfo(_F64).max)


def _fill_float32(out, u1, u2, mean, std):
    radius = _log(u1)
    radius *= -2.0
    np.sqrt(radius, out=radius)
    _round(radius)
    samples = _sin_cos(u2)
    samples *= radius
    _round(samples)
    std, mean = _single(std, mean)
    samples *= std
    samples += mean
    out[:, 1], out[:, 0] = samples


def _round(x):
    """Round a float64 array to float32 in place."""
    x[...] = x.astype(_F32)


def _horner(x, coefficients):
    y = x * coefficients[0]
    y += coefficients[1]
    _round(y)
    for coefficient in coefficients[2:]:
        y *= x
        y += coefficient
        _round(y)
    return y


def _log(u):
    """log u for normal positive float32 u; what it returns is float64 that float32 can hold, here and below."""
    bits = u.view(np.int32)
    mantissa = ((bits & 0x007FFFFF) | 0x3F000000).view(_F32)
    below = mantissa < _SQRT_HALF
    exponent = ((bits >> 23) - 126 - below).astype(_F64)
    x = mantissa.astype(_F64)
    x += x * below
    x -= 1.0
    square = x * x
    _round(square)
    y = _horner(x, _LOG)
    y *= x
    _round(y)
    y *= square
    correction = exponent * _LN2_LOW
    _round(correction)
    y += correction
    _round(y)
    square *= 0.5
    y -= square
    _round(y)
    x += y
    _round(x)
    exponent *= _LN2_HIGH
    x += exponent
    _round(x)
    return x


def _sin_cos(u):
    """sin and cos of 2 pi u for float32 u in [0, 1), stacked: reduced to [-pi/4, pi/4], then one polynomial each."""
    x = u * _F32.type(_TWO_PI_SINGLE)
    octant = ((x * _F32.type(_FOUR_OVER_PI)).astype(np.int32) + 1) & ~1
    x = x.astype(_F64)
    for part in _MINUS_QUARTER_PI:
        x += octant * part
        _round(x)
    square = x * x
    _round(square)
    both = _horner(square, _SIN_COS)
    both *= square
    _round(both)
    both *= np.stack((x, square))
    square *= -0.5
    both += np.stack((x, square))
    _round(both)
    both[1] += 1.0
    _round(both[1])
    quarter = octant >> 1
    both = np.where(quarter & 1, both[::-1], both)
    both *= _SIGNS[:, quarter]
    return both

"""Discrete Fourier transforms. They are linear: a rule is the adjoint map, the transform with the other sign."""

from __future__ import annotations

from .operator import op


def _along(axis: int, start: int, stop: int | None) -> tuple:
    """The index of a range along an axis."""
    return (slice(None),) * axis + (slice(start, stop),)


def _of_c2c(xp, g, x_dtype, axes, forward, scale):
    g = xp.fourier(g, axes, not forward, scale)
    return g if x_dtype.kind == "c" else xp.real(g)


c2c = op(
    "fft_c2c",
    lambda xp, x, *, axes, forward, scale: xp.fourier(x, axes, forward, scale),
    grad_name="FftC2CBackward0",
    x=_of_c2c,
)
"""The transform over several axes, of real or complex numbers."""


def _of_r2c(xp, g, x_shape, axis, scale):
    rest = list(g.shape)
    rest[axis] = x_shape[axis] - g.shape[axis]
    full = xp.concat([g, xp.zeros_beside(g, tuple(rest))], axis=axis)
    return xp.real(xp.fourier(full, (axis,), False, scale))


r2c = op(
    "fft_r2c",
    lambda xp, x, *, axis, scale: xp.real_to_fourier(x, axis, scale),
    grad_name="FftR2CBackward0",
    x=_of_r2c,
)
"""The first half of the transform of real numbers along an axis; the rest are its conjugates."""


def _of_c2r(xp, g, axis, n, scale):
    # Every value but the first, and the middle one of an even n, stands for two: itself and its conjugate.
    g = xp.real_to_fourier(g, axis, scale)
    inner = (n - 1) // 2
    parts = [g[_along(axis, 0, 1)], g[_along(axis, 1, 1 + inner)] * 2, g[_along(axis, 1 + inner, None)]]
    return xp.concat(parts, axis=axis)


c2r = op(
    "fft_c2r",
    lambda xp, x, *, axis, n, scale: xp.fourier_to_real(x, axis, n, scale),
    grad_name="FftC2RBackward0",
    x=_of_c2r,
)
"""The n real numbers along an axis of which these are the first half of the transform, without 1 / n."""
